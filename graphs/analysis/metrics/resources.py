"""Who is short of a resource of its own: processor, memory, disk, network, connections, places in a queue. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphs.analysis.calls import Edge, callees_of
from graphs.analysis.metrics.picture import ENTRY, Clue, Picture, trust
from graphs.analysis.metrics.propagation import sharpened
from graphs.analysis.metrics.shift import Shifts

_RESOURCES = {
    "cpu": 1.0,
    "memory": 0.8,
    "disk": 0.8,
    "network": 0.45,
    "loss": 1.0,
    "pool_wait": 1.1,
    "pool_use": 0.9,
    "queue": 0.7,
    "other": 0.3,
    "traffic": 0.25,
    "limit": 0.8,
}
"""How much a resource out of range tells, next to a processor: networks carry others' traffic, and what nobody can name may be
anything."""


@dataclass(frozen=True)
class _Effect:
    """What one resource of an entity shows: how much (0 and up), by which series, and that one's `z`."""

    size: float
    column: int
    z: float


def resource_clues(picture: Picture, edges: Sequence[Edge]) -> list[Clue]:
    effects = _effects(picture, callees_of(edges))
    total: dict[str, float] = {}
    for held in effects.values():
        for entity, effect in held.items():
            total[entity] = math.hypot(total.get(entity, 0.0), effect.size)
    sharp = sharpened(total)
    largest = _largest_memories(picture)
    clues = []
    for entity in sorted(total):
        its = sorted(
            ((held[entity], family) for family, held in effects.items() if entity in held),
            key=lambda pair: (-pair[0].size, pair[1]),
        )
        worst, family = its[0]
        strength = 0.85 * (1 - math.exp(-total[entity])) * sharp.get(entity, 0.0) ** 0.5
        if strength > 0:
            based_on = tuple(effect.column for effect, _ in its if effect.size > 0.3 * worst.size)
            grown = effects.get("memory", {}).get(entity)
            if family == "cpu" and grown is not None and grown.z > 12 and _much(picture, grown.column, largest):
                # filling memory burns processor time; burning processor time fills no memory
                family, based_on = "memory", tuple(dict.fromkeys((grown.column, *based_on)))
            clues.append(Clue(entity, "resource", _kind(family, worst.z), strength, based_on, {"z": worst.z}))
    return clues


def _effects(picture: Picture, down: Mapping[str, Sequence[str]]) -> dict[str, dict[str, _Effect]]:
    """Family of resources -> entity -> what its most telling series shows."""
    siblings: dict[str, list[int]] = {}
    for column, name, words in picture.usable():
        if words.family in _RESOURCES and ">" not in name.entity and name.entity != ENTRY:
            siblings.setdefault(name.metric, []).append(column)
    out: dict[str, dict[str, _Effect]] = {}
    for _, columns in sorted(siblings.items()):
        held = out.setdefault(picture.words[columns[0]].family, {})
        for column, size in zip(columns, _sizes(picture, columns, down), strict=True):
            entity = picture.names[column].entity
            if entity not in held or size > held[entity].size:
                held[entity] = _Effect(size, column, float(picture.shifts.z[column]))
    return out


def _sizes(picture: Picture, columns: Sequence[int], down: Mapping[str, Sequence[str]]) -> list[float]:
    """How much each series of one metric tells of its entity."""
    shifts, words = picture.shifts, picture.words[columns[0]]
    ratios = shifts.log_ratio[columns]
    most = float(np.maximum(np.abs(shifts.level[columns]), np.abs(shifts.base[columns])).max())
    common = float(np.median(ratios)) if len(columns) >= 4 else 0.0
    busiest = busiest_of(shifts, columns)
    sizes = []
    for column in columns:
        z, ratio = float(shifts.z[column]), float(shifts.log_ratio[column])
        # what the same series of the other entities did as well is not this one's
        own = ratio - common if abs(ratio) > abs(common) and ratio * common > 0 else ratio
        part = own / ratio if ratio else 0.0
        effect = trust(z) * math.log1p(abs(z) / 3) * min(1.0, abs(own) / 0.7) * part * _RESOURCES[words.family]
        if z < 0:
            effect *= 0.45
        if words.family == "loss":
            # both ends of a lossy line send again; the lossy end does so most, and more than others do on a good day
            effect *= float(abs(shifts.rise[column]) / max(most, 1e-300))
        if words.family == "traffic":
            effect *= counts(float(shifts.rise[column]), busiest)
        if words.per_node:
            effect *= 0.15
        if words.family == "queue":  # requests pile up at whoever waits for a callee as well
            if not words.unit and not words.ratio:  # a fraction of one thing waiting is nobody's trouble
                effect *= min(1.0, abs(float(shifts.rise[column])))
            effect *= 1 - 0.6 * picture.sick_below(picture.names[column].entity, down)
        sizes.append(effect)
    return sizes


def _largest_memories(picture: Picture) -> dict[str, float]:
    """Metric -> the most that any entity has of it when all is well."""
    out: dict[str, float] = {}
    for name, words, base in zip(picture.names, picture.words, picture.shifts.base.tolist(), strict=True):
        if words.family == "memory":
            out[name.metric] = max(out.get(name.metric, base), base)
    return out


def _much(picture: Picture, column: int, largest: Mapping[str, float]) -> bool:
    """Whether a series at least doubled, by an amount that counts next to the largest of its kind."""
    shifts = picture.shifts
    return bool(shifts.log_ratio[column] > math.log(2)) and float(shifts.rise[column]) > 0.1 * largest[picture.names[column].metric]


def busiest_of(shifts: Shifts, alike: Sequence[int]) -> float:
    """The most that any of some traffic series shows, before or now."""
    return max((max(float(shifts.base[column]), float(shifts.level[column])) for column in alike), default=0.0)


def counts(rise: float, busiest: float) -> float:
    """How much a change of traffic counts next to the `busiest_of` its like, 0..1: what is hardly ever used goes from nothing to
    something without anything being wrong."""
    return min(1.0, abs(rise) / (0.05 * busiest)) if busiest > 0 else 1.0


def _kind(family: str, z: float) -> str:
    if z < 0 and family != "limit":
        return "anomaly"  # it does less than before: the other end of what its family names
    named = {
        "cpu": "cpu",
        "memory": "memory",
        "disk": "disk",
        "network": "network_delay",
        "loss": "packet_loss",
        "pool_wait": "connection_pool",
    }
    named |= {"pool_use": "connection_pool", "limit": "connection_pool", "queue": "saturation", "traffic": "traffic"}
    return named.get(family, "anomaly")
