"""Our own recorded incidents are answered as well as before. They are what the product itself wrote down of its demo's shop.

To record them anew, look at each with `firstmate triage --case`, and take over what is answered:

    rm -r tests/cases/INC-* tests/cases/truth
    python -m tests.cases.record
    python -m tests.cases.answers
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.score import read_truth
from tests.cases.answers import EXPECTED, HERE, NEVER, TRUTH, cases, line, pooled, rank, summary

OFF_AT_MOST = 0.25
"""The calibration error of the day they were recorded, and a little: all but one were right, most of them at .6 to .95."""
PACKED_AT_MOST = 1_500_000

FOLDERS = {folder.name: folder for folder in cases()}
KNOWN: dict[str, dict[str, Any]] = json.loads(EXPECTED.read_text(encoding="utf-8"))


def test_there_are_a_dozen_with_their_truth_and_they_are_small() -> None:
    assert len(FOLDERS) >= 12
    assert set(FOLDERS) == set(read_truth(TRUTH)) == set(KNOWN)
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < PACKED_AT_MOST


@pytest.mark.parametrize("name", FOLDERS)
def test_what_was_right_is_right(name: str) -> None:
    found, known = summary(FOLDERS[name]), KNOWN[name]
    if known["rank"] == 1:
        assert found == known
    elif known["rank"] != NEVER:
        assert NEVER < found["rank"] <= known["rank"]


def test_none_is_conclusive_and_wrong() -> None:
    truth = read_truth(TRUTH)
    said = {name: json.loads(line(folder)) for name, folder in FOLDERS.items()}
    wrong = [name for name, each in said.items() if each["verdict"] == "conclusive" and rank(each, truth[name]) != 1]
    assert wrong == []


def test_confidence_is_as_well_earned_as_it_was(tmp_path: Path) -> None:
    row = pooled(tmp_path / "results.jsonl")
    assert row.cases == len(FOLDERS)
    assert row.calibration_error is not None
    assert row.calibration_error <= OFF_AT_MOST
