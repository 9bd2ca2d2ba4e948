"""`kubectl describe` as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime

import re2

from graphs.analysis.objects.model import (
    Account,
    Backend,
    Bundle,
    Claim,
    Container,
    Node,
    Passage,
    Peer,
    Pod,
    Policy,
    Port,
    Probe,
    Quota,
    Reference,
    Service,
    ServicePort,
    Template,
    Volume,
    VolumeSource,
    Workload,
)
from graphs.analysis.objects.text import Section, by_key, events, items, pairs, quantity, sections, whole

_HANDLER = re2.compile(r"^(http-get|tcp-socket|grpc|exec)\s+(\S*)")
_URL = re2.compile(r"^(https?)://[^:/]*:?([A-Za-z0-9-]*)(/.*)?$")
_NUMBER = re2.compile(r"(delay|timeout|period)=(\d+)s")
_THRESHOLD = re2.compile(r"#(success|failure)=(\d+)")
_FROM_KEY = re2.compile(r"<set to the key '([^']*)' (?:in secret|of config map) '([^']*)'>\s*(?:Optional:\s*(\w+))?")
_ENV_FROM = re2.compile(r"^(\S+)\s+(Secret|ConfigMap)(?: with prefix \S+)?\s+Optional:\s*(\w+)")
_BACKEND = re2.compile(r"\s([a-z0-9]([a-z0-9-]*[a-z0-9])?):([a-z0-9-]+) \(")
_MOUNT = re2.compile(r"^(\S+) from (\S+) \((\w+)")
_PODS = re2.compile(r"^(\d+) desired.*?(\d+) available")
_BYTES = re2.compile(r"^(\S+?):\s+(\d+) bytes?$")
_VOLUME_KINDS = {
    "PersistentVolumeClaim": "claim",
    "Secret": "secret",
    "ConfigMap": "configmap",
    "HostPath": "host",
    "EmptyDir": "empty",
}
_WORKLOAD_KINDS = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet",
    "jobs": "Job",
}

Parts = Mapping[str, Section]


def pod(parts: Parts, query: str) -> Pod:
    conditions = pairs([" ".join(line.split()).replace(" ", "=", 1) for line in _body(parts, "Conditions")])
    node = _value(parts, "Node").partition("/")[0]
    return Pod(
        name=_value(parts, "Name"),
        query=query,
        namespace=_value(parts, "Namespace") or None,
        labels=pairs(items(parts.get("Labels"))),
        status=_value(parts, "Reason") or _value(parts, "Status"),
        ready=conditions.get("Ready") == "True" if "Ready" in conditions else None,
        node=node if node and node != "<none>" else None,
        owner=_value(parts, "Controlled By").rpartition("/")[2] or None,
        template=template(parts),
        conditions=conditions,
        events=events(parts.get("Events")),
        message=_value(parts, "Message"),
    )


def workload(parts: Parts, query: str, *, kind: str) -> Workload:
    inner = by_key(sections(_body(parts, "Pod Template")))
    replicas = _value(parts, "Replicas")
    desired, available = _replicas(replicas, _value(parts, "Pods Status"))
    return Workload(
        kind=_WORKLOAD_KINDS[kind],
        name=_value(parts, "Name"),
        query=query,
        namespace=_value(parts, "Namespace") or None,
        labels=pairs(items(parts.get("Labels"))),
        selector=pairs(items(parts.get("Selector"))),
        desired=desired,
        available=available,
        template=template(inner),
        conditions=tuple(_condition(line) for line in _body(parts, "Conditions") if len(line.split()) >= 2),
        owner=_value(parts, "Controlled By").rpartition("/")[2] or None,
        events=events(parts.get("Events")),
    )


def _replicas(text: str, statuses: str) -> tuple[int | None, int | None]:
    match = _PODS.match(text)
    if match is not None:
        return int(match.group(1)), int(match.group(2))
    numbers = [whole(word) for word in text.split()]
    running = whole(statuses.split()[0]) if statuses else None
    found = [number for number in numbers if number is not None]
    return (found[0] if "desired |" in text else found[-1]) if found else None, running


def _condition(line: str) -> tuple[str, str, str]:
    words = line.split()
    return words[0], words[1], words[2] if len(words) > 2 else ""


def template(parts: Parts) -> Template:
    init = _containers(parts.get("Init Containers"), init=True)
    return Template(
        labels=pairs(items(parts.get("Labels"))),
        annotations=pairs(items(parts.get("Annotations")), separator=": "),
        service_account=_value(parts, "Service Account") or None,
        containers=init + _containers(parts.get("Containers"), init=False),
        volumes=tuple(_volume_source(part) for part in sections(_body(parts, "Volumes")) if part.body),
        node_selector=pairs(items(parts.get("Node-Selectors"))),
        tolerations=tuple(items(parts.get("Tolerations"))),
    )


def _containers(section: Section | None, *, init: bool) -> tuple[Container, ...]:
    if section is None:
        return ()
    return tuple(_container(part, init=init) for part in sections(section.body))


def _container(section: Section, *, init: bool) -> Container:
    parts = by_key(sections(section.body))
    state, last = by_key(sections(_body(parts, "State"))), by_key(sections(_body(parts, "Last State")))
    env = pairs(_body(parts, "Environment"), separator=":") if "Environment" in parts else {}
    references = [_env_from(line) for line in _body(parts, "Environment Variables from")]
    references += [_from_key(text) for text in env.values()]
    code = _value(state, "Exit Code") or _value(last, "Exit Code")
    return Container(
        name=section.key,
        image=_value(parts, "Image"),
        init=init,
        ports=_ports(_value(parts, "Port") or _value(parts, "Ports")),
        probes=tuple(
            probe
            for role in ("Liveness", "Readiness", "Startup")
            if (probe := _probe(role.lower(), _value(parts, role))) is not None
        ),
        limits=_amounts(parts.get("Limits")),
        requests=_amounts(parts.get("Requests")),
        env={key.strip(): value for key, value in env.items()},
        references=tuple(reference for reference in references if reference is not None),
        mounts=tuple(
            (match.group(1), match.group(2), match.group(3) == "ro")
            for line in _body(parts, "Mounts")
            if (match := _MOUNT.match(line.strip())) is not None
        ),
        command=tuple(line.strip() for key in ("Command", "Args") for line in _body(parts, key)),
        state=_value(parts, "State"),
        reason=_value(state, "Reason"),
        last_reason=_value(last, "Reason"),
        exit_code=whole(code) if code else None,
        message=_value(state, "Message") or _value(last, "Message"),
        ready=_value(parts, "Ready") == "True" if "Ready" in parts else None,
        restarts=whole(_value(parts, "Restart Count")) or 0,
    )


def _ports(text: str) -> tuple[Port, ...]:
    found = []
    for entry in text.split(","):
        number, _, protocol = entry.strip().partition("/")
        if (value := whole(number)) is not None:
            found.append(Port(value, protocol.split()[0] if protocol else "TCP"))
    return tuple(found)


def _probe(role: str, text: str) -> Probe | None:
    match = _HANDLER.match(text)
    if match is None:
        return None
    handler, target = match.groups()
    kind, port, path = {"tcp-socket": "tcp"}.get(handler, handler), "", ""
    if handler == "http-get" and (url := _URL.match(target)) is not None:
        kind, port, path = url.group(1), url.group(2), url.group(3) or "/"
    elif handler in {"tcp-socket", "grpc"}:
        port = target.rpartition(":")[2]
    times = {name: float(value) for name, value in _NUMBER.findall(text)}
    thresholds = {name: int(value) for name, value in _THRESHOLD.findall(text)}
    number = whole(port)
    return Probe(
        role=role,
        kind=kind,
        port=number if number is not None else port or None,
        path=path,
        delay_s=times.get("delay", 0.0),
        timeout_s=times.get("timeout", 1.0),
        period_s=times.get("period", 10.0),
        failures=thresholds.get("failure", 3),
        successes=thresholds.get("success", 1),
        text=text,
    )


def _amounts(section: Section | None) -> dict[str, float]:
    if section is None:
        return {}
    found = {key: quantity(value) for key, value in pairs(section.body, separator=":").items()}
    return {key: value for key, value in found.items() if value is not None}


def _env_from(line: str) -> Reference | None:
    match = _ENV_FROM.match(line.strip())
    return Reference(match.group(2), match.group(1), None, match.group(3) == "true") if match else None


def _from_key(text: str) -> Reference | None:
    match = _FROM_KEY.search(text)
    if match is None:
        return None
    return Reference("Secret" if "in secret" in text else "ConfigMap", match.group(2), match.group(1), match.group(3) == "true")


def _volume_source(section: Section) -> VolumeSource:
    parts = by_key(sections(section.body))
    kind = _VOLUME_KINDS.get(_value(parts, "Type").split(" ")[0], "other")
    name = _value(parts, "ClaimName") or _value(parts, "SecretName") or _value(parts, "Name") or _value(parts, "Path")
    return VolumeSource(section.key, kind, name, _value(parts, "Optional") == "true")


def service(parts: Parts, query: str, *, listed: list[Section]) -> Service:
    ports: list[ServicePort] = []
    for part in listed:
        if part.key == "Port":
            words = part.value.split()
            number, _, protocol = words[-1].partition("/")
            name = words[0] if len(words) > 1 and words[0] != "<unset>" else None
            ports.append(ServicePort(whole(number) or 0, None, protocol or "TCP", name))
        elif part.key == "TargetPort" and ports:
            text = part.value.partition("/")[0]
            target = whole(text)
            ports[-1] = replace(ports[-1], target=text if target is None else target)
    addresses = [
        address.strip()
        for part in listed
        if part.key == "Endpoints"
        for address in part.value.split(",")
        if ":" in address and address.strip() != "<none>"
    ]
    return Service(
        name=_value(parts, "Name"),
        query=query,
        namespace=_value(parts, "Namespace") or None,
        type=_value(parts, "Type") or "ClusterIP",
        labels=pairs(items(parts.get("Labels"))),
        selector=pairs(items(parts.get("Selector"))),
        ports=tuple(ports),
        endpoints=tuple(addresses) if any(part.key == "Endpoints" for part in listed) else None,
        external_name=_value(parts, "External Name") or None,
        headless=_value(parts, "IP") == "None",
        events=events(parts.get("Events")),
    )


def unready_addresses(parts: Parts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(ready, not ready) addresses of an Endpoints object."""
    inner = by_key(sections(_body(parts, "Subsets")))
    return _addresses(inner, "Addresses"), _addresses(inner, "NotReadyAddresses")


