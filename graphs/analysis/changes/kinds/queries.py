"""What is asked of a database, and whether an index answers it."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.reading.names import clean, last_names
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_CHOOSING = listed("filter where Where filter_by andWhere find_by eq having whereRaw")
_WRAPPING = listed("date lower upper cast Cast trunc date_trunc extract year month substr concat")


def column_wrapped(before: Statement, after: Statement) -> Effect | None:
    """Rows are chosen by what a function makes of a column, which an index on the column does not answer."""
    come = last_names(after) - last_names(before)
    if not last_names(after) & _CHOOSING or not come & _WRAPPING:
        return None
    index = RESOURCE["index"]
    note = f"compares what {clean(min(come & _WRAPPING))} makes of a column"
    return effect_of("query", 0.65, note, after, resource=index, direction="gone", other=before)


_CHOOSE, _TELL = frozenset(["filter", "where", "filter_by"]), frozenset(["count", "exists", "exists?", "aggregate", "distinct"])


def rows_asked(names: frozenset[str]) -> bool:
    """A chain that chooses rows and has the database tell something about them."""
    return bool(names & _CHOOSE) and bool(names & _TELL)


_ANYWHERE = re2.compile(r"(?i)\blike\s+[\"'`]?%|[\"'`]%[\"'`]\s*(?:\+|\|\||\.\s)|[\"'`]%[$#]?\{|concat\(\s*[\"']%[\"']")


def scanning(one: Statement) -> Effect | None:
    """A text searched for anywhere in a column: no index answers that."""
    if not _ANYWHERE.search(one.text):
        return None
    return effect_of("query", 0.8, "matches anywhere, which no index answers", one)


KINDS = (Altered(column_wrapped, of="code"),)
