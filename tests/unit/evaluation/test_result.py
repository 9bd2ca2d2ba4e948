from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from app.domain.finding import Gap
from app.evaluation import result
from app.evaluation.result import json_schema, to_json, to_result
from graphs import judge
from graphs.analysis.calibration import AS_IT_IS
from tests.unit.graphs.said import SCOPE, finding, report, suspicion

SCHEMA = Path(result.__file__).with_name("triage-result.schema.json")
CHECK = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
METRIC, LOG, CHANGE = finding("m"), finding("l", signal="logs"), finding("c", signal="changes")


def diagnosed(weight: float = 3.0, more: int = 0) -> object:
    rest = tuple(finding(f"extra {n}") for n in range(more))
    gap = Gap(agent=judge.AGENT, source="logs", reason="failed", statement="logs: it broke")
    return judge.weigh(
        SCOPE,
        [
            report("metrics", suspicion("back", weight, METRIC), findings=(METRIC, *rest)),
            report("logs", suspicion("side", 1.0, LOG), suspicion("back", -1.0, LOG), findings=(LOG,), gaps=(gap,)),
            report("deploys", suspicion("back", 2.5, CHANGE, change="c0ffee1"), findings=(CHANGE,)),
        ],
        calibration=AS_IT_IS,
        round=1,
    )


def test_the_shipped_schema_is_the_one_the_code_writes_by() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema()
    Draft202012Validator.check_schema(json_schema())


@settings(max_examples=40, deadline=None)
@given(st.floats(-6, 6), st.integers(0, 120))
def test_every_result_is_valid_and_cites_what_it_lists(weight: float, more: int) -> None:
    written = json.loads(to_json(to_result(diagnosed(weight, more), case="made-up")))
    assert [e.message for e in CHECK.iter_errors(written)] == []
    numbers = [each["id"] for each in written["findings"]]
    assert numbers == [f"F{n}" for n in range(1, len(numbers) + 1)]
    assert len(numbers) <= result.MOST_FINDINGS + 3
    for each in written["hypotheses"]:
        assert {*each["for"], *each["against"]} <= set(numbers)
    assert written["gaps"] == ["logs: it broke"]


def test_it_is_one_line() -> None:
    line = to_json(to_result(diagnosed(), case="a\nb"))
    assert "\n" not in line
    assert json.loads(line)["schema"] == "triage-result/1"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"schema": "triage-result/2"},
        {"verdict": "certain"},
        {"elapsed_s": -1},
        {"hypotheses": [{"target": "x"}]},
        {"surprise": 1},
    ],
)
def test_the_schema_refuses_what_is_not_promised(spoilt: dict[str, object]) -> None:
    written = json.loads(to_json(to_result(diagnosed(), case="made-up")))
    assert CHECK.is_valid(written)
    assert not CHECK.is_valid({**written, **spoilt})


def test_times_are_told_as_utc_whatever_zone_they_were_read_in() -> None:
    from datetime import timedelta, timezone

    from app.domain.window import Window

    zone = timezone(timedelta(hours=5, minutes=30))
    moved = Window(start=SCOPE.window.start.astimezone(zone), end=SCOPE.window.end.astimezone(zone))
    same = METRIC.model_copy(update={"window": moved, "as_of": METRIC.as_of.astimezone(zone)})
    said = judge.weigh(SCOPE, [report("metrics", suspicion("back", 3.0, same), findings=(same,))], calibration=AS_IT_IS, round=1)
    (written,) = to_result(said, case="x").findings
    assert written.window == ("2026-03-01T11:50:00Z", "2026-03-01T12:10:00Z")
    assert written.as_of == "2026-03-01T12:10:00Z"


def test_the_arithmetic_of_a_hypothesis_is_told_where_it_was_asked_for() -> None:
    said = diagnosed()
    plain = json.loads(to_json(to_result(said, case="x")))
    assert not any("arithmetic" in each for each in plain["hypotheses"])
    asked = json.loads(to_json(to_result(said, case="x", why=1)))
    assert CHECK.is_valid(asked)
    sum_ = asked["hypotheses"][0].pop("arithmetic")
    assert [each.pop("arithmetic") for each in asked["hypotheses"][1:]] == [None] * (len(asked["hypotheses"]) - 1)
    assert asked == plain
    assert sum(term["nats"] for term in sum_["terms"]) == pytest.approx(sum_["score"])
    assert sum_["score"] - sum_["rivals"] == pytest.approx(sum_["odds"])
    assert {i for term in sum_["terms"] for i in term["findings"]} <= {each["id"] for each in plain["findings"]}


def test_every_finding_is_told_where_all_were_asked_for() -> None:
    said = diagnosed(1.0, 120)
    assert len(to_result(said, case="x").findings) < len(to_result(said, case="x", every=True).findings) == len(said.findings)
