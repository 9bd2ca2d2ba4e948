"""From shifted series and who runs where to which machine's network, or machine, is suspected. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from graphs.analysis.calls import Edge
from graphs.analysis.metrics.groups import Group, Placement, explanations
from graphs.analysis.metrics.picture import ENTRY, Clue, Picture, trust
from graphs.analysis.naming import Names

NODE = "node/"
_EXPLAINED_AWAY = 0.95
"""What a machine that surely is the cause takes away from the suspicion of the services that it makes wait."""
_LOSSY = 4.0
"""The end that loses packets sends that many times as much again as any other machine; a late answer is resent by both ends."""
_BOTH_ENDS = 0.3
_EVERY_CALL = math.log(20)
"""A delay meets every call, so medians rise as much as tails do; loss meets few, and spares the median."""
_WAITING = {"latency", "latency_stands_out", "errors", "route", "between"}


def placed(pods: Mapping[str, str], entities: Collection[str], naming: Names) -> dict[str, dict[str, float]]:
    """Entity of the telemetry -> node -> share of its pods there. `pods`: pod (or service) -> node."""
    where: dict[str, list[str]] = {}
    for pod, node in sorted(pods.items()):
        target = naming.target(pod)
        if target is not None:
            where.setdefault(target, []).append(node)
    out: dict[str, dict[str, float]] = {}
    for entity in sorted(entities):
        nodes = where.get(naming.target(entity) or "", [])
        if nodes:
            out[entity] = {node: nodes.count(node) / len(nodes) for node in sorted(set(nodes))}
    return out


@dataclass(frozen=True)
class _Seen:
    """How surely an entity suffers, 0..1, by which series, and by how much its median time grew (natural logarithm)."""

    surely: float
    column: int
    median: float


def _seen(picture: Picture) -> dict[str, _Seen]:
    out: dict[str, _Seen] = {}
    shifts = picture.shifts
    for column, name, words in picture.usable():
        known = words.family in {"latency", "error", "success"} and words.side != "client" and not words.per_node
        if not known or ">" in name.entity or name.entity == ENTRY or words.labels:
            continue
        z, ratio = float(shifts.z[column]), max(float(shifts.log_ratio[column]), 0.0)
        surely = trust(z) * min(1.0, ratio / math.log(3)) if z > 0 else 0.0
        median = ratio if words.family == "latency" and words.stat == 50 else 0.0
        held = out.get(name.entity)
        if held is not None:
            median = max(median, held.median)
        if held is None or surely > held.surely:
            out[name.entity] = _Seen(surely, column, median)
        else:
            out[name.entity] = replace(held, median=median)
    return out


@dataclass(frozen=True)
class _Resent:
    """How much more a node sends again than before, how sure that is, and how much it ever does."""

    rise: float
    surely: float
    most: float
    column: int


def _resends(picture: Picture, nodes: Collection[str]) -> dict[str, _Resent]:
    out: dict[str, _Resent] = {}
    shifts = picture.shifts
    for column, name, words in picture.usable():
        node = name.entity.removeprefix(NODE)
        if words.family == "loss" and node in nodes and node != name.entity:
            level, base = float(shifts.level[column]), float(shifts.base[column])
            surely = trust(float(shifts.z[column])) if level > base else 0.0
            out[node] = _Resent(max(level - base, 0.0), surely, max(level, base), column)
    return out


def _strained(picture: Picture) -> dict[str, float]:
    """Node -> how surely its own processor, memory or disk is used more than before, 0..1."""
    out: dict[str, float] = {}
    shifts = picture.shifts
    for column, name, words in picture.usable():
        if words.family in {"cpu", "memory", "disk", "queue"} and name.entity.startswith(NODE):
            z, ratio = float(shifts.z[column]), float(shifts.log_ratio[column])
            node = name.entity.removeprefix(NODE)
            out[node] = max(out.get(node, 0.0), trust(z) * min(1.0, ratio / math.log(2)) if z > 0 else 0.0)
    return out


def machine_clues(picture: Picture, edges: Sequence[Edge], placement: Placement, clues: Sequence[Clue]) -> list[Clue]:
    """`clues`, with those of machines that explain more than any one service does, and without what these explain."""
    seen = _seen(picture)
    resends = _resends(picture, {node for where in placement.values() for node in where})
    most = max((one.most for one in resends.values()), default=0.0)
    groups = explanations(
        {entity: one.surely for entity, one in seen.items() if entity in placement},
        edges,
        placement,
        resends={node: one.surely * one.rise / most for node, one in resends.items() if one.rise > 0},
        strained=_strained(picture),
    )
    machines = [group for group in groups if group.mode != "one"]
    clues = _lent(clues, groups, placement, resends, most)
    share = sum(group.probability for group in machines)
    if share < 0.1:
        return list(clues)
    loud = max((one.surely for one in seen.values()), default=0.0)
    out = [
        replace(clue, strength=clue.strength * (1 - _EXPLAINED_AWAY * share * loud))
        if clue.channel in _WAITING and not clue.target.startswith(NODE)
        else clue
        for clue in clues
    ]
    lines = {NODE + group.name: _line(group, resends, seen) for group in machines if group.mode == "boundary"}
    out = [_reread(clue, lines.get(clue.target)) for clue in out]
    for group in machines:
        columns = sorted((seen[one] for one in group.members), key=lambda one: (-one.surely, one.column))
        based = [one.column for one in columns[:3]]
        if group.mode == "boundary" and group.name in resends and resends[group.name].surely > 0.3:
            based.insert(0, resends[group.name].column)
        if based:
            target = NODE + group.name
            kind = lines[target] if group.mode == "boundary" else _short_of(target, out)
            out.append(Clue(target, group.mode, kind, 0.95 * loud * group.probability, tuple(based), {"services": len(columns)}))
    return out


def _lent(
    clues: Sequence[Clue], groups: Sequence[Group], placement: Placement, resends: Mapping[str, _Resent], most: float
) -> list[Clue]:
    """What a node sends again belongs to a service that runs on it, as far as that one alone explains who suffers: a node only
    counts for its pods. It is taken from the node, and makes the service's slowness one of lost packets."""
    out = list(clues)
    for group in groups:
        lossy = [
            node
            for node, part in placement.get(group.name, {}).items()
            if group.mode == "one" and group.probability > 0.5 and part == 1.0 and _loses(node, resends, most)
        ]
        for node in lossy:
            out = [_handed(clue, NODE + node, group) for clue in out]
    return out


