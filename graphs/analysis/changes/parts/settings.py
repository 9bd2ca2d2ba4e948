"""What is configured: a name or address that became another, switches, levels, lists."""

from __future__ import annotations

import math
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.matching.differences import replaced
from graphs.analysis.changes.reading.constants import UNITS, bare
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, clean, name_of, own_name, passes_error, wordy
from graphs.analysis.changes.reading.numbers import measures_of, resource_at
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.marks import PATTERN, SQL, TRUTHS, VERSION
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_LEVELS = ("off", "fatal", "error", "warn", "warning", "info", "debug", "trace", "all")


def switches(before: Statement, after: Statement) -> list[Effect]:
    found = []
    for old, new in replaced(before, after):
        was, now = old.text.strip("\"'`").lower(), new.text.strip("\"'`").lower()
        if was in TRUTHS and now in TRUTHS and TRUTHS[was] != TRUTHS[now]:
            key = name_of(after) or called_name(after)
            found.append(
                effect_of(
                    "switch",
                    0.6,
                    f"{clean(key)} {was} -> {now}",
                    after,
                    resource=resource_at(key, after),
                    direction="up" if TRUTHS[now] else "gone",
                )
            )
        elif was in _LEVELS and now in _LEVELS and was != now and _levels_here(after):
            louder = _LEVELS.index(now) > _LEVELS.index(was)
            resource = resource_at("level", after) if louder else None
            found.append(
                effect_of(
                    "switch",
                    0.55 if louder else 0.15,
                    f"log level {was} -> {now}",
                    after,
                    resource=resource,
                    direction="up" if louder else "down",
                )
            )
    return found


def _levels_here(one: Statement) -> bool:
    return bool(
        {"level", "loglevel", "verbos", "log", "logg"} & stem_set([token.text for token in one.tokens] + list(one.parents))
        or "level" in one.text.lower()
    )


def texts(before: Statement, after: Statement) -> list[Effect]:
    found = []
    for old, new in replaced(before, after):
        was, now = old.text.strip("\"'`"), new.text.strip("\"'`")
        if file_kind(after.path) == "image" and after.text.upper().startswith("FROM "):
            continue  # told as another image
        plain = file_kind(after.path) in ("config", "image") and {old.kind, new.kind} <= {"string", "word"}
        if not (old.kind == new.kind == "string" or plain) or was == now or was.lower() in TRUTHS or was.lower() in _LEVELS:
            continue
        if SQL.search(was) and SQL.search(now):
            found.append(query(was, now, after))
        elif _HOLE.search(was) and _HOLE.search(now) and _HOLE.sub("{}", was) == _HOLE.sub("{}", now):
            found.append(effect_of("changed", 0.3, "a text is filled in otherwise", after, other=before))
        elif (VERSION.match(was) and VERSION.match(now)) or (was[:1].isdigit() and now[:1].isdigit()):
            continue
        elif (PATTERN.search(after.text) or not wordy(was)) and not passes_error(after):
            key = name_of(after) or _first_text(after, was, now)
            if PATTERN.search(after.text):
                found.append(
                    effect_of("pattern", 0.6, f"another pattern in {clean(key) or called_name(after)}", after, other=before)
                )
                continue
            note = f"{clean(was)} -> {clean(now)}" + (f" in {clean(key)}" if key else "")
            made = effect_of("literal", 0.6, note, after, resource=resource_at(key, after) if key else None)
            found.append(replace(made, words=made.words | stem_set([was, now])))
    return found


def _first_text(one: Statement, *but: str) -> str:
    """The text by which a call says what it sets: `header("Cache-Control", ...)`."""
    found = next((token.text.strip("\"'`") for token in one.tokens if token.kind == "string"), "")
    return found if found not in but and not wordy(found) else ""


_HOLE = re2.compile(r"[$#]?\{[^{}]*\}")


def another_setting(before: Statement, after: Statement) -> Effect | None:
    """A configured name, address or word became another; numbers, switches and levels are read elsewhere."""
    (key, was), (same, now) = _key_value(before.text), _key_value(after.text)
    if _NUMBER.match(was) and _HOLDER.search(now):
        return None
    if not was or not now or key != same or was == now or wordy(was) or (was[0].isdigit() and now[0].isdigit()):
        return None
    if {was.lower(), now.lower()} <= {*TRUTHS, *_LEVELS} or (VERSION.match(was) and VERSION.match(now)):
        return None
    resource = resource_at(key, after)
    if resource is not None and resource.kind in MEASURED and (small := embedded(was, now)) is not None:
        return effect_of(
            "number",
            small,
            f"{clean(was)} -> {clean(now)} in {clean(key)}",
            after,
            resource=resource,
            direction="up" if first_number(now) > first_number(was) else "down",
            other=before,
        )
    made = effect_of("literal", 0.6, f"{clean(was)} -> {clean(now)} in {clean(key)}", after, resource=resource, other=before)
    return replace(made, words=made.words | stem_set([was, now]))


