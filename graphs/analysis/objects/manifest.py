"""Manifests (and `-o yaml`, `-o json`) as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from graphs.analysis.objects.model import (
    Bundle,
    Claim,
    Container,
    Passage,
    Peer,
    Policy,
    Port,
    Probe,
    Reference,
    Rule,
    Service,
    ServicePort,
    Template,
    Volume,
    VolumeSource,
    Workload,
)
from graphs.analysis.objects.text import quantity

Document = Mapping[str, Any]
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})
_ROLES = ("liveness", "readiness", "startup")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is thirty times faster where it was built


def documents(text: str) -> Iterator[Document]:
    """Objects in the text, lists unrolled; what cannot be read is left out (a recorded output may be cut short)."""
    for piece in [text] if text.lstrip().startswith("{") else text.split("\n---"):
        try:
            found = json.loads(piece) if piece.lstrip().startswith("{") else yaml.load(piece, Loader=_Loader)
        except (yaml.YAMLError, ValueError):
            continue
        if isinstance(found, dict):
            inner = found.get("items")
            if isinstance(inner, list):
                yield from (item for item in inner if isinstance(item, dict))
            else:
                yield found


def name_of(document: Document) -> str:
    return str(_map(document, "metadata").get("name") or "")


def namespace_of(document: Document) -> str | None:
    found = _map(document, "metadata").get("namespace")
    return str(found) if found else None


def labels_of(document: Document) -> dict[str, str]:
    return _strings(_map(document, "metadata").get("labels"))


def workload(document: Document, query: str) -> Workload:
    spec, status = _map(document, "spec"), _map(document, "status")
    replicas = spec.get("replicas")
    inner = _map(spec, "template")
    return Workload(
        kind=str(document.get("kind")),
        name=name_of(document),
        query=query,
        namespace=namespace_of(document),
        labels=labels_of(document),
        selector=_strings(_map(spec, "selector").get("matchLabels")),
        desired=replicas if isinstance(replicas, int) else None,
        available=status.get("availableReplicas", 0) if status else None,
        template=template(inner),
        paused=spec.get("paused") is True,
    )


def template(document: Document) -> Template:
    metadata, spec = _map(document, "metadata"), _map(document, "spec")
    dns, security = _map(spec, "dnsConfig"), _map(spec, "securityContext")
    containers = [_container(entry, security, init=True) for entry in _list(spec, "initContainers")]
    containers += [_container(entry, security, init=False) for entry in _list(spec, "containers")]
    return Template(
        labels=_strings(metadata.get("labels")),
        annotations=_strings(metadata.get("annotations")),
        service_account=spec.get("serviceAccountName") or spec.get("serviceAccount"),
        containers=tuple(containers),
        volumes=tuple(_volume_source(entry) for entry in _list(spec, "volumes")),
        node_selector=_strings(spec.get("nodeSelector")),
        tolerations=tuple(_toleration(entry) for entry in _list(spec, "tolerations")),
        affinity=_affinity(_map(spec, "affinity")),
        pull_secrets=tuple(str(entry.get("name")) for entry in _list(spec, "imagePullSecrets")),
        dns_policy=str(spec.get("dnsPolicy") or ""),
        nameservers=tuple(str(server) for server in dns.get("nameservers") or ()),
        host_aliases=tuple(
            (str(entry.get("ip")), tuple(str(name) for name in entry.get("hostnames") or ()))
            for entry in _list(spec, "hostAliases")
        ),
        host_network=spec.get("hostNetwork") is True,
        node_name=spec.get("nodeName"),
        fs_group=security.get("fsGroup"),
        scheduler=spec.get("schedulerName"),
    )


def _toleration(entry: Document) -> str:
    key, value, effect = entry.get("key") or "", entry.get("value"), entry.get("effect") or ""
    return f"{key}{'=' + str(value) if value else ''}:{effect}" + (" op=Exists" if entry.get("operator") == "Exists" else "")


def _container(entry: Document, pod_security: Document, *, init: bool) -> Container:
    resources, security = _map(entry, "resources"), {**pod_security, **_map(entry, "securityContext")}
    env: dict[str, str] = {}
    references: list[Reference] = []
    for variable in _list(entry, "env"):
        origin = _map(variable, "valueFrom")
        for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            if wanted := _map(origin, key):
                references.append(Reference(kind, str(wanted.get("name")), str(wanted.get("key")), wanted.get("optional") is True))
        if "value" in variable:
            env[str(variable.get("name"))] = str(variable.get("value"))
    for bulk in _list(entry, "envFrom"):
        for key, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
            if wanted := _map(bulk, key):
                references.append(Reference(kind, str(wanted.get("name")), None, wanted.get("optional") is True))
    return Container(
        name=str(entry.get("name")),
        image=str(entry.get("image") or ""),
        init=init,
        ports=tuple(
            Port(int(port["containerPort"]), str(port.get("protocol") or "TCP"), port.get("name"))
            for port in _list(entry, "ports")
            if str(port.get("containerPort", "")).isdigit()
        ),
        probes=tuple(probe for role in _ROLES if (probe := _probe(role, _map(entry, f"{role}Probe"))) is not None),
        limits=_amounts(resources.get("limits")),
        requests=_amounts(resources.get("requests")),
        env=env,
        references=tuple(references),
        mounts=tuple(
            (str(mount.get("mountPath")), str(mount.get("name")), mount.get("readOnly") is True)
            for mount in _list(entry, "volumeMounts")
        ),
        command=tuple(str(word) for key in ("command", "args") for word in entry.get(key) or ()),
        run_as_user=security.get("runAsUser"),
    )


def _probe(role: str, spec: Document) -> Probe | None:
    if not spec:
        return None
    kind, handler = next(
        (
            (kind, _map(spec, key))
            for key, kind in (("httpGet", "http"), ("tcpSocket", "tcp"), ("grpc", "grpc"), ("exec", "exec"))
            if key in spec
        ),
        ("", {}),
    )
    if not kind:
        return None
    if kind == "http" and str(handler.get("scheme", "")).upper() == "HTTPS":
        kind = "https"
    return Probe(
        role=role,
        kind=kind,
        port=handler.get("port"),
        path=str(handler.get("path") or ""),
        delay_s=float(spec.get("initialDelaySeconds") or 0),
        timeout_s=float(spec.get("timeoutSeconds") or 1),
        period_s=float(spec.get("periodSeconds") or 10),
        failures=int(spec.get("failureThreshold") or 3),
        successes=int(spec.get("successThreshold") or 1),
        text=f"{kind} {handler.get('path') or ''}:{handler.get('port') or ''}",
    )


def _amounts(spec: object) -> dict[str, float]:
    if not isinstance(spec, dict):
        return {}
    found = {str(key): quantity(value) for key, value in spec.items()}
    return {key: value for key, value in found.items() if value is not None}


def _volume_source(entry: Document) -> VolumeSource:
    name = str(entry.get("name"))
    for key, kind, field in (
        ("persistentVolumeClaim", "claim", "claimName"),
        ("secret", "secret", "secretName"),
        ("configMap", "configmap", "name"),
        ("hostPath", "host", "path"),
    ):
        if inner := _map(entry, key):
            return VolumeSource(name, kind, str(inner.get(field) or ""), inner.get("optional") is True)
    return VolumeSource(name, "empty" if "emptyDir" in entry else "other")


def _affinity(spec: Document) -> tuple[tuple[Rule, ...], ...]:
    required = _map(_map(spec, "nodeAffinity"), "requiredDuringSchedulingIgnoredDuringExecution")
    return tuple(_expressions(term) for term in _list(required, "nodeSelectorTerms"))


def _expressions(selector: Document) -> tuple[Rule, ...]:
    return tuple(
        (str(rule.get("key")), str(rule.get("operator")), tuple(str(value) for value in rule.get("values") or ()))
        for rule in _list(selector, "matchExpressions")
    )


def service(document: Document, query: str) -> Service:
    spec = _map(document, "spec")
    return Service(
        name=name_of(document),
        query=query,
        namespace=namespace_of(document),
        type=str(spec.get("type") or "ClusterIP"),
        labels=labels_of(document),
        selector=_strings(spec.get("selector")),
        ports=tuple(
            ServicePort(
                int(port["port"]),
                port.get("targetPort", int(port["port"])),
                str(port.get("protocol") or "TCP"),
                port.get("name"),
                port.get("appProtocol"),
            )
            for port in _list(spec, "ports")
            if str(port.get("port", "")).isdigit()
        ),
        external_name=spec.get("externalName"),
        headless=spec.get("clusterIP") == "None",
    )


def claim(document: Document, query: str) -> Claim:
    spec = _map(document, "spec")
    wanted = _map(_map(spec, "resources"), "requests").get("storage")
    storage_class = spec.get("storageClassName")
    return Claim(
        name=name_of(document),
        query=query,
        namespace=namespace_of(document),
        status=str(_map(document, "status").get("phase") or ""),
        volume=str(spec.get("volumeName") or ""),
        size=quantity(wanted) if wanted is not None else None,
        modes=tuple(_mode(mode) for mode in spec.get("accessModes") or ()),
        storage_class=None if storage_class is None else str(storage_class),
        selector=_strings(_map(spec, "selector").get("matchLabels")),
        expressions=_expressions(_map(spec, "selector")),
    )


def volume(document: Document, query: str) -> Volume:
    spec = _map(document, "spec")
    wanted = _map(spec, "capacity").get("storage")
    return Volume(
        name=name_of(document),
        query=query,
        status=str(_map(document, "status").get("phase") or ""),
        size=quantity(wanted) if wanted is not None else None,
        modes=tuple(_mode(mode) for mode in spec.get("accessModes") or ()),
        storage_class=str(spec.get("storageClassName") or ""),
        claim=_map(spec, "claimRef").get("name"),
        claim_namespace=_map(spec, "claimRef").get("namespace"),
        labels=labels_of(document),
    )


def _mode(mode: object) -> str:
    """`ReadWriteOnce` as `RWO`, as listings write it."""
    return "".join(char for char in str(mode) if char.isupper()) or str(mode)


def bundle(document: Document, query: str) -> Bundle:
    values = {**_strings(document.get("data")), **_strings(document.get("stringData"))}
    return Bundle(
        kind=str(document.get("kind")),
        name=name_of(document),
        query=query,
        namespace=namespace_of(document),
        type=str(document.get("type") or ""),
        sizes={key: len(value) for key, value in values.items() if not value.startswith("<masked")},
        values=values,
        known=True,
    )


def policy(document: Document, query: str) -> Policy:
    spec = _map(document, "spec")
    types = [str(entry) for entry in spec.get("policyTypes") or ["Ingress"]]
    denies = tuple(kind.lower() for kind in types if not spec.get(kind.lower()))
    ways = {kind.lower(): _passages(spec, kind.lower()) for kind in types if kind.lower() not in denies}
    return Policy(
        name_of(document),
        query,
        namespace_of(document),
        _strings(_map(spec, "podSelector").get("matchLabels")),
        denies,
        ingress=ways.get("ingress"),
        egress=ways.get("egress"),
    )


def _passages(spec: Document, way: str) -> tuple[Passage, ...]:
    rules = _list(spec, way)
    peers = "from" if way == "ingress" else "to"
    return tuple(
        Passage(
            tuple(str(port["port"]) for port in _list(rule, "ports") if "port" in port),
            tuple(_peer(peer) for peer in _list(rule, peers)),
        )
        for rule in rules
    )


def _peer(entry: Document) -> Peer:
    def labels(key: str) -> dict[str, str] | None:
        return _strings(_map(entry, key).get("matchLabels")) if key in entry else None

    return Peer(labels("podSelector"), labels("namespaceSelector"), str(_map(entry, "ipBlock").get("cidr") or ""))


def _map(document: object, key: str) -> dict[str, Any]:
    found = document.get(key) if isinstance(document, Mapping) else None
    return found if isinstance(found, dict) else {}


def _list(document: Document, key: str) -> list[dict[str, Any]]:
    found = document.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _strings(found: object) -> dict[str, str]:
    return {str(key): str(value) for key, value in found.items() if value is not None} if isinstance(found, dict) else {}