def _addresses(parts: Parts, key: str) -> tuple[str, ...]:
    value = _value(parts, key)
    return tuple(entry.strip() for entry in value.split(",") if entry.strip() and entry.strip() != "<none>")


def claim(parts: Parts, query: str) -> Claim:
    return Claim(
        name=_value(parts, "Name"),
        query=query,
        namespace=_value(parts, "Namespace") or None,
        status=_value(parts, "Status"),
        volume=_value(parts, "Volume"),
        size=quantity(_value(parts, "Capacity")),
        modes=tuple(mode.strip() for mode in _value(parts, "Access Modes").split(",") if mode.strip()),
        storage_class=_value(parts, "StorageClass"),
        used_by=tuple(items(parts.get("Used By"))),
        events=events(parts.get("Events")),
    )


def volume(parts: Parts, query: str) -> Volume:
    return Volume(
        name=_value(parts, "Name"),
        query=query,
        status=_value(parts, "Status"),
        size=quantity(_value(parts, "Capacity")),
        modes=tuple(mode.strip() for mode in _value(parts, "Access Modes").split(",") if mode.strip()),
        storage_class=_value(parts, "StorageClass"),
        claim=_value(parts, "Claim").rpartition("/")[2] or None,
        claim_namespace=_value(parts, "Claim").rpartition("/")[0] or None,
        labels=pairs(items(parts.get("Labels"))),
    )


