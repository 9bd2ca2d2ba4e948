"""What the cluster as a whole answers: an API that does not, a namespace that is gone, a name service that is down."""

from __future__ import annotations

from collections.abc import Iterator

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look

_FEW = 3
_CONTROL = frozenset({"kube-apiserver", "kube-scheduler", "kube-controller-manager", "etcd"})
_NAME_SERVERS = frozenset({"kube-dns", "coredns"})
"""Values of the label that every distribution's name servers carry."""


def check(look: Look) -> Iterator[ObjectFault]:
    yield from _silent(look)
    yield from _nothing_there(look)
    yield from _name_servers(look)
    yield from _parts(look)


def _silent(look: Look) -> Iterator[ObjectFault]:
    """Most questions went unanswered: whoever answers them is down, or its store is."""
    unanswered = look.cluster.unanswered
    if len(unanswered) < _FEW or look.cluster.listed:
        return
    command, line = unanswered[0]
    stored = any("etcdserver" in said for _, said in unanswered)
    kind = "etcd_unavailable" if stored else "kube_apiserver_unavailable"
    why = f"{len(unanswered)} questions to the cluster went unanswered"
    for name in _control_plane(look):
        yield from look.fault(look.node(name), kind, 5.5, why, query=command, excerpt=line)


def _control_plane(look: Look) -> list[str]:
    known = {node.name for node in look.cluster.nodes.values() if node.control_plane}
    return sorted(known | {one.node for one in look.cluster.node_services if one.service in _CONTROL})


def _nothing_there(look: Look) -> Iterator[ObjectFault]:
    cluster = look.cluster
    for name, command in cluster.absent_namespaces.items():
        yield from look.fault(look.namespace(name), "missing_namespace", 6.0, f"namespace {name} does not exist", query=command)
    if look.emptied:
        some = next(iter(cluster.declared_workloads.values()))
        why = f"none of the {len(cluster.declared_workloads)} declared workloads exists, and no service: the namespace is gone"
        yield from look.fault(look.namespace(None), "missing_namespace", 5.5, why, query=some.query)


def _name_servers(look: Look) -> Iterator[ObjectFault]:
    """No name server is ready: every name in the cluster stops resolving."""
    pods = [
        pod
        for pod in look.cluster.pods.values()
        if pod.labels.get("k8s-app") in _NAME_SERVERS or pod.name.startswith(tuple(f"{name}-" for name in _NAME_SERVERS))
    ]
    if not pods or any(pod.ready for pod in pods):
        return
    worst = pods[0]
    target = look.app(worst.name, labels=worst.labels) or look.namespace(worst.namespace) or look.namespace(None)
    why = f"none of the cluster's {len(pods)} name servers is ready ({worst.name}: {worst.status})"
    yield from look.fault(target, "coredns_unavailable", 6.0, why, query=worst.query, excerpt=worst.line or None)


def _parts(look: Look) -> Iterator[ObjectFault]:
    """Parts of the cluster that run as pods of a node, named after it: one of them that is not ready."""
    for pod in look.cluster.pods.values():
        part = next((name for name in (*sorted(_CONTROL), "kube-proxy") if pod.name.startswith(f"{name}-")), None)
        if part is None or pod.ready is not False or pod.namespace not in {None, "kube-system"}:
            continue
        named = next((name for name in look.cluster.nodes if pod.name.endswith(f"-{name}")), None)
        why = f"{part} of node {pod.node or named} is not ready ({pod.name}: {pod.status})"
        kind = f"{part.replace('-', '_')}_unavailable"
        yield from look.fault(look.node(pod.node or named), kind, 5.5, why, query=pod.query, excerpt=pod.line or None)