def _loses(node: str, resends: Mapping[str, _Resent], most: float) -> bool:
    """Whether a node resends far more than any other, by an amount that counts."""
    mine = resends.get(node)
    others = [one.rise for other, one in resends.items() if other != node]
    return mine is not None and mine.surely > 0.5 and mine.rise > 0.5 * most and mine.rise > _LOSSY * max(others, default=math.inf)


def _handed(clue: Clue, node: str, group: Group) -> Clue:
    if clue.target == node and clue.channel == "resource" and clue.kind == "packet_loss":
        return replace(clue, strength=clue.strength * (1 - _EXPLAINED_AWAY * group.probability))
    if clue.target == group.name and clue.channel in _WAITING and clue.kind in {"latency", "network_delay"}:
        return replace(clue, kind="packet_loss")
    return clue


def _reread(clue: Clue, line: str | None) -> Clue:
    """A late answer is sent again by both ends, so that a node resends tells little about whose delay it is."""
    if line == "network_delay" and clue.channel == "resource" and clue.kind == "packet_loss":
        return replace(clue, kind=line, strength=clue.strength * _BOTH_ENDS)
    return clue


def _line(group: Group, resends: Mapping[str, _Resent], seen: Mapping[str, _Seen]) -> str:
    mine = resends.get(group.name)
    others = [one.rise for node, one in resends.items() if node != group.name]
    if mine is None or mine.surely < 0.3:
        return "network_delay"
    if others:
        return "packet_loss" if mine.rise > _LOSSY * max(others) else "network_delay"
    medians = [seen[one].median for one in group.members if seen[one].median > 0]
    return "network_delay" if medians and max(medians) > _EVERY_CALL else "packet_loss"


def _short_of(target: str, clues: Sequence[Clue]) -> str:
    """What a machine is short of, where one of its own resources says so."""
    own = [clue for clue in clues if clue.target == target and clue.channel == "resource"]
    return max(own, key=lambda clue: (clue.strength, clue.kind)).kind if own else "overload"
