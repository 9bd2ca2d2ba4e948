"""What holds where nothing is said any more, as far as the diff shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import AlteredAmong
from graphs.analysis.changes.kinds.tls import spoken
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.numbers import number_step
from graphs.analysis.changes.reading.constants import Default, bare
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, name_of
from graphs.analysis.changes.reading.numbers import measures_of, resource_at
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import stem_set


def fallen_back(gone: Statement, known: Sequence[Default]) -> Effect | None:
    """A setting that is no longer made, where the diff shows what holds instead."""
    name = name_of(gone)
    if name is None or file_kind(gone.path) != "config":
        return None
    key = bare(name.rpartition("/")[2])
    for other in known:
        if other.owner or other.statement.path == gone.path or not key or not _meant(key, gone, other):
            continue
        if _other_place(gone, other.statement) and (effect := _falls_to(name, gone, other.statement)) is not None:
            return effect
    return None


def _meant(key: frozenset[str], gone: Statement, other: Default) -> bool:
    """Whether a default is that of a key: it bears its name, or a part of it and a value much like the one that went."""
    if other.name == key:
        return True
    texts = [one.key[-1].strip("\"'`") if one.key else "" for one in (gone, other.statement)]
    alike = SequenceMatcher(None, texts[0], texts[1], autojunk=False).ratio() >= _MUCH_ALIKE
    return bool(other.name) and (other.name < key or key < other.name) and min(map(len, texts)) > 5 and alike


_MUCH_ALIKE = 0.6


def _other_place(gone: Statement, other: Statement) -> bool:
    """A key of the same keys, or the default of a variable."""
    return "default" in other.text.split("=")[0] or gone.parents[-1:] == other.parents[-1:] or other.key[:1] != gone.key[:1]


def no_longer_passed(before: Statement, after: Statement, sides: Sides) -> Effect | None:
    """An argument that a call goes without, where the diff shows the default that it falls to."""
    here = {name.rpartition(".")[2] for name in called(before) & called(after)}
    for other in sides.shown.defaults:
        if other.owner not in here:
            continue
        given = _given(before, other.name)
        if given is None or _given(after, other.name) is not None:
            continue
        if (effect := _falls_to(name_of(given) or "", given, other.statement)) is not None:
            return effect
    return None


def _given(one: Statement, name: frozenset[str]) -> Statement | None:
    """The named argument of a call as a statement of its own."""
    for place, token in enumerate(one.tokens[:-2]):
        if token.kind == "word" and one.tokens[place + 1].text in ("=", ":") and place and bare(token.text) == name:
            tokens = one.tokens[place : place + 3]
            return replace(one, text=" ".join(item.text for item in tokens), tokens=tokens)
    return None


def _falls_to(name: str, gone: Statement, now: Statement) -> Effect | None:
    if (other := spoken(gone, now)) is not None:
        return other
    was, holds = measures_of(gone), measures_of(now)
    key = name.rpartition("/")[2]
    if len(was) == len(holds) == 1:
        if was == holds:
            return effect_of("changed", 0.05, f"{clean(key)} is left to its default, which is the same", now)
        step = number_step(key, was[0], holds[0], gone, now)
        return replace(step, words=step.words | stem_set(gone.parents[-2:]))
    texts = [next((token.text.strip("\"'`") for token in one.tokens[::-1] if token.kind != "op"), "") for one in (gone, now)]
    if was or holds or texts[0] == texts[1] or not all(texts):
        return None
    made = effect_of(
        "literal", 0.65, f"{clean(texts[0])} -> {clean(texts[1])} in {clean(key)}", now, resource=resource_at(key, gone), other=gone
    )
    return replace(made, words=made.words | stem_set([key, *gone.parents[-2:]]))


KINDS = (AlteredAmong(no_longer_passed, instead_of=frozenset({"dropped", "gone", "changed"})),)
