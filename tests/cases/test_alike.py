"""The same incident told otherwise gets the same answer: through the real engine, over our own recorded cases.

Each way of telling goes over some of the cases, and over every case some of the ways: all of all would take a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.score import read_truth
from tests.cases import alike
from tests.cases.answers import TRUTH, Said, cases, line, told

FOLDERS = cases()
EVERY = 4
A_LITTLE = 0.02


def some(nth: int, *, having: str = "case.json") -> list[Any]:
    """Every fourth case from the `nth` on, of those that recorded `having`."""
    held = [folder for folder in FOLDERS if list(folder.glob(f"{having}*"))]
    return [pytest.param(folder, id=folder.name) for folder in held[nth % EVERY :: EVERY]]


@pytest.mark.parametrize("case", [pytest.param(folder, id=folder.name) for folder in FOLDERS])
def test_renamed_services_get_the_same_answer_renamed(case: Path, tmp_path: Path) -> None:
    files = alike.read(case)
    names = alike.new_names(files)
    assert told(alike.renamed(files, names), tmp_path, names={new: old for old, new in names.items()}) == Said.of(line(case))


def test_renaming_leaves_no_old_name_and_no_order() -> None:
    files = alike.read(FOLDERS[0])
    names = alike.new_names(files)
    assert len(names) == len(set(names.values())) >= 6
    assert not alike.services(alike.renamed(files, names)) & set(names)
    assert [names[old] for old in sorted(names)] != sorted(names.values())


Telling = Callable[[alike.Files], alike.Files]
WAYS: dict[str, Telling] = {
    "without its id": alike.nameless,
    "in another order": alike.shuffled,
    "four months later": lambda files: alike.shifted(files, by_s=10_000_000.5),
    "in milliseconds": alike.in_milliseconds,
    "with files of nothing": alike.with_empty,
}


@pytest.mark.parametrize(
    ("way", "case"),
    [
        pytest.param(way, *case.values, id=f"{way}-{case.id}")
        for nth, way in enumerate(WAYS)
        for case in some(nth, having="metrics.csv")
    ],
)
def test_told_otherwise_it_is_the_same_incident(way: str, case: Path, tmp_path: Path) -> None:
    files = alike.read(case)
    otherwise = WAYS[way](files)
    assert otherwise != files
    assert told(otherwise, tmp_path) == Said.of(line(case))


def test_seconds_are_told_in_milliseconds_by_name_and_number() -> None:
    files = {
        "case.json": '{"alert": {}}',
        "metrics.csv": "phase,time,a|wait_seconds_sum,a|cpu_seconds_per_s,a|hits\nincident,5,0.25,1,3\n",
    }
    assert alike.in_milliseconds(files)["metrics.csv"].splitlines() == [
        "phase,time,a|wait_ms_sum,a|cpu_seconds_per_s,a|hits",
        "incident,5,250.0,1,3",
    ]


@pytest.mark.parametrize("case", some(1))
def test_lines_that_were_collected_twice_change_no_order(case: Path, tmp_path: Path) -> None:
    assert told(alike.doubled(alike.read(case)), tmp_path).order == Said.of(line(case)).order


INNOCENT = [pytest.param(folder, id=folder.name) for folder in FOLDERS if read_truth(TRUTH)[folder.name]["change_id"] is None]


@pytest.mark.parametrize("case", INNOCENT)
def test_where_no_change_is_guilty_nobody_gains_by_there_being_none(case: Path, tmp_path: Path) -> None:
    before, after = Said.of(line(case)), told(alike.without(alike.read(case), "changes.jsonl"), tmp_path)
    guilty = before.order[0][0]
    assert after.order[0] == (guilty, None)
    assert {target for target, _ in after.order if after.confidence(target) > before.confidence(target) + 2 * A_LITTLE} <= {guilty}


@pytest.mark.parametrize(
    ("gone", "case"),
    [
        pytest.param(gone, *case.values, id=f"{gone}-{case.id}")
        for nth, gone in enumerate(("changes.jsonl", "metrics.csv", "logs.jsonl", "topology.json"))
        for case in some(nth, having=gone)
    ],
)
def test_with_less_to_go_by_nobody_is_surer_and_nobody_else_certain(gone: str, case: Path, tmp_path: Path) -> None:
    before, after = Said.of(line(case)), told(alike.without(alike.read(case), gone), tmp_path)
    guilty = before.order[0][0]
    assert after.confidence(guilty) <= before.confidence(guilty) + A_LITTLE
    assert after.verdict != "conclusive" or after.order[0][0] == guilty
