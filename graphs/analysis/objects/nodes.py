"""Nodes and the daemons that make them nodes."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look
from graphs.analysis.objects.model import Node, NodeService

_NOT_READY = {
    "stopped posting": "kubelet_unavailable",
    "runtime": "container_runtime_unavailable",
    "pleg": "container_runtime_unavailable",
    "network plugin": "node_network_plugin_unavailable",
    "cni": "node_network_plugin_unavailable",
}
"""What the words of a node that is not ready mean; of several the first."""
_PRESSURE = {
    "MemoryPressure": "node_memory_pressure",
    "DiskPressure": "node_disk_pressure",
    "PIDPressure": "node_pid_pressure",
    "NetworkUnavailable": "node_network_unavailable",
}
_NETWORK = ("cni", "network plugin", "networkplugin", "failed to setup network", "failed to set up sandbox container")
_SOCKETS = {"containerd.sock": "containerd", "crio.sock": "crio", "docker.sock": "docker", "cri-dockerd.sock": "docker"}


_CLOCKS = 3
"""Clocks that it takes to say which of them is wrong."""
_SKEW_S = 100.0
"""More than a node may fall silent before it counts as not ready: a clock, not a delay."""
_COMPLAINTS = {
    "table full, dropping packet": "node_conntrack_exhausted",
    "pleg is not healthy": "container_runtime_unavailable",
    "no space left on device": "node_disk_pressure",
    "system oom encountered": "node_memory_pressure",
    "certificate has expired": "kubelet_certificate_expired",
    'attempting to reclaim" resourcename="memory': "node_memory_pressure",
    'attempting to reclaim" resourcename="ephemeral-storage': "node_disk_pressure",
    'attempting to reclaim" resourcename="inodes': "node_disk_pressure",
    'attempting to reclaim" resourcename="pids': "node_pid_pressure",
}
_JOURNAL_POD = re2.compile(r"pod=\"?kube-system/([A-Za-z0-9.-]+)")
_DAEMON_PODS = {
    "coredns": None,
    "dns": "node_dns_unavailable",
    "kube-proxy": "kube_proxy_unavailable",
    "cni": "node_network_plugin_unavailable",
    "flannel": "node_network_plugin_unavailable",
    "calico": "node_network_plugin_unavailable",
    "cilium": "node_network_plugin_unavailable",
    "weave": "node_network_plugin_unavailable",
    "kindnet": "node_network_plugin_unavailable",
    "antrea": "node_network_plugin_unavailable",
}
"""What it means for a node when the pod of this name, of which each node runs one, fails there. Name servers are no such pods."""


def check(look: Look) -> Iterator[ObjectFault]:
    down: set[str] = set()
    for service in look.cluster.node_services:
        if service.active in {"inactive", "failed", "deactivating"} or service.active.startswith("activating"):
            down.add(service.node)
            yield from _down(look, service)
    for node in look.cluster.nodes.values():
        yield from _conditions(look, node, known=node.name in down)
        yield from _cordoned(look, node)
    yield from _sockets(look)
    yield from _restarted(look)
    yield from _clocks(look, down)
    yield from _journals(look)


def _clocks(look: Look, down: set[str]) -> Iterator[ObjectFault]:
    """A node that is up renews its lease every few seconds and writes down when: by that its clock is held against the others'."""
    told = {
        node.name: node.renewed_s for node in look.cluster.nodes.values() if node.renewed_s is not None and node.ready == "True"
    }
    if len(told) < _CLOCKS:
        return
    usual = sorted(told.values())[len(told) // 2]
    for name, renewed_s in told.items():
        off_s = renewed_s - usual
        if abs(off_s) >= _SKEW_S and name not in down:
            node = look.cluster.nodes[name]
            why = f"the clock of node {name} is {abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} those of the other nodes"
            numbers = {"seconds": off_s}
            yield from look.fault(look.node(name), "node_clock_skew", 5.0, why, query=node.query, numbers=numbers)


def _journals(look: Look) -> Iterator[ObjectFault]:
    """What a node's daemons complained of last, where no other node's do."""
    said: dict[str, dict[str, list[tuple[NodeService, str]]]] = {}
    for service in look.cluster.node_services:
        for line in service.journal:
            if (kind := _complaint(line)) is not None:
                said.setdefault(kind, {}).setdefault(service.node, []).append((service, line))
    several = len({service.node for service in look.cluster.node_services}) > 1
    for kind, nodes in said.items():
        if len(nodes) > 1 and several:
            continue
        for name, lines in nodes.items():
            service, line = lines[-1]
            weight = 4.5 if len(lines) > 1 else 2.5
            why = f"{service.service} on node {name} complains of its {kind.removeprefix('node_').replace('_', ' ')}"
            yield from look.fault(look.node(name), kind, weight, why, query=service.query, excerpt=line)


def _complaint(line: str) -> str | None:
    low = line.lower()
    direct = next((kind for words, kind in _COMPLAINTS.items() if words in low), None)
    if direct is not None:
        return direct
    if "crashloopbackoff" not in low and "probe failed" not in low:
        return None
    pod = _JOURNAL_POD.search(line)
    return next((kind for word, kind in _DAEMON_PODS.items() if pod is not None and word in pod.group(1)), None)


def _down(look: Look, service: NodeService) -> Iterator[ObjectFault]:
    kind = f"{service.service.replace('-', '_').replace('.', '_')}_unavailable"
    why = f"{service.service} on node {service.node} is {service.active}" + (f" ({service.detail})" if service.detail else "")
    weight = 6.0 if service.active != "activating" else 5.0
    yield from look.fault(look.node(service.node), kind, weight, why, query=service.query, excerpt=service.line)


def _conditions(look: Look, node: Node, *, known: bool) -> Iterator[ObjectFault]:
    target = look.node(node.name)
    if node.ready in {"False", "Unknown"}:
        _, reason, line = node.conditions.get("Ready", ("", "", f"{node.name} is not ready"))
        told = (kind for word, kind in _NOT_READY.items() if word in line.lower())
        kind = "kubelet_unavailable" if node.ready == "Unknown" else next(told, "node_not_ready")
        why = f"node {node.name} is not ready ({reason or node.ready})"
        yield from look.fault(target, kind, 1.0 if known else 4.5, why, query=node.query, excerpt=line)
    for name, kind in _PRESSURE.items():
        status, reason, line = node.conditions.get(name, ("False", "", ""))
        if status == "True":
            yield from look.fault(target, kind, 5.0, f"node {node.name} reports {name} ({reason})", query=node.query, excerpt=line)


def _cordoned(look: Look, node: Node) -> Iterator[ObjectFault]:
    """A worker that takes no pods matters once pods wait, and then the scheduler says so, of taints too; alone it is only worth a
    mention."""
    if node.cordoned and not node.control_plane:
        yield from look.fault(look.node(node.name), "node_cordon_mismatch", 1.0, f"node {node.name} is cordoned", query=node.query)


def _sockets(look: Look) -> Iterator[ObjectFault]:
    """Pods whose node cannot talk to its runtime or to its network plugin."""
    seen: set[tuple[str, str]] = set()
    for pod in look.cluster.pods.values():
        for event in pod.events:
            if not event.warning or pod.node is None:
                continue
            said = event.message.lower()
            kind = next((f"{name}_unavailable" for socket, name in _SOCKETS.items() if socket in said), None)
            if kind is None and "sandbox" in said and any(word in said for word in _NETWORK):
                kind = "node_network_plugin_unavailable"
            if kind is not None and (pod.node, kind) not in seen:
                seen.add((pod.node, kind))
                silent = kind.removesuffix("_unavailable").replace("_", " ")
                why = f"pods on node {pod.node} cannot be started: its {silent} does not answer"
                yield from look.fault(look.node(pod.node), kind, 4.5, why, query=pod.query, excerpt=event.line)


def _restarted(look: Look) -> Iterator[ObjectFault]:
    """A daemon that started within the incident while its siblings on other nodes did not."""
    by_service: dict[str, list[NodeService]] = {}
    for service in look.cluster.node_services:
        if service.active == "active" and service.since_s is not None:
            by_service.setdefault(service.service, []).append(service)
    for services in by_service.values():
        young = [one for one in services if (one.since_s or 0.0) <= look.window_s]
        if len(young) == 1 and len(services) > 1:
            one = young[0]
            why = f"{one.service} on node {one.node} was restarted within the incident"
            kind = f"{one.service.replace('-', '_')}_unavailable"
            yield from look.fault(look.node(one.node), kind, 1.0, why, query=one.query, excerpt=one.line)
