"""What is asked once for each, where it was asked for at once."""

from __future__ import annotations

from collections.abc import Iterator

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.kinds.clients import MADE
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import asked_in_loops, called_name, clean, last_names
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import stem_set, stemmed
from graphs.analysis.changes.vocabulary.calls import LOCKERS
from graphs.analysis.changes.vocabulary.resources import RESOURCE


def into_loop(before: Statement, after: Statement) -> Effect | None:
    """The same statement, now inside a loop that it did not stand in, or making with every call what was made once."""
    if before.indent == 0 < after.indent and file_kind(after.path) == "code" and MADE & stem_set(last_names(after)):
        pool = RESOURCE["connection_pool"]
        return effect_of("renewed", 0.65, f"{called_name(after)} made anew by every call", after, resource=pool, direction="gone")
    if after.loops < before.loops and LOCKERS & stem_set(last_names(after)) and file_kind(after.path) == "code":
        lock = RESOURCE["lock"]
        return effect_of("blocking", 0.65, f"{called_name(after)} now holds for a whole loop", after, resource=lock, direction="up")
    if after.loops <= before.loops or asked_in_loops(after) <= before.loops:
        return None
    return effect_of("loop_call", 0.9, f"{called_name(after)} moved into a loop", after)


def moved_into_loop(sides: Sides) -> Iterator[Effect]:
    """The same of what only moved."""
    for before, after in sides.kept:
        if (effect := into_loop(before, after)) is not None:
            yield effect


_MANY = stemmed("loader loaders dataloader batch batched bulk mget multiget pipeline executemany many")


def one_by_one(before: Statement, after: Statement) -> Effect | None:
    """What was gathered and asked for at once is asked for one by one."""
    if file_kind(after.path) != "code" or not called(after):
        return None
    held = {token.text for token in before.tokens if token.kind == "word" and stem_set([token.text]) & _MANY}
    if not held or any(stem_set([token.text]) & _MANY for token in after.tokens if token.kind == "word"):
        return None
    if not stem_set(called(before)) & _MANY or not any("." in name for name in called(after)):
        return None
    return effect_of("loop_query", 0.7, f"{clean(min(held))} no longer gathers what is asked for", after, other=before)


KINDS = (
    Altered(one_by_one),
    Throughout(moved_into_loop),
)
