"""Shapes over several series that name a fault: a leak, a pool at its limit, a surge, one call that became many. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from graphs.analysis.calls import Edge, callers_of
from graphs.analysis.metrics.picture import ENTRY, Clue, Picture, trust
from graphs.analysis.metrics.resources import busiest_of, counts

Floats = NDArray[np.float64]


def climbs(rows: Floats, *, least: float = 0.1) -> NDArray[np.bool_]:
    """Which rows (series by samples, in time order) climb slowly and steadily to their end, by at least the share `least`
    of where they began: no step, no saw-tooth."""
    k, n = rows.shape
    out = np.zeros(k, np.bool_)
    if n < 8:
        return out
    for index, row in enumerate(rows):
        kept = row[~np.isnan(row)]
        if len(kept) < 8:
            continue
        parts = np.array([np.median(part) for part in np.array_split(kept, 8)])
        steps = np.diff(parts)
        rise = parts[-1] - parts[0]
        if rise <= least * abs(parts[0]) or rise <= 0:
            continue
        steady = (steps > 0).sum() >= 6
        out[index] = bool(steady and steps.max() < 0.5 * rise and steps.min() > -0.1 * rise)
    return out


def slowness(picture: Picture, columns: Collection[int]) -> str:
    """Why the entity of these latency series is slow: `cpu` where its processors are busier than before, `delay` where its
    requests take several times as long while it works no more than before, else `latency`.

    Waiting takes time and no work; work that takes longer shows as processor time.
    """
    shifts = picture.shifts
    entities = {picture.names[column].entity for column in columns}
    slower = max((float(shifts.log_ratio[column]) for column in columns if shifts.z[column] > 0), default=0.0)
    busier = [
        (float(shifts.log_ratio[column]), float(shifts.z[column]))
        for column, name, words in picture.usable()
        if words.family == "cpu" and name.entity in entities and not words.per_node
    ]
    if not busier:
        return "latency"
    if any(ratio > math.log(2) and z > 4 for ratio, z in busier):
        return "cpu"
    if slower > math.log(3) and all(ratio < math.log(1.25) for ratio, _ in busier):
        return "delay"
    return "latency"


_FELT = 0.02
"""A mean wait for a connection of this part of what the slowest lost is felt half: a request may take several connections."""


def pool_clues(picture: Picture) -> list[Clue]:
    """In use close to the size, or a size that shrank, or callers that wait for a free one, long enough to be felt."""
    by: dict[str, dict[str, list[int]]] = {}
    for column, name, words in picture.usable():
        if words.family in {"pool_wait", "pool_use", "limit"}:
            by.setdefault(name.entity, {}).setdefault(words.family, []).append(column)
    shifts = picture.shifts
    lost_s = _lost_s(picture)
    clues = []
    for entity, found in sorted(by.items()):
        strength, columns = 0.0, []
        for column in found.get("pool_wait", ()):
            if shifts.z[column] > 0:
                moved = trust(float(shifts.z[column])) * min(1.0, float(shifts.log_ratio[column]) / 0.7)
                strength = max(strength, 0.75 * moved * _felt(picture, column, lost_s))
                columns.append(column)
        for column in found.get("limit", ()):
            if shifts.z[column] < -2 and shifts.log_ratio[column] < -0.2:
                strength = 1 - (1 - strength) * 0.4
                columns.append(column)
        for use in found.get("pool_use", ()):
            for size in found.get("limit", ()):
                full, was = (part[use] / part[size] if part[size] > 0 else 0.0 for part in (shifts.level, shifts.base))
                if full >= 0.9 and was < 0.85:
                    strength = 1 - (1 - strength) * 0.5
                    columns.append(use)
        if strength > 0:
            clues.append(Clue(entity, "pool", "connection_pool", min(strength, 0.95), tuple(dict.fromkeys(columns))))
    return clues


def _lost_s(picture: Picture) -> float:
    """The most that any latency rose, seconds; 0 where none did."""
    rises = (
        float(picture.shifts.rise[column]) * picture.seconds(column)
        for column, _, words in picture.usable()
        if words.family == "latency" and picture.shifts.z[column] > 0
    )
    return max(0.0, max(rises, default=0.0))


def _felt(picture: Picture, column: int, lost_s: float) -> float:
    """How far a longer wait is part of what is lost, 0..1; 1 where the series does not tell a time."""
    if not picture.tells_time(column):
        return 1.0
    rise_s = max(0.0, float(picture.shifts.rise[column]) * picture.seconds(column))
    return rise_s / (rise_s + _FELT * lost_s) if rise_s > 0 else 0.0


def traffic_clues(picture: Picture, edges: Sequence[Edge], alert: str | None) -> list[Clue]:
    """More users (everything grew from the entry on), or one call that became many (a callee got more while its callers
    did not)."""
    grown: dict[str, tuple[float, float, int]] = {}
    for column, name, words in picture.usable():
        entity = picture.subject(name)
        if entity is not None and words.family == "traffic" and not words.labels and not words.per_node:
            now = (float(picture.shifts.log_ratio[column]), float(picture.shifts.z[column]), column)
            if entity not in grown or abs(now[0]) > abs(grown[entity][0]):
                grown[entity] = now
    up = callers_of(edges)
    roots = [entity for entity in sorted(grown) if not up.get(entity)]
    entry = ENTRY if ENTRY in grown else alert if alert in roots else max(roots, key=lambda one: grown[one][0], default=None)
    clues: list[Clue] = []
    surging = entry is not None and grown[entry][0] > math.log(1.5) and grown[entry][1] > 3
    if entry is not None and surging:
        others = [ratio for entity, (ratio, _, _) in grown.items() if entity != entry]
        along = sum(ratio > 0.5 * grown[entry][0] for ratio in others) / len(others) if others else 0.5
        if along >= 0.5:
            target = entry if entry != ENTRY else next((root for root in roots if root != ENTRY), alert or entry)
            strength = 0.9 * trust(grown[entry][1]) * along * min(1.0, grown[entry][0] / math.log(2))
            clues.append(Clue(target, "surge", "traffic_surge", strength, (grown[entry][2],), {"along": along}))
    busiest = busiest_of(picture.shifts, [column for _, _, column in grown.values()])
    slower = _slower(picture)
    for callee, (ratio, z, column) in sorted(grown.items()):
        callers = [caller for caller in up.get(callee, ()) if caller in picture.own_entities]
        if ratio < math.log(1.6) or z < 3 or not callers:
            continue
        fed = max((grown[caller][0] for caller in callers if caller in grown), default=0.0)
        if fed < 0.4 * ratio:
            for caller in callers:
                strength = 0.55 * trust(z) * (0.3 + 0.7 * slower.get(caller, 0.0)) / len(callers) ** 0.5
                strength *= counts(float(picture.shifts.rise[column]), busiest)
                clues.append(Clue(caller, "amplified", "extra_calls", strength, (column,), {"times": math.exp(ratio)}))
    return clues


def _slower(picture: Picture) -> dict[str, float]:
    """How surely calls of each entity became slower, 0..1."""
    out: dict[str, float] = {}
    for column, name, words in picture.usable():
        if words.family == "latency" and picture.shifts.z[column] > 0:
            out[name.entity] = max(out.get(name.entity, 0.0), trust(float(picture.shifts.z[column])))
    return out
