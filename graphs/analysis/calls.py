"""The graph of who calls whom, and walks along it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

Edge = tuple[str, str]


def callers_of(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """callee -> its callers, sorted."""
    found: dict[str, set[str]] = {}
    for caller, callee in edges:
        if caller != callee:
            found.setdefault(callee, set()).add(caller)
    return {callee: sorted(callers) for callee, callers in found.items()}


def callees_of(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """caller -> its callees, sorted."""
    return callers_of((callee, caller) for caller, callee in edges)


def reach(start: str, down: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Everything `start` depends on, with the number of calls between; `start` itself is 0. `down`: as `callees_of` gives it."""
    far = {start: 0}
    line = [start]
    for node in line:
        for callee in down.get(node, ()):
            if callee not in far:
                far[callee] = far[node] + 1
                line.append(callee)
    return far


def behind(node: str, down: Mapping[str, Sequence[str]], seen: Collection[str]) -> list[str]:
    """The nearest callees of `node` that are in `seen`: those that are not pass on what lies behind them."""
    found: list[str] = []
    line, known = list(down.get(node, ())), {node}
    for callee in line:
        if callee in known:
            continue
        known.add(callee)
        if callee in seen:
            found.append(callee)
        else:
            line.extend(down.get(callee, ()))
    return found
