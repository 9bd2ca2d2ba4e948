"""Values of an enumeration that come up anew: who reads what is written and was built before them knows them not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import around
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set

_OPENS = re2.compile(r"^(?:[\w@()#\[\]\"',.]+ )*enum\b|\b(?:Str|Int)?Enum\)\s*:|^\"?enum\"?\s*:")
_ON_ONE_LINE = re2.compile(
    r"\benum\b.*\{(.*)\}|\bAS ENUM\s*\((.*)\)|\bLiteral\[(.*)\]|^(?:export )?type \w+ = (.*)|^\"?enum\"?\s*:\s*\[(.*)\]"
)
_VALUE = re2.compile(r"\b[A-Z][A-Za-z0-9]*(?:_[A-Z0-9]+)*\b|[\"'`][\w-]+[\"'`]")
_READS = re2.compile(r"^(?:case|when|is|in|match|if|elif|else if|\} else if|elsif|unless|assert|expect)\b|(?:=>|->)|[!=]==?")
"""How code looks that is made ready for a value, and gives it to nobody."""


def unknown_to_readers(sides: Sides) -> Iterator[Effect]:
    """A value that came to an enumeration that was there, and is given to something in the same diff."""
    new = {(one.path, one.text) for one in sides.news}
    former = [known for hunk in sides.shown.former for known in _values(hunk)]
    was, values = {of for of, _, _ in former}, {value for _, value, _ in former}
    for hunk in sides.shown.image:
        for of, value, one in _values(hunk):
            if of not in was or value in values or (one.path, one.text) not in new:
                continue
            giver = next((other for other in sides.news if _gives(other, value, one)), None)
            if giver is not None:
                note = f"{clean(value)} is given, which nobody who reads it knew"
                made = effect_of("schema", 0.55, note, giver, other=one)
                yield replace(made, words=made.words | stem_set([value]))
                return


def _values(hunk: Sequence[Statement]) -> Iterator[tuple[str, str, Statement]]:
    """Values of the enumerations that a hunk shows: of which one, what, and where it stands."""
    for place, one in enumerate(hunk):
        if file_kind(one.path) in ("test", "docs"):
            continue
        match = _ON_ONE_LINE.search(one.text)
        if match is not None:
            listed = next(filter(None, match.groups()), "")
            of = one.text.partition(listed)[0] if listed else one.text
        else:
            opener = next(around(hunk, place), None)
            if opener is None or not _OPENS.search(opener.text):
                continue
            of, listed = opener.text, one.text.partition(";")[0]
            listed = listed if "," in listed.rstrip(", ") else listed.partition("=")[0]
        for value in _VALUE.findall(listed):
            yield of, value.strip("\"'`"), one


def _gives(other: Statement, value: str, one: Statement) -> bool:
    """Whether a statement hands the value to something, and does not merely ask for it."""
    if file_kind(other.path) != "code" or (other.path, other.text) == (one.path, one.text) or _FAILS.search(other.text):
        return False
    if value not in {token.text.strip("\"'`") for token in other.tokens}:
        return False
    return _READS.search(other.text.partition("?")[0]) is None or _CHOSEN.search(other.text) is not None


_FAILS = re2.compile(r"\b(?:raise|throw|panic|Err|bail|Error)\b")  # an error's own kinds are read by who made them
_CHOSEN = re2.compile(r"=\s*(?:if|when|match|case)\b|\breturn\b.*(?:\?| if )|[^=!<>]=[^=>].*\?")
KINDS = (Throughout(unknown_to_readers),)
