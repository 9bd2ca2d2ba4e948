"""What a statement calls: asked last, where nothing else tells what its new version does otherwise."""

from __future__ import annotations

from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kinds.clients import no_longer_kept
from graphs.analysis.changes.matching.differences import words_gone, words_in
from graphs.analysis.changes.reading.constants import measured_by
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import blocks, clean, last_names, name_of, passes_error
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.calls import CHECKERS, CLOSERS, CONVERTERS, EAGER, IO, LOCKERS, TRIVIAL
from graphs.analysis.changes.vocabulary.marks import GUARD, HEADS, TYPES
from graphs.analysis.changes.vocabulary.resources import RESOURCE, first_resource


def _field(before: Statement, after: Statement) -> Effect | None:
    """A field of what is handed on got another name: whoever reads it by the old one finds nothing."""
    if not (before.key[1:2] == after.key[1:2] == (":",) and before.key[1:] == after.key[1:]) or before.key[0] == after.key[0]:
        return None
    made = effect_of("literal", 0.55, f"{clean(before.key[0])} -> {clean(after.key[0])}", after, other=before)
    return replace(made, words=made.words | stem_set([before.key[0], after.key[0]]))


def _chosen(before: Statement, after: Statement) -> bool:
    """Whether another one of a type's constants is named, or none of them any more."""
    pairs = list(zip(before.key, after.key, strict=False)) if len(before.key) == len(after.key) else []
    differing = [place for place, pair in enumerate(pairs) if pair[0] != pair[1]]
    if len(differing) == 1 and differing[0] >= 2:
        at = differing[0]
        owner = before.key[at - 3 if before.key[at - 2] == ":" else at - 2]
        return (
            before.key[at - 1] in (".", ":") and owner[:1].isupper() and pairs[at][0][:1].isupper() and pairs[at][1][:1].isupper()
        )
    value = _value(after)
    return value in (("null",), ("None",), ("nil",)) and len(_value(before)) >= 3 and _value(before)[0][:1].isupper()


def _value(one: Statement) -> tuple[str, ...]:
    place = next((at for at, token in enumerate(one.tokens) if token.text in ("=", ":=", "(")), None)
    return one.key[place + 1 :] if place is not None and one.key[place] != "(" and file_kind(one.path) == "code" else ()


_SIGNATURE = re2.compile(r"^(?:[\w<>\[\],.?]+ )*[A-Z][\w<>\[\],.?]* \w+\([^()=;]*\) \{$")
_LATER = frozenset(["delay", "enqueue", "Enqueue"])
_CONTEXTS = frozenset(["Background", "background"])  # of a context, which puts nothing off
_DEFERS = stem_set(["later", "async", "enqueue", "background", "deferred"])
"""Names of calls that only note down what is to be done."""
_COUNTS = listed("inc increment Inc Increment observe Observe record")
_SPARING = frozenset(("cache", "connection_pool", "rate_limit", "retry", "lock"))


def calls(before: Statement, after: Statement) -> list[Effect]:
    """One effect at the most: by what is called no longer, by what is called now, by what else is named."""
    if passes_error(after) or passes_error(before):
        return []
    lost, come = last_names(before) - last_names(after), last_names(after) - last_names(before)
    lost -= TRIVIAL | _CONTEXTS | {name for name in lost if f"context.{name}" in called(before)}
    scoped = after.text.startswith(("with ", "async with ", "using ", "synchronized"))
    if scoped and lost and all(stem_set([name]) & LOCKERS for name in lost):
        return []  # taken all the same, and given back by itself
    found = _gone(before, after, lost, come) or _come(before, after, lost, come) or _field(before, after)
    if found is None and not (_value(before) and _value(before) == _value(after) and name_of(before) == name_of(after)):
        found = no_longer_kept(before, after) or _named_otherwise(before, after)
    return [found] if found is not None else []


def _gone(before: Statement, after: Statement, lost: frozenset[str], come: frozenset[str]) -> Effect | None:
    if eager := lost & EAGER:
        return effect_of("loop_query", 0.8, f"{clean(min(eager))} is gone: each row asks for its own", after, other=before)
    deferred = lost & _LATER or {name for name in lost if stem_set([name]) & _DEFERS}
    if deferred and not stem_set(come) & _DEFERS:
        return effect_of("blocking", 0.65, f"{clean(min(deferred))} no longer puts the work off", after, other=before)
    if unbound := {name for name in come if "unbound" in stem_set([name])}:
        note = f"{clean(min(unbound))} has no end"
        return effect_of("gone", 0.6, note, after, resource=RESOURCE["queue"], direction="gone", other=before)
    if lost and not come:
        weight = 0.7 if stem_set(lost) & (CHECKERS | CLOSERS | LOCKERS) else 0.45
        note, resource = f"{clean(min(lost))} is no longer called", first_resource(stem_set(lost))
        return effect_of("call_removed", weight, note, after, resource=resource, direction="gone", other=before)
    spared = first_resource(stem_set(words_gone(before, after) - HEADS)) if come and lost else None
    if spared is not None and spared.kind in _SPARING:
        return effect_of("gone", 0.6, f"{spared.kind} is passed by", after, resource=spared, direction="gone", other=before)
    return None


def _come(before: Statement, after: Statement, lost: frozenset[str], come: frozenset[str]) -> Effect | None:
    if come and stem_set(come) & _CONNECTS and not any(name.islower() for name in come):
        note, pool = f"{clean(min(come))} made anew", RESOURCE["connection_pool"]
        return effect_of("came", 0.45, note, after, resource=pool, direction="gone", other=before)
    if (strict := come & CONVERTERS) and not before.text.startswith(GUARD):
        return effect_of("conversion", 0.5, f"{clean(min(strict))} is demanded of a value", after, other=before)
    come = frozenset(name for name in come if not measured_by(name)) - TRIVIAL
    if not come:
        return None
    if last_names(before) & last_names(after) & _COUNTS and name_of(after) is None:
        return effect_of("changed", 0.15, "counted under another label", after, other=before)
    weight = 0.5 if not lost else 0.3
    kind = "blocking" if blocks(come) else "loop_call" if after.loops and stem_set(come) & IO else "called"
    return effect_of(kind, 0.8 if kind == "loop_call" else weight, f"{clean(min(come))} is called now", after, other=before)


_CONNECTS = stem_set(["client", "connect", "session", "dial"])


def _named_otherwise(before: Statement, after: Statement) -> Effect | None:
    old, new = words_in(before), words_in(after)
    if not (old - new or new - old) - TYPES - HEADS:
        return None
    left, right = ({text for text in side if text not in TYPES and len(text) > 1} for side in (old - new, new - old))
    if not left | right:
        return None
    differs = f"{clean(min(left | right))} differs"
    if defined(after.text) is not None or _SIGNATURE.match(after.text):  # whoever calls it is altered too, or nothing would build
        return effect_of("changed", 0.15, differs, after, other=before)
    if not left or not right or {"err", "nil"} & (left | right):
        return effect_of("changed", 0.25, differs, after, other=before)
    became = f"{clean(min(left))} became {clean(min(right))}"
    if _chosen(before, after):
        return effect_of("condition", 0.55, became, after, other=before)
    return effect_of("changed", 0.4, became, after, other=before)
