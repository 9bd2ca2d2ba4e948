"""The shifted series of one incident in one picture, and the clues that are read from it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from app.domain.telemetry import SeriesName
from graphs.analysis.calls import behind
from graphs.analysis.metrics.shift import Shifts
from graphs.analysis.metrics.words import Words, read

ENTRY = "entrypoint"
_SECONDS = {"ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True)
class Clue:
    """One reason to suspect `target`. `strength` 0..1; `columns` are the series it rests on, best first."""

    target: str
    channel: str
    kind: str
    strength: float
    columns: tuple[int, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    spans: tuple[str, ...] = ()  # sentences' subjects for clues from spans


@dataclass(frozen=True)
class Picture:
    """The shifted series of all tables in one row of columns, with what their names say."""

    names: tuple[SeriesName, ...]
    words: tuple[Words, ...]
    shifts: Shifts
    own_entities: frozenset[str]  # those with series of their own, not only seen by their callers

    @classmethod
    def of(cls, names: Sequence[SeriesName], shifts: Shifts) -> Picture:
        own = frozenset(name.entity for name in names if ">" not in name.entity)
        return cls(tuple(names), tuple(read(name.metric) for name in names), shifts, own)

    def usable(self) -> Iterator[tuple[int, SeriesName, Words]]:
        """The columns of which anything can be said, in order, with what their names say."""
        for column in np.flatnonzero(self.shifts.usable).tolist():
            yield column, self.names[column], self.words[column]

    def seconds(self, column: int) -> float:
        """By what a time of this series is to be multiplied to be seconds; 1 where its name tells no unit."""
        return _SECONDS.get(self.words[column].unit, 1.0)

    def tells_time(self, column: int) -> bool:
        """Whether its name says that this series is a time."""
        return self.words[column].unit in {"s", *_SECONDS}

    def subject(self, name: SeriesName) -> str | None:
        """Whom a series is about: a callee that shows nothing of its own is known by what its callers see of it. None for what
        is seen of one that does."""
        callee = name.entity.partition(">")[2]
        return None if callee in self.own_entities else callee or name.entity

    @cached_property
    def observed(self) -> frozenset[str]:
        """Those with series of their own, and callees that only their callers can see."""
        return self.own_entities | {callee for name in self.names if (callee := name.entity.partition(">")[2])}

    @cached_property
    def programs(self) -> frozenset[str]:
        """Those that report a resource of their own."""
        own = {"cpu", "memory", "disk", "pool_wait", "pool_use"}
        return frozenset(name.entity for name, words in zip(self.names, self.words, strict=True) if words.family in own)

    @cached_property
    def sick(self) -> Mapping[str, float]:
        """How surely each entity itself shows a symptom or a strained resource, 0..1."""
        out: dict[str, float] = {}
        for column, name, words in self.usable():
            if words.family in {"traffic", "other", "network", "limit"} or words.per_node:
                continue
            z, ratio = float(self.shifts.z[column]), float(self.shifts.log_ratio[column])
            entity = self.subject(name) or name.entity
            if z > 0:
                out[entity] = max(out.get(entity, 0.0), trust(z) * min(1.0, ratio / 0.7))
        return out

    def sick_below(self, entity: str, down: Mapping[str, Sequence[str]]) -> float:
        """How surely the sickest of its nearest observed callees is so, 0..1. `down`: caller -> its callees."""
        return max((self.sick.get(callee, 0.0) for callee in behind(entity, down, self.observed)), default=0.0)


def trust(z: float) -> float:
    """0 for noise, one half at a floored z of 4, nearly 1 from 12 on."""
    z = max(abs(z) - 1.5, 0.0)
    return z * z / (z * z + 6.25)


def combine(clues: Iterable[Clue], cap: float = 5.0) -> dict[str, tuple[float, tuple[Clue, ...]]]:
    """Target -> (weight in nats, its clues, strongest first): independent reasons add up, none alone is certain."""
    by: dict[str, list[Clue]] = {}
    for clue in clues:
        if clue.strength > 0.02:
            by.setdefault(clue.target, []).append(clue)
    out = {}
    for target, its in sorted(by.items()):
        its.sort(key=lambda clue: (-clue.strength, clue.channel, clue.kind))
        best: dict[str, Clue] = {}
        for clue in its:
            best.setdefault(clue.channel, clue)
        doubt = math.prod(1 - min(clue.strength, 0.97) for clue in best.values())
        out[target] = (cap * (1 - doubt), tuple(its))
    return out
