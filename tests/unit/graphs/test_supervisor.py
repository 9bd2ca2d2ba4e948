from __future__ import annotations

from typing import Any

import pytest

from app.domain.hypothesis import Diagnosis
from graphs import judge, supervisor
from graphs.analysis.calibration import AS_IT_IS
from graphs.contract import Sources
from tests.unit.graphs.said import NOON, SCOPE, finding, report, suspicion

METRIC, LOG, CHANGE = finding("m"), finding("l", signal="logs"), finding("c", signal="changes")


def weighed(*reports: Any) -> Diagnosis:
    return judge.weigh(SCOPE, list(reports), calibration=AS_IT_IS, round=1)


CLOSE = [
    report("metrics", suspicion("back", 2.0, METRIC), suspicion("side", 1.9, METRIC), findings=(METRIC,), onset=NOON),
    report("logs", findings=(LOG,)),
    report("deploys", findings=(CHANGE,)),
]


class Who:
    def __init__(self, *ports: str) -> None:
        self.may_use = frozenset(ports)
        self.answers = f"what do {', '.join(ports)} say?"


def who(**ports: str) -> Any:
    return {name: Who(*its.split()) for name, its in ports.items()}


def sources(*ports: str) -> Sources:
    held: Any = {port: (object(),) for port in ports}
    return Sources(**held)


ABLE = who(metrics="metrics", logs="logs", deploys="changes")
ROUND_ONE = [supervisor.key(q) for q in supervisor.first_questions(ABLE, onset=None)]
FOURTH = {**ABLE, "capacity": Who("metrics", "spans")}


def test_only_those_with_something_to_read_are_asked() -> None:
    assert list(supervisor.able(ABLE, sources("metrics", "spans"))) == ["metrics"]
    assert supervisor.able(ABLE, Sources()) == {}


def test_the_three_core_ones_come_first_then_who_reads_most_sources_then_by_name() -> None:
    people = {**who(a="metrics", b="metrics", aa="metrics logs spans"), **ABLE}
    everything = sources("metrics", "logs", "spans", "changes")
    assert list(supervisor.able(people, everything)) == ["metrics", "logs", "deploys", "aa", "a", "b"]
    asked = supervisor.first_questions(supervisor.able(people, everything), onset=None)
    assert [question["investigator"] for question in asked] == ["metrics", "logs", "deploys"]
    assert [question["text"] for question in asked] == [each.answers for each in ABLE.values()]


def test_where_a_core_one_has_nothing_to_read_its_place_is_free() -> None:
    asked = supervisor.first_questions(supervisor.able(FOURTH, sources("metrics", "logs", "spans")), onset=None)
    assert [question["investigator"] for question in asked] == ["metrics", "logs", "capacity"]


def test_who_found_no_place_is_asked_in_a_later_round_with_one_left_and_is_a_gap_until_then() -> None:
    clear = [report("metrics", suspicion("back", 1.0, METRIC), findings=(METRIC,)), report("logs"), report("deploys")]
    (gap,) = supervisor.unasked(FOURTH, ROUND_ONE)
    assert (gap.source, gap.reason) == ("capacity", "truncated")
    assert "capacity was not asked" in gap.statement
    assert FOURTH["capacity"].answers in gap.statement
    questions, stop = supervisor.next_questions(weighed(*clear), clear, FOURTH, round=1, asked=ROUND_ONE)
    assert ([q["investigator"] for q in questions], stop) == (["capacity"], "")
    assert questions[0]["round"] == 2
    assert supervisor.unasked(FOURTH, [*ROUND_ONE, *map(supervisor.key, questions)]) == ()


def test_no_round_asks_more_than_three() -> None:
    crowd = {**ABLE, **who(**{f"extra{n}": "metrics" for n in range(9)})}
    questions, _ = supervisor.next_questions(weighed(*CLOSE), CLOSE, crowd, round=1, asked=ROUND_ONE)
    assert [q["investigator"] for q in questions] == ["deploys", "metrics", "logs"]
    asked = [*ROUND_ONE, *map(supervisor.key, questions)]
    questions, _ = supervisor.next_questions(weighed(*CLOSE), CLOSE, crowd, round=2, asked=asked)
    assert [q["investigator"] for q in questions] == ["extra0", "extra1", "extra2"]
    assert len(supervisor.unasked(crowd, [*asked, *map(supervisor.key, questions)])) == 6


def test_once_it_is_conclusive_nobody_else_is_asked() -> None:
    sure = weighed(*CLOSE).model_copy(update={"verdict": "conclusive", "hypotheses": ()})
    reports = [report("metrics"), report("logs"), report("deploys")]
    assert supervisor.next_questions(sure, reports, FOURTH, round=1, asked=ROUND_ONE) == ([], "answered")


def test_the_second_round_asks_what_explains_the_measurements_and_what_separates_the_first_two() -> None:
    questions, stop = supervisor.next_questions(weighed(*CLOSE), CLOSE, ABLE, round=1, asked=ROUND_ONE)
    assert stop == ""
    by_name = {q["investigator"]: q for q in questions}
    assert set(by_name["deploys"]["symptoms"]) == {METRIC.id, LOG.id}
    assert by_name["deploys"]["onset"] == NOON.isoformat()
    assert by_name["metrics"]["entities"] == by_name["logs"]["entities"] == ["back", "side"]


def test_a_question_already_asked_is_not_asked_again_and_the_reason_to_stop_is_said() -> None:
    asked = list(ROUND_ONE)
    questions, _ = supervisor.next_questions(weighed(*CLOSE), CLOSE, ABLE, round=1, asked=asked)
    asked += [supervisor.key(q) for q in questions]
    assert supervisor.next_questions(weighed(*CLOSE), CLOSE, ABLE, round=2, asked=asked) == ([], "nothing_would_separate")


def test_a_clear_lead_needs_no_closer_look() -> None:
    clear = [
        report("metrics", suspicion("back", 5.0, METRIC), findings=(METRIC,)),
        report("logs", suspicion("back", 5.0, LOG), findings=(LOG,)),
    ]
    assert supervisor.next_questions(weighed(*clear), clear, ABLE, round=1, asked=ROUND_ONE) == ([], "answered")


@pytest.mark.parametrize("round", [supervisor.MOST_ROUNDS, supervisor.MOST_ROUNDS + 1])
def test_when_the_rounds_are_spent_it_stops(round: int) -> None:
    assert supervisor.next_questions(weighed(*CLOSE), CLOSE, ABLE, round=round, asked=ROUND_ONE) == ([], "rounds_spent")


def test_changes_are_not_asked_about_where_none_were_seen() -> None:
    without = [*CLOSE[:2], report("deploys")]
    questions, _ = supervisor.next_questions(weighed(*without), without, ABLE, round=1, asked=ROUND_ONE)
    assert "deploys" not in {q["investigator"] for q in questions}
