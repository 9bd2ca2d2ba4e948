"""Who is slow or failing of itself, and who only waits. Pure.

A service's extra time (or errors) is a mass: how much worse one call got, times how many calls there are. What its callees'
masses explain is not its own. What is left over, as a share of everything that reaches the alert, is its own share.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from graphs.analysis.calls import Edge, callees_of, callers_of


def own_masses(
    rise: Mapping[str, float],
    volume: Mapping[str, float],
    edges: Collection[Edge],
    *,
    edge_mass: Mapping[Edge, float] | None = None,
    explaining: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The mass of each node that its callees don't explain. `rise` per call (negative: it got better, counted as none),
    `volume` calls per time (1 where unknown). A callee's mass is split among its callers by their own volume, unless
    `edge_mass` says what one edge carries. Nodes without a rise pass on what lies behind them. `explaining`: the rise per call
    by which a node explains its callers, where that is more than its own."""
    up, down = callers_of(edges), callees_of(edges)
    edge_mass = edge_mass or {}
    mass = {node: max(value, 0.0) * volume.get(node, 1.0) for node, value in rise.items()}
    passed = {
        node: max(rise.get(node, 0.0), (explaining or {}).get(node, 0.0), 0.0) * volume.get(node, 1.0)
        for node in {**rise, **(explaining or {})}
    }

    shared: dict[str, tuple[int, float]] = {}  # callee -> its callers of known mass, and their volume
    for callee in sorted(passed.keys() & up.keys()):
        known = [volume.get(caller, 1.0) for caller in up[callee] if caller in mass]
        if known:
            shared[callee] = len(known), sum(known)

    def carried(caller: str, callee: str, trail: frozenset[str]) -> float:
        if (caller, callee) in edge_mass:
            return max(edge_mass[caller, callee], 0.0)
        if callee in passed:
            callers, total = shared.get(callee) or (1, volume.get(caller, 1.0))
            part = volume.get(caller, 1.0) / total if total > 0 else 1.0 / callers
            return passed[callee] * min(part, 1.0)
        if callee in trail or len(trail) > 6:
            return 0.0
        return sum(carried(callee, further, trail | {callee}) for further in down.get(callee, ()))

    return {
        node: max(0.0, value - sum(carried(node, callee, frozenset({node})) for callee in down.get(node, ())))
        for node, value in mass.items()
    }


def blame_of_edges(rises: Mapping[Edge, float], calls: Mapping[Edge, float]) -> dict[str, float]:
    """Whose network it is, from the extra time between caller's and callee's view of each call.

    `rises` holds every edge that was measured (0: no rise). A node whose edges all rose is suspected before one of which
    a single edge did; an edge's mass goes to the two ends in proportion to that.
    """
    touching: dict[str, list[Edge]] = {}
    for edge in sorted(rises):
        for node in edge:
            touching.setdefault(node, []).append(edge)
    top = max(rises.values(), default=0.0)
    if top <= 0:
        return {}
    agreement: dict[str, float] = {}
    for node, edges in touching.items():
        risen = sum(1 for edge in edges if rises[edge] > 0.1 * top)
        # a lone edge agrees with itself; two that agree say more
        agreement[node] = (risen / len(edges)) * (1 - 0.5 ** (risen + 1)) if risen else 0.0
    out: dict[str, float] = {}
    for edge, rise in rises.items():
        if rise <= 0:
            continue
        caller, callee = edge
        # the callee is a little likelier than the caller: callers have more edges, and those that are not measured count too
        a, b = agreement[caller] ** 3, 1.3 * agreement[callee] ** 3
        if a + b == 0:
            continue
        mass = rise * calls.get(edge, 1.0)
        out[caller] = out.get(caller, 0.0) + mass * a / (a + b)
        out[callee] = out.get(callee, 0.0) + mass * b / (a + b)
    return out


def sharpened(scores: Mapping[str, float], power: float = 2.0) -> dict[str, float]:
    """Shares that sum to 1, the leaders drawn apart."""
    top = max(scores.values(), default=0.0)
    if top <= 0:
        return {}
    raised = {key: (max(value, 0.0) / top) ** power for key, value in scores.items()}
    total = sum(raised.values())
    return {key: value / total for key, value in raised.items() if value > 0}
