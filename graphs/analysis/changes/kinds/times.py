"""Times and timetables: zones, forms of time, how often something runs."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.matching.differences import words_gone, words_in
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, own_name, words_of
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_ZONED = stemmed("utc timezone tz tzinfo zone zoneid offset zoned timezones")
_CLOCKS = stemmed("now today time date datetime parse strftime format local localtime instant")


def of_no_zone(before: Statement, after: Statement) -> Effect | None:
    """A time of day without the zone that it was in, or in another one."""
    if file_kind(after.path) != "code" or not _CLOCKS & words_of(after):
        return None
    lost = {token.text for token in before.tokens if token.kind != "op"} - {token.text for token in after.tokens}
    zones = {text for text in lost if stem_set([text]) & _ZONED}
    if not zones:
        return None
    return effect_of("zone", 0.65, f"a time is no longer of {clean(min(zones))}", after, other=before)


_ISO = listed("toISOString isoformat iso8601 ISO_INSTANT RFC3339 RFC3339Nano ISO_OFFSET_DATE_TIME to_rfc3339")


def form_of_time(before: Statement, after: Statement) -> Effect | None:
    """A time that was written in a form which machines agree on, and is in another one."""
    lost = words_gone(before, after) & _ISO
    if not lost or words_in(after) & _ISO or not called(after):
        return None
    return effect_of("zone", 0.6, f"a time is no longer written by {clean(min(lost))}", after, other=before)


_TABLE = re2.compile(
    r"(?:^|[\"'`( =:])((?:[\d*/,?LW#-]+ ){2,4}(?:[\d*/,?#L-]|[A-Z]{3}\b)+(?: [\d*/,?#LA-Z-]+){1,2})[\"'`)]?(?:$|[,;) ])"
)
_SPANS = (60, 24, 31, 12, 7)
_MANY = 1.5  # times as often


def retimed(before: Statement, after: Statement) -> Effect | None:
    """Runs much more often or seldom than before, or by a table with another number of columns."""
    was, now = _table(before.text), _table(after.text)
    if was is None or now is None or was == now:
        return None
    every = RESOURCE["interval"]
    key = clean(own_name(after)) or "a timetable"
    if len(was) != len(now):
        return effect_of("number", 0.7, f"{key} has other columns", after, resource=every, other=before)
    old, new = _often(was), _often(now)
    if new >= _MANY * old:
        return effect_of("number", 0.75, f"{key} runs more often", after, resource=every, direction="down", other=before)
    if old >= _MANY * new:
        return effect_of("number", 0.7, f"{key} runs less often", after, resource=every, direction="up", other=before)
    return effect_of("literal", 0.55, f"{key} runs at another time", after, resource=every, other=before)


def _table(text: str) -> tuple[str, ...] | None:
    found = _TABLE.search(text)
    columns = tuple(found.group(1).split()) if found is not None else ()
    return columns if 5 <= len(columns) <= 7 and ("*" in columns or "?" in columns) else None


def _often(columns: tuple[str, ...]) -> float:
    """Runs in proportion to one another, for tables of the same number of columns."""
    runs = 1.0
    for column, span in zip(columns[-5:] if len(columns) < 7 else columns[1:6], _SPANS, strict=False):
        runs *= sum(_share(part, span) for part in column.split(","))
    if len(columns) > 5:
        runs *= sum(_share(part, 60) for part in columns[0].split(","))
    return runs


def _share(part: str, span: int) -> float:
    """Which share of a column's values one part of it names; those of days and months bear on how often little."""
    values, _, step = part.partition("/")
    low, _, high = values.partition("-")
    whole = 1.0 if values in ("*", "?", "") else (int(high) - int(low) + 1) / span if low.isdigit() and high.isdigit() else 0.0
    share = whole / max(1, int(step)) if step.isdigit() and whole else whole
    return max(share, 1.0 / span)


KINDS = (
    Altered(retimed),
    Altered(of_no_zone),
    Altered(form_of_time, of="code"),
)
