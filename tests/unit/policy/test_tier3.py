"""Tier 3: what must come together, and that nothing replaces any of it, but broken glass the second person."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from app.domain.approval import Person
from app.policy.decision import Confirmed, Denied, Emergency, Needs, Press, Yes
from app.policy.operators import written
from app.policy.policy import load
from app.policy.rules import decide
from tests.unit.policy.test_rules import KEY, NOON, PEOPLE, TARGET, context, letter, pressed, proposal, run, word


def people(*ids: str) -> tuple[Yes, ...]:
    return tuple(Yes(id=id, by=Person(id=id, team="T1"), at=NOON) for id in ids)


def confirmed(**fields: Any) -> tuple[Confirmed, ...]:
    return (Confirmed(**{"by": "UAPPROVER2", "key": KEY, "expires_at": NOON + timedelta(minutes=5), **fields}),)


GLASS = Emergency(by="UCHIEF", reason="alone", until=NOON + timedelta(hours=1))
BOTH = people("UAPPROVER", "UAPPROVER2")


def test_tier_3_runs_with_two_people_and_one_step_outside_slack() -> None:
    assert letter(run(3, yes=BOTH, confirmed=confirmed())) == "A"


@pytest.mark.parametrize(
    "fields",
    [
        {"confirmed": ()},
        {"confirmed": confirmed(by="UAPPROVER")},  # whose key that is not
        {"confirmed": confirmed(by="UMEMBER")},
        {"confirmed": confirmed(key=written(bytes([1] * 32)))},  # not enrolled, or not any more
        {"confirmed": confirmed(expires_at=NOON + timedelta(minutes=1))},
        {"yes": people("UAPPROVER2")},
        {"yes": people("UAPPROVER2", "UASKER")},  # who asked
        {"yes": people("UAPPROVER2", "UMEMBER")},
        {"yes": people("UAPPROVER", "UOTHER")},
        {"yes": people("UAPPROVER2", "UAPPROVER2")},
        {"acknowledgement": None},
        {"now": NOON + timedelta(minutes=5)},
        {"policy": load("format: 1\napprovers:\n  - target: shop/service/*\n    people: [UAPPROVER, UAPPROVER2]")},
    ],
)
@pytest.mark.parametrize("glass", [None, GLASS])
def test_tier_3_with_less_never_runs(fields: dict[str, Any], glass: Emergency | None) -> None:
    """With broken glass one thing less is enough, and only that: a second person."""
    said = run(3, **{"yes": BOTH, "confirmed": confirmed(), "emergency": glass, **fields})
    alone = glass is not None and "yes" in fields and {each.id for each in fields["yes"]} >= {"UAPPROVER2"}
    assert (letter(said) == "A") is alone, said


def test_broken_glass_holds_until_it_ends_and_never_for_nobody() -> None:
    alone = {"yes": people("UAPPROVER2"), "confirmed": confirmed()}
    assert letter(run(3, **alone, emergency=GLASS)) == "A"
    over = dataclasses.replace(GLASS, until=NOON + timedelta(minutes=1))
    assert letter(run(3, **alone, emergency=over)) == "N"
    assert letter(run(3, yes=(), confirmed=confirmed(), emergency=GLASS)) != "A"
    assert letter(run(2, yes=(), emergency=GLASS)) != "A"


def test_an_objecting_or_missing_judge_is_a_no_at_tier_3_that_no_glass_breaks() -> None:
    about = proposal(3)
    for judge in (None, word(about, objections=("it came later",)), word(about, at=NOON + timedelta(hours=1))):
        said = run(3, proposal=about, yes=BOTH, confirmed=confirmed(), acknowledgement=judge, emergency=GLASS)
        assert isinstance(said, Denied)


@pytest.mark.parametrize(
    "typed", ["", "checkout", "shop/service/Checkout", "shop/service/checkout ", "shop/service/*", "\uff53hop/service/checkout"]
)
def test_the_resources_name_is_typed_to_the_letter(typed: str) -> None:
    by = Person(id="UAPPROVER", team="T1")
    press = Press(decision="approve", by=by, typed=typed)
    others = people("UAPPROVER2")
    said = decide(context(3, press=press, yes=others, confirmed=confirmed()))
    assert isinstance(said, Denied)
    assert TARGET in said.reason
    right = dataclasses.replace(press, typed=TARGET)
    assert letter(decide(context(3, press=right, yes=others, confirmed=confirmed()))) == "A"


def test_who_has_a_key_is_named_where_a_confirmation_is_missing() -> None:
    said = decide(context(3, press=Press(decision="approve", by=PEOPLE["approver"], typed=TARGET), yes=people("UAPPROVER2")))
    assert isinstance(said, Needs)
    assert said.by == ("UAPPROVER2",)
    assert f"firstmate approve {proposal(3).name}" in said.reason


def test_until_its_run_has_started_a_no_outweighs_every_yes() -> None:
    assert letter(pressed("commander", decision="reject", state="approved")) == "A"
    assert letter(pressed("commander", decision="reject", state="approved", used=True)) == "D"
    assert letter(pressed("commander", decision="reject", state="executing")) == "D"


def test_before_anybody_pressed_the_card_says_all_that_it_takes() -> None:
    said = decide(context(3))
    assert isinstance(said, Needs)
    assert said.n == 2
    assert "outside Slack" in said.reason
    assert isinstance(decide(context(3, acknowledgement=None)), Denied)
