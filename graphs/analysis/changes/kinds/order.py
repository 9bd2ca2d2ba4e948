"""What is put into an order, or done in another one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import asked_by_name, called_name, clean, last_names
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import split_identifier, stem_set, stemmed

_ORDERING = stem_set(["sort", "sorted", "stable", "orderby", "ordered", "linked"])


def unordered(before: Statement, after: Statement) -> Effect | None:
    """What was put into an order, or kept in one, no longer is."""
    was, now = _in_order(before), _in_order(after)
    if not was - now or (not called(before) & called(after) and len(after.key) > 2 * len(before.key)):
        return None
    return effect_of("swapped", 0.6, f"no longer {clean(min(was - now))}", after, other=before)


def _in_order(one: Statement) -> frozenset[str]:
    """What puts into an order; an order that somebody placed is none."""
    names = last_names(one) | asked_by_name(one)
    placed = [split_identifier(name) for name in names]
    sorts = "order" in last_names(one) or any("ordered" in words or ("order", "by") in pairwise(words) for words in placed)
    return (stem_set(names) & _ORDERING) - (frozenset() if sorts else stem_set(["order"]))


_LAST = stemmed("ack acknowledge commit release unlock complete done confirm flush")


def out_of_turn(sides: Sides) -> list[Effect]:
    """Calls that say that something is done, made at another turn than before."""
    moved = sides.moved
    per_block = Counter(one.block for pair in moved for one in pair)
    turn = {id(one): place for place, one in enumerate(sides.written)}
    found = []
    for place, (before, after) in enumerate(moved):
        names = stem_set(name.rpartition(".")[2] for name in called(after))
        if not _LAST & names or before.path != after.path or before.indent != after.indent:
            continue
        others = [(place < at, other) for at, (was, other) in enumerate(moved) if was.block == before.block and called(other)]
        passed = any(first is not (turn[id(after)] < turn[id(other)]) for first, other in others if other is not after)
        alone = abs(before.block - after.block) == 1 and per_block[before.block] == per_block[after.block] == 1
        if passed or alone:
            found.append(effect_of("swapped", 0.65, f"{called_name(after)} now has another turn", after))
    return found


KINDS = (
    Altered(unordered, of="code"),
    Throughout(out_of_turn),
)
