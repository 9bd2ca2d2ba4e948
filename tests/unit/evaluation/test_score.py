from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from app.evaluation import runner
from app.evaluation.score import NEVER, mark, read_truth, table


def result(*hypotheses: dict[str, Any], verdict: str = "likely") -> dict[str, Any]:
    return {"case": "c", "verdict": verdict, "hypotheses": list(hypotheses), "elapsed_s": 1.0}


def said(target: str, **fields: Any) -> dict[str, Any]:
    return {"target": target, "label": None, "change": None, "remediation": None, "confidence": 0.5, **fields}


def test_a_service_counts_by_the_rank_of_its_first_naming() -> None:
    truth = {"service": ["back", "store"], "source": "s"}
    marked = mark("c", truth, result(said("front"), said("front"), said("store")))
    assert marked.ranks == {"target": 2.0}
    assert mark("c", truth, result(said("front"))).ranks == {"target": NEVER}


def test_an_object_counts_alone_and_with_its_kind_of_fault() -> None:
    truth = {"service": ["back"], "object": "app/back", "fault_type": "wrong_port"}
    marked = mark("c", truth, result(said("app/back", label="wrong_image"), said("app/back", label="wrong_port")))
    assert marked.ranks == {"object": 1.0, "exact": 2.0}


CHANGE = {"service": ["back"], "change_id": "c0ffee1234567890", "decoys": ["decade2000000000"], "remediation": "rollback"}


@pytest.mark.parametrize(
    ("given", "rank"),
    [
        ("c0ffee1234567890", 1.0),
        ("c0ffee1", 1.0),
        ("c0ffee", NEVER),
        ("c0ffee12345678901234", 1.0),
        ("decade2", NEVER),
        (None, NEVER),
        ("", NEVER),
    ],
)
def test_a_change_may_be_abbreviated_but_not_too_far(given: str | None, rank: float) -> None:
    assert mark("c", CHANGE, result(said("back", change=given))).ranks == {"change": rank}


def test_a_short_change_id_counts_when_it_is_the_same_and_swallows_no_other() -> None:
    short = {**CHANGE, "change_id": "f-12"}
    assert mark("c", short, result(said("back", change="f-12"))).ranks == {"change": 1.0}
    assert mark("c", short, result(said("back", change="f-12345678"))).ranks == {"change": NEVER}


def test_where_no_change_is_guilty_naming_none_is_right_and_naming_one_is_wrong() -> None:
    none = {**CHANGE, "level": "none"}
    assert mark("c", none, result(said("back"))).ranks == {"change": 1.0}
    assert mark("c", none, result(said("back", change="c0ffee1"), said("back"))).ranks == {"change": 2.0}
    assert mark("c", none, None).ranks == {"change": NEVER}


def test_bait_and_remediation_are_held_against_the_first_hypothesis_alone() -> None:
    marked = mark("c", CHANGE, result(said("back", change="decade2", remediation="rollback"), said("back", change="c0ffee1")))
    assert marked.flags == {"bait": True, "remediation": True}
    assert mark("c", CHANGE, result()).flags == {"bait": False, "remediation": False}


def test_a_case_without_an_answer_is_wrong_and_counts() -> None:
    truth = {"service": ["back"], "source": "s"}
    right, broken = mark("a", truth, result(said("back"), verdict="conclusive")), mark("b", truth, {"case": "b", "error": "x"})
    (pooled,) = [row for row in table([right, broken]) if row.name == "all"]
    assert pooled.cases == 2
    assert pooled.at1 == {"first": 0.5}
    assert (pooled.conclusive, pooled.conclusive_right) == (1, 1.0)


def test_calibration_is_how_far_what_was_said_is_from_what_came() -> None:
    truth = {"service": ["back"], "source": "s"}
    honest = [mark(str(n), truth, result(said("back" if n < 5 else "x", confidence=0.5))) for n in range(10)]
    boastful = [mark(str(n), truth, result(said("x", confidence=0.9))) for n in range(10)]
    errors = [next(row for row in table(each) if row.name == "all").calibration_error for each in (honest, boastful)]
    assert errors == pytest.approx([0.0, 0.9])
    assert math.isinf(NEVER)


def test_rows_are_by_source_system_and_family() -> None:
    truth = {"service": ["back"], "source": "s", "system": "shop", "family": "network"}
    assert [row.name for row in table([mark("c", truth, result(said("back")))])] == ["all", "s", "s shop", "s · network"]


def test_truth_is_read_by_case_name_and_its_source_is_its_folder_s(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.json").write_text(json.dumps({"service": ["back"]}))
    (tmp_path / "s" / "notes.json").write_text("[]")
    assert read_truth(tmp_path) == {"a": {"service": ["back"], "source": "s"}}


def run_one(folder: str) -> str:
    """Runs in a process of its own."""
    name = Path(folder).name
    if name == "broken":
        raise ZeroDivisionError("a defect")
    return json.dumps(result(said("back")) | {"case": name})


def test_many_cases_are_written_in_their_order_and_one_that_breaks_costs_the_others_nothing(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    done = list(runner.run_all([Path("a"), Path("broken"), Path("b")], run_one, workers=2, out=out))
    assert sorted(number for number, _ in done) == [1, 2, 3]
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["case"] for line in lines] == ["a", "broken", "b"]
    assert "ZeroDivisionError" in lines[1]["error"]
    truth = tmp_path / "truth"
    truth.mkdir()
    for case in ("a", "broken"):
        (truth / f"{case}.json").write_text(json.dumps({"service": ["back"], "source": "s"}))
    rows, without = runner.score(out, truth)
    assert without == 1
    assert next(row for row in rows if row.name == "all").at1 == {"first": 0.5}
