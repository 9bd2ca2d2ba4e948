"""What became of the things that a fault concerns: an effect that was seen is another observation than the contradiction read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain.quantity import counted
from graphs.analysis.objects.fault import EFFECTS, ObjectFault
from graphs.analysis.objects.look import Look, Unit, matches
from graphs.analysis.objects.model import Node

_GRAVE = 4.0
"""Only what is likely a cause has consequences worth looking for, nats."""
_WEIGHT = 0.8
"""What they say for it, nats: as much as a workload's own missing pods say for the workload."""


def consequences(look: Look, faults: Sequence[ObjectFault]) -> Iterator[ObjectFault]:
    """For each grave fault of a node or a namespace: the workloads it concerns that were seen short of pods or unreachable.

    A node concerns the pods that were put on it, and one of the control plane those that wait to be put anywhere; a
    namespace those that its fault keeps from running, or that use what it does.
    """
    effects = [fault for fault in faults if fault.kind in EFFECTS]
    workloads = {unit.target for unit in look.units}
    nodes = {target: node for node in look.cluster.nodes.values() if (target := look.node(node.name)) is not None}
    for fault in faults:
        if fault.weight < _GRAVE or fault.kind in EFFECTS or fault.target in workloads:
            continue
        node = nodes.get(fault.target)
        concerned = {
            unit.target: unit.name for unit in look.units if (_on(node, unit) if node else bool(fault.concerns & _used(look, unit)))
        }
        felt = [effect for effect in effects if effect.target in concerned]
        if felt:
            names = sorted({concerned[effect.target] for effect in felt})
            where = "on" if node else "of"
            many = counted(len(names), f"workload {where} it suffers", f"workloads {where} it suffer")
            yield ObjectFault(
                target=fault.target,
                kind=fault.kind,
                weight=_WEIGHT,
                statement=f"{many}: {', '.join(names[:5])}; {felt[0].statement}"[:400],
                query=felt[0].query,
                excerpt=felt[0].excerpt,
                numbers={"workloads": float(len(names))},
                seen=True,
            )


def _used(look: Look, unit: Unit) -> frozenset[str]:
    """The workload's name, and those of the claims it mounts and of the services that lead to it."""
    claims = (source.name for source in unit.template.volumes if source.kind == "claim")
    services = {**look.cluster.services, **look.cluster.declared_services}.values()
    leading = (each.name for each in services if matches(each.selector, unit.template.labels))
    return frozenset((unit.name, *claims, *leading))


def _on(node: Node, unit: Unit) -> bool:
    return any(pod.node == node.name or (pod.node is None and node.control_plane) for pod in unit.pods)