def quota(parts: Parts, query: str, output: str) -> Quota:
    rows: dict[str, tuple[float, float]] = {}
    lines: dict[str, str] = {}
    for line in output.splitlines():
        words = line.split()
        if len(words) == 3 and (used := quantity(words[1])) is not None and (hard := quantity(words[2])) is not None:
            rows[words[0]], lines[words[0]] = (used, hard), line.strip()
    return Quota(_value(parts, "Name"), query, _value(parts, "Namespace") or None, rows, lines)


def node(parts: Parts, query: str) -> Node:
    conditions = {}
    for line in _body(parts, "Conditions"):
        words = line.split()
        if len(words) > 2 and words[1] in {"True", "False", "Unknown"}:
            reason = next((word for word in words[2:] if word[:1].isupper() and not word.endswith(",") and len(word) > 3), "")
            conditions[words[0]] = (words[1], reason, " ".join(words))
    ready = conditions.get("Ready", ("", "", ""))[0]
    return Node(
        name=_value(parts, "Name"),
        query=query,
        ready=ready,
        roles=tuple(_value(parts, "Roles").split(",")),
        cordoned=_value(parts, "Unschedulable") == "true",
        labels=pairs(items(parts.get("Labels"))),
        conditions=conditions,
        allocatable=_amounts(parts.get("Allocatable")),
        events=events(parts.get("Events")),
        renewed_s=_moment(_value(by_key(sections(_body(parts, "Lease"))), "RenewTime")),
    )


