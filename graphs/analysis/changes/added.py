"""What a statement without a predecessor brings."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Added
from graphs.analysis.changes.kinds import kinds
from graphs.analysis.changes.kinds.memory import keeping
from graphs.analysis.changes.kinds.queries import rows_asked, scanning
from graphs.analysis.changes.kinds.schema import ddl
from graphs.analysis.changes.matching.harmless import FOR_PEOPLE
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.patterns import backtracking
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import (
    asked_in_loops,
    blocks,
    called_name,
    clean,
    head_words,
    last_names,
    name_of,
    own_name,
    passes_error,
    words_of,
)
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.removed import words_here
from graphs.analysis.changes.vocabulary.calls import FAILING, IO, LOCKERS, TRIVIAL
from graphs.analysis.changes.vocabulary.marks import ASSIGNS, CATCHES, GUARD, SQL
from graphs.analysis.changes.vocabulary.resources import RESOURCE, first_resource

_SPAWNERS = listed("Thread Process create_task ensure_future spawn spawn_blocking setInterval startVirtualThread fork")
"""Called names that leave something running behind the call."""
_STRICTERS = stem_set(["strict", "disallow", "forbid", "required", "mandatory"])


def added(one: Statement, sides: Sides) -> Effect | None:
    """What it brings; less where it stands in a function that came along, of which nobody knows what it was before."""
    for kind in kinds(Added):
        if (effect := kind.tells(one, sides)) is not None:
            return effect
    if passes_error(one) or defined(one.text) is not None:
        return None
    if file_kind(one.path) == "schema":
        return ddl(one)
    found = _does(one, sides.come) or _says(one)
    if not sides.helpers.intersection(one.parents):
        return found
    others = (other for other in sides.come if other is not one)
    factor = _CALLED_HERE if any(last_names(other).intersection(one.parents) for other in others) else _UNCALLED
    looped = found.kind == "loop_call" and any(asked_in_loops(other) for other in sides.olds)
    return found.scaled(factor * (_LOOPED_BEFORE if looped else 1.0))


_CALLED_HERE, _UNCALLED = 0.8, 0.35
_LOOPED_BEFORE = 0.3  # the loop was there, with the same things asked in it


def _does(one: Statement, come: Sequence[Statement]) -> Effect | None:
    """By how it goes on: asked again and again, failing, running on, waiting, keeping, caught."""
    names = last_names(one)
    if asked_in_loops(one):
        kind = "loop_query" if SQL.search(_NO_SQL.sub("(", one.text)) else "loop_call"
        return effect_of(kind, 0.55 if _of_cache(one) else 0.85, f"{called_name(one)} in a loop", one)
    if one.text.startswith(FAILING) and one.parents[-1:] and one.parents[-1] in CATCHES:
        return effect_of("strict", 0.1, "an error is passed on as another", one)
    if one.text.startswith(FAILING):
        return effect_of("strict", 0.55, "a new way to fail", one)
    if one.text.startswith("go ") or names & _SPAWNERS:
        once = one.indent == 0 and file_kind(one.path) == "code"  # when the module is read, and not with every call
        return effect_of("spawned", 0.3 if once else 0.6, "work is left running behind the call", one)
    if blocks(names):
        return effect_of("blocking", 0.75, f"{called_name(one)} blocks", one)
    for found in (keeping(one), backtracking(one), scanning(one)):
        if found is not None:
            return found
    if one.text.lstrip("} ").startswith(CATCHES) and not _answers(one, come):
        return effect_of("swallowed", 0.5, "errors are caught, and it goes on", one)
    return None


def _says(one: Statement) -> Effect:
    """By what it names: locks, demands, settings, queries, calls."""
    names, words = last_names(one), words_of(one)
    if one.text.startswith(GUARD):
        return effect_of("guard", 0.12, "a guard was added", one)
    if words & LOCKERS and names:
        return effect_of("blocking", 0.5, f"{called_name(one)} locks", one, resource=RESOURCE["lock"], direction="up")
    if one.text.startswith(("@", "[")) and words_here(one) & _DEMANDS:
        return effect_of("tightened", 0.5, "a value is demanded", one)
    if words & _STRICTERS:
        return effect_of("strict", 0.5, "stricter than before", one)
    resource = first_resource(head_words(one))
    if file_kind(one.path) == "config":
        if own_name(one).strip("\"'") in FOR_PEOPLE:
            return effect_of("changed", 0.1, "said to people", one)
        return effect_of(
            "came",
            0.45 if resource else 0.3,
            f"{clean(name_of(one) or one.text)} is set now",
            one,
            resource=resource,
            direction="new",
        )
    if SQL.search(_NO_SQL.sub("(", one.text)):
        return effect_of("query", 0.4, "a new query", one)
    if (
        any(token.text in ASSIGNS for token in one.tokens[:4])
        and any(token.kind == "number" for token in one.tokens)
        and resource is not None
    ):
        return effect_of("came", 0.35, f"{clean(name_of(one) or '')} is set now", one, resource=resource, direction="new")
    if rows_asked(names):
        return effect_of("query", 0.45, "rows are asked for anew", one)
    if one.text.startswith("return"):
        return effect_of("changed", 0.2, "another result", one)
    outward = names - TRIVIAL
    return (
        effect_of("called", 0.3 if stem_set(outward) & IO else 0.18, f"{called_name(one)} is called now", one)
        if outward
        else effect_of("changed", 0.1, "a new assignment", one)
    )


def _of_cache(one: Statement) -> bool:
    """Whether all that is asked is a cache, which is there to be asked often."""
    asked = [name.rpartition(".")[0] for name in called(one) if "." in name and stem_set([name.rpartition(".")[2]]) & IO]
    return bool(asked) and all("cach" in stem_set([name]) or "memo" in stem_set([name]) for name in asked)


_NO_SQL = re2.compile(r"\.(?:insert|delete|update|join|drop|alter)\(")  # of a collection or of texts
_DEMANDS = listed(
    "notnull notblank notempty nonnull size pattern min max email valid required range stringlength regularexpression positive"
)
"""Annotations by which a value that lacks something is refused."""


def _answers(handler: Statement, come: Sequence[Statement]) -> bool:
    """Whether something stands in a new handler that passes the error on or ends the call."""
    inside = [one for one in come if one.block == handler.block and one.indent > handler.indent]
    return any(one.text.startswith(("return", "raise", "throw", "break", "continue", *FAILING)) for one in inside)
