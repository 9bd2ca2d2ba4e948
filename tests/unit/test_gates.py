"""The table of the gates tells what was measured, and what was not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gates import GATES, LEFT, MISSING, Figure, Gate, Line, table

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import pytest

def test_a(gate):
    gate("G5", "click race", figure="1000 wins of 1000", bar="exactly one each", met=True)

def test_a_twin(gate):
    gate.twin("G5", "click race", figure="1011 wins of 1000", fails=True)

def test_scheduler(gate):
    gate("PG", "scheduler", figure="1 of 2", bar="exactly one", met=True)

@pytest.mark.in_full
def test_scheduler_twin(gate):
    gate.twin("PG", "scheduler", figure="2 of 2", fails=True)

def test_misses(gate):
    gate("G7", "replays", figure="1 accepted", bar="0", met=False)

def test_fails_afterwards(gate):
    gate("G9", "interleavings", figure="0 ran", bar="0", met=True)
    gate.twin("G9", "interleavings", figure="3 ran", fails=True)
    raise RuntimeError

def test_blind(gate):
    gate("G4", "acks", figure="100 of 100", bar="all", met=True)
    gate.twin("G4", "acks", figure="100 of 100", fails=False)
"""


def run(folder: Path, *options: str, drills: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_some.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.gates",
        "-p",
        "no:cacheprovider",
        "-q",
        "--rootdir",
        str(folder),
        *options,
    ]
    env = {**os.environ, "FIRSTMATE_DRILLS": drills, "PYTHONPATH": str(ROOT), "FIRSTMATE_SEED": "7", "PYTEST_ADDOPTS": ""}
    env = {name: value for name, value in env.items() if not name.startswith("PYTEST_XDIST")}
    return subprocess.run([*command, str(folder)], cwd=folder, env=env, capture_output=True, text=True)


def line(told: str, start: str) -> str:
    return next(each for each in told.splitlines() if each.startswith(start))


@pytest.mark.parametrize("options", [("-n", "0"), ("-n", "1")])
def test_the_table_stands_at_the_end_under_xdist_too(tmp_path: Path, options: tuple[str, ...]) -> None:
    told = run(tmp_path, *options, drills="").stdout
    assert "gates, small, seed 7" in told
    assert " met " in line(told, "G5")
    assert "1011 wins of 1000" in line(told, "G5")
    for missed in ("G4", "G7", "G9"):
        assert "NOT MET" in line(told, missed)
    assert not any(each.startswith("G11") for each in told.splitlines())


def test_a_test_that_takes_minutes_whatever_its_size_is_left_to_the_drills(tmp_path: Path) -> None:
    small = run(tmp_path, "-n", "0", "-k", "scheduler", drills="").stdout
    assert "1 passed" in small
    assert " met " in line(small, "PG")
    assert LEFT in line(small, "PG")
    full = run(tmp_path, "-n", "0", "-k", "scheduler", drills="full").stdout
    assert "2 passed" in full
    assert "2 of 2" in line(full, "PG")


def test_in_full_a_gate_without_a_figure_fails_the_run(tmp_path: Path) -> None:
    told = run(tmp_path, "-n", "0", "-k", "test_a", drills="full")
    assert told.returncode == 1
    assert " met " in line(told.stdout, "G5")
    assert MISSING in line(told.stdout, "G11")


def test_a_figure_without_its_twin_is_not_met() -> None:
    lines = [each for each in table([Figure("G5", "race", "1", "1")]) if each.gate == "G5"]
    assert lines == [Line("G5", "race", "1", "1", MISSING, False)]


def test_a_small_run_may_leave_a_twin_but_no_bar_unmet() -> None:
    small = table([Figure("G5", "race", "1", "1"), Figure("G6", "cards", "1", "0", met=False)], whole=False)
    assert [(each.twin, each.good) for each in small if each.gate in ("G5", "G6")] == [(LEFT, True), (LEFT, False)]


def test_every_gate_has_a_line_whatever_was_measured() -> None:
    assert [each.gate for each in table([])] == list(GATES)


def test_a_gate_nobody_knows_is_refused(request: pytest.FixtureRequest) -> None:
    with pytest.raises(KeyError, match="G99 is no gate"):
        Gate(request.node)("G99", "x", figure="", bar="", met=True)
