from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.agent import Agent
from app.domain.errors import BadInput
from app.domain.hypothesis import Diagnosis
from app.evaluation.ablation import diagnose, line, unjudged
from app.evaluation.combinations import Combination, chosen, every, score_all
from graphs.analysis.calibration import AS_IT_IS
from graphs.contract import Budget, Question, Report, Sources, View
from tests.unit.graphs.said import NOON, SCOPE, finding, report, suspicion

KNOWN = ("deploys", "logs", "metrics")
METRIC, LOG = finding("m"), finding("l", signal="logs")
REPORTS = {
    "metrics": report("metrics", suspicion("back", 2.0, METRIC), suspicion("side", 1.5, METRIC), findings=(METRIC,)),
    "logs": report("logs", suspicion("side", 1.2, LOG), findings=(LOG,)),
    "deploys": report("deploys"),
}


class Source:
    name = "test"


class Answers:
    """An investigator that gives its report, and counts."""

    answers, budget = "what do you see?", Budget()

    def __init__(self, name: str, port: str) -> None:
        self.agent, self.may_use, self.asked = Agent(name=name, version="1.0.0"), frozenset({port}), 0

    async def investigate(self, question: Question, view: View) -> Report:
        self.asked += question.round == 1
        return REPORTS[self.agent.name]


def staff() -> dict[str, Answers]:
    return {name: Answers(name, port) for name, port in (("deploys", "changes"), ("logs", "logs"), ("metrics", "metrics"))}


async def told(*asked: Combination, people: dict[str, Any] | None = None) -> list[Diagnosis]:
    sources = Sources(metrics=(Source(),), logs=(Source(),), changes=(Source(),))
    return await diagnose(SCOPE, sources, people or staff(), asked, calibration=AS_IT_IS, clock=lambda: NOON)


def test_every_combination_is_each_alone_any_two_and_all_with_the_judge_and_without() -> None:
    held = every(KNOWN)
    assert len(held) == len(set(held)) == 14
    assert {len(each.investigators) for each in held} == {1, 2, 3}
    assert [each.name for each in held[-2:]] == ["deploys+logs+metrics", "deploys+logs+metrics, no judge"]
    assert {len(each.investigators) for each in every(("a", "b", "c", "d"))} == {1, 2, 4}
    assert [each.name for each in every(("a",))] == ["a", "a, no judge"]


def test_what_is_left_follows_from_what_is_named() -> None:
    assert chosen(KNOWN) is None
    assert chosen(KNOWN, only=KNOWN) is None
    assert chosen(KNOWN, only=["metrics"]) == Combination(("metrics",))
    assert chosen(KNOWN, without=["logs", "judge"]) == Combination(("deploys", "metrics"), judge=False)


@pytest.mark.parametrize(("only", "without"), [(["judge"], []), (["log"], []), ([], ["metric"]), ([], KNOWN), (["logs"], ["logs"])])
def test_a_part_that_is_not_there_and_an_engine_without_parts_are_refused(only: list[str], without: list[str]) -> None:
    with pytest.raises(BadInput, match=r"name one of|leave one"):
        chosen(KNOWN, only=only, without=without)


async def test_only_those_who_are_named_are_asked_and_the_judge_weighs_what_they_said() -> None:
    metrics, both = await told(Combination(("metrics",)), Combination(("logs", "metrics")))
    assert metrics.hypotheses[0].target == "back"
    assert set(metrics.agents) == {"metrics", "judge", "proposer"}
    assert both.hypotheses[0].target == "side"


async def test_with_and_without_the_judge_are_told_from_one_run() -> None:
    people = staff()
    judged, plain = await told(Combination(("metrics",)), Combination(("metrics",), judge=False), people=people)
    assert people["metrics"].asked == 1
    assert people["logs"].asked == 0
    assert judged.findings == plain.findings


async def test_without_the_judge_nothing_is_capped_and_nothing_is_conclusive() -> None:
    (plain,) = await told(Combination(KNOWN, judge=False))
    assert plain.verdict == "inconclusive"
    assert [h.target for h in plain.hypotheses] == ["side", "back"]
    assert plain.hypotheses[0].confidence == pytest.approx(1 / (1 + 2.718281828 ** (2.0 - 2.7)), abs=1e-3)


def plain(*reports: Report, **scope: Any) -> list[tuple[str, str | None]]:
    empty = Diagnosis(verdict="conclusive", hypotheses=(), findings=(METRIC, LOG), gaps=())
    return [(h.target, h.change) for h in unjudged(empty, reports, scope=SCOPE.model_copy(update=scope)).hypotheses]


def test_sums_count_what_speaks_against_and_each_change_apart() -> None:
    said = (
        suspicion("back", 3.0, METRIC),
        suspicion("back", -2.0, LOG),
        suspicion("side", 1.5, METRIC),
        suspicion("side", 1.6, METRIC, change="c0ffee1"),
    )
    assert plain(report("metrics", *said)) == [("side", "c0ffee1"), ("side", None), ("back", None)]


def test_what_the_format_demands_holds_without_the_judge_too() -> None:
    said = (
        suspicion("back", 3.0),
        suspicion("elsewhere", 4.0, METRIC),
        suspicion("side", 1.0, METRIC),
        suspicion("x", -1.0, METRIC),
    )
    assert plain(report("metrics", *said), candidates=("back", "side", "x")) == [("side", None)]


def test_without_the_judge_the_first_word_for_it_and_the_first_repair_stand() -> None:
    reports = [
        report("metrics", suspicion("back", 2.0, METRIC), findings=(METRIC,)),
        report("logs", suspicion("back", 1.0, LOG, kind="oom_killed", remediation="scale"), findings=(LOG,)),
    ]
    empty = Diagnosis(verdict="inconclusive", hypotheses=(), findings=(METRIC, LOG), gaps=())
    (only,) = unjudged(empty, reports, scope=SCOPE.model_copy(update={"labels": ("oom_killed", "cpu")})).hypotheses
    assert (only.kind, only.label, only.remediation) == ("oom_killed", "oom_killed", "scale")
    (run,) = json.loads(line("a", [Combination(("metrics",), judge=False)], [empty.model_copy(update={"hypotheses": (only,)})]))[
        "runs"
    ]
    assert [run["hypotheses"][0][key] for key in ("target", "change", "label", "remediation")] == [
        "back",
        None,
        "oom_killed",
        "scale",
    ]


async def test_the_table_has_a_row_per_combination_and_a_broken_case_is_wrong_in_all(tmp_path: Path) -> None:
    asked = every(KNOWN)
    out, truth = tmp_path / "out.jsonl", tmp_path / "s"
    broken = json.dumps({"case": "b", "error": "it broke"})
    out.write_text(f"{line('a', asked, await told(*asked))}\n{broken}\n{json.dumps({'case': 'stray', 'runs': []})}\n")
    truth.mkdir()
    for case in ("a", "b"):
        (truth / f"{case}.json").write_text(json.dumps({"service": ["side"]}))
    rows, cases = score_all(out, truth)
    assert cases == 2
    assert [row.combination for row in rows] == [each.name for each in asked]
    right = {row.combination: row.sources["s"].at1["target"].hits for row in rows}
    assert (right["logs"], right["metrics"], right["deploys"], right["deploys+logs+metrics"]) == (1, 0, 0, 1)
    assert rows[0].pooled.cases == 2