def _moment(text: str) -> float | None:
    """`Mon, 04 May 2026 11:59:00 +0800` in seconds since the epoch."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError):
        return None


def bundle(parts: Parts, query: str, output: str, *, kind: str) -> Bundle:
    sizes: dict[str, int] = {}
    values: dict[str, str] = {}
    if kind == "Secret":
        for line in (*_body(parts, "Data"), *_loose(parts)):
            match = _BYTES.match(line.strip())
            if match is not None:
                sizes[match.group(1)] = int(match.group(2))
    else:
        values = _config_values(output)
        sizes = {key: len(value) for key, value in values.items()}
    return Bundle(
        kind, _value(parts, "Name"), query, _value(parts, "Namespace") or None, _value(parts, "Type"), sizes, values, known=True
    )


def _loose(parts: Parts) -> list[str]:
    return [f"{part.key}: {part.value}" for part in parts.values() if part.value.endswith(("bytes", "byte"))]


def _config_values(output: str) -> dict[str, str]:
    """Each key stands on its own line over a line of four dashes; what follows may look like anything, also like further keys."""
    lines = output.partition("\nBinaryData\n")[0].splitlines()
    starts = [at for at in range(len(lines) - 1) if lines[at].endswith(":") and lines[at + 1].strip() == "----"]
    return {
        lines[at][:-1].strip(): "\n".join(lines[at + 2 : end]).partition("\nEvents:")[0].strip()
        for at, end in zip(starts, [*starts[1:], None], strict=True)
    }


def account(parts: Parts, query: str) -> Account:
    pulls = tuple(text.split(" ")[0] for text in items(parts.get("Image pull secrets")))
    return Account(_value(parts, "Name"), query, _value(parts, "Namespace") or None, pulls)


def backends(parts: Parts, query: str) -> tuple[Backend, ...]:
    found = ((match, line) for line in _body(parts, "Rules") if (match := _BACKEND.search(line)) is not None)
    return tuple(
        Backend(_value(parts, "Name"), match.group(1), match.group(3), query, " ".join(line.split())) for match, line in found
    )


def policy(parts: Parts, query: str) -> Policy:
    spec = by_key(sections(_body(parts, "Spec")))
    selector = pairs([_value(spec, "PodSelector"), *_body(spec, "PodSelector")])
    denies = tuple(
        word
        for key, word in (("Allowing ingress traffic", "ingress"), ("Allowing egress traffic", "egress"))
        if any("<none>" in line for line in items_raw(spec.get(key)))
    )
    ways = {way: _passages(_body(spec, f"Allowing {way} traffic")) for way in ("ingress", "egress") if way not in denies}
    return Policy(
        _value(parts, "Name"),
        query,
        _value(parts, "Namespace") or None,
        selector,
        denies,
        ingress=ways.get("ingress"),
        egress=ways.get("egress"),
    )


def _passages(lines: list[str]) -> tuple[Passage, ...] | None:
    """The rules of one direction: each begins with its ports, then comes one `From:` or `To:` for each peer."""
    if not lines:
        return None
    found: list[Passage] = []
    ports: list[str] = []
    peers: list[dict[str, str]] | None = None
    for line in [*(line.strip() for line in lines), "-----"]:
        key, _, value = line.partition(":")
        if line.startswith("-----") or (key == "To Port" and peers):
            open_ = peers is None or any(peer.get("any") for peer in peers)
            found.append(Passage(tuple(ports), () if open_ else tuple(_peer(peer) for peer in peers or ())))
            ports, peers = [], None
        if key == "To Port" and not value.strip().startswith("<any>"):
            ports.append(value.strip().partition("/")[0])
        elif key in {"From", "To"}:
            peers = [*(peers or ()), {"any": "yes"} if value.strip().startswith("<any>") else {}]
        elif peers and key in {"PodSelector", "NamespaceSelector", "IPBlock", "CIDR"}:
            peers[-1][key] = value.strip()
    return tuple(found)


def _peer(told: Mapping[str, str]) -> Peer:
    pods, spaces = told.get("PodSelector"), told.get("NamespaceSelector")
    block = told.get("CIDR", "any" if "IPBlock" in told else "")
    return Peer(pairs([pods]) if pods is not None else None, pairs([spaces]) if spaces is not None else None, block)


def items_raw(section: Section | None) -> list[str]:
    return [] if section is None else [section.value, *section.body]


def _value(parts: Parts, key: str) -> str:
    section = parts.get(key)
    if section is None or section.value in {"<none>", "<unset>", "<nil>"}:
        return ""
    return section.value


def _body(parts: Parts, key: str) -> list[str]:
    section = parts.get(key)
    return section.body if section is not None else []
