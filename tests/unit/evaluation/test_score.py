from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.evaluation import runner
from app.evaluation.score import NEVER, Share, case_key, mark, read_truth, row_as_json, table


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
    assert pooled.at1 == {"first": Share(1, 2)}
    assert pooled.conclusive == Share(1, 1)


def test_calibration_is_how_far_what_was_said_is_from_what_came() -> None:
    truth = {"service": ["back"], "source": "s"}
    honest = [mark(str(n), truth, result(said("back" if n < 5 else "x", confidence=0.5))) for n in range(10)]
    boastful = [mark(str(n), truth, result(said("x", confidence=0.9))) for n in range(10)]
    errors = [next(row for row in table(each) if row.name == "all").calibration_error for each in (honest, boastful)]
    assert errors == pytest.approx([0.0, 0.9])
    assert math.isinf(NEVER)


def test_rows_are_by_source_system_and_family() -> None:
    truth = {"service": ["back"], "source": "s", "system": "shop", "family": "network"}
    other = {**truth, "system": "bank"}
    marked = [mark("c", truth, result(said("back"))), mark("d", other, None)]
    assert [row.name for row in table(marked)] == ["all", "s", "s bank", "s shop", "s · network"]


def test_a_system_that_is_all_of_its_source_is_told_once() -> None:
    truth = {"service": ["back"], "source": "s", "system": "shop"}
    assert [row.name for row in table([mark("c", truth, None), mark("d", truth, None)])] == ["all", "s"]


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (50, 100, 0.404, 0.596), (0, 0, 0.0, 1.0)]
)
def test_a_share_of_few_cases_has_a_wide_interval_that_stays_between_0_and_1(hits: int, of: int, low: float, high: float) -> None:
    assert Share(hits, of).interval == pytest.approx((low, high), abs=0.0005)


def test_ranks_up_to_five_count_by_how_early_they_are_and_blind_guessing_by_the_candidates() -> None:
    truth = {"service": ["back"], "source": "s"}
    first, third, never = said("back"), said("x"), said("y")
    marked = [
        mark("a", truth, result(first), candidates=2),
        mark("b", truth, result(third, never, first), candidates=4),
        mark("c", truth, result(third), candidates=None),
    ]
    row = table(marked)[0]
    assert row.avg5["first"] == pytest.approx((5 + 3 + 0) / 15)
    assert row.random1 == pytest.approx((1 / 2 + 1 / 4) / 2)


def test_what_was_said_costs_its_squared_distance_from_what_came() -> None:
    truth = {"service": ["back"], "source": "s"}
    marked = [mark("a", truth, result(said("back", confidence=0.9))), mark("b", truth, result(said("x", confidence=0.4)))]
    assert table(marked)[0].brier == pytest.approx((0.1**2 + 0.4**2) / 2)
    assert table([mark("a", truth, None)])[0].brier is None


def test_nineteen_of_twenty_cases_are_done_within_the_p95() -> None:
    truth = {"service": ["back"], "source": "s"}
    row = table([mark(str(n), truth, {**result(said("back")), "elapsed_s": float(n)}) for n in range(1, 21)])[0]
    assert (row.p50_s, row.p95_s) == (11.0, 19.0)


def test_a_key_names_a_case_by_its_name_and_truth_and_not_by_its_folder() -> None:
    truth = {"service": ["back"], "source": "s"}
    key = case_key("a", truth)
    assert len(key) == 12
    assert key == case_key("a", {"source": "elsewhere", "service": ["back"]})
    assert key not in (case_key("b", truth), case_key("a", {**truth, "service": ["front"]}))


def test_truth_is_read_by_case_name_and_its_source_is_its_folder_s(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.json").write_text(json.dumps({"service": ["back"]}))
    (tmp_path / "s" / "notes.json").write_text("[]")
    assert read_truth(tmp_path) == {"a": {"service": ["back"], "source": "s"}}


@pytest.mark.parametrize(
    ("body", "why"), [("{", "Expecting"), ("[" * 100_000, "recursion"), ('{"service": 3}', "list"), ('{"service": "back"}', "list")]
)
def test_a_truth_that_can_t_be_read_is_named(body: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "slow-orders.json").write_text(body)
    with pytest.raises(ValueError, match=rf"slow-orders\.json: .*{why}"):
        read_truth(tmp_path)


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
    (truth / "never-run.json").write_text(json.dumps({"service": ["back"]}))
    scored = runner.score(out, truth, candidates={"a": 4})
    assert (scored.without_truth, scored.without_result) == (1, 1)
    assert [each.candidates for each in scored.marked] == [4, None]
    assert next(row for row in table(scored.marked) if row.name == "all").at1 == {"first": Share(1, 2)}


def answered_somehow(case: str, truth: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """An answer that is right at some rank or nowhere, with some confidence and verdict."""
    change = None if truth.get("level") == "none" else truth.get("change_id")
    good = said(
        truth.get("object", truth["service"][0]),
        label=chance.choice([truth.get("fault_type"), "another"]),
        change=change and chance.choice([change, change[:8]]),
        remediation=chance.choice([truth.get("remediation"), "another"]),
    )
    wrong = [said(f"wrong-{n}", change=chance.choice([*truth.get("decoys", []), "decade2000000000"])) for n in range(4)]
    place = chance.randrange(6)
    held = [*wrong[:place], good, *wrong[place:]] if place < 5 else wrong[: chance.randrange(4)]
    held = [{**each, "confidence": chance.random() / (i + 1)} for i, each in enumerate(held)]
    verdict = chance.choice(["conclusive", "likely", "inconclusive"])
    return {"case": case, "verdict": verdict, "hypotheses": held, "elapsed_s": chance.random() * 3}


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(3))
def test_the_table_is_that_of_the_scorer_beside_the_cases(cases: Path, tmp_path: Path, seed: int) -> None:
    chance, out = random.Random(seed), tmp_path / "results.jsonl"
    truths = read_truth(cases / "truth")
    out.write_text("".join(json.dumps(answered_somehow(name, truths[name], chance)) + "\n" for name in truths))
    command = [sys.executable, str(cases / "score.py"), str(out), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    theirs = {row["row"]: row for row in json.loads(ran.stdout)["rows"]}
    described = {path.parent.name: json.loads(path.read_text()) for path in cases.glob("*/*/case.json")}
    scored = runner.score(out, cases / "truth", candidates={name: len(case["candidates"]) for name, case in described.items()})
    ours = {row.name: row_as_json(row) for row in table(scored.marked)}
    assert set(ours) == set(theirs)
    same = {"decoy": "bait"}
    for name, row in theirs.items():
        assert set(ours[name]) - {"p95 s"} == {same.get(key, key) for key in row}
        for key, value in row.items():
            if isinstance(value, (int, float, list)):
                assert ours[name][same.get(key, key)] == pytest.approx(value, abs=0.0051), (name, key)
