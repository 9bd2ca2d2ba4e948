"""Forms of dates: letters that mean another part of a date than their neighbours do, and are right for most of the year."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import extension

_BY_CLDR = frozenset(("java", "kt", "kts", "scala", "groovy", "swift", "m", "mm", "clj"))
"""Files of languages whose forms are those of Unicode: `Y` is the year of the week there, `D` the day of the year."""
_BY_NET = frozenset(("cs", "fs", "vb"))
_NO_CASE = frozenset(("sql", "js", "ts", "jsx", "tsx", "mjs", "vue"))
"""Files in which years and days are written in either case: a database's forms, and those of the usual libraries of the web."""
_WORD = re2.compile(r"[\"'`]([^\"'`]{4,60})[\"'`]")
_FORM = re2.compile(r"^[GyYMdDuHhkKmsSazZXxEewW'\[\]/.:, _T-]+$")
_WEEK_YEAR = re2.compile(r"Y{2,4}[-/. ]?MM|MM[-/. ]?(?:dd?[-/. ]?)?Y{2,4}")
_DAY_OF_YEAR = re2.compile(r"MM[-/. ]?DD|DD[-/. ]?MM")
_MINUTE_OF_MONTH = re2.compile(r"(?:yyyy|YYYY)[-/. ]?mm[-/. ]?(?:dd|DD)|(?:dd|DD)[-/. ]mm[-/. ]?(?:yyyy|YYYY)")
_MONTH_OF_HOUR = re2.compile(r"(?:HH|hh|kk)[:.]?MM")
_HALF_DAY = re2.compile(r"(?:^|[^h])hh?[:.]?mm")
_HALVES = re2.compile(r"[aAt]|B")
_BY_STRFTIME = {
    re2.compile(r"%G-?/?%m"): "the year of the week stands for the year",
    re2.compile(r"%Y[-/]?%M[-/]?%d|%d[-/]%M[-/]%Y"): "minutes stand for the month",
    re2.compile(r"%H:?%m"): "the month stands for minutes",
}
_HALF_STRFTIME = re2.compile(r"%I:?%M")
_BY_DATABASE = {
    re2.compile(r"(?i)IYYY[-/.]?MM"): "the year of the week stands for the year",
    re2.compile(r"(?i)HH(?:24|12)?:MM\b"): "the month stands for minutes",
}
_HALF_DATABASE = re2.compile(r"(?i)\bHH(?:12)?:MI")


def forms(one: Statement) -> dict[str, str]:
    """What is odd about the forms of dates that a statement writes out, and the form."""
    found: dict[str, str] = {}
    for text in _WORD.findall(one.text):
        for note in _odd(text, extension(one.path), one.text):
            found[note] = text
    return found


_BY_EXAMPLE = {re2.compile(r"2006[-/.]?02[-/.]?01"): "the day stands for the month, and that for the day"}
_HALF_EXAMPLE = re2.compile(r"\b0?3:04\b")
_BY_PHP = {
    re2.compile(r"^o-?m"): "the year of the week stands for the year",
    re2.compile(r"^Y-?i-?d"): "minutes stand for the month",
    re2.compile(r"\b[HG]:m\b"): "the month stands for minutes",
}


def _odd(text: str, kind: str, line: str) -> Iterator[str]:
    if kind == "go":
        yield from (note for form, note in _BY_EXAMPLE.items() if form.search(text))
        if _HALF_EXAMPLE.search(text) and "PM" not in text and "pm" not in text:
            yield "hours are of half a day"
        return
    if kind == "php":
        yield from (note for form, note in _BY_PHP.items() if form.search(text) and ("date" in line or "format" in line))
        return
    if "%" in text:
        yield from (note for form, note in _BY_STRFTIME.items() if form.search(text))
        if _HALF_STRFTIME.search(text) and "%p" not in text and "%P" not in text:
            yield "hours are of half a day"
        return
    if "to_char" in line.lower() or "to_timestamp" in line.lower() or "to_date" in line.lower():
        yield from (note for form, note in _BY_DATABASE.items() if form.search(text))
        if _HALF_DATABASE.search(text) and not re2.search(r"(?i)\b[ap]\.?m\b", text):
            yield "hours are of half a day"
        return
    if not _FORM.match(text):
        return
    if kind in _BY_CLDR:
        if _WEEK_YEAR.search(text):
            yield "the year of the week stands for the year"
        if _DAY_OF_YEAR.search(text) and "y" in text.lower():
            yield "the day of the year stands for that of the month"
    if (kind in _BY_CLDR or kind in _BY_NET) and _MINUTE_OF_MONTH.search(text):
        yield "minutes stand for the month"
    if kind in _BY_CLDR | _BY_NET | _NO_CASE:
        if _MONTH_OF_HOUR.search(text):
            yield "the month stands for minutes"
        if _HALF_DAY.search(text) and not _HALVES.search(text.replace("MMMM", "").replace("T", "")):
            yield "hours are of half a day"


def misread(sides: Sides) -> Iterator[Effect]:
    """A date is written by letters that say something else: mostly the same, but for some days or hours."""
    before = {note for one in sides.olds for note in forms(one)}
    for one in sides.news:
        for note in forms(one).keys() - before:
            yield effect_of("zone", 0.8, f"in a form of dates, {note}", one)
            return


KINDS = (Throughout(misread),)
