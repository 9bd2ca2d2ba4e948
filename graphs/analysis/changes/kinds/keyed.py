"""Functions that tell things apart, written anew: what they no longer look at falls together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.kinds.keys import is_key
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import under
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import Token, lex
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set, stemmed

_EQUALS = listed("equals Equals __eq__ eq hashCode GetHashCode __hash__")
_GENERIC = stemmed(
    "id name key value code string str uuid number to get as of ref text val tostring hash format join push_str update"
)
_HOLE = re2.compile(r"\{([^{}]*)\}")


def part_forgotten(sides: Sides) -> Iterator[Effect]:
    """A field that a key was made of, which the key's function names no longer."""
    was, now = (_functions(hunks) for hunks in (sides.shown.former, sides.shown.image))
    for (path, name), (opener, body) in was.items():
        there = now.get((path, name))
        if there is None or [one.key for one in body] == [one.key for one in there[1]]:
            continue
        told = {word for one in there[1] for word in _all_words(one)} | stem_set(split_identifier(name))
        fields = {field: stem_set([field]) for one in body for field in _fields(one.tokens)}
        lost = sorted(field for field, words in fields.items() if words - _GENERIC and not words <= told)
        kept = [field for field, words in fields.items() if words <= told]
        if lost and kept and len(lost) <= len(kept) and not _whole(body, there[1], lost):
            made = effect_of(
                "identity", 0.75, f"{clean(name)} is made without {', '.join(map(clean, lost[:3]))}", there[0], other=opener
            )
            yield replace(made, words=made.words | stem_set(lost))


def _functions(hunks: Sequence[Sequence[Statement]]) -> dict[tuple[str, str], tuple[Statement, list[Statement]]]:
    found = {}
    for hunk in hunks:
        for place, one in enumerate(hunk):
            name = defined(one.text) if file_kind(one.path) == "code" else None
            if name is not None and (is_key(name) or name in _EQUALS) and (body := under(hunk, place)):
                found[one.path, name] = (one, body)
    return found


def _fields(tokens: Sequence[Token]) -> Iterator[str]:
    """What stands behind a dot: fields, and what getters ask for."""
    for before, token in pairwise(tokens):
        if before.text in (".", "->") and token.kind == "word":
            yield token.text
    for token in tokens:
        if token.kind == "string":
            for hole in _HOLE.findall(token.text):
                yield from _fields(lex(hole))


def _all_words(one: Statement) -> frozenset[str]:
    return stem_set(token.text for token in one.tokens if token.kind != "op")


def _whole(was: Sequence[Statement], now: Sequence[Statement], lost: Sequence[str]) -> bool:
    """Whether what bore a lost field is handed over as a whole now, to something that may look at any of it."""
    owners = {
        before.text
        for one in was
        for before, dot, token in zip(one.tokens, one.tokens[1:], one.tokens[2:], strict=False)
        if dot.text == "." and token.text in lost
    }
    for one in now:
        for before, token, after in zip(one.tokens, one.tokens[1:], one.tokens[2:], strict=False):
            if token.text in owners and before.text in ("(", ",", "[", "&", "*") and after.text in (")", ",", "]"):
                return True
    return False


KINDS = (Throughout(part_forgotten),)
