"""What became of the things that a fault concerns: an effect that was seen is another observation than the contradiction read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.domain.quantity import counted
from graphs.analysis.objects.fault import EFFECTS, ObjectFault
from graphs.analysis.objects.look import Look, Unit

_GRAVE = 4.0
"""Only what is likely a cause has consequences worth looking for, nats."""
_WEIGHT = 0.8
"""What they say for it, nats: as much as a workload's own missing pods say for the workload."""


def consequences(look: Look, faults: Sequence[ObjectFault]) -> Iterator[ObjectFault]:
    """For each grave fault of a node or a namespace: the workloads it concerns that were seen short of pods or unreachable.

    A node concerns the pods that were put on it, and one of the control plane those that wait to be put anywhere; a
    namespace those that its fault names.
    """
    effects = [fault for fault in faults if fault.kind in EFFECTS]
    for fault in faults:
        if fault.weight < _GRAVE or fault.kind in EFFECTS or fault.target in {unit.target for unit in look.units}:
            continue
        concerned = {unit.target: unit.name for unit in look.units if _concerns(look, fault, unit)}
        felt = [effect for effect in effects if effect.target in concerned]
        if felt:
            names = sorted({concerned[effect.target] for effect in felt})
            yield ObjectFault(
                target=fault.target,
                kind=fault.kind,
                weight=_WEIGHT,
                statement=f"{counted(len(names), 'workload')} of it suffer: {', '.join(names[:5])}; {felt[0].statement}"[:400],
                query=felt[0].query,
                excerpt=felt[0].excerpt,
                numbers={"workloads": float(len(names))},
                seen=True,
            )


def _concerns(look: Look, fault: ObjectFault, unit: Unit) -> bool:
    node = next((node for node in look.cluster.nodes.values() if look.node(node.name) == fault.target), None)
    if node is None:
        return unit.name in fault.statement
    return any(pod.node == node.name or (pod.node is None and node.control_plane) for pod in unit.pods)
