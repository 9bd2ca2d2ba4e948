"""Numbers of a statement: under which key, in which unit, and what their change is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import re2

from graphs.analysis.changes.effects import (
    ASSIGNS,
    COMPARE,
    TYPES,
    VERSION,
    Direction,
    Effect,
    clean,
    effect_of,
    name_of,
    passes_error,
)
from graphs.analysis.changes.lexicon import Resource, resources_of
from graphs.analysis.changes.reading.statements import Statement, file_kind
from graphs.analysis.changes.reading.tokens import Measure, Token, measure, split_identifier, stem_set, stems

HEADS = frozenset(
    ["const", "let", "var", "return", "public", "private", "static", "final", "def", "val", "if", "while", "export", "self", "this"]
)


def numbers(before: Statement, after: Statement) -> list[Effect]:
    if passes_error(before) and passes_error(after):
        return []
    if file_kind(after.path) == "image" and after.text.upper().startswith("FROM "):
        weight = 0.2 if _PATCH.sub(r"\1", before.text) == _PATCH.sub(r"\1", after.text) else 0.6
        return [effect_of("image", weight, f"base image {clean(before.text[5:])} -> {clean(after.text[5:])}", after, other=before)]
    old, new = dict(_valued(before)), dict(_valued(after))
    found = []
    if len(old) == len(new) == 1 and not old.keys() & new.keys() and (key := name_of(after)) and key == name_of(before):
        ((number, value),), ((shown, now),) = old.values(), new.values()  # one of them stands in a call, as its default
        return [_number(key.rpartition("/")[2], value, now, before, after, texts=(number, shown))] if value != now else []
    for key, (number, value) in old.items():
        if key in new and not _same_time(value, new[key][1]) and new[key][1] != value and not VERSION.match(number):
            found.append(_number(key, value, new[key][1], before, after, texts=(number, new[key][0])))
        elif key not in new and len(new) < len(old) and resource_at(key, before) is not None and number not in "01":
            found.append(
                effect_of(
                    "gone",
                    _unbound(key),
                    f"{clean(key)} {clean(number)} dropped",
                    after,
                    resource=resource_at(key, before),
                    direction="gone",
                )
            )
    return found


def _same_time(was: Measure, now: Measure) -> bool:
    """Whether a bare number is the same time as one with a unit, in seconds or thousandths of them."""
    if {was.unit, now.unit} != {"", "s"}:
        return False
    bare, timed = (was, now) if not was.unit else (now, was)
    return any(math.isclose(bare.value * unit, timed.value) for unit in (1.0, 1e-3, 1e-6, 1e-9))


def _unbound(key: str) -> float:
    """A bound that went is more than a number that went."""
    return 0.55 if frozenset(stems(key)) & _BOUNDS else 0.4


_BOUNDS = stem_set(
    [
        *("max", "maximum", "maxsize", "limit", "capacity", "bound", "timeout", "deadline"),
        *("leeway", "tolerance", "skew", "grace", "concurrency", "parallelism"),
    ]
)
_PATCH = re2.compile(r"(\d+\.\d+)(?:\.\d+)+")


def _number(key: str, was: Measure, now: Measure, before: Statement, after: Statement, *, texts: tuple[str, str]) -> Effect:
    resource = resource_at(key, after)
    if resource is not None and resource.kind in _COUNTED and now.unit == "s":
        resource = None  # how long something of the pool lasts is not how much of it there is
    direction: Direction = "up" if now.value > was.value else "down"
    if was.value and now.value and (was.value > 0) is (now.value > 0):
        weight = min(1.0, 0.25 + 0.25 * _octaves(was.value, now.value))
    else:
        weight = 0.8
    if resource is not None and resource.kind == "address":
        return replace(_another(key, resource, before, after, texts), before=was, after=now)
    if {was.unit, now.unit} == {"", "ratio"}:
        weight = min(weight, 0.4)  # so many, and a share of all: nobody can tell which is more
        direction = "other"
    if resource is None:
        weight = max(weight * 0.6, 0.3)
    elif resource.kind in ("price", "work"):
        weight = max(weight, 0.5)  # whoever pays notices the smallest step
    elif resource.harm not in ("both", direction):
        weight *= 0.45 + 0.4 * min(1.0, _octaves(was.value, now.value) / 5.0)
    names = (
        [clean(name) for name in (*after.parents[-1:], key) if name]
        if file_kind(after.path) == "config"
        else [clean(key).rstrip(" 0123456789")]
    )
    note = f"{'.'.join(dict.fromkeys(filter(None, names))) or 'a number'} {clean(texts[0])} -> {clean(texts[1])}"
    return effect_of("number", weight, note, after, resource=resource, direction=direction, before=was, after=now, other=before)


def number_step(key: str, was: Measure, now: Measure, before: Statement, after: Statement) -> Effect:
    """What it is worth that `was`, which one statement said, is `now`, as another one says."""
    texts = ["".join(item.text for item in _last_value(one)) for one in (before, after)]
    found = _number(key, was, now, before, after, texts=(texts[0], texts[1]))
    resource = resource_at(key, before)
    return replace(found, resource=found.resource or resource)


def _last_value(one: Statement) -> tuple[Token, ...]:
    place = max((at for at, token in enumerate(one.tokens) if token.text in ASSIGNS), default=-1)
    return one.tokens[place + 1 :]


_COUNTED = frozenset({"connection_pool", "workers", "replicas", "memory"})


def _octaves(was: float, now: float) -> float:
    """How often one doubles into the other; 9 where one is nothing or they differ in sign."""
    if not was or not now or (was > 0) is not (now > 0):
        return 9.0
    return abs(math.log2(abs(now)) - math.log2(abs(was)))  # not the ratio's logarithm: of 1e300 and 1e-300 it has none


def _another(key: str, resource: Resource, before: Statement, after: Statement, texts: tuple[str, str]) -> Effect:
    """A port is a name made of digits: the next one is as wrong as any other."""
    note = f"{clean(key)} {clean(texts[0])} -> {clean(texts[1])}"
    return effect_of("literal", 0.6, note, after, resource=resource, other=before)


def _valued(one: Statement) -> Iterator[tuple[str, tuple[str, Measure]]]:
    """(key, (its text, its measure)) of every number in a statement; a number inside quotes counts when it is all there is."""
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
        seen[key] = seen.get(key, 0) + 1
        unit = "".join(item.text for item in one.tokens[place + 1 : place + 5] if item.text not in ",;)}")
        shown = text + _unit_shown(unit)
        yield key if seen[key] == 1 else f"{key} {seen[key]}", (shown, found)


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


def _millicores(text: str, one: Statement, key: str) -> Measure | None:
    """Kubernetes' thousandths of a core: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"""
    if not text.endswith("m") or not text[:-1].isdigit() or len(text) > 9 or "cpu" not in split_identifier(key):
        return None
    return Measure(int(text[:-1]) / 1000.0, "")


_SHORT = {"nanosecond": "ns", "microsecond": "us", "millisecond": "ms", "second": "s", "minute": "min", "hour": "h", "day": "d"}


def _unit_shown(following: str) -> str:
    match = re2.search(r"(?i)^\*?(?:time|duration)?[.:]*(nano|micro|milli)?(second|minute|hour|day)s?", following)
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


def measures_of(one: Statement) -> list[Measure]:
    """Every number of a statement, in its base unit."""
    return [found for _, (_, found) in _valued(one)]


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
