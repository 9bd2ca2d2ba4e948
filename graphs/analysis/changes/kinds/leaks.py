"""What is given back only on some ways through a function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import called_name, last_names
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.calls import FAILING
from graphs.analysis.changes.vocabulary.marks import CATCHES
from graphs.analysis.changes.vocabulary.resources import Resource, first_resource

_GIVES_BACK = listed("close release unlock dispose rollback shutdown disconnect putconn end destroy free return_connection")
_EXITS = ("return", "raise", "throw", "continue", "break", *FAILING)
_SCOPED = ("with ", "async with ", "using ", "using(", "await using ", "try (", "try(", "defer ")
_ENDED = frozenset(["finally", "ensure", "defer"])
_OPENS = stemmed("open connect connection session client stream acquire begin cursor socket get lock")


def closes(one: Statement) -> set[str]:
    return {name.lower() for name in last_names(one)} & _GIVES_BACK


def not_given_back(sides: Sides) -> Iterator[Effect]:
    """What gave something back stands behind a new exit, or in something that a new exit passes by."""
    old, new = sides.code
    for one in old:
        names = closes(one)
        again = [other for other in new if names & closes(other)]
        if not names or not again or any(_as_before(one, other, new) for other in again):
            continue
        known = {other.key for other in old}
        here = [other for other in new if abs(other.block - one.block) <= 1 and other.path == one.path]
        end = next((place for place, other in enumerate(here) if names & closes(other)), len(here))
        for place, leaving in enumerate(here[:end]):
            guarded = leaving.text.startswith(_EXITS) and leaving.indent > one.indent and place > 0
            if guarded and not (leaving.key in known and here[place - 1].key in known) and _within(leaving, here[:place], one):
                note = f"{called_name(one)} is passed by on a new way out"
                yield effect_of("leak", 0.75, note, leaving, resource=_held(one), direction="gone", other=one)
                return


def _within(leaving: Statement, before: Sequence[Statement], one: Statement) -> bool:
    """Whether an exit stands in the function that `one` stood in, and not in one that came along."""
    opened = [other for other in before if defined(other.text) is not None and other.indent < leaving.indent]
    return not opened or (opened[-1].indent < one.indent and leaving.parents[:1] == one.parents[:1])


def _as_before(one: Statement, other: Statement, new: Sequence[Statement]) -> bool:
    """Whether it is given back whatever happens, in the same function, at least as surely as before."""
    sure = other.text.startswith(_SCOPED) or bool(_ENDED & set(other.parents[-1:]))
    return sure and abs(one.block - other.block) <= 1 and one.path == other.path and not _exits_before(other, new)


def _exits_before(other: Statement, new: Sequence[Statement]) -> bool:
    here = [one for one in new if one.block == other.block]
    place = next(at for at, one in enumerate(here) if one is other)
    return other.text.startswith("defer") and any(one.text.startswith(_EXITS) for one in here[:place])


def _held(one: Statement) -> Resource | None:
    return first_resource(
        stem_set([*called(one)]) & stem_set(["conn", "connection", "pool", "session", "lock", "transaction"])
        or stem_set(["connection"])
    )


_BLOCK = re2.compile(r"\)? (?:do|\{) \|\w+\|$|\)?\.use \{")  # `open(path) do |io|`, `openStream().use {`


def no_longer_scoped(sides: Sides) -> Iterator[Effect]:
    """What was open for a block only is opened without one; or what was given back at every end is at the last one only."""
    old, new = sides.code
    for one in old:
        if one.text.startswith(_SCOPED[:-1]) or _BLOCK.search(one.text):
            names = {name for name in last_names(one) if stem_set([name]) & _OPENS}
            plain = [other for other in new if names & last_names(other) and other.path == one.path]
            if (
                names
                and plain
                and not any(other.text.startswith(_SCOPED) or _BLOCK.search(other.text) for other in plain)
                and not _ended(new, one)
            ):
                note = f"{called_name(one)} is opened and not closed at every end"
                yield effect_of("leak", 0.7, note, plain[0], resource=_held(one), direction="gone", other=one)
                return
        elif closes(one) and (one.text.startswith("defer") or _ENDED & set(one.parents[-1:])):
            again = [
                other
                for other in new
                if closes(one) & closes(other) and other.path == one.path and _function(other) == _function(one)
            ]
            sure = any(other.text.startswith(_SCOPED) or _ENDED & set(other.parents[-1:]) for other in again)
            if again and not sure and not any(other.text.startswith(_SCOPED) for other in new):
                note = f"{called_name(one)} is left out where something fails"
                yield effect_of("leak", 0.65, note, again[0], resource=_held(one), direction="gone", other=one)
                return


def _function(one: Statement) -> tuple[str, ...]:
    return tuple(name for name in one.parents if name not in _ENDED | {"try", "begin", *CATCHES})[:1]


def _ended(new: Sequence[Statement], one: Statement) -> bool:
    return any(
        closes(other) and other.path == one.path and (other.text.startswith("defer") or _ENDED & set(other.parents))
        for other in new
    )


KINDS = (
    Throughout(not_given_back),
    Throughout(no_longer_scoped),
)
