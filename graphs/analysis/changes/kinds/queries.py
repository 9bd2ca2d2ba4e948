"""What is asked of a database, and whether an index answers it."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import ANOTHER_CALL, Effect, effect_of
from graphs.analysis.changes.kind import Altered, Removed
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, last_names
from graphs.analysis.changes.reading.statements import Statement, remembered
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.marks import SQL
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


_PARTED = re2.compile(r"(?i)\b(?:where|and|having|on|prewhere|qualify)\b")
_OVER = re2.compile(
    r"(?i)\b(?:order by|group by|limit|offset|returning|union|for update|(?:left|right|inner|outer|cross|full) |join"
    r"|window|set|values)\b.*|[\"'`;].*$"
)
_BETWEEN = re2.compile(r"(?i)(\bbetween\s+\S+)\s+and\b")
_NO_CONDITION = re2.compile(r"(?i)^(?:conflict|delete|update|duplicate|true|1 ?= ?1|not)\b|^\W*$")
_CHOSEN = re2.compile(
    r"(?:\.|::|->)(?:where|filter|filter_by|andWhere|and_where|Where|AndWhere|exclude|find_by|eq|neq|gte?|lte?|match|having|whereRaw|whereIn"
    r"|where_in|filterBy|where_not|is_in)\("
)


@remembered
def _conditions(one: Statement) -> frozenset[str]:
    """What rows have to meet to be chosen, each as text."""
    found = {condition for start in _CHOSEN.finditer(one.text) for condition in _arguments(one.text[start.end() :])}
    if (
        file_kind(one.path) == "schema"
        or any(token.kind == "string" and SQL.search(token.text) for token in one.tokens)
        or _BEGINS.match(one.text)
    ):
        _, *parts = _PARTED.split(_BETWEEN.sub(r"\1 ..", one.text))
        found |= {" ".join(_OVER.sub("", part).split()).lower().strip(" ()") for part in parts}
    return frozenset(text for text in found if not _NO_CONDITION.match(text))


_BEGINS = re2.compile(r"(?i)^(?:where|and|having|prewhere|on)\s+[^\s(:]")


def _arguments(text: str) -> set[str]:
    """Arguments, and parts of a condition that is one, up to the bracket that ends the call."""
    depth, start, found = 0, 0, []
    for place, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth < 0 or (depth == 0 and (char == "," or text.startswith(("&&", " and "), place))):
            found.append(text[start:place])
            start = place + (2 if char == "&" else 5 if char == " " else 1)
        if depth < 0:
            break
    arrow = re2.compile(r"^\s*\(?\w+\)?\s*=>\s*")
    return {" ".join(arrow.sub("", part).split()) for part in found}


def _left_out(was: frozenset[str], now: frozenset[str]) -> list[str]:
    """Conditions that went, where none came that speaks of the same."""
    come = [stem_set([text]) for text in now - was]
    if len(come) >= len(was - now):
        return []
    return sorted(text for text in was - now if not any(stem_set([text]) & words for words in come))


def no_longer_chosen(before: Statement, after: Statement) -> Effect | None:
    """A query, or a chain that chooses, asks for all that one of its conditions kept out."""
    was = _conditions(before)
    if not was or before.sort != "code" or not _queried(before, after):
        return None
    named = stem_set(last_names(after) - last_names(before))
    lost = [text for text in _left_out(was, _conditions(after)) if not stem_set([text]) & named]
    return _wider(lost[0], after, before) if lost else None


def _queried(before: Statement, after: Statement) -> bool:
    """Whether the new version still chooses, or asks the same without choosing."""
    return bool(_conditions(after)) or (
        len(after.key) < len(before.key) or any(token.kind == "string" and SQL.search(token.text) for token in after.tokens)
    )


def condition_gone(one: Statement, sides: Sides) -> Effect | None:
    """A line of a query that said which rows, and of which nothing new says the same."""
    chained = one.text.startswith((".", "->")) and _CHOSEN.match(one.text) is not None
    if not (chained or _BEGINS.match(one.text)) or (file_kind(one.path) == "code" and not chained and "=" not in one.text):
        return None
    lost = _conditions(one)
    said = [stem_set([other.text]) for other in sides.come]
    if not lost or any(stem_set([text]) <= words for text in lost for words in said):
        return None
    return _wider(min(lost), one, None)


def _wider(lost: str, one: Statement, other: Statement | None) -> Effect:
    return effect_of("unfiltered", 0.75, f"rows are chosen without {clean(lost)}", one, direction="gone", other=other)


KINDS = (
    Altered(column_wrapped, of="code"),
    Altered(no_longer_chosen, instead_of=ANOTHER_CALL | {"schema", "dropped"}),
    Removed(condition_gone),
)
