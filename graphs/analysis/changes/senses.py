"""One word of a statement that alters what it means: an order no longer kept, a unit in a name, a form of time, a whole quotient, a
column within a function, a label with as many values as there are users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphs.analysis.changes.effects import Effect, clean, effect_of, first_resource, last_names
from graphs.analysis.changes.reading.statements import Statement, called, file_kind
from graphs.analysis.changes.reading.tokens import split_identifier, stem_set


def senses(before: Statement, after: Statement) -> Iterator[Effect]:
    """What a statement's new version means otherwise by one word."""
    if file_kind(after.path) != "code":
        return
    for known in (_unordered, _unit_named, _form_of_time, _whole_quotient, _column_wrapped, _many_values):
        if (found := known(before, after)) is not None:
            yield found


def _words(one: Statement) -> set[str]:
    return {token.text for token in one.tokens if token.kind == "word"}


def _lost(before: Statement, after: Statement) -> set[str]:
    return _words(before) - _words(after)


_ORDERING = stem_set(["sort", "sorted", "stable", "orderby", "ordered", "linked"])


def _asked_of(one: Statement) -> set[str]:
    """Called names, and those that stand behind a dot and take a block."""
    return last_names(one) | {following for dot, following in zip(one.key, one.key[1:], strict=False) if dot == "."}


def _unordered(before: Statement, after: Statement) -> Effect | None:
    """What was put into an order, or kept in one, no longer is."""
    was, now = stem_set(_asked_of(before)) & _ORDERING, stem_set(_asked_of(after)) & _ORDERING
    if not was - now or (not called(before) & called(after) and len(after.key) > 2 * len(before.key)):
        return None
    return effect_of("swapped", 0.6, f"no longer {clean(min(was - now))}", after, other=before)


_UNITS = frozenset(
    ["cents", "cent", "minor", "micros", "millis", "ms", "seconds", "secs", "minutes", "hours", "bytes", "kb", "mb", "bps"]
)


def _unit_named(before: Statement, after: Statement) -> Effect | None:
    """The same quantity under a name that says another unit, or none any more."""
    if len(before.key) != len(after.key):
        return None
    steps = [(was, now) for was, now in zip(before.key, after.key, strict=True) if was != now]
    if len(steps) != 1:
        return None
    was, now = ({*split_identifier(text)} for text in steps[0])
    if not (was ^ now) & _UNITS or not (was - _UNITS) & (now - _UNITS) or (was - _UNITS) != (now - _UNITS):
        return None
    return effect_of("conversion", 0.65, f"{clean(steps[0][0])} became {clean(steps[0][1])}: another unit", after, other=before)


_ISO = frozenset(
    ["toISOString", "isoformat", "iso8601", "ISO_INSTANT", "RFC3339", "RFC3339Nano", "ISO_OFFSET_DATE_TIME", "to_rfc3339"]
)


def _form_of_time(before: Statement, after: Statement) -> Effect | None:
    """A time that was written in a form which machines agree on, and is in another one."""
    lost = _lost(before, after) & _ISO
    if not lost or _words(after) & _ISO or not called(after):
        return None
    return effect_of("zone", 0.6, f"a time is no longer written by {clean(min(lost))}", after, other=before)


_BROKEN = frozenset(
    ["to_f", "toDouble", "doubleValue", "float", "float64", "double", "to_d", "toFloat", "as_f64", "Number", "fdiv"]
)


def _whole_quotient(before: Statement, after: Statement) -> Effect | None:
    """A quotient of whole numbers, which drops what is left over."""
    lost = _lost(before, after) & _BROKEN
    if not lost or "/" not in before.key or "/" not in after.key or len(after.key) >= len(before.key) or after.path.endswith(".py"):
        return None
    return effect_of("rounding", 0.6, f"{clean(min(lost))} no longer keeps the fraction", after, other=before)


_CHOOSING = frozenset(["filter", "where", "Where", "filter_by", "andWhere", "find_by", "eq", "having", "whereRaw"])
_WRAPPING = frozenset(
    ["date", "lower", "upper", "cast", "Cast", "trunc", "date_trunc", "extract", "year", "month", "substr", "concat"]
)


def _column_wrapped(before: Statement, after: Statement) -> Effect | None:
    """Rows are chosen by what a function makes of a column, which an index on the column does not answer."""
    come = last_names(after) - last_names(before)
    if not last_names(after) & _CHOOSING or not come & _WRAPPING:
        return None
    index = first_resource(stem_set(["index"]))
    note = f"compares what {clean(min(come & _WRAPPING))} makes of a column"
    return effect_of("query", 0.65, note, after, resource=index, direction="gone", other=before)


_LABELLED = frozenset(["WithLabelValues", "labels", "tags", "tag", "WithLabels", "with_labels", "label_values"])
_ENDLESS = stem_set(["id", "uuid", "path", "url", "uri", "user", "email", "ip", "session", "query", "token", "customer", "device"])


def _many_values(before: Statement, after: Statement) -> Effect | None:
    """A label of a metric that takes as many values as there are users or addresses: a series for each, kept for good."""
    if not last_names(after) & _LABELLED or not last_names(before) & _LABELLED:
        return None
    come = {text for text in _words(after) - _words(before) if stem_set([text]) & _ENDLESS}
    if not come:
        return None
    memory = first_resource(stem_set(["memory"]))
    made = effect_of("growth", 0.6, f"a label takes every {clean(min(come))}", after, resource=memory, direction="up", other=before)
    return replace(made, words=made.words | stem_set(["label", "series"]))
