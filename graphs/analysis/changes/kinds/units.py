"""The same number in another unit: beside it, in its name, or under a name that says another one."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import ANOTHER_CALL, Direction, Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.matching.differences import stretches
from graphs.analysis.changes.reading.measures import SECONDS, Measure
from graphs.analysis.changes.reading.names import called_name, clean, last_names, name_of, own_name, words_of
from graphs.analysis.changes.reading.numbers import resource_at
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, split_identifier
from graphs.analysis.changes.vocabulary.resources import RESOURCE, first_resource

_LONG_UNITS = {word: base for word, base in SECONDS.items() if len(word) > 3 or word in ("ms", "us", "ns", "sec", "min")}
_SCALE = re2.compile(r"\b1_?000(?:_?000)*\b|\b1e[369]\b|\b60\b|\b3600\b|\b86400\b")


def _amounts(one: Statement) -> dict[str, float | None]:
    """Numbers of a statement, and the length of the unit that stands beside each; None where none does."""
    found: dict[str, float | None] = {}
    tokens = one.tokens
    for place, token in enumerate(tokens):
        if token.kind != "number" or not token.text[:1].isdigit() or len(token.text) < 2:
            continue
        behind = [item.text for item in tokens[place + 1 : place + 6]]
        behind = behind[: min((at for at, text in enumerate(behind) if text in (",", ")", "}")), default=5)]
        near = [*(item.text for item in tokens[max(0, place - 4) : place] if item.kind == "word"), *behind]
        units = [_LONG_UNITS[word] for text in near for word in split_identifier(text) if word in _LONG_UNITS]
        suffix = token.text.lstrip("0123456789_.")
        units = [SECONDS[suffix]] if suffix in SECONDS else units
        found[re2.sub(r"[a-zA-Z]+$", "", token.text)] = units[-1] if units else None
    return found


def unit_beside(before: Statement, after: Statement) -> Effect | None:
    """The same number, in another unit: a thousand times more, or less."""
    was, now = _amounts(before), _amounts(after)
    for number in was.keys() & now.keys():
        old, new = was[number], now[number]
        if old == new or (old is None and not _loses_name(before, after)) or (new is None and not _drops_unit(before, after)):
            continue
        if _SCALE.findall(before.text) != _SCALE.findall(after.text):
            continue
        key = name_of(after) or called_name(after)
        note = f"{clean(key.rpartition('/')[2])} {clean(number)} is meant in another unit"
        short = (new or 0.0) < (old or 1.0)
        named = first_resource(words_of(before) | words_of(after))
        return effect_of(
            "number",
            0.85,
            note,
            after,
            resource=resource_at(key, after) or named,
            direction="down" if short else "up",
            other=before,
        )
    return None


def _drops_unit(before: Statement, after: Statement) -> bool:
    """Whether only the unit went, in a language in which a bare number is no length of time of the same unit."""
    return name_of(before) == name_of(after) and before.path.endswith(".go") and len(after.key) < len(before.key)


_SECONDS_BARE = (".py", ".rb", ".php", ".ex", ".exs", ".lua")
"""Files of languages whose libraries take a bare number as seconds."""


def _loses_name(before: Statement, after: Statement) -> bool:
    """Whether a bare number, which means seconds nearly everywhere, now stands beside a unit that is not seconds."""
    units = [unit for unit in _amounts(after).values() if unit is not None]
    return bool(units) and units[0] != 1.0 and last_names(before) <= last_names(after) and after.path.endswith(_SECONDS_BARE)


_TIMES = {**{word: unit for word, unit in SECONDS.items() if word not in ("m", "d", "h", "s")}, "ex": 1.0, "px": 1e-3, "s": 1.0}


def unit_word(before: Statement, after: Statement) -> Effect | None:
    """The same number, in another unit that stands beside it as a text."""
    for was, now in stretches(before, after):
        if len(was) != 1 or len(now) != 1 or was[0].kind != now[0].kind or was[0].kind not in ("string", "word"):
            continue
        if was[0].kind == "word" and not any(token.kind == "number" for token in after.tokens):
            continue
        left, right = (_TIMES.get(side[0].text.strip("\"'`").lower()) for side in (was, now))
        if left and right and left != right:
            resource = resource_at(name_of(after) or "", after) or RESOURCE["cache"]
            direction: Direction = "down" if right < left else "up"
            note = f"{clean(was[0].text)} -> {clean(now[0].text)}"
            return effect_of("number", 0.8, note, after, resource=resource, direction=direction, other=before)
    return None


def unit_of_a_setting(before: Statement, after: Statement) -> Effect | None:
    """The same number under a name that says another unit."""
    names = [split_identifier(own_name(one)) for one in (before, after)]
    units = [[word for word in name if word in SECONDS and len(word) > 1] for name in names]
    rest = [[word for word in name if word not in SECONDS] for name in names]
    if len(units[0]) != 1 or len(units[1]) != 1 or units[0] == units[1] or rest[0] != rest[1]:
        return None
    values = [next((float(token.text) for token in one.tokens if _PLAIN.match(token.text)), 0.0) for one in (before, after)]
    per = "per" in rest[0]
    amounts = [value / SECONDS[unit[0]] if per else value * SECONDS[unit[0]] for value, unit in zip(values, units, strict=True)]
    if not all(amounts) or abs(amounts[0] / amounts[1] - 1.0) < _SAME_AMOUNT:
        return None
    note = f"{clean(' '.join(names[0]))} {values[0]:g} -> {clean(' '.join(names[1]))} {values[1]:g}"
    key = own_name(after)
    return effect_of(
        "number",
        0.85,
        note,
        after,
        resource=resource_at(key, after),
        direction="down" if amounts[1] < amounts[0] else "up",
        before=Measure(amounts[0], "" if per else "s"),
        after=Measure(amounts[1], "" if per else "s"),
        other=before,
    )


_SAME_AMOUNT = 0.01
_PLAIN = re2.compile(r"^\d{1,12}(?:\.\d{1,12})?$")
_UNIT_WORDS = listed("cents cent minor micros millis ms seconds secs minutes hours bytes kb mb bps")


def unit_named(before: Statement, after: Statement) -> Effect | None:
    """The same quantity under a name that says another unit, or none any more."""
    if len(before.key) != len(after.key):
        return None
    steps = [(was, now) for was, now in zip(before.key, after.key, strict=True) if was != now]
    if len(steps) != 1:
        return None
    was, now = ({*split_identifier(text)} for text in steps[0])
    if not (was ^ now) & _UNIT_WORDS or not (was - _UNIT_WORDS) & (now - _UNIT_WORDS) or (was - _UNIT_WORDS) != (now - _UNIT_WORDS):
        return None
    return effect_of("conversion", 0.65, f"{clean(steps[0][0])} became {clean(steps[0][1])}: another unit", after, other=before)


KINDS = (
    Altered(unit_beside),
    Altered(unit_of_a_setting, of="config", instead_of=ANOTHER_CALL),
    Altered(unit_word, of="code", instead_of=ANOTHER_CALL),
    Altered(unit_named, of="code"),
)
