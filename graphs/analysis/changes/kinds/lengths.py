"""Lengths of time that are asked for in another unit: the same name, the same use, and numbers that mean something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import asked_by_name, clean
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set

_UNITS = {
    **dict.fromkeys(("nanos", "nano", "nanoseconds", "ns"), 1e-9),
    **dict.fromkeys(("micros", "micro", "microseconds", "us"), 1e-6),
    **dict.fromkeys(("millis", "milli", "milliseconds", "ms"), 1e-3),
    **dict.fromkeys(("seconds", "secs", "second", "sec"), 1.0),
    **dict.fromkeys(("minutes", "mins"), 60.0),
    **dict.fromkeys(("hours",), 3600.0),
    **dict.fromkeys(("days",), 86400.0),
}
_MARKS = listed("total to as in unix epoch num whole")
"""What such a name begins with: `hours` alone, or after `get`, may be a part of a time and no length."""
_OWNERS = listed("ChronoUnit TimeUnit DurationUnit")
_SCALE = re2.compile(r"\b(?:1_?000(?:_?000)*|1e[369]|60|24|3_?600|86_?400)\b")
Asked = tuple[frozenset[str], float]


def another_unit(sides: Sides) -> Iterator[Effect]:
    """A length that code asks for in another unit, where nothing else makes up for it."""
    for was, now in sides.by_code_file():
        old, new = _asked(was), _asked(now)
        for root in sorted(old.keys() & new.keys(), key=sorted):
            before, after = old[root], new[root]
            if before.keys() & after.keys():
                continue
            one, (unit, other) = next(iter(before.values())), next(iter(after.items()))
            if _SCALE.findall(one[1].text) != _SCALE.findall(other[1].text) or _says(other[1], other[0], unit):
                continue
            note = f"{clean(other[0])} is asked, no longer {clean(one[0])}"
            made = effect_of("conversion", 0.75, note, other[1], other=one[1])
            yield replace(made, words=made.words | stem_set(other[1].parents[-1:]))


def _asked(side: Sequence[Statement]) -> dict[frozenset[str], dict[float, tuple[str, Statement]]]:
    """By the rest of their names, what is asked in which unit, and where first."""
    found: dict[frozenset[str], dict[float, tuple[str, Statement]]] = {}
    for one in side:
        for name in sorted({name.rpartition(".")[2].rpartition(":")[2] for name in called(one)} | asked_by_name(one)):
            if (asked := _unit(name, one)) is not None:
                found.setdefault(asked[0], {}).setdefault(asked[1], (name, one))
    return found


def _unit(name: str, one: Statement) -> Asked | None:
    words = split_identifier(name)
    units = [_UNITS[word] for word in words if word in _UNITS]
    rest = frozenset(words).difference(_UNITS)
    if len(units) != 1:
        return None
    alone = not rest and (
        (one.path.endswith(".go") and f".{name}()" in one.text) or any(f"{own}.{name}" in one.text for own in _OWNERS)
    )
    return (rest - {"to", "as", "in", "num"}, units[0]) if alone or rest & _MARKS else None


def _says(one: Statement, asked: str, unit: float) -> bool:
    """Whether something else in the statement says the new unit: then its reader was told."""
    others = (token.text for token in one.tokens if token.kind in ("word", "string") and token.text != asked)
    return any(_UNITS.get(word) == unit for text in others for word in split_identifier(text))


KINDS = (Throughout(another_unit),)
