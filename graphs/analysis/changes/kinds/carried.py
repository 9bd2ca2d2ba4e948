"""Settings that moved to where many take them from, and were not the same there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.analysis.changes.effect import Effect
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.numbers import number_step
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.measures import Measure
from graphs.analysis.changes.reading.numbers import valued
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import split_identifier

_Said = dict[str, list[tuple[Measure, str, Statement]]]


def another_number_there(sides: Sides) -> Iterator[Effect]:
    """A number that went from one file and stands in another under the same name, where it is another one."""
    was, now = _said(sides.gone), _said(sides.come)
    for key in sorted(was.keys() & now.keys()):
        if any(len({value for value, *_ in said[key]}) != 1 for said in (was, now)):
            continue  # which of them holds where, nobody can tell
        (before, text, old), (after, shown, new) = was[key][0], now[key][0]
        if old.path != new.path and before != after and before.unit == after.unit and not _stays(key, old, sides):
            yield number_step(key, before, after, old, new, texts=(text, shown))


def _said(listed: Sequence[Statement]) -> _Said:
    found: _Said = {}
    for one in listed:
        if file_kind(one.path) == "config":
            for key, (text, value) in valued(one):
                if len(split_identifier(key)) > 1:
                    found.setdefault(key, []).append((value, text, one))
    return found


def _stays(key: str, one: Statement, sides: Sides) -> bool:
    """Whether the file that lost the setting has one of that name still."""
    return any(key in [text.strip("\"'") for text in other.key] for other in sides.shown.standing if other.path == one.path)


KINDS = (Throughout(another_number_there),)
