"""Recorded commands as one cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import re2

from app.domain.telemetry import Recorded
from graphs.analysis.objects import describe, manifest
from graphs.analysis.objects.model import (
    Account,
    Backend,
    Bundle,
    Claim,
    Cluster,
    Event,
    Link,
    Node,
    NodeService,
    Pod,
    Policy,
    Quota,
    Reach,
    Scaler,
    Service,
    ServicePort,
    Usage,
    Volume,
    Workload,
)
from graphs.analysis.objects.nodes_text import node_service
from graphs.analysis.objects.text import age, event_of, pairs, quantity, sections, table, whole

K = TypeVar("K", str, tuple[str, str])
T = TypeVar("T")

_KINDS = {
    "po": "pods",
    "deploy": "deployments",
    "rs": "replicasets",
    "sts": "statefulsets",
    "ds": "daemonsets",
    "svc": "services",
    "ep": "endpoints",
    "cm": "configmaps",
    "pvc": "persistentvolumeclaims",
    "pv": "persistentvolumes",
    "no": "nodes",
    "sa": "serviceaccounts",
    "netpol": "networkpolicies",
    "networkpolicy": "networkpolicies",
    "ing": "ingresses",
    "sc": "storageclasses",
    "storageclass": "storageclasses",
    "quota": "resourcequotas",
    "resourcequota": "resourcequotas",
    "hpa": "horizontalpodautoscalers",
    "ev": "events",
    "endpoints": "endpoints",
}
_WORKLOAD_KINDS = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet",
    "jobs": "Job",
}
_TARGET = re2.compile(r"(?:^|[\s/@=])([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(\d{1,5})(?:$|[\s/])")
_LOSS = re2.compile(r"([0-9.]+)% packet loss|\bloss ([0-9.]+)%")
_DELAY = re2.compile(r"= [0-9.]+/([0-9.]+)/|\bdelay ([0-9.]+)ms")
_WORD = re2.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_NO_ANSWER = re2.compile(
    r"(?i)^(?:the connection to the server \S+ was refused|unable to connect to the server|error from server: etcdserver"
    r"|error from server \((?:timeout|serviceunavailable|internalerror)\))"
)
_NO_NAMESPACE = re2.compile(r"(?i)namespaces \"([^\"]+)\" not found")
_RESTARTS = re2.compile(r"^(\d+)(?: \(([^)]+) ago\))?")
_FAILED = (
    "failed",
    "refused",
    "timed out",
    "timeout",
    "unreachable",
    "no route",
    "could not resolve",
    "can't connect",
    "bad address",
)
_OPENED = ("succeeded", " open", "connected to", "200 ok", "http/1.1 2", "http/1.1 3")


def read(recorded: Sequence[Recorded]) -> Cluster:
    """The cluster as recorded. The order of the commands does not matter; of two outputs about one object the richer counts."""
    reading = _Reading()
    for entry in sorted(recorded, key=lambda one: (one.command, one.output)):
        reading.take(entry.command.strip(), entry.output)
    return reading.cluster()


def kind_of(word: str) -> str:
    """`po`, `pod` and `pods` as `pods`."""
    bare = word.lower().partition(".")[0]
    if bare in _KINDS:
        return _KINDS[bare]
    if bare.endswith("s") and not bare.endswith("ss"):
        return bare
    return bare + ("es" if bare.endswith("s") else "s")


@dataclass
class _Reading:
    workloads: dict[tuple[str, str], Workload] = field(default_factory=dict)
    declared_workloads: dict[tuple[str, str], Workload] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    pod_rows: dict[str, Pod] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    service_rows: dict[str, Service] = field(default_factory=dict)
    declared_services: dict[str, Service] = field(default_factory=dict)
    addresses: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    declared_claims: dict[str, Claim] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    declared_volumes: dict[str, Volume] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    quotas: dict[str, Quota] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    node_rows: dict[str, Node] = field(default_factory=dict)
    node_services: list[NodeService] = field(default_factory=list)
    secrets: dict[str, Bundle] = field(default_factory=dict)
    declared_secrets: dict[str, Bundle] = field(default_factory=dict)
    configs: dict[str, Bundle] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    backends: list[Backend] = field(default_factory=list)
    reaches: list[Reach] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    scalers: dict[str, Scaler] = field(default_factory=dict)
    loose: list[tuple[str, str, Event]] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    unanswered: list[tuple[str, str]] = field(default_factory=list)
    absent_namespaces: dict[str, str] = field(default_factory=dict)
    ages: dict[tuple[str, str], float] = field(default_factory=dict)

    def take(self, command: str, output: str) -> None:
        words = command.split()
        if "apiVersion:" in output[:400] or '"apiVersion"' in output[:400]:
            self._documents(command, output, live=words[:1] == ["kubectl"])
        elif words[:1] == ["kubectl"] and len(words) > 2:
            self._kubectl(words, command, output)
        elif (service := node_service(command, output)) is not None:
            self.node_services.append(service)
        elif "packet loss" in output or "netem" in output:
            self._link(command, output)
        elif (match := _TARGET.search(command)) is not None:
            self._reach(match.group(1), int(match.group(2)), command, output)

    def _kubectl(self, words: list[str], command: str, output: str) -> None:
        verb, kind = words[1], kind_of(words[2].partition("/")[0])
        if verb == "describe":
            for piece in output.split("\n\n\nName:"):
                self._described(kind, command, piece if piece.startswith("Name:") or piece is output else "Name:" + piece)
        elif verb == "get" and "-o" in words and words[words.index("-o") + 1 : words.index("-o") + 2] not in (["wide"], []):
            return
        elif verb == "get":
            self._got(kind, command, output, whole_list=len(words) == 3 or words[3].startswith("-"))
        elif verb == "top":
            for row, line in table(output):
                cpu, memory = quantity(row.get("CPU(cores)", "")), quantity(row.get("MEMORY(bytes)", ""))
                if cpu is not None and memory is not None:
                    self.usages.append(Usage(kind, row.get("NAME", ""), cpu, memory, command, line))
        elif verb == "events":
            self._events(output)

    def _described(self, kind: str, command: str, output: str) -> None:
        listed = sections(output.splitlines())
        parts = {part.key: part for part in reversed(listed)}
        name = parts["Name"].value if "Name" in parts else ""
        if not name:
            return
        if kind == "pods":
            self.pods[name] = describe.pod(parts, command)
        elif kind in _WORKLOAD_KINDS:
            found = describe.workload(parts, command, kind=kind)
            self.workloads[(found.kind, name)] = found
        elif kind == "services":
            self.services[name] = describe.service(parts, command, listed=listed)
        elif kind == "endpoints":
            self.addresses[name] = describe.unready_addresses(parts)
        elif kind == "persistentvolumeclaims":
            self.claims[name] = describe.claim(parts, command)
        elif kind == "persistentvolumes":
            self.volumes[name] = describe.volume(parts, command)
        elif kind == "resourcequotas":
            self.quotas[name] = describe.quota(parts, command, output)
        elif kind == "nodes":
            self.nodes[name] = describe.node(parts, command)
        elif kind in ("secrets", "configmaps"):
            held = self.secrets if kind == "secrets" else self.configs
            held[name] = describe.bundle(parts, command, output, kind="Secret" if kind == "secrets" else "ConfigMap")
        elif kind == "serviceaccounts":
            self.accounts[name] = describe.account(parts, command)
        elif kind == "ingresses":
            self.backends += describe.backends(parts, command)
        elif kind == "networkpolicies":
            self.policies[name] = describe.policy(parts, command)

    def _got(self, kind: str, command: str, output: str, *, whole_list: bool) -> None:
        if _NO_ANSWER.search(output[:200]):
            self.unanswered.append((command, output.strip().partition("\n")[0]))
        elif (absent := _NO_NAMESPACE.search(output[:200])) is not None:
            self.absent_namespaces[absent.group(1)] = command
        elif whole_list and "Error" not in output[:200]:
            self.listed.add(kind)
        if kind == "events":
            return self._events(output)
        for row, line in table(output):
            name = row.get("NAME", "")
            if name:
                self._row(kind, name, row, line, command)
        return None

    def _row(self, kind: str, name: str, row: dict[str, str], line: str, command: str) -> None:
        seconds = age(row.get("AGE"))
        if seconds is not None:
            self.ages[(kind, name)] = seconds
        if kind == "pods":
            if name not in self.pod_rows or "IP" in row:
                self.pod_rows[name] = _pod_row(name, row, line, command)
        elif kind == "services":
            if name not in self.service_rows or "SELECTOR" in row:
                self.service_rows[name] = _service_row(name, row, command)
        elif kind == "nodes":
            status = row.get("STATUS", "")
            ready = "True" if status.split(",")[0] == "Ready" else "False"
            self.node_rows[name] = Node(
                name, command, ready, tuple(row.get("ROLES", "").split(",")), "SchedulingDisabled" in status
            )
        elif kind == "storageclasses":
            self.classes.add(name.split(" ")[0])
        elif kind in ("secrets", "configmaps"):
            held = self.secrets if kind == "secrets" else self.configs
            held.setdefault(name, Bundle("Secret" if kind == "secrets" else "ConfigMap", name, command, type=row.get("TYPE", "")))
        elif kind == "serviceaccounts":
            self.accounts.setdefault(name, Account(name, command))
        elif kind == "persistentvolumeclaims":
            self.claims.setdefault(name, Claim(name, command, status=row.get("STATUS", ""), volume=row.get("VOLUME", "")))
        elif kind == "persistentvolumes":
            space, _, held_by = row.get("CLAIM", "").rpartition("/")
            self.volumes.setdefault(
                name, Volume(name, command, row.get("STATUS", ""), claim=held_by or None, claim_namespace=space or None)
            )
        elif kind == "networkpolicies":
            self.policies.setdefault(name, Policy(name, command, selector=pairs([row.get("POD-SELECTOR", "")]), line=line))
        elif kind == "horizontalpodautoscalers":
            self.scalers[name] = Scaler(
                name,
                command,
                row.get("REFERENCE", ""),
                whole(row.get("MINPODS", "")),
                whole(row.get("MAXPODS", "")),
                whole(row.get("REPLICAS", "")),
                line,
                blind=line if "<unknown>" in row.get("TARGETS", "") else "",
            )
        elif kind in _WORKLOAD_KINDS:
            self._workload_row(_WORKLOAD_KINDS[kind], name, row, command)

    def _workload_row(self, kind: str, name: str, row: dict[str, str], command: str) -> None:
        ready, _, desired = row.get("READY", "").partition("/")
        self.workloads.setdefault(
            (kind, name),
            Workload(kind, name, command, desired=whole(desired or row.get("DESIRED", "")), available=whole(ready)),
        )

    def _events(self, output: str) -> None:
        for row, line in table(output):
            kind, _, name = row.get("OBJECT", "").partition("/")
            text = f"{row.get('TYPE')} {row.get('REASON')} {row.get('LAST SEEN')} events {row.get('MESSAGE')}"
            event = event_of(text)
            if name and event is not None:
                self.loose.append((kind_of(kind), name, replace(event, line=line)))

    def _documents(self, command: str, output: str, *, live: bool) -> None:
        for document in manifest.documents(output):
            kind, name = str(document.get("kind")), manifest.name_of(document)
            if kind in manifest.WORKLOADS:
                target = self.workloads if live else self.declared_workloads
                target[(kind, name)] = manifest.workload(document, command)
                if live:
                    self.declared_workloads[(kind, name)] = target[(kind, name)]
            elif kind == "Service":
                (self.services if live else self.declared_services)[name] = manifest.service(document, command)
            elif kind == "PersistentVolumeClaim":
                self.declared_claims[name] = manifest.claim(document, command)
            elif kind == "PersistentVolume":
                self.declared_volumes[name] = manifest.volume(document, command)
            elif kind == "Secret":
                self.declared_secrets[name] = manifest.bundle(document, command)
            elif kind == "ConfigMap":
                self.configs.setdefault(name, manifest.bundle(document, command))
            elif kind == "NetworkPolicy" and live:
                self.policies[name] = manifest.policy(document, command)

    def _reach(self, host: str, port: int, command: str, output: str) -> None:
        lowered = output.lower()
        failed = next((line for line in output.splitlines() if any(word in line.lower() for word in _FAILED)), None)
        opened = any(word in lowered for word in _OPENED)
        if failed is not None or opened:
            self.reaches.append(Reach(host, port, failed is None, command, (failed or output.strip().splitlines()[0]).strip()))

    def _link(self, command: str, output: str) -> None:
        loss, delay = _LOSS.search(output), _DELAY.search(output)
        line = next((line.strip() for line in output.splitlines() if "packet loss" in line or "netem" in line), "")
        self.links.append(
            Link(
                tuple(_WORD.findall(command)),
                float(loss.group(1) or loss.group(2)) / 100.0 if loss else 0.0,
                float(delay.group(1) or delay.group(2)) if delay else 0.0,
                "netem" in output,
                command,
                line,
            )
        )

    def cluster(self) -> Cluster:
        pods = {name: self._whole_pod(name) for name in sorted({*self.pods, *self.pod_rows})}
        services = {name: self._whole_service(name) for name in sorted({*self.services, *self.service_rows})}
        nodes = {name: self._whole_node(name) for name in sorted({*self.nodes, *self.node_rows})}
        policies = {
            name: replace(policy, age_s=self.ages.get(("networkpolicies", name))) for name, policy in sorted(self.policies.items())
        }
        return Cluster(
            workloads=_ordered(self.workloads),
            declared_workloads=_ordered(self.declared_workloads),
            pods=pods,
            services=services,
            declared_services=_ordered(self.declared_services),
            claims=_ordered(self.claims),
            declared_claims=_ordered(self.declared_claims),
            volumes=_ordered(self.volumes),
            declared_volumes=_ordered(self.declared_volumes),
            classes=frozenset(self.classes),
            quotas=_ordered(self.quotas),
            nodes=nodes,
            node_services=tuple(sorted(self.node_services, key=lambda one: (one.node, one.service))),
            secrets=_ordered(self.secrets),
            declared_secrets=_ordered(self.declared_secrets),
            configs=_ordered(self.configs),
            accounts=_ordered(self.accounts),
            policies=policies,
            backends=tuple(self.backends),
            reaches=tuple(sorted(self.reaches, key=lambda one: (one.host, one.port, one.query))),
            usages=tuple(self.usages),
            links=tuple(self.links),
            scalers=_ordered(self.scalers),
            unanswered=tuple(self.unanswered),
            absent_namespaces=_ordered(self.absent_namespaces),
            loose_events=tuple(self.loose),
            listed=frozenset(self.listed),
        )

    def _whole_pod(self, name: str) -> Pod:
        row, full = self.pod_rows.get(name), self.pods.get(name)
        if full is None or row is None:
            found = full or row
            assert found is not None
            return found
        extra = tuple(event for kind, named, event in self.loose if kind == "pods" and named == name)
        return replace(
            full,
            status=row.status or full.status,
            ready=row.ready if row.ready is not None else full.ready,
            restarts=max(row.restarts, full.restarts),
            restarted_s=row.restarted_s,
            age_s=row.age_s,
            node=full.node or row.node,
            line=row.line,
            events=full.events or extra,
        )

    def _whole_service(self, name: str) -> Service:
        found = self.services.get(name) or self.service_rows[name]
        ready, unready = self.addresses.get(name, (None, ()))
        if ready is not None:
            found = replace(found, endpoints=tuple(ready), unready=unready)
        return replace(found, age_s=self.ages.get(("services", name)))

    def _whole_node(self, name: str) -> Node:
        row, full = self.node_rows.get(name), self.nodes.get(name)
        if full is None or row is None:
            found = full or row
            assert found is not None
            return found
        return replace(full, cordoned=full.cordoned or row.cordoned, roles=tuple(sorted({*full.roles, *row.roles})))


def _pod_row(name: str, row: dict[str, str], line: str, command: str) -> Pod:
    ready, _, total = row.get("READY", "").partition("/")
    match = _RESTARTS.match(row.get("RESTARTS", ""))
    node = row.get("NODE", "")
    words = command.split()
    return Pod(
        name=name,
        query=command,
        namespace=words[words.index("-n") + 1] if "-n" in words[:-1] else None,
        labels=pairs([row.get("LABELS", "")]),
        status=row.get("STATUS", ""),
        ready=ready == total if total else None,
        restarts=int(match.group(1)) if match else 0,
        restarted_s=age(match.group(2)) if match else None,
        age_s=age(row.get("AGE")),
        node=node if node and not node.startswith("<") else None,
        line=" ".join(line.split()),
    )


def _service_row(name: str, row: dict[str, str], command: str) -> Service:
    ports = []
    for entry in row.get("PORT(S)", "").split(","):
        number, _, protocol = entry.partition("/")
        if (value := whole(number.partition(":")[0])) is not None:
            ports.append(ServicePort(value, None, protocol or "TCP"))
    return Service(
        name,
        command,
        type=row.get("TYPE", ""),
        selector=pairs([row.get("SELECTOR", "")]),
        ports=tuple(ports),
        headless=row.get("CLUSTER-IP") == "None",
    )


def _ordered(found: dict[K, T]) -> dict[K, T]:
    return {key: found[key] for key in sorted(found)}
