"""What a condition asked before its asking was handed to a new function, and that function does not ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, last_names
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set
from graphs.analysis.changes.vocabulary.marks import COMPARE, FLIPPED, GUARD
from graphs.analysis.changes.vocabulary.resources import RESOURCE

ASKING = (*GUARD, "while ", "while(", "return ", "when ", "case ", "until ")
_AGAIN = stem_set(["retry", "retries", "attempt", "attempts", "backoff", "redeliver"])
TELLS_NOTHING = frozenset(["0", "1", '""', "''", "``"])
_STRICT = {"===": "==", "!==": "!="}


def unasked(sides: Sides) -> Iterator[Effect]:
    """Values that a condition compared with, where its place is taken by a call of a function shown in the same diff that knows
    them no more, or compares with them in another way."""
    here = [one for one in (*sides.shown.standing, *sides.new) if file_kind(one.path) == "code"]
    known = {token.text for one in here for token in one.tokens}
    for one in sides.old:
        if file_kind(one.path) != "code" or not one.text.startswith(ASKING) or not COMPARE & set(one.key):
            continue
        calls = {name for other in sides.new if other.block == one.block for name in last_names(other)}
        if not calls & sides.helpers - last_names(one):
            continue
        values = [token.text for token in one.tokens if token.kind in ("number", "string") and token.text not in TELLS_NOTHING]
        lost = [text for text in values if text not in known]
        turned = [text for text in values if text not in lost and not _ways(one, text) <= _either(here, text)]
        if lost or turned:
            yield _unasked(one, lost or turned, lost=bool(lost))


def _ways(one: Statement, value: str) -> set[str]:
    """By which comparisons a statement holds something against a value that follows them."""
    return {
        _STRICT.get(mark, mark)
        for mark, following in zip(one.key, one.key[1:], strict=False)
        if following == value and mark in FLIPPED
    }


def _either(image: Sequence[Statement], value: str) -> set[str]:
    """The comparisons with a value that stand now, and those that ask the same the other way round."""
    found = {mark for one in image for mark in _ways(one, value)}
    if not found:
        return set(FLIPPED)  # looked up, or matched: nobody can tell
    return found | {FLIPPED[mark] for mark in found}


def _unasked(one: Statement, values: Sequence[str], *, lost: bool) -> Effect:
    again = one.loops > 0 and bool(stem_set([one.nearby, *one.parents]) & _AGAIN)
    said = ", ".join(clean(value) for value in values[:2])
    note = f"{said} is asked for no longer" if lost else f"{said} is asked for in another way"
    resource = RESOURCE["retry"] if again else None
    return effect_of("condition", 0.7, note, one, resource=resource, direction="up" if again else "other")


def still(old: Sequence[Statement], new: Sequence[Statement]) -> bool:
    """Whether all that conditions in `old` compared with stands in what is new: a function, or a table, asks for it now."""
    compared = [one for one in old if one.text.startswith(ASKING) and COMPARE & set(one.key)]
    values = {token.text for one in compared for token in one.tokens if token.kind in ("number", "string")} - TELLS_NOTHING
    return bool(values) and values <= {token.text for one in new for token in one.tokens}


KINDS = (Throughout(unasked),)
