"""What a statement calls: asked last, where nothing else tells what its new version does otherwise."""

from __future__ import annotations

from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kinds.clients import no_longer_kept
from graphs.analysis.changes.reading.constants import measured_by
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import blocks, clean, last_names, name_of, passes_error
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.calls import CHECKERS, CLOSERS, CONVERTERS, EAGER, IO, LOCKERS, TRIVIAL
from graphs.analysis.changes.vocabulary.marks import GUARD, HEADS, TYPES
from graphs.analysis.changes.vocabulary.resources import first_resource


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
    if passes_error(after) or passes_error(before):
        return []
    lost, come = last_names(before) - last_names(after), last_names(after) - last_names(before)
    lost -= TRIVIAL | _CONTEXTS | {name for name in lost if f"context.{name}" in called(before)}
    scoped = after.text.startswith(("with ", "async with ", "using ", "synchronized"))
    if scoped and lost and all(stem_set([name]) & LOCKERS for name in lost):
        return []  # taken all the same, and given back by itself
    if eager := lost & EAGER:
        return [effect_of("loop_query", 0.8, f"{clean(min(eager))} is gone: each row asks for its own", after, other=before)]
    if (deferred := lost & _LATER or {name for name in lost - _CONTEXTS if stem_set([name]) & _DEFERS}) and not stem_set(
        come
    ) & _DEFERS:
        return [effect_of("blocking", 0.65, f"{clean(min(deferred))} no longer puts the work off", after, other=before)]
    if unbound := {name for name in come if "unbound" in stem_set([name])}:
        queue = first_resource(stem_set(["buffer"]))
        return [effect_of("gone", 0.6, f"{clean(min(unbound))} has no end", after, resource=queue, direction="gone", other=before)]
    if lost and not come:
        weight = 0.7 if stem_set(lost) & (CHECKERS | CLOSERS | LOCKERS) else 0.45
        return [
            effect_of(
                "call_removed",
                weight,
                f"{clean(min(lost))} is no longer called",
                after,
                resource=first_resource(stem_set(lost)),
                direction="gone",
                other=before,
            )
        ]
    without = {token.text for token in before.tokens if token.kind == "word"} - {token.text for token in after.tokens}
    if come and lost and (resource := first_resource(stem_set(without - HEADS))) is not None and resource.kind in _SPARING:
        return [effect_of("gone", 0.6, f"{resource.kind} is passed by", after, resource=resource, direction="gone", other=before)]
    if come and stem_set(come) & stem_set(["client", "connect", "session", "dial"]) and not any(name.islower() for name in come):
        pool = first_resource(stem_set(["connection"]))
        return [effect_of("came", 0.45, f"{clean(min(come))} made anew", after, resource=pool, direction="gone", other=before)]
    if (strict := come & CONVERTERS) and not before.text.startswith(GUARD):
        return [effect_of("conversion", 0.5, f"{clean(min(strict))} is demanded of a value", after, other=before)]
    come = frozenset(name for name in come if not measured_by(name))
    if come := come - TRIVIAL:
        if last_names(before) & last_names(after) & _COUNTS and name_of(after) is None:
            return [effect_of("changed", 0.15, "counted under another label", after, other=before)]
        weight = 0.5 if not lost else 0.3
        kind = "blocking" if blocks(come) else "loop_call" if after.loops and stem_set(come) & IO else "called"
        return [effect_of(kind, 0.8 if kind == "loop_call" else weight, f"{clean(min(come))} is called now", after, other=before)]
    if (field := _field(before, after)) is not None:
        return [field]
    if _value(before) and _value(before) == _value(after) and name_of(before) == name_of(after):
        return []  # only declared otherwise
    if (made := no_longer_kept(before, after)) is not None:
        return [made]
    old, new = {t.text for t in before.tokens if t.kind == "word"}, {t.text for t in after.tokens if t.kind == "word"}
    if (old - new or new - old) - TYPES - HEADS:
        left, right = ({text for text in side if text not in TYPES and len(text) > 1} for side in (old - new, new - old))
        if (
            defined(after.text) is not None or _SIGNATURE.match(after.text)
        ) and left | right:  # whoever calls it is altered too, or nothing would build
            return [effect_of("changed", 0.15, f"{clean(min(left | right))} differs", after, other=before)]
        if left and right and not {"err", "nil"} & (left | right):
            if _chosen(before, after):
                return [effect_of("condition", 0.55, f"{clean(min(left))} became {clean(min(right))}", after, other=before)]
            return [effect_of("changed", 0.4, f"{clean(min(left))} became {clean(min(right))}", after, other=before)]
        return [effect_of("changed", 0.25, f"{clean(min(left | right))} differs", after, other=before)] if left | right else []
    return []
