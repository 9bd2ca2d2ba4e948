from __future__ import annotations

import itertools

import pytest

from app.domain.action import Call, Effects
from app.domain.value import JsonObject
from app.policy.tiers import TABLE, tier_of, tiered

UNDO = Call(action="undo", arguments={})


def effects(**fields: object) -> Effects:
    return Effects.model_validate({"target": "a/b", "sentence": "do it", "blast_radius": "none", **fields})


# read-only, undo, outside, precondition -> tier; every combination, by hand
BY_HAND = [
    (False, False, False, False, 3),
    (False, False, False, True, 3),
    (False, False, True, False, 3),
    (False, False, True, True, 3),
    (False, True, False, False, 3),
    (False, True, False, True, 1),
    (False, True, True, False, 3),
    (False, True, True, True, 2),
    (True, False, False, False, 0),
    (True, False, False, True, 0),
    (True, False, True, False, 3),
    (True, False, True, True, 3),
    (True, True, False, False, 3),
    (True, True, False, True, 3),
    (True, True, True, False, 3),
    (True, True, True, True, 3),
]


@pytest.mark.parametrize(("read_only", "undo", "outside", "precondition", "tier"), BY_HAND)
def test_the_tier_follows_from_the_effects(read_only: bool, undo: bool, outside: bool, precondition: bool, tier: int) -> None:
    declared = effects(read_only=read_only, undo=UNDO if undo else None, outside=outside)
    read_back: JsonObject = {"version": "1"} if precondition else {}
    assert tier_of(declared, read_back) == tier
    assert tiered(declared, read_back).reason


def test_every_combination_is_written_down() -> None:
    assert {row[:4] for row in BY_HAND} == set(itertools.product((False, True), repeat=4))


def test_what_is_not_known_is_tier_3() -> None:
    assert tier_of(None, {"a": 1}) == 3
    assert tier_of(effects(undo=UNDO), None) == 3
    assert tier_of(effects(target=" ", read_only=True), {}) == 3


def test_the_table_ends_with_a_row_that_always_holds() -> None:
    assert TABLE[-1].holds(effects(), {})
