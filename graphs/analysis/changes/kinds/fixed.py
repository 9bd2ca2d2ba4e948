"""What depended on something is one value now, the same for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import ANOTHER_CALL, Effect, effect_of
from graphs.analysis.changes.kind import Altered, AlteredAmong, Throughout
from graphs.analysis.changes.matching.differences import amid
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, own_name, passes_error, wordy
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.tokens import Token
from graphs.analysis.changes.reading.words import stem_set
from graphs.analysis.changes.vocabulary.marks import GUARD
from graphs.analysis.changes.vocabulary.resources import first_resource


def fixed(before: Statement, after: Statement) -> Effect | None:
    """What was asked of a value, or handed in, is the same for everybody now."""
    if file_kind(after.path) != "code" or len(after.key) >= len(before.key) or called(before) != called(after):
        return None
    start = next((at for at, pair in enumerate(zip(before.key, after.key, strict=False)) if pair[0] != pair[1]), None)
    if (
        start is None
        or after.tokens[start].kind != "string"
        or before.key[-(len(after.key) - start - 1) :] != after.key[start + 1 :]
    ):
        return None
    went = before.tokens[start : len(before.key) - (len(after.key) - start - 1)]
    if not went or went[0].kind != "word" or "." not in {token.text for token in went}:
        return None
    note = f"{clean('.'.join(token.text for token in went if token.kind == 'word'))} is fixed as {clean(after.key[start])}"
    return effect_of("dropped", 0.65, note, after, other=before)


def always(before: Statement, after: Statement, sides: Sides) -> Effect | None:
    """What depended on something is one value now, the same for all."""
    if file_kind(after.path) != "code" or passes_error(before) or passes_error(after):
        return None
    was, now = amid(before, after)
    if before.text.startswith(GUARD) or defined(after.text) is not None:
        return None
    constant = len(now) >= 3 and all(token.text == "." or token.text[:1].isupper() for token in now) and was[:1] != now[:1]
    if (len(now) != 1 and not constant) or not was or not any(token.kind == "word" and token.text[:1].islower() for token in was):
        return None
    if (
        any(token.kind in ("string", "number") or token.text in ("(", ")", "=", ",", "new") for token in was[:1])
        or was[0].kind == "op"
    ):
        return None
    value = now[0]
    fixed = value.kind in ("string", "number") and not wordy(value.text) and "{" not in value.text
    named = value.kind == "word" and len(value.text) > 2 and value.text.isupper() and not stem_set([value.text]) & _spoken(was)
    known = any(value.text in one.key for one in sides.olds)
    if (
        not (fixed or named or constant)
        or known
        or not any("(" in one.key or "=" in one.key or ":" in one.key for one in (before,))
    ):
        return None
    name = "".join(token.text for token in was)
    made = effect_of("fixed", 0.6, f"{clean(name)} is always {clean(now[-1].text)} now", after, resource=None, other=before)
    return replace(made, words=made.words | _spoken(was))


def _spoken(tokens: Sequence[Token]) -> frozenset[str]:
    return stem_set(token.text for token in tokens if token.kind == "word")


_LOOKED_UP = re2.compile(
    r"[A-Za-z_]\w*\[[a-z_][\w.]*\](?:\.[a-z_]\w*)?|\.get\([a-z_][\w.]*\)|\.(?:for|of|by|for_\w+|forCurrency)\([a-z_][\w.]*\)"
)


def no_longer_looked_up(sides: Sides) -> Iterator[Effect]:
    """What was looked up for each case is a number written in the code now, the same for all."""
    old, new = sides.code
    said = {token.text for one in new for token in one.tokens}
    known = {token.text.strip("\"'") for one in old for token in one.tokens if token.kind in ("number", "string")}
    for one in old:
        name = own_name(one)
        if not name or name in said or not _LOOKED_UP.search(one.text) or one.text.startswith(GUARD):
            continue
        for other in new:
            numbers = [
                token.text
                for token in other.tokens
                if _NUMBER.match(token.text.strip("\"'")) and token.text.strip("\"'") not in known
            ]
            if other.path == one.path and numbers and abs(other.block - one.block) <= 1:
                note = f"{clean(name)} is no longer looked up, and always {clean(numbers[0])}"
                yield effect_of("fixed", 0.7, note, other, resource=first_resource(stem_set([name])), other=one)
                return


_NUMBER = re2.compile(r"^\d+(?:\.\d+)?[a-zA-Z]?$")


KINDS = (
    Altered(fixed),
    AlteredAmong(always, instead_of=ANOTHER_CALL),
    Throughout(no_longer_looked_up),
)
