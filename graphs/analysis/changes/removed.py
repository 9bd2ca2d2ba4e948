"""What a statement without a successor took with it."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Removed
from graphs.analysis.changes.kinds import kinds
from graphs.analysis.changes.matching.harmless import set_otherwise
from graphs.analysis.changes.matching.restyled import KEPT, annotated_alike, opens_again
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.lost import names_kept
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, clean, head_words, last_names, name_of, passes_error, words_of
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed
from graphs.analysis.changes.vocabulary.calls import CHECKERS, CLOSERS, LOCKERS, WAITERS
from graphs.analysis.changes.vocabulary.marks import CATCHES, GUARD
from graphs.analysis.changes.vocabulary.resources import RESOURCE, first_resource

_STARTERS = listed("setInterval create_task ensure_future add_job schedule scheduleAtFixedRate scheduleWithFixedDelay every")
"""Called names that start work in the background, again and again."""


def removed(one: Statement, sides: Sides) -> Effect | None:
    """What it took with it; less where its name, or what it set, lives on."""
    if opens_again(one, sides.new):
        return None
    asked = (effect for kind in kinds(Removed) if (effect := kind.tells(one, sides)) is not None)
    effect = next(asked, None) or _removed(one, sides.gone, sides.new)
    if effect is None:
        return None
    kept = one.text.startswith(("@", "[")) and (names_kept(one, sides.new) or annotated_alike(one, sides.new))
    return effect.scaled(KEPT) if kept or (effect.kind == "gone" and set_otherwise(one, sides.new)) else effect


def _removed(one: Statement, gone: Sequence[Statement], new: Sequence[Statement]) -> Effect | None:
    if passes_error(one) or defined(one.text) is not None:
        return None
    if file_kind(one.path) == "schema":
        return effect_of("schema", 0.6, "schema statement removed", one, direction="gone")
    if one.text.startswith(GUARD) or (" if " in one.text and one.text.endswith(("continue", "break", "return"))):
        if _still_asked(one, new):
            return None
        guards = sum(item.text.startswith(GUARD) for item in gone), sum(item.text.startswith(GUARD) for item in new)
        return effect_of("guard_removed", 0.75 if guards[0] > guards[1] else 0.15, "a guard was removed", one, direction="gone")
    if one.text.lstrip("} ").startswith(CATCHES):
        return effect_of("guard_removed", 0.6, "errors are no longer caught", one, direction="gone")
    if file_kind(one.path) == "code" and one.tokens[0].kind == "string" and ":" in one.key[1:2] + one.key[2:3]:
        return effect_of("literal", 0.45, f"{clean(one.tokens[0].text)} is no longer given", one)
    if (effect := _by_its_words(one)) is not None:
        return effect
    return _by_its_place(one, new)


def _by_its_words(one: Statement) -> Effect | None:
    """What it closed, waited for, checked or locked."""
    words, note = words_of(one), f"{called_name(one)} was removed"
    if words & CLOSERS and (called(one) or one.text.startswith(("defer", "with ", "using "))):
        return effect_of("leak", 0.8, note, one, resource=first_resource(words - CLOSERS), direction="gone")
    if words & WAITERS and called(one):
        return effect_of("gone", 0.6, note, one, resource=RESOURCE["retry"], direction="gone")
    if words & CHECKERS and called(one):
        return effect_of("guard_removed", 0.7, note, one, direction="gone")
    if words & LOCKERS and (called(one) or one.text.startswith(_LOCKED)):
        return effect_of("gone", 0.7, note, one, resource=RESOURCE["lock"], direction="gone")
    return None


_LOCKED = ("with ", "async with ", "synchronized", "using ", "lock ", "lock(")


def _by_its_place(one: Statement, new: Sequence[Statement]) -> Effect:
    """An annotation, something started, a setting, an exit, or one call less."""
    if one.text.startswith("@") and words_here(one) & _LATER:
        return effect_of("blocking", 0.7, "what was done beside the call is waited for", one, direction="gone")
    resource = first_resource(head_words(one))
    if one.text.startswith("go ") or last_names(one) & _STARTERS:
        return effect_of("gone", 0.65, f"{called_name(one)} is no longer started", one, resource=resource, direction="gone")
    if one.text.startswith("@") or (resource is not None and (called(one) or name_of(one))):
        weight = 0.65 if one.text.startswith("@") else 0.5
        named = one.text.startswith("@") and resource is None and any(token.kind == "string" for token in one.tokens)
        return effect_of(
            "literal" if named else "gone",
            weight,
            f"{clean(name_of(one) or called_name(one))} was removed",
            one,
            resource=resource or first_resource(words_of(one)),
            direction="gone",
        )
    if file_kind(one.path) == "config":
        note = f"{clean(name_of(one) or one.text.strip('- '))} is no longer listed"
        return effect_of(
            "gone" if resource else "literal", 0.5 if resource else 0.45, note, one, resource=resource, direction="gone"
        )
    if one.text.startswith(("return", "break", "continue")):
        others = any(item.text.startswith("return") and item.path == one.path for item in new)
        return effect_of("condition", 0.1 if others else 0.3, "an exit was removed", one)
    weight = 0.4 if called(one) else 0.25
    return effect_of("call_removed", weight, f"{called_name(one)} was removed", one, direction="gone")


def _still_asked(guard: Statement, new: Sequence[Statement]) -> bool:
    """Whether what a guard asked stands, word for word, in something new: a comprehension, a filter, another branch."""
    asked = [text for text in guard.key if text not in ("if", "elif", "unless", "when", "(", ")", ":", "{", "continue")]
    spelled = [" ".join(text for text in one.key if text not in "()") for one in new]
    return len(asked) >= 2 and any(f" {' '.join(asked)} " in f" {text} " for text in spelled)


_LATER = frozenset(["async", "asynchronous", "background", "shared_task", "job"])


def words_here(one: Statement) -> set[str]:
    """What an annotation is called, in lower case."""
    return {token.text.lower().lstrip("@") for token in one.tokens[:3] if token.kind == "word"}
