from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.domain.errors import BadInput
from app.evaluation.calibrate import fitted, forecasts
from app.evaluation.compare import dump
from graphs.analysis.calibration import Calibration, Forecast


def written(folder: Path, answers: list[tuple[str, str, float | None]]) -> tuple[list[Path], Path]:
    """(case, what was answered, odds) as results; the truth is `back` everywhere, and every second case of another source."""
    results, truth = folder / "results.jsonl", folder / "truth"
    lines = []
    for n, (case, target, odds) in enumerate(answers):
        place = truth / ("one" if n % 2 else "two")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{case}.json").write_text(json.dumps({"service": ["back"]}))
        lines.append(json.dumps({"case": case, "hypotheses": [{"target": target, "confidence": 0.5, "odds": odds}]}))
    results.write_text("\n".join([*lines, json.dumps({"case": "unheard", "hypotheses": []})]))
    return [results], truth


def test_forecasts_are_read_from_results_and_truth(tmp_path: Path) -> None:
    assert forecasts(*written(tmp_path, [("a", "back", 2.0), ("b", "front", -1.0)])) == [
        Forecast(odds=2.0, right=True, group="two:None:back", source="two", case="a"),
        Forecast(odds=-1.0, right=False, group="one:None:back", source="one", case="b"),
    ]


def test_results_without_odds_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="run firstmate eval again"):
        forecasts(*written(tmp_path, [("a", "back", None)]))


@pytest.mark.parametrize(
    "line", ["[]", '{"case": "a", "hypotheses": "back"}', '{"hypotheses": []}', '{"case": [], "hypotheses": []}']
)
def test_a_line_that_is_no_result_is_refused_with_the_file_s_name(line: str, tmp_path: Path) -> None:
    results, truth = written(tmp_path, [("a", "back", 1.0)])
    results[0].write_text(line + "\n")
    with pytest.raises(ValueError, match=r"results\.jsonl: a line lacks what results have"):
        forecasts(results, truth)


def test_a_release_is_refused_since_it_keeps_no_odds(tmp_path: Path) -> None:
    results, truth = written(tmp_path, [("a", "back", 1.0)])
    results[0].write_bytes(dump([], version="1"))
    with pytest.raises(BadInput, match="is a release's file, which keeps no odds; name the results that firstmate eval wrote"):
        forecasts(results, truth)


def test_results_of_another_schema_are_refused_with_the_file_s_name(tmp_path: Path) -> None:
    results, truth = written(tmp_path, [("a", "back", 1.0)])
    results[0].write_text(results[0].read_text().replace('{"case": "a"', '{"schema": "triage-result/9", "case": "a"'))
    with pytest.raises(ValueError, match=r"results\.jsonl: a line of it says schema 'triage-result/9'"):
        forecasts(results, truth)


def test_a_confidence_that_is_no_probability_is_refused(tmp_path: Path) -> None:
    results, truth = written(tmp_path, [("a", "back", 1.0)])
    results[0].write_text(results[0].read_text().replace("0.5", "NaN"))
    with pytest.raises(ValueError, match="the confidence of a is nan"):
        forecasts(results, truth)


def test_odds_that_are_no_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the odds of a are no number"):
        forecasts(*written(tmp_path, [("a", "back", float("nan"))]))


def test_no_result_with_a_truth_is_refused(tmp_path: Path) -> None:
    results, _ = written(tmp_path, [("a", "back", 1.0)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no result in"):
        forecasts(results, tmp_path / "empty")


def test_a_culprit_is_never_on_both_sides_of_a_fold() -> None:
    """One culprit, always wrong though sure: a fold that had seen it would have learnt so."""
    fine = [Forecast(odds=3.0, right=True, group=f"g{n}", source="s") for n in range(40)]
    odd = [Forecast(odds=3.0, right=False, group="same", source="s") for _ in range(20)]
    made = fitted([*fine, *odd], reserve=0.0)
    fooled = made.folds.brier * 60 / 20  # what the 20 contribute, when the others are near 0
    assert fooled > 0.7
    assert made.sources is None


def test_the_reserve_bounds_what_is_ever_said_and_stands_in_the_file() -> None:
    made = fitted([Forecast(odds=float(n), right=True, group=f"g{n}", source=f"s{n % 2}") for n in range(10)], reserve=0.1)
    again = Calibration.model_validate_json(made.calibration.model_dump_json(by_alias=True))
    assert again.probability(99.0) == pytest.approx(0.9)
    assert again.provenance["answers"] == 10
    assert made.sources is not None
