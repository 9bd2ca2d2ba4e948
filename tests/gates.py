"""The gates that nothing gets past, as one table: each test notes what it measured, the run ends with all of it side by side.

A test asks for the fixture `gate` and calls it once with what it measured; its known-bad twin calls `gate.twin`. Both assert,
so that a figure that misses its bar fails the test too. `make test` runs them small, `make drills` in full (`size`), and a gate
that nothing was measured for, or whose twin did not run, fails `make drills`. It works under xdist as well.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pytest

FULL = os.environ.get("FIRSTMATE_DRILLS") == "full"
SEED = os.environ.setdefault("FIRSTMATE_SEED", str(random.SystemRandom().randrange(10**6)) if FULL else "4")
"""Small runs repeat themselves; a full one draws a new seed and prints it. Workers inherit it."""

GATES = {
    "G1": "a hijacked model reaches no effect",
    "G2": "killed at any moment",
    "G3": "killed at every system call",
    "G4": "on disk before it is acknowledged",
    "G5": "everybody clicks at once",
    "G6": "what is shown is what runs",
    "G7": "forged and replayed payloads",
    "G8": "who may approve",
    "G9": "the world moved meanwhile",
    "G11": "secrets stay out of every sink",
    "G12": "claims, priority, fencing",
    "G16": "loops and budgets end",
    "G17": "upgrades lose nothing",
    "G18": "the audit trail shows tampering",
    "G19": "stop paths",
    "G20": "hostile input",
    "PG": "the same on PostgreSQL, two surfaces, two workers",
}
"""In the order of the table. G10 and G13 to G15 belong to Slack's own tests and the investigators'."""

LONGEST_S = 1800
"""How long one test may take in full, where it does not say itself."""
MISSING = "MISSING"
LEFT = "left to `make drills`"
_PROPERTY = "gate"


def size(full: int, small: int) -> int:
    """How often: in full under `make drills`, else small enough for `make test`."""
    return full if FULL else small


@dataclass(frozen=True)
class Figure:
    """One line of the table: what one test measured, or (`twin`) what the known-bad one did."""

    gate: str
    what: str
    figure: str
    bar: str = ""
    met: bool = True
    twin: bool = False


class Gate:
    """Where a test notes its figures. They travel with the test's report, from xdist's workers too."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node

    @cached_property
    def random(self) -> random.Random:
        """This test's own; FIRSTMATE_SEED, shown above the table, repeats it."""
        return random.Random(f"{SEED}/{self._node.name}")

    def __call__(self, gate: str, what: str, *, figure: str, bar: str, met: bool) -> None:
        """Note it, then assert it: a miss stands in the table too. `what` names the line, and its twin by the same words."""
        self._note(Figure(gate, what, figure, bar, met))
        assert met, f"{gate}, {what}: {figure}; the bar is {bar}"

    def twin(self, gate: str, what: str, *, figure: str, fails: bool) -> None:
        """What the known-bad twin of (`gate`, `what`) did. It must fail the bar; one that meets it shows that the test is blind."""
        self._note(Figure(gate, what, figure, met=fails, twin=True))
        assert fails, f"{gate}, {what}: the known-bad twin was not found out: {figure}"

    def _note(self, figure: Figure) -> None:
        if figure.gate not in GATES:
            raise KeyError(f"{figure.gate} is no gate; there are {', '.join(GATES)}")
        self._node.user_properties.append((_PROPERTY, vars(figure)))


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Gate:
    return Gate(request.node)


@dataclass(frozen=True)
class Line:
    """One row of the table. `good` is no where a figure or its twin is missing, missed its bar, or its test failed elsewhere."""

    gate: str
    what: str
    figure: str
    bar: str
    twin: str
    good: bool

    @property
    def cells(self) -> tuple[str, ...]:
        return self.gate, self.what, self.figure, self.bar, "met" if self.good else "NOT MET", self.twin


HEAD = ("gate", "what", "today", "bar", "", "the known-bad twin")


def table(figures: Sequence[Figure], *, whole: bool = True) -> list[Line]:
    """Every figure beside its twin, gates in order; a gate without any figure has one line that says so.

    Not `whole`: a twin may have been left to `make drills`.
    """
    lines: list[Line] = []
    for gate, title in GATES.items():
        own = [each for each in figures if each.gate == gate]
        twins = {each.what: each for each in own if each.twin}
        measured = {each.what: each for each in own if not each.twin}
        for what, each in measured.items():
            bad = twins.pop(what, None)
            shown = bad.figure if bad else MISSING if whole else LEFT
            lines.append(Line(gate, what, each.figure, each.bar, shown, each.met and (bad.met if bad else not whole)))
        lines += [Line(gate, what, MISSING, "", bad.figure, False) for what, bad in twins.items()]
        if not own:
            lines.append(Line(gate, title, MISSING, "", MISSING, False))
    return lines


def shown(lines: Sequence[Line]) -> list[str]:
    cells = [HEAD, *(line.cells for line in lines)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [rows[0], "  ".join("-" * width for width in widths), *rows[1:]]


class Collected:
    """In the process that prints: figures by test, and which tests failed."""

    def __init__(self) -> None:
        self.figures: dict[str, list[Figure]] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        if report.when == "teardown":  # the last report of a test carries everything it noted
            noted: list[Any] = [value for name, value in report.user_properties if name == _PROPERTY]
            self.figures[report.nodeid] = [Figure(**each) for each in noted]

    def all(self) -> list[Figure]:
        """A figure whose test failed after noting it is not met."""
        return [
            replace(each, met=each.met and test not in self.failed) for test, figures in self.figures.items() for each in figures
        ]

    def lines(self) -> list[Line]:
        """In full every gate; of a small or narrowed run what was measured."""
        lines = table(self.all(), whole=FULL)
        return lines if FULL else [line for line in lines if line.figure != MISSING]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not (lines := self.lines()):
            return
        terminalreporter.section(f"gates, {'in full' if FULL else 'small'}, seed {SEED}")
        head, rule, *rows = shown(lines)
        terminalreporter.line(head)
        terminalreporter.line(rule)
        for line, row in zip(lines, rows, strict=True):
            terminalreporter.line(row, red=not line.good)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if FULL and session.exitstatus == pytest.ExitCode.OK and not all(line.good for line in self.lines()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "drill: one of the drills; `make drills` runs these in full")
    config.addinivalue_line("markers", "in_full: takes minutes whatever its size, so that `make drills` alone runs it")
    if config.pluginmanager.has_plugin("terminalreporter") and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Collected(), "firstmate-gates")


@pytest.hookimpl(tryfirst=True)  # before `-m drill` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not FULL and (left := [item for item in items if item.get_closest_marker("in_full")]):
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    for item in items:
        if "drills" in item.path.parts or "gate" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.drill)
            if FULL and item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LONGEST_S))
