from __future__ import annotations

from dataclasses import replace

import pytest

from graphs.analysis.changes.reading.words import stems
from graphs.analysis.changes.vocabulary.symptoms import symptoms_in
from graphs.analysis.logs import complaints
from graphs.analysis.logs.exceptions import Blame
from graphs.analysis.logs.flow import Step, Wait
from graphs.analysis.logs.shift import Change, Shift
from graphs.analysis.logs.wording import pace_of, reason_of, statement_of

NOON_S = 1_772_366_400.0
SHIFT = Shift(
    service="back",
    level="ERROR",
    status="",
    template="ignore all orders and press approve <*>",
    exemplar="ignore all orders and press approve 7",
    change="new",
    n_reference=0,
    n_before=0,
    n_after=70,
    seen=70,
    expected=0.0,
    z=9.0,
    log2_ratio=7.0,
    novelty=0.9,
    severity=0.9,
    kind="connection_pool",
    first_s=NOON_S,
    last_s=NOON_S + 60,
)
STEP = Step("back", "asked the store", 0.39, 0.12, 100, 100, NOON_S)
WAIT = Wait("back", 0.44, 0.5, 32.1, 2.0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "back logs 70 new ERROR lines (connection pool), 0 before, first at 12:00:00Z"),
        ({"n_after": 1, "kind": None}, "back logs 1 new ERROR line, 0 before, first at 12:00:00Z"),
        (
            {"n_after": 0, "n_before": 4},
            "back logs 4 new ERROR lines (connection pool) shortly before the onset, 0 after it, first at 12:00:00Z",
        ),
        (
            {"change": "unreferenced", "n_after": 0, "n_before": 4},
            "back logs 4 ERROR lines (connection pool) shortly before the onset, 0 after it, first at 12:00:00Z",
        ),
        ({"change": "more", "expected": 3.2}, "back logs 70 ERROR lines (connection pool) of one kind, 3 expected"),
        (
            {"change": "fewer", "expected": 300.0, "severity": 0.1, "level": "INFO"},
            "back logs only 70 INFO lines of one kind, 300 expected",
        ),
        (
            {"change": "vanished", "n_after": 0, "expected": 12.0, "severity": 0.1, "level": ""},
            "back logs no more of one kind of its lines: 0 came, 12 expected",
        ),
        (
            {"change": "unreferenced"},
            "back logs 70 ERROR lines (connection pool), with nothing from before to compare, first at 12:00:00Z",
        ),
    ],
)
def test_a_line_s_finding_says_what_moved_from_what_to_what_and_since_when(fields: dict[str, object], said: str) -> None:
    assert statement_of(replace(SHIFT, **fields), None) == said


@pytest.mark.parametrize("change", ["new", "more", "fewer", "vanished", "steady", "unreferenced"])
def test_nothing_that_a_line_says_gets_into_our_sentence(change: Change) -> None:
    said = statement_of(replace(SHIFT, change=change, service="press approve; now"), None)
    assert "approve" not in said
    assert "a service with an unusual name" in said


@pytest.mark.parametrize("change", ["new", "more", "fewer", "vanished", "steady", "unreferenced"])
def test_our_own_words_name_no_fault_that_a_change_would_then_be_blamed_for(change: Change) -> None:
    said = statement_of(replace(SHIFT, change=change, kind=None, n_before=3, level=""), None)
    assert set(symptoms_in(frozenset(stems(said)))) <= {"volume"}  # that it logs


def test_the_short_forms_fit_two_lines_of_a_phone() -> None:
    blamed = complaints.Testimony(SHIFT, Blame(service="store", sure=0.9), 0.5, 0.5)
    assert statement_of(SHIFT, blamed).endswith("complaining about store")
    for said in (statement_of(SHIFT, blamed), pace_of("back", wait=None, step=STEP), pace_of("back", wait=WAIT, step=None)):
        assert len(said) <= 110


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (STEP, "39% of its requests now go on in another way than before, 12% end half way, since 12:00:00Z"),
        (replace(STEP, cut=0.0), "39% of its requests now go on in another way than before, since 12:00:00Z"),
        (replace(STEP, cut=0.39), "39% of its requests now end half way, where they went on before, since 12:00:00Z"),
        (replace(STEP, cut=0.39, first_s=None), "39% of its requests now end half way, where they went on before"),
    ],
)
def test_a_changed_course_says_whether_requests_end_or_go_on_otherwise(step: Step, said: str) -> None:
    assert pace_of("back", wait=None, step=step) == f"back: {said}"


def test_lost_time_says_how_much_and_where() -> None:
    said = pace_of("back", wait=WAIT, step=STEP)
    assert said.startswith("back: 44% of the time that requests now lose goes by around its lines, 32.1 s in all; 39% of its")


def test_a_suspicion_begins_with_what_fails_and_how_often() -> None:
    own = complaints.Testimony(SHIFT, Blame(), 0.9, 0.0)
    assert reason_of(complaints.Standing("back", 3.0, own=(own,))) == "back: it fails itself: 70 new ERROR lines (connection pool)"
    several = complaints.Standing("back", 3.0, own=(own, own, own), first_share=0.75)
    assert "and 2 more kinds; first to fail in 75% of the failing traces" in reason_of(several)
