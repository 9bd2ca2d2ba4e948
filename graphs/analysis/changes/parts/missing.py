"""What answered for a missing value, or was passed along, and no longer does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.matching.differences import subsequence
from graphs.analysis.changes.reading.names import called_name, clean, last_names, name_of
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.calls import CHECKERS, CLOSERS, EAGER, FALLBACKS, LOCKERS, OPTIONAL
from graphs.analysis.changes.vocabulary.marks import GUARD, HEADS, TYPES

ITS_OWN = CHECKERS | CLOSERS | LOCKERS
"""What such a call does is told by itself."""


def unguarded(before: Statement, after: Statement) -> list[Effect]:
    """What answered for a missing value, or said that it may be missing, is gone; or what takes its place throws."""
    old, new = [token.text for token in before.tokens], [token.text for token in after.tokens]
    lost, come = last_names(before) - last_names(after), last_names(after) - last_names(before)
    if _safe_steps(old) > _safe_steps(new) or (lost & FALLBACKS and not come & FALLBACKS):
        return [effect_of("unguarded", 0.7, "a missing value is no longer provided for", after, other=before)]
    if daring := {name for name in come if _DARING.match(name)}:
        return [effect_of("unguarded", 0.7, f"{clean(min(daring))} gives up where it fails", after, other=before)]
    if lost & OPTIONAL and before.key[:2] == after.key[:2]:
        return [
            effect_of("tightened", 0.6, f"{clean(name_of(after) or called_name(after))} must be given now", after, other=before)
        ]
    if come & _VALIDATORS and not lost and subsequence([text for text in old if text not in "()"], new):
        return [effect_of("tightened", 0.55, f"{clean(min(come & _VALIDATORS))} is asked of a value now", after, other=before)]
    gone = set(old) - set(new)
    declares = (
        not {text for text in gone if text[0].isalpha()} - OPTIONAL
        and not before.text.startswith((*GUARD, "return"))
        and not set(new) - set(old)
    )
    if gone & OPTIONAL and declares and subsequence([text for text in new if text not in "()"], old):
        return [
            effect_of("tightened", 0.6, f"{clean(name_of(after) or called_name(after))} must be given now", after, other=before)
        ]
    if (
        defined(before.text) is not None
        or lost - _shed(old, new)
        or come
        or stem_set(lost) & ITS_OWN
        or lost & EAGER
        or not subsequence(new, old)
    ):
        return []
    if shed := _shed(old, new):
        if not lost and last_names(after) & _LOOKUPS:
            return [effect_of("unguarded", 0.6, "a default is no longer given", after, other=before)]
        longest = min(shed, key=lambda name: (-len(name), name))
        return [effect_of("dropped", 0.5, f"{clean(longest)} is no longer passed", after, other=before)]
    return []


def _shed(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """Names and texts of a call or a mapping that its new version goes without; empty where something else than arguments went."""
    if len(new) >= len(old) or old[:2] != new[:2] or not {"(", "{", "["} & set(old):
        return set()
    gone = set(old) - set(new) - TYPES - OPTIONAL - HEADS - {"str", "string", "await"}
    asked = {text for text, following in pairwise(old) if following == "."}
    return {text for text in gone - asked if text[0].isalpha() or text[0] in "\"'`_"}


_VALIDATORS = listed("regex min max length email pattern positive nonempty matches uuid strict")
"""Called names by which a chain that describes a value asks more of it."""
_DARING = re2.compile(r"^(Must[A-Z]\w*|unwrap|expect|orElseThrow|getOrThrow|requireNonNull|first_or_fail|findOrFail)$")
_LOOKUPS = listed("get getattr getenv pop next fetch dig getProperty get_or")


def _safe_steps(texts: Sequence[str]) -> int:
    """Steps that stop quietly at nothing: `a?.b`, `a ?? b`, `a ?: b`."""
    return sum(text == "??" or (text == "?" and following in (".", ":", "[")) for text, following in pairwise(texts))
