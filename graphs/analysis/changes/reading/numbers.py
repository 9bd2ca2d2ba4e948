"""Numbers of a statement: under which key, and in which unit."""

from __future__ import annotations

import math

import re2

from graphs.analysis.changes.reading.measures import Measure, measure
from graphs.analysis.changes.reading.statements import Statement, remembered
from graphs.analysis.changes.reading.words import listed, split_identifier, stems
from graphs.analysis.changes.vocabulary.marks import ASSIGNS, COMPARE, HEADS, TYPES
from graphs.analysis.changes.vocabulary.resources import Resource, resources_of


@remembered
def valued(one: Statement) -> list[tuple[str, tuple[str, Measure]]]:
    """(key, (its text, its measure)) of every number in a statement; a number inside quotes counts when it is all there is."""
    values: list[tuple[str, tuple[str, Measure]]] = []
    seen: dict[str, int] = {}
    factors: set[int] = set()
    for place, token in enumerate(one.tokens):
        if place in factors:
            continue
        text = token.text.strip("\"'`") if token.kind == "string" else token.text
        if token.kind not in ("number", "string") or not text[:1].isdigit():
            continue
        if place and one.tokens[place - 1].text == "-" and (place < 2 or one.tokens[place - 2].kind == "op"):
            text = text if _default_of(one, place) else "-" + text
        key = _key_at(one, place)
        found = _millicores(text, one, key) or measure(text, _unit_words(one, place, key))
        if found is None:
            continue
        more = _factors(one, place) if token.kind == "number" else []
        if more:  # 30 * 60 * 1000 is one number, spelled out
            factors |= set(more)
            found = Measure(found.value * math.prod(float(one.tokens[at].text) for at in more), found.unit)
            text = " * ".join([text, *(one.tokens[at].text for at in more)])
        elif token.kind == "number" and (places := _shifted(one, place)) is not None:  # 512 << 10 is one number too
            factors.add(place + 2)
            found = Measure(found.value * 2.0**places, found.unit)
            text = f"{text} << {places}"
        seen[key] = seen.get(key, 0) + 1
        unit = "".join(item.text for item in one.tokens[place + 1 : place + 5] if item.text not in ",;)}")
        shown = text + _unit_shown(unit)
        values.append((key if seen[key] == 1 else f"{key} {seen[key]}", (shown, found)))
    return values


def _default_of(one: Statement, place: int) -> bool:
    """`${NAME:-3}`: what holds where nobody says otherwise, and no minus."""
    return place >= 4 and one.tokens[place - 2].text == ":" and one.tokens[place - 4].text == "{"


def _factors(one: Statement, place: int) -> list[int]:
    """Places of the plain numbers that the number at `place` is multiplied with."""
    found: list[int] = []
    while one.tokens[place + 1 : place + 2] and one.tokens[place + 1].text == "*" and len(one.tokens) > place + 2:
        place += 2
        if not _PLAIN.match(one.tokens[place].text):
            break
        found.append(place)
    return found


_PLAIN = re2.compile(r"^\d{1,12}(\.\d{1,12})?$")


def _shifted(one: Statement, place: int) -> int | None:
    """By how many binary places the number at `place` is shifted up; None where it is not."""
    behind = [token.text for token in one.tokens[place + 1 : place + 3]]
    return int(behind[1]) if behind[:1] == ["<<"] and _PLACES.match(behind[-1]) else None


_PLACES = re2.compile(r"^\d{1,2}$")


def _millicores(text: str, one: Statement, key: str) -> Measure | None:
    """Kubernetes' thousandths of a core: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"""
    if not text.endswith("m") or not text[:-1].isdigit() or len(text) > 9 or "cpu" not in split_identifier(key):
        return None
    return Measure(int(text[:-1]) / 1000.0, "")


_UNIT = re2.compile(r"(?i)^\*?(?:time|duration)?[.:]*(nano|micro|milli)?(second|minute|hour|day)s?")
_SHORT = {"nanosecond": "ns", "microsecond": "us", "millisecond": "ms", "second": "s", "minute": "min", "hour": "h", "day": "d"}


def _unit_shown(following: str) -> str:
    match = _UNIT.search(following)
    return _SHORT[(match.group(1) or "").lower() + match.group(2).lower()] if match is not None else ""


def _unit_words(one: Statement, place: int, key: str) -> list[str]:
    after = [item.text for item in one.tokens[place + 1 : place + 5]]
    near = (
        [word for text in after[: after.index(",") if "," in after else 4] for word in split_identifier(text)]
        if after[:1] in (["*"], [","]) or (one.tokens[place - 1].text == "(")
        else []
    )
    callee = split_identifier(one.tokens[place - 2].text) if place >= 2 and one.tokens[place - 1].text == "(" else []
    if "per" in split_identifier(key):
        return []
    return [word for word in [*near, *callee[::-1], *split_identifier(key)[::-1][:1]] if len(word) > 1]


@remembered
def measures_of(one: Statement) -> list[Measure]:
    """Every number of a statement, in its base unit."""
    return [found for _, (_, found) in valued(one)]


_PUTS = listed(
    "put set setProperty setProperties putIfAbsent setConfig setOption setInt setLong setItem config option property with"
)
"""Calls whose first argument says what the second one is for."""


def _key_at(one: Statement, place: int) -> str:
    tokens = one.tokens
    previous = tokens[place - 1].text if place else ""
    depth = 0
    arguments = 0
    for back in range(place - 1, -1, -1):
        text = tokens[back].text
        if text in ")]":
            depth += 1
        elif text in "([" and depth:
            depth -= 1
        elif depth:
            continue
        elif text in ASSIGNS and back:
            left = back - 1
            while left > 0 and (tokens[left].text in TYPES or tokens[left].text in (":", ".", ")", "]")):
                left -= 1
            return tokens[left].text.strip("\"'`")
        elif text in COMPARE and back and tokens[back - 1].kind == "word":
            return tokens[back - 1].text
        elif text == ",":
            arguments += 1
        elif text in "([" and back and tokens[back - 1].kind == "word":
            if arguments == 1 and tokens[back - 1].text in _PUTS and tokens[back + 2].text == ",":
                return tokens[back + 1].text.strip("\"'`")
            return f"{tokens[back - 1].text} {arguments}" if arguments else tokens[back - 1].text
    first = next(
        (
            token.text
            for token in tokens
            if token.kind in ("word", "string") and token.text not in TYPES and token.text not in HEADS
        ),
        previous,
    )
    return first.strip("\"'`")


def resource_at(key: str, one: Statement) -> Resource | None:
    """What a key names; else the keys it stands in; else the rest of the statement. Bounds of something are that thing's."""
    found: list[Resource] = []
    for words in (
        stems(key),
        stems(" ".join(one.parents[-2:])),
        [word for token in one.tokens if token.kind == "word" for word in stems(token.text)],
    ):
        hits = resources_of(frozenset(words))
        found += [hit for hit in hits[:1] if hit.kind != "threshold"] or hits[:1]
    return next((hit for hit in found if hit.kind != "threshold"), found[0] if found else None)
