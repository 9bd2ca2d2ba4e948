from __future__ import annotations

from dataclasses import replace

import pytest

from graphs.analysis.logs import error_words
from graphs.analysis.logs.complaints import Facts, Standing, stand, together, witness
from graphs.analysis.logs.exceptions import Names
from graphs.analysis.logs.shift import Shift

NAMES = Names(
    ("front-svc", "order-svc", "pay-svc", "db-svc"),
    {"front-svc": ("order-svc",), "order-svc": ("pay-svc",), "pay-svc": ("db-svc",)},
)


def shift(service: str, text: str, *, level: str = "ERROR", novelty: float = 1.0, first_s: float = 100.0) -> Shift:
    kind = error_words.kind_of(text)
    return Shift(
        service=service,
        level=level,
        status="",
        template=text,
        exemplar=text,
        change="new",
        n_reference=0,
        n_before=0,
        n_after=20,
        seen=20,
        expected=0.0,
        z=4.0,
        log2_ratio=5.0,
        novelty=novelty,
        severity=error_words.severity(level, text),
        kind=kind.name if kind else None,
        first_s=first_s,
        last_s=200.0,
    )


def standings(*shifts: Shift, facts: Facts | None = None) -> dict[str, Standing]:
    heard = frozenset(NAMES.services)
    return {s.service: s for s in stand(witness(shifts, NAMES, heard=heard), NAMES, facts or Facts(heard=heard))}


def test_own_failures_outweigh_complaints() -> None:
    found = standings(shift("pay-svc", "out of memory"), shift("order-svc", "pay-svc timed out"))
    assert found["pay-svc"].weight > 2.5
    assert found["order-svc"].weight < 0.6


def test_one_only_complained_about_stays_modest_and_several_complainers_weigh_more() -> None:
    one = standings(shift("order-svc", "pay-svc timed out"))["pay-svc"].weight
    two = standings(shift("order-svc", "pay-svc timed out"), shift("front-svc", "call to pay-svc failed: timeout"))[
        "pay-svc"
    ].weight
    assert 0.5 < one < two < 2.0


def test_one_that_went_silent_and_is_complained_about_weighs_more() -> None:
    complaint = shift("order-svc", "pay-svc timed out")
    quiet = standings(complaint, facts=Facts(silent=frozenset({"pay-svc"}), heard=frozenset({"order-svc", "front-svc"})))
    assert quiet["pay-svc"].weight > standings(complaint)["pay-svc"].weight + 0.5


def test_a_bare_exception_is_discounted_when_a_service_further_down_fails_too() -> None:
    found = standings(shift("front-svc", "exception in handler"), shift("pay-svc", "exception in charge"))
    assert found["front-svc"].explained_by == "pay-svc"
    assert found["pay-svc"].weight > 1.5 * found["front-svc"].weight


def test_a_call_that_the_caller_gave_up_is_not_the_callees_fault() -> None:
    found = standings(shift("pay-svc", "context canceled by client"), shift("order-svc", "deadline exceeded"))
    assert found["order-svc"].weight > found["pay-svc"].weight


def test_an_unnamed_failed_call_is_about_the_callee_that_says_nothing() -> None:
    complaint = witness([shift("order-svc", "connection refused")], NAMES, heard={"front-svc", "order-svc", "db-svc"})
    assert complaint[0].blame.service == "pay-svc"
    assert witness([shift("order-svc", "connection refused")], NAMES, heard=set(NAMES.services))[0].blame.service is None


def test_of_two_that_say_nothing_either_may_be_meant_whatever_they_are_called() -> None:
    names = replace(NAMES, callees={"order-svc": ("db-svc", "pay-svc")})
    complaint = witness([shift("order-svc", "connection refused")], names, heard={"front-svc", "order-svc"})
    assert {each.blame.service: each.about for each in complaint} == {
        "pay-svc": pytest.approx(complaint[0].about),
        "db-svc": pytest.approx(complaint[0].about),
    }
    assert [each.own > 0 for each in complaint].count(True) == 1


def test_who_failed_first_in_most_traces_gains() -> None:
    both = [shift("order-svc", "exception a", novelty=0.8), shift("pay-svc", "exception b", novelty=0.8)]
    facts = Facts(first_in_trace={"pay-svc": 0.9}, heard=frozenset(NAMES.services))
    assert standings(*both, facts=facts)["pay-svc"].weight > standings(*both)["pay-svc"].weight


def test_steady_and_harmless_templates_speak_for_nobody() -> None:
    assert standings(shift("pay-svc", "served", level="INFO"), replace(shift("pay-svc", "failed"), novelty=0.0)) == {}


def test_many_templates_of_one_fault_add_little() -> None:
    assert together([0.8], 0.35) < together([0.8] * 8, 0.35) < 1.0
    assert together([], 0.35) == 0.0


def test_a_complaint_about_one_that_complains_itself_is_handed_on() -> None:
    alone = standings(shift("front-svc", "order-svc returned 503"))["order-svc"].weight
    found = standings(shift("front-svc", "order-svc returned 503"), shift("order-svc", "pay-svc did not answer in time"))
    assert found["order-svc"].weight < alone
    assert found["pay-svc"].weight > found["order-svc"].weight


def test_more_of_an_everyday_line_counts_less_than_a_new_one() -> None:
    new = shift("pay-svc", "item is null", level="INFO")
    assert standings(replace(new, change="more"))["pay-svc"].weight < 0.6 * standings(new)["pay-svc"].weight
    loud = shift("pay-svc", "item is null")
    assert standings(replace(loud, change="more"))["pay-svc"].weight == standings(loud)["pay-svc"].weight
