"""A number became another one: what the step is worth, by what it counts or measures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Direction, Effect, effect_of
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.measures import Measure
from graphs.analysis.changes.reading.names import clean, last_names, name_of, passes_error
from graphs.analysis.changes.reading.numbers import resource_at, valued
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import Token
from graphs.analysis.changes.reading.words import stem_set, stems
from graphs.analysis.changes.vocabulary.calls import ROUNDERS
from graphs.analysis.changes.vocabulary.marks import ASSIGNS, VERSION
from graphs.analysis.changes.vocabulary.resources import RESOURCE, Resource


def numbers(before: Statement, after: Statement) -> list[Effect]:
    if passes_error(before) and passes_error(after):
        return []
    if file_kind(after.path) == "image" and after.text.upper().startswith("FROM "):
        weight = 0.2 if _PATCH.sub(r"\1", before.text) == _PATCH.sub(r"\1", after.text) else 0.6
        return [effect_of("image", weight, f"base image {clean(before.text[5:])} -> {clean(after.text[5:])}", after, other=before)]
    old, new = dict(valued(before)), dict(valued(after))
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


def number_step(key: str, was: Measure, now: Measure, before: Statement, after: Statement, *, texts: Sequence[str] = ()) -> Effect:
    """What it is worth that `was`, which one statement said, is `now`, as another one says. `texts`: both, as they are written."""
    texts = texts or ["".join(item.text for item in _last_value(one)) for one in (before, after)]
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


_SIZES = {"": 1.0, "k": 1024.0, "m": 1024.0**2, "g": 1024.0**3}


def flags_of_programs(before: Statement, after: Statement) -> Iterator[Effect]:
    """Numbers of the flags in one text that a program is started with: `-Xmx2g --workers=4`."""
    was, now = ([found for word in re2.split(r"[\s\"']+", one.text) if (found := FLAG.match(word))] for one in (before, after))
    old = {found.group(1): found for found in was}
    for found in now:
        flag, size = found.group(1), found.group(3).lower()
        if flag not in old or flag.startswith(("TLSv", "HTTP")) or (found.group() == old[flag].group()) or " " not in _text(after):
            continue
        earlier, unit = old[flag], "B" if size or old[flag].group(3) else ""
        measures = [float(one.group(2)) * _SIZES[one.group(3).lower()] for one in (earlier, found)]
        step = [Measure(value, "B" if unit else "") for value in measures]
        made = number_step(flag.strip("-=:"), step[0], step[1], before, after)
        memory = RESOURCE["memory"] if _HEAP.match(flag) else made.resource
        yield replace(made, note=f"{clean(flag)} {clean(earlier.group())} -> {clean(found.group())}", resource=memory)


_HEAP = re2.compile(r"^-Xm[xsn]$")


def _text(one: Statement) -> str:
    return next((token.text for token in one.tokens if token.kind == "string"), "")


FLAG = re2.compile(r"^(-{0,2}[A-Za-z][\w:+.-]*?[=:]?)(\d{1,12})([kKmMgG]?)[bB]?$")


def rounded(before: Statement, after: Statement) -> list[Effect]:
    was, now = last_names(before) & ROUNDERS, last_names(after) & ROUNDERS
    if was == now or passes_error(after):
        return []
    return [effect_of("rounding", 0.55, f"{clean(min(was ^ now))} came or went", after, other=before)]
