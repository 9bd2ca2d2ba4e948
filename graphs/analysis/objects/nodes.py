"""Nodes and the daemons that make them nodes."""

from __future__ import annotations

from collections.abc import Iterator

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
