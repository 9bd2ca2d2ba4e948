"""What a statement names, calls and asks."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from itertools import pairwise

import re2

from graphs.analysis.changes.reading.statements import Statement, called, calls_in, remembered, repeated
from graphs.analysis.changes.reading.words import split_identifier, stem_set
from graphs.analysis.changes.vocabulary.calls import BLOCKERS, ERRORISH, FAILING, IO, OBSERVERS, TRIVIAL
from graphs.analysis.changes.vocabulary.marks import ASSIGNS, GUARD, SQL, TYPES

_UNSAFE = re2.compile(r"[^\w.\-/ ]+")


def clean(text: str, *, most: int = 40) -> str:
    """An identifier or path of the diff, fit for our own sentences: names and dots only, cut short."""
    safe: str = _UNSAFE.sub("", text.strip("\"'`"))
    return safe[:most].strip()


@remembered
def name_of(one: Statement) -> str | None:
    """The key or variable that a statement gives a value to, with the keys it stands in."""
    words = [token for token in one.tokens if token.kind in ("word", "string")]
    if not words:
        return None
    for place, token in enumerate(one.tokens[:8]):
        if token.text in ASSIGNS and place:
            left = [item for item in one.tokens[:place] if item.kind in ("word", "string") and item.text not in TYPES]
            return (
                "/".join([*one.parents[-2:], left[-1].text if token.text != ":" or len(left) < 3 else left[0].text])
                if left
                else None
            )
    return None


@remembered
def own_name(one: Statement) -> str:
    """The same without the keys it stands in; empty where nothing is given a value."""
    return (name_of(one) or "").rpartition("/")[2]


@remembered
def asked_by_name(one: Statement) -> frozenset[str]:
    """Names that stand behind a dot, called or not."""
    return frozenset(after.text for dot, after in pairwise(one.tokens) if dot.text == "." and after.kind == "word")


_DIRECTIVES = re2.compile(r"^[\w-]+(?:=[\w-]+)?(?:[,;] ?[\w-]+(?:=[\w-]+)?)+$|^(?:[\d*/,-]+ ){4,5}[\w*/,-]+$")


def wordy(text: str) -> bool:
    """A message for people, rather than a name, a list of directives or a timetable for machines."""
    bare = text.strip("\"'`")
    return (
        bare.count(" ") >= 1 and not bare.isupper() and not _DIRECTIVES.match(bare) and not SQL.search(bare) and "://" not in bare
    )


@remembered
def passes_error(one: Statement) -> bool:
    """Reports or wraps an error that arose elsewhere; its wording and status are not behaviour that breaks things."""
    words = {word for name in called(one) for word in split_identifier(name)}
    if one.text.startswith(("return", "raise", "throw")) and words & ERRORISH and not one.text.startswith(FAILING):
        return True
    return bool(words) and words & {"error", "errorf", "errors", "wrap"} != set() and not one.text.startswith((*FAILING, *GUARD))


@remembered
def calls_out(one: Statement) -> bool:
    return _outward(called(one), one.text)


@remembered
def asked_in_loops(one: Statement) -> int:
    """In how many loops a statement asks somebody else; of a loop of its own, only what it repeats counts."""
    own = repeated(one)
    around = one.loops - bool(own)
    return around + 1 if own and _outward(calls_in(own), own) else around if calls_out(one) else 0


def _outward(names: AbstractSet[str], text: str) -> bool:
    outward = {
        name
        for name in names
        if name.rpartition(".")[2] not in TRIVIAL
        and not stem_set([name]) & OBSERVERS
        and split_identifier(name)[:1] not in _REMAKES
    }
    waits = "await" in text or WITHIN.search(text) is not None
    return bool(stem_set(outward) & IO) or (any("." in name for name in outward) and waits)


WITHIN = re2.compile(r"\w\.\w+\((?:ctx|context|\w+Ctx|cancellationToken|ct|r\.Context\(\))\b")
"""A call within another one's deadline: what may be cut short takes its time."""
_REMAKES = tuple(
    [verb] for verb in ("validate", "to", "parse", "format", "is", "has", "convert", "escape", "encode", "decode", "map", "build")
)
"""First words of names that make something of what they are given, and ask nobody: `toQueryRow`, `validateRequestId`."""


def blocks(names: AbstractSet[str]) -> bool:
    """A called name that keeps the thread waiting by its nature."""
    return bool(stem_set(names) & BLOCKERS) or any(name.endswith("Sync") for name in names)


@remembered
def last_names(one: Statement) -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in called(one))


def called_name(one: Statement) -> str:
    outward = sorted((name for name in called(one) if name.rpartition(".")[2] not in TRIVIAL), key=lambda name: (-len(name), name))
    return clean(outward[0] if outward else name_of(one) or "") or "a statement"


def head_words(one: Statement) -> frozenset[str]:
    """Stems of what stands left of an assignment, or of the called name."""
    for place, token in enumerate(one.tokens[:6]):
        if token.text in ASSIGNS and place:
            return stem_set([item.text for item in one.tokens[:place]] + list(one.parents[-1:]))
    return stem_set([*called(one)]) or words_of(one)


def words_of(one: Statement) -> frozenset[str]:
    return one.words
