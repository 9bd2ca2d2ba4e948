"""Is it one service, or the machine several of them share? Every candidate group is held against who suffers. Pure.

A faulty network shows where calls cross the group's boundary: who calls across it waits the whole of it, who is called across
it sees a part of it, and calls that stay inside or outside are as before. A machine that is short of something slows whoever
runs on it. One faulty service slows itself and whoever waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from graphs.analysis.calls import Edge, callees_of, callers_of

Mode = Literal["one", "boundary", "host"]
Placement = Mapping[str, Mapping[str, float]]
"""Service -> node -> share of its pods there."""

_WAITS, _PARTLY, _CALM = 0.9, 0.35, 0.05
"""How likely a service shows it: that calls across the boundary, that is only called across it, that has no part in it."""
_MACHINES_ARE_RARER = 1.0
"""Nats that a machine must explain beyond what the best single service does: most faults are one service's."""

_RESENDING = 1.0
"""Nats for the node that sends most again."""
_CALM_HOST = 4.0
"""Nats against a machine that would slow everything on it and itself shows no strain."""

_MOST_TRIED = 100


@dataclass(frozen=True)
class Group:
    """One explanation of who suffers. `name` is a service (`one`) or a node; `members` the sufferers it accounts for;
    `probability` is 0..1 among all explanations."""

    name: str
    mode: Mode
    probability: float
    members: tuple[str, ...]


def explanations(
    suffering: Mapping[str, float],
    edges: Collection[Edge],
    placement: Placement,
    *,
    resends: Mapping[str, float] | None = None,
    strained: Mapping[str, float] | None = None,
) -> tuple[Group, ...]:
    """Every service and every node as the cause, likeliest first. `suffering`: how surely each service that was looked at is
    slower or fails more than before, 0..1; who is not in it was not looked at and counts for nothing. `resends`: how much more
    each node sends again, as a share of the node that does so most: the calls between two nodes cross the boundary of both,
    and only this tells whose it is. `strained`: how surely each node's own processor, memory or disk is used more, where it was
    measured."""
    nodes = sorted({node for where in placement.values() for node in where})
    down, up = callees_of(edges), callers_of(edges)
    drafts: list[tuple[Mode, str, dict[str, float]]] = [("one", name, {name: 1.0}) for name in _likeliest(suffering)]
    drafts += [("boundary", node, _on(node, placement)) for node in nodes]
    drafts += [("host", node, _on(node, placement)) for node in nodes]
    scored: list[tuple[float, str, Mode, tuple[str, ...]]] = []
    for mode, name, inside in drafts:
        if mode != "one" and _concerned(inside, suffering, down, mode) < 2:
            continue  # one service that suffers is no machine's fault
        expected = _crossed(inside, down, up) if mode == "boundary" else _within(inside, down, up)
        members = tuple(sorted(one for one in expected if suffering.get(one, 0.0) > 0.5 and expected[one] > 2 * _CALM))
        score = _fit(suffering, expected) - (0.0 if mode == "one" else _MACHINES_ARE_RARER)
        if mode == "boundary":
            score += _RESENDING * (resends or {}).get(name, 0.0)
        elif mode == "host":
            score -= _CALM_HOST * (1 - (strained or {}).get(name, 0.5))
        scored.append((score, name, mode, members))
    top = max((score for score, *_ in scored), default=0.0)
    total = sum(math.exp(score - top) for score, *_ in scored)
    found = [Group(name, mode, math.exp(score - top) / total, members) for score, name, mode, members in scored]
    return tuple(sorted(found, key=lambda group: (-group.probability, group.name, group.mode)))


def _likeliest(suffering: Mapping[str, float]) -> list[str]:
    """The services worth trying, by name: of very many, those that suffer most."""
    return sorted(sorted(suffering, key=lambda name: (-suffering[name], name))[:_MOST_TRIED])


def _on(node: str, placement: Placement) -> dict[str, float]:
    return {service: where[node] for service, where in placement.items() if where.get(node, 0.0) > 0}


def _concerned(inside: Mapping[str, float], suffering: Mapping[str, float], down: Mapping[str, list[str]], mode: Mode) -> int:
    """How many calls (or services, for a machine that is short of something) that the group would harm are seen to suffer."""
    if mode == "host":
        return sum(1 for service in inside if suffering.get(service, 0.0) > 0.5)
    return sum(
        1
        for caller, surely in suffering.items()
        if surely > 0.5 and any(_crossing(inside, caller, callee) > 0.5 for callee in down.get(caller, ()))
    )


def _crossing(inside: Mapping[str, float], caller: str, callee: str) -> float:
    """Share of the calls between two services that have exactly one end in the group."""
    here, there = inside.get(caller, 0.0), inside.get(callee, 0.0)
    return here * (1 - there) + (1 - here) * there


def _crossed(inside: Mapping[str, float], down: Mapping[str, list[str]], up: Mapping[str, list[str]]) -> dict[str, float]:
    """Who is expected to suffer, and how surely, when calls across the boundary are slow or lost."""
    direct = {caller: max(_crossing(inside, caller, callee) for callee in callees) for caller, callees in down.items()}
    out: dict[str, float] = {}
    for service, waits in _waiting(direct, up).items():
        out[service] = _CALM + (_WAITS - _CALM) * waits
    for callee, callers in up.items():
        met = _PARTLY * max(_crossing(inside, caller, callee) for caller in callers)
        out[callee] = max(out.get(callee, _CALM), met)
    return out


def _within(inside: Mapping[str, float], down: Mapping[str, list[str]], up: Mapping[str, list[str]]) -> dict[str, float]:
    """Who is expected to suffer when those in the group are slow themselves."""
    out = {service: _CALM + (_WAITS - _CALM) * share for service, share in _waiting(inside, up).items()}
    if len(inside) == 1:  # a pod's own slow line is met by those it calls as well
        for callee in (callee for one in inside for callee in down.get(one, ())):
            out[callee] = max(out.get(callee, _CALM), _PARTLY)
    return out


def _waiting(direct: Mapping[str, float], up: Mapping[str, list[str]]) -> dict[str, float]:
    """`direct`, and through it whoever calls such a one, however indirectly: the largest share that reaches each."""
    out: dict[str, float] = {}
    for start in sorted((name for name in direct if direct[name] > 0), key=lambda name: (-direct[name], name)):
        line = [start] if direct[start] > out.get(start, 0.0) else []
        for name in line:
            out[name] = direct[start]  # in falling order, so nobody is reached by more later
            for caller in up.get(name, ()):
                if out.get(caller, 0.0) < direct[start]:
                    out[caller] = direct[start]
                    line.append(caller)
    return out


def _fit(suffering: Mapping[str, float], expected: Mapping[str, float]) -> float:
    """Log-likelihood of what was seen, in nats."""
    total = 0.0
    for service, seen in suffering.items():
        p = min(max(expected.get(service, _CALM), _CALM), _WAITS)
        total += seen * math.log(p) + (1 - seen) * math.log(1 - p)
    return total
