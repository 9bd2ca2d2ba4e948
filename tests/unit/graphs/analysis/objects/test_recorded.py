"""On recorded incidents of other people's clusters, where they lie beside the project."""

from __future__ import annotations

import gzip
import json
import pathlib
import random
from datetime import datetime
from typing import Any

import pytest

from app.domain.incident import Alert, Scope
from app.domain.telemetry import ObjectTable, Recorded
from app.domain.window import Window
from graphs.analysis.labels import choose_label
from graphs.analysis.objects import examine

CASES = pathlib.Path(__file__).resolve().parents[5] / ".." / "shared" / "cases"
pytestmark = pytest.mark.shared


def recorded_cases() -> list[tuple[ObjectTable, Scope, dict[str, Any]]]:
    if not CASES.is_dir():
        pytest.skip("the recorded cases are not beside the project")
    found = []
    for path in sorted(CASES.glob("*/*/k8s.jsonl.gz")):
        truth = CASES / "truth" / path.parent.parent.name / f"{path.parent.name}.json"
        case = json.loads((path.parent / "case.json").read_text())
        rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        table = ObjectTable("case", 0.0, tuple(Recorded(row["cmd"], row["out"]) for row in rows))
        found.append((table, _scope(case), json.loads(truth.read_text())))
    if not found:
        pytest.skip("no recorded case holds objects")
    return found


def _scope(case: dict[str, Any]) -> Scope:
    named = {**case["alert"], "source": "case", "fingerprint": "f", "id": "a", "monitor": "m"}
    known = {key: value for key, value in named.items() if key in Alert.model_fields and key != "severity"}
    known["fired_at"] = datetime.fromisoformat(case["alert"]["fired_at"])
    window = Window(start=datetime.fromisoformat(case["window"]["start"]), end=datetime.fromisoformat(case["window"]["end"]))
    answers = case.get("answers") or {}
    return Scope(
        alert=Alert(**known), window=window, candidates=tuple(case["candidates"]), labels=tuple(answers.get("label") or ())
    )


def test_most_recorded_faults_are_found_by_the_objects_alone() -> None:
    right, heavy, heavy_right = 0, 0, 0
    cases = recorded_cases()
    for table, scope, truth in cases:
        faults = examine(table, scope)
        first = faults[0] if faults else None
        hit = first is not None and (first.target, choose_label(first.kind, scope.labels)) == (truth["object"], truth["fault_type"])
        right += hit
        if first is not None and first.weight >= 4.0:
            heavy, heavy_right = heavy + 1, heavy_right + hit
    assert right >= 0.75 * len(cases)
    assert heavy_right >= 0.95 * heavy


def test_the_order_of_recorded_commands_changes_nothing() -> None:
    for table, scope, _ in recorded_cases()[::27]:
        shuffled = list(table.recorded)
        random.Random(3).shuffle(shuffled)
        assert examine(ObjectTable("case", 0.0, tuple(shuffled)), scope) == examine(table, scope)
