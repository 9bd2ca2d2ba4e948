"""That the benchmark measures what it says; how fast anything is, it says itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from app.main import Composition
from graphs.analysis.logs import templates
from tests.bench.incident import Size, write_incident
from tests.bench.lines import TEMPLATES, frame_of, grouping_accuracy, labelled
from tests.bench.series import SHAPES, known_series
from tests.bench.table import Row, lines_of, steady


def test_a_group_counts_only_when_it_holds_exactly_its_lines() -> None:
    assert grouping_accuracy([1, 1, 2, 2], ["a", "a", "b", "b"]) == 1.0
    assert grouping_accuracy([1, 1, 2, 2], ["a", "a", "b", "c"]) == 0.5
    assert grouping_accuracy([1, 1, 2, 2], ["a", "a", "a", "b"]) == 0.0
    assert grouping_accuracy([], []) == 0.0


def test_the_same_seed_writes_the_same_labelled_lines_of_every_template() -> None:
    lines = labelled(5000)
    assert lines == labelled(5000)
    assert lines.messages != labelled(5000, seed=8).messages
    assert set(lines.labels) == set(range(len(TEMPLATES)))
    assert not any(piece in message for message in lines.messages for piece in ("{id}", "{{", "}}"))


def test_lines_that_come_in_chunks_continue_in_time() -> None:
    parts = [frame_of(labelled(300, seed=first), first=first) for first in (0, 300)]
    assert parts[0]["time"].max() < parts[1]["time"].min()
    assert templates.mine_all(parts).templates["n_after"].sum() == 600


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_series_that_changed_are_named(shape: str) -> None:
    known = known_series(100, 60, each=2, seed=3)
    again = known_series(100, 60, each=2, seed=3)
    assert np.array_equal(known.values, again.values, equal_nan=True)
    mine = [j for j, kind in known.changed.items() if kind == shape]
    assert len(mine) == 2
    before, after = known.values[known.times < known.onset_s], known.values[known.times >= known.onset_s]
    for j in mine:
        assert np.nanmax(np.abs(after[:, j] - np.nanmedian(before[:, j]))) > 0.3 * abs(np.nanmedian(before[:, j]))


def test_a_straight_line_is_steady_wherever_it_starts() -> None:
    assert steady([1, 2, 4, 8], [5, 7, 11, 19]) == pytest.approx(1.0)
    assert steady([1, 2, 4, 8], [1, 4, 16, 64]) == pytest.approx(4.0)
    assert steady([1, 2, 3], [5, 5, 6]) == float("inf")


def test_the_table_says_what_is_met_and_what_is_not() -> None:
    head, _, first, second, third = lines_of([Row("a", "1", met=True), Row("b", "2", met=False), Row("c", "3")])
    assert head.startswith("what")
    assert first.endswith(" met")
    assert second.endswith("NOT MET")
    assert third.endswith("3")


def test_the_generated_incident_has_one_guilty_deploy_and_it_is_found(tmp_path: Path) -> None:
    guilty = write_incident(tmp_path / "incident", Size(lines=3000, series=200, changes=20))

    async def silent(_: object) -> None:
        return None

    _, scope, diagnosis = asyncio.run(Composition().triage_case(tmp_path / "incident", silent))
    assert guilty in scope.candidates
    assert diagnosis.hypotheses[0].target == guilty
    assert diagnosis.hypotheses[0].change is not None