_NUMBER, _HOLDER = re2.compile(r"^\d{1,12}(?:\.\d{1,12})?$"), re2.compile(r"[$%({][^\d]*\d{1,12}\D*$")


def _key_value(text: str) -> tuple[str, str]:
    match = _KEY_VALUE.match(text.strip().rstrip(","))
    return (match.group(1).strip("\"'"), match.group(2).strip("\"'")) if match is not None else ("", "")


_KEY_VALUE = re2.compile(r"^(?:export |- )?([\w.\-\"']+)\s*[:=]\s*([^\s{\[].*)$")
_LISTING = re2.compile(r"^([a-z]\w+)\s+([^{};=]+);$")


def no_longer_listed(before: Statement, after: Statement) -> Effect | None:
    """A directive that lists, where one of what it listed went."""
    was, now = _LISTING.match(before.text), _LISTING.match(after.text)
    if was is None or now is None or was.group(1) != now.group(1):
        return None
    old, new = was.group(2).split(), now.group(2).split()
    lost = [word for word in old if word not in new]
    if not lost or set(new) - set(old):
        return None
    note = f"{clean(lost[0])} is no longer listed in {clean(was.group(1))}"
    return effect_of("literal", 0.55, note, after, resource=resource_at(was.group(1), after), direction="gone", other=before)


MEASURED = listed("memory timeout connection_pool workers queue cpu retry cache")
_DIGITS = re2.compile(r"\d{1,12}(?:\.\d{1,12})?")


def embedded(was: str, now: str) -> float | None:
    """The weight of a step of the one number by which two texts differ; None where they differ otherwise."""
    if _DIGITS.sub("#", was) != _DIGITS.sub("#", now) or was.count("#") or len(_DIGITS.findall(was)) != 1:
        return None
    low, high = sorted((first_number(was), first_number(now)))
    return min(1.0, 0.15 + 0.25 * math.log2(high / low)) if low else 0.8


def first_number(text: str) -> float:
    return float(_DIGITS.search(text).group())


def query(was: str, now: str, after: Statement) -> Effect:
    lost = {
        word
        for word in ("limit", "where", "index", "join", "on", "order by", "skip locked", "for update", "distinct", "partition")
        if f" {word} " in f" {was.lower()} " and f" {word} " not in f" {now.lower()} "
    }
    if _WRAPPED.search(now) and not _WRAPPED.search(was):
        return effect_of("query", 0.75, "compares what a function makes of a column", after)
    if _SIGNS.findall(was) != _SIGNS.findall(now) and _SIGNS.sub("=", was) == _SIGNS.sub("=", now):
        return effect_of("condition", 0.7, "a query compares otherwise", after)
    if was.lower().count(" and ") > now.lower().count(" and ") and " or " not in now.lower():
        lost |= {"condition"}
    weight = 0.85 if lost else 0.6
    note = "query lost its " + " and ".join(sorted(lost)) if lost else "query changed"
    waits = "skip locked" in lost and "for update" in now.lower()  # for whoever holds the first row
    made = effect_of(
        "query", weight, note, after, resource=RESOURCE["lock"] if waits else None, direction="up" if waits else "other"
    )
    return replace(made, words=made.words | stem_set(lost))


_SIGNS = re2.compile(r"<>|!=|<=|>=|<|>|=")
_WRAPPED = re2.compile(
    r"(?i)\b(?:where|and|or|on)\s+(?:lower|upper|date|cast|trim|coalesce|substr(?:ing)?|to_char|date_trunc|year|month|md5)\s*\("
)


def same_setting(before: Statement, after: Statement) -> bool:
    """Whether a configured amount is the same under a name that only leaves its unit out, or says it."""
    names = [own_name(one) for one in (before, after)]
    if file_kind(after.path) != "config" or names[0] == names[1] or not all(names) or bare(names[0]) != bare(names[1]):
        return False
    units = [stem_set([name]) & UNITS for name in names]
    if all(units) and units[0] != units[1]:
        return measures_of(before) == measures_of(after) != []
    return [token.text for token in before.tokens[-1:]] == [token.text for token in after.tokens[-1:]]
