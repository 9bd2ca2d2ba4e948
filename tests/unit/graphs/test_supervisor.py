from __future__ import annotations

from typing import Any

import pytest

from app.domain.hypothesis import Diagnosis
from graphs import judge, supervisor
from graphs.contract import Sources
from tests.unit.graphs.said import NOON, SCOPE, finding, report, suspicion

METRIC, LOG, CHANGE = finding("m"), finding("l", signal="logs"), finding("c", signal="changes")
NAMES = ["deploys", "logs", "metrics"]


def weighed(*reports: Any) -> Diagnosis:
    return judge.weigh(SCOPE, list(reports), round=1)


CLOSE = [
    report("metrics", suspicion("back", 2.0, METRIC), suspicion("side", 1.9, METRIC), findings=(METRIC,), onset=NOON),
    report("logs", findings=(LOG,)),
    report("deploys", findings=(CHANGE,)),
]


class Who:
    def __init__(self, *ports: str) -> None:
        self.may_use = frozenset(ports)


def test_only_those_with_something_to_read_are_asked_and_at_most_three() -> None:
    people: Any = {"d": Who("logs"), "a": Who("metrics"), "b": Who("metrics"), "c": Who("spans"), "e": Who("metrics", "logs")}
    sources = Sources(metrics=(object(),), logs=(object(),))  # type: ignore[arg-type]
    assert supervisor.able(people, sources) == ["a", "b", "d"]
    assert supervisor.able(people, Sources()) == []


def test_the_second_round_asks_what_explains_the_measurements_and_what_separates_the_first_two() -> None:
    asked = [supervisor.key(q) for q in supervisor.first_questions(NAMES, onset=None)]
    questions, stop = supervisor.next_questions(weighed(*CLOSE), CLOSE, NAMES, round=1, asked=asked)
    assert stop == ""
    by_name = {q["investigator"]: q for q in questions}
    assert set(by_name["deploys"]["symptoms"]) == {METRIC.id, LOG.id}
    assert by_name["deploys"]["onset"] == NOON.isoformat()
    assert by_name["metrics"]["entities"] == by_name["logs"]["entities"] == ["back", "side"]


def test_a_question_already_asked_is_not_asked_again_and_the_reason_to_stop_is_said() -> None:
    asked: list[str] = []
    questions, _ = supervisor.next_questions(weighed(*CLOSE), CLOSE, NAMES, round=1, asked=asked)
    asked += [supervisor.key(q) for q in questions]
    assert supervisor.next_questions(weighed(*CLOSE), CLOSE, NAMES, round=2, asked=asked) == ([], "nothing_would_separate")


def test_a_clear_lead_needs_no_closer_look() -> None:
    clear = [
        report("metrics", suspicion("back", 5.0, METRIC), findings=(METRIC,)),
        report("logs", suspicion("back", 5.0, LOG), findings=(LOG,)),
    ]
    assert supervisor.next_questions(weighed(*clear), clear, NAMES, round=1, asked=[]) == ([], "answered")


@pytest.mark.parametrize("round", [supervisor.MOST_ROUNDS, supervisor.MOST_ROUNDS + 1])
def test_when_the_rounds_are_spent_it_stops(round: int) -> None:
    assert supervisor.next_questions(weighed(*CLOSE), CLOSE, NAMES, round=round, asked=[]) == ([], "rounds_spent")


def test_changes_are_not_asked_about_where_none_were_seen() -> None:
    without = [*CLOSE[:2], report("deploys")]
    questions, _ = supervisor.next_questions(weighed(*without), without, NAMES, round=1, asked=[])
    assert "deploys" not in {q["investigator"] for q in questions}
