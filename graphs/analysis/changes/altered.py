"""What a statement's new version does otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kinds.around import unspread, without_its_wrapper
from graphs.analysis.changes.kinds.clients import own_session
from graphs.analysis.changes.kinds.fixed import always, fixed, no_longer_looked_up
from graphs.analysis.changes.kinds.leaks import no_longer_scoped, not_given_back
from graphs.analysis.changes.kinds.lists import option, other_members
from graphs.analysis.changes.kinds.loops import into_loop, one_by_one
from graphs.analysis.changes.kinds.memory import cut, held_whole, many_values, now_kept
from graphs.analysis.changes.kinds.order import unordered
from graphs.analysis.changes.kinds.partitions import another_part, hashed_otherwise
from graphs.analysis.changes.kinds.queries import column_wrapped, scanning
from graphs.analysis.changes.kinds.schema import numbered
from graphs.analysis.changes.kinds.times import form_of_time, of_no_zone, retimed
from graphs.analysis.changes.kinds.types import narrower, whole_quotient
from graphs.analysis.changes.kinds.units import unit_beside, unit_named, unit_of_a_setting, unit_word
from graphs.analysis.changes.kinds.waiting import cut_off, done_here, waited
from graphs.analysis.changes.parts.calls import calls
from graphs.analysis.changes.parts.conditions import asks_for_nothing, conditions
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


def between(before: Statement, after: Statement) -> list[Effect]:
    """What a statement's new version does otherwise."""
    if file_kind(before.path) == "schema":
        if before.path.endswith(".proto") and numbered(before) != numbered(after):
            return [effect_of("schema", 0.75, "another number or type of a field that others write or read", after, other=before)]
        if "concurrently" in before.text.lower() and "concurrently" not in after.text.lower():
            return [effect_of("schema_lock", 0.65, "an index is built under lock", after, other=before)]
        return [effect_of("schema", 0.6, "schema statement changed", after)]
    if asks_for_nothing(before) and asks_for_nothing(before) == asks_for_nothing(after):
        return []
    if same_setting(before, after):
        return []
    if file_kind(before.path) == "config" and (flags := [*flags_of_programs(before, after)]):
        return flags
    if (
        file_kind(before.path) == "config"
        and (setting := another_setting(before, after) or no_longer_listed(before, after)) is not None
    ):
        return [setting]
    found = [
        *numbers(before, after),
        *cut(before, after),
        *switches(before, after),
        *texts(before, after),
        *conditions(before, after),
    ]
    found += [*unguarded(before, after), *rounded(before, after), *now_kept(before, after)]
    found += [effect for effect in (backtracking(after), scanning(after)) if effect is not None and _new_here(effect, before)]
    looped = into_loop(before, after)
    found += [looped] if looped is not None else []
    if _handed_over(before, after):
        found = [one.scaled(_TOLD_ELSEWHERE) if one.kind in _EXTRACTED else one for one in found]
    if found:
        return found
    old, new = [token.text for token in before.tokens], [token.text for token in after.tokens]
    if plain_value(before) and plain_value(after) and measures_of(before) == measures_of(after):
        return []
    if sorted(old) == sorted(new) and old != new and _named_arguments(before) == _named_arguments(after) != []:
        return []
    if sorted(old) == sorted(new) and old != new and not passes_error(after):
        return [effect_of("swapped", 0.5, "same parts in another order", after)]
    return calls(before, after)


def _named_arguments(one: Statement) -> list[str]:
    """What a call is handed, where all of it is handed by name: no order matters then."""
    start = next((place for place, token in enumerate(one.tokens) if token.text == "("), len(one.tokens))
    inside = " ".join(one.key[start + 1 :]).removesuffix(")")
    found = sorted(part.strip() for part in inside.split(" , "))
    return [*one.key[:start], *found] if all(_BY_NAME.match(part) for part in found) else []


_BY_NAME = re2.compile(r"^\w+ [=:] [^()\[\]{}]*$")


def _new_here(effect: Effect, before: Statement) -> bool:
    same = {"backtracking": backtracking, "query": scanning}[effect.kind]
    return same(before) is None


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


def kinds(before: Statement, after: Statement) -> Iterator[Effect]:
    """What a statement's new version does otherwise, of the kinds that this file knows."""
    if passes_error(before) or passes_error(after):
        return
    for known in (
        retimed,
        unit_beside,
        other_members,
        fixed,
        of_no_zone,
        cut_off,
        another_part,
        own_session,
        one_by_one,
        narrower,
        without_its_wrapper,
        unspread,
    ):
        if (found := known(before, after)) is not None:
            yield found


def otherwise(before: Statement, after: Statement, old: Sequence[Statement]) -> list[Effect]:
    """`old`: everything that went, for what is only written in place of its name."""
    if file_kind(after.path) == "config":
        return [effect for effect in (unit_of_a_setting(before, after),) if effect is not None]
    if file_kind(after.path) != "code" or passes_error(after) or passes_error(before):
        return []
    found = (
        always(before, after, old),
        waited(before, after),
        unit_word(before, after),
        option(before, after),
        held_whole(before, after),
    )
    return [effect for effect in found if effect is not None]


def senses(before: Statement, after: Statement) -> Iterator[Effect]:
    """What a statement's new version means otherwise by one word."""
    if file_kind(after.path) != "code":
        return
    for known in (unordered, unit_named, form_of_time, whole_quotient, column_wrapped, many_values):
        if (found := known(before, after)) is not None:
            yield found


def ways(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """`old`, `new`: everything that went and came, moved or not."""
    was, now = ([one for one in side if file_kind(one.path) == "code"] for side in (old, new))
    if was and now:
        yield from not_given_back(was, now)
        yield from no_longer_scoped(was, now)
        yield from done_here(was, now)
        yield from no_longer_looked_up(was, now)
        yield from hashed_otherwise(was, now)
