"""What every investigator promises, asked of every one there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from app.domain.agent import Agent
from app.domain.errors import Rejected, Unreachable
from app.domain.telemetry import NoData
from app.plugins import discover
from graphs import supervisor
from graphs.contract import Budget, Investigator, Question, Report, Sources, View
from graphs.triage import LONGEST_S
from tests.unit.graphs.said import SCOPE

ALL: dict[str, Investigator] = discover("graphs.investigators", "INVESTIGATOR")
PORTS = {field.name for field in fields(Sources)}


class Answering:
    """A source of every kind whose every answer is the same."""

    name = "odd"

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    async def _say(self, *_: Any, **__: Any) -> Any:
        return self._answer()

    metrics = logs = spans = changes = topology = objects = statuses = value = _say


def nothing() -> Any:
    return NoData(source="odd", query="everything", reason="it holds nothing")


def unreachable() -> Any:
    raise Unreachable("odd did not answer")


def rejected() -> Any:
    raise Rejected("odd refuses this query")


def view(source: Any, who: Investigator) -> View:
    async def say(_: str) -> None: ...

    return View(scope=SCOPE, sources=Sources(**dict.fromkeys(who.may_use, (source,))), say=say)


def question(name: str, *, round: int = 1, entities: tuple[str, ...] = ()) -> Question:
    return Question(investigator=name, round=round, text="what do you see?", entities=entities)


def test_there_are_three_for_every_incident() -> None:
    assert {"logs", "metrics", "deploys"} <= set(ALL)
    assert {"logs", "metrics", "deploys"} == set(supervisor.CORE)


@pytest.mark.parametrize("fourth", ["aaa", "zzz"])
def test_one_more_file_takes_no_place_of_the_three_and_is_named_while_it_is_not_asked(fourth: str) -> None:
    class Fourth:
        agent = Agent(name=fourth, version="1.0.0")
        answers = "is there room left?"
        may_use = frozenset(PORTS)
        budget = Budget()

        async def investigate(self, question: Question, view: View) -> Report:
            return Report(investigator=fourth)

    able = supervisor.able({**ALL, fourth: Fourth()}, Sources(**dict.fromkeys(PORTS, (Answering(nothing),))))
    asked = supervisor.first_questions(able, onset=None)
    assert {question["investigator"] for question in asked} == set(supervisor.CORE)
    named = {gap.source for gap in supervisor.unasked(able, [supervisor.key(question) for question in asked])}
    assert named == set(able) - set(supervisor.CORE)
    assert fourth in named


@pytest.mark.parametrize("name", sorted(ALL))
def test_it_says_who_it_is_what_it_may_read_and_how_long_it_takes(name: str) -> None:
    who = ALL[name]
    assert who.agent.name == name
    assert who.agent.version.count(".") == 2
    assert who.answers.endswith("?")
    assert who.may_use
    assert who.may_use <= PORTS
    assert 0 < who.budget.deadline_s <= LONGEST_S


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("answer", [nothing, unreachable, rejected])
@pytest.mark.parametrize(("round", "entities"), [(1, ()), (2, ("back", "side"))])
async def test_a_source_that_says_nothing_or_fails_is_a_typed_gap_not_an_exception(
    name: str, answer: Callable[[], Any], round: int, entities: tuple[str, ...]
) -> None:
    who = ALL[name]
    report = await who.investigate(question(name, round=round, entities=entities), view(Answering(answer), who))
    assert isinstance(report, Report)
    assert report.investigator == name
    assert report.suspicions == ()
    assert report.gaps
    expected = {nothing: {"no_data"}, unreachable: {"failed"}, rejected: {"refused"}}[answer]
    assert {gap.reason for gap in report.gaps} & expected
    assert {str(gap.agent) for gap in report.gaps} == {str(who.agent)}
    assert Report.model_validate(report.model_dump(mode="json")) == report


@pytest.mark.parametrize("name", sorted(ALL))
async def test_with_nothing_plugged_in_it_reports_nothing(name: str) -> None:
    who = ALL[name]

    async def say(_: str) -> None: ...

    report = await who.investigate(question(name), View(scope=SCOPE, sources=Sources(), say=say))
    assert report.findings == ()
    assert report.suspicions == ()
