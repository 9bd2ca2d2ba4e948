"""What a statement's new version does otherwise: the questions asked of each in turn, and then every kind that the folder knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, AlteredAmong
from graphs.analysis.changes.kinds import kinds
from graphs.analysis.changes.kinds.keys import same_key
from graphs.analysis.changes.kinds.loops import into_loop
from graphs.analysis.changes.kinds.memory import cut, keeping
from graphs.analysis.changes.kinds.queries import scanning
from graphs.analysis.changes.kinds.schema import schema_altered
from graphs.analysis.changes.matching.restyled import KEPT
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.calls import calls
from graphs.analysis.changes.parts.conditions import asks_for_nothing, branched, conditions
from graphs.analysis.changes.parts.missing import unguarded
from graphs.analysis.changes.parts.numbers import flags_of_programs, numbers, rounded
from graphs.analysis.changes.parts.patterns import backtracking
from graphs.analysis.changes.parts.settings import another_setting, no_longer_listed, same_setting, switches, texts
from graphs.analysis.changes.reading.constants import plain_value
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import last_names, name_of, passes_error
from graphs.analysis.changes.reading.numbers import measures_of
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, stem_set

_Question = Callable[[Statement, Statement], Iterable[Effect]]


def altered(before: Statement, after: Statement, sides: Sides) -> list[Effect]:
    """Everything it does otherwise. Where a kind knows better, what it knows stands in place of what the others say of it."""
    found = between(before, after)
    told: list[Effect] = []
    known: frozenset[str] = frozenset()
    own = () if passes_error(before) or passes_error(after) else kinds(Altered)
    for kind in own:
        if kind.of in (None, file_kind(after.path)) and (effect := kind.tells(before, after)) is not None:
            (told if kind.instead_of else found).append(effect)
            known |= kind.instead_of
    for among in kinds(AlteredAmong):
        if (effect := among.tells(before, after, sides)) is not None:
            told.append(effect)
            known |= among.instead_of
    if same_key(before, after, sides.shown.old, sides.shown.new):
        found = [one.scaled(KEPT) if one.kind in ("called", "changed") else one for one in found]
    return [*told, *(one for one in found if one.kind not in known)]


def between(before: Statement, after: Statement) -> list[Effect]:
    """What is told by the statement's parts, the surest first."""
    if file_kind(before.path) == "schema":
        return [schema_altered(before, after)]
    if asks_for_nothing(before) and asks_for_nothing(before) == asks_for_nothing(after):
        return []
    if same_setting(before, after) or branched(before, after):
        return []
    if file_kind(before.path) == "config":
        if flags := [*flags_of_programs(before, after)]:
            return flags
        if (setting := another_setting(before, after) or no_longer_listed(before, after)) is not None:
            return [setting]
    found = [effect for ask in _PARTS for effect in ask(before, after)]
    if _handed_over(before, after):
        found = [one.scaled(_TOLD_ELSEWHERE) if one.kind in _EXTRACTED else one for one in found]
    return found or _by_its_calls(before, after)


def _new(known: Callable[[Statement], Effect | None]) -> _Question:
    """What a statement's new version is known by, and the old one is not."""

    def ask(before: Statement, after: Statement) -> Iterable[Effect]:
        found = known(after)
        return () if found is None or known(before) is not None else (found,)

    return ask


def _looped(before: Statement, after: Statement) -> Iterable[Effect]:
    found = into_loop(before, after)
    return () if found is None else (found,)


_PARTS: tuple[_Question, ...] = (
    numbers,
    cut,
    switches,
    texts,
    conditions,
    unguarded,
    rounded,
    _new(keeping),
    _new(backtracking),
    _new(scanning),
    _looped,
)


def _by_its_calls(before: Statement, after: Statement) -> list[Effect]:
    """Where nothing else tells."""
    if plain_value(before) and plain_value(after) and measures_of(before) == measures_of(after):
        return []
    if sorted(before.key) == sorted(after.key) and before.key != after.key:
        if _named_arguments(before) == _named_arguments(after) != []:
            return []
        if not passes_error(after):
            return [effect_of("swapped", 0.5, "same parts in another order", after)]
    return calls(before, after)


def _named_arguments(one: Statement) -> list[str]:
    """What a call is handed, where all of it is handed by name: no order matters then."""
    start = next((place for place, token in enumerate(one.tokens) if token.text == "("), len(one.tokens))
    inside = " ".join(one.key[start + 1 :]).removesuffix(")")
    found = sorted(part.strip() for part in inside.split(" , "))
    return [*one.key[:start], *found] if all(_BY_NAME.match(part) for part in found) else []


_BY_NAME = re2.compile(r"^\w+ [=:] [^()\[\]{}]*$")


_EXTRACTED = listed("unguarded arithmetic negation condition rounding conversion literal dropped")
_TOLD_ELSEWHERE = 0.3


def _handed_over(before: Statement, after: Statement) -> bool:
    """Whether what reckoned out a value became a call of something named like that value: its parts stand there now."""
    name = name_of(after)
    if name is None or name != name_of(before) or file_kind(after.path) != "code":
        return False
    come = last_names(after) - last_names(before)
    meant = stem_set([name.rpartition("/")[2]])
    return len(after.key) <= len(before.key) and any(meant <= stem_set([one]) for one in come) and bool(meant)
