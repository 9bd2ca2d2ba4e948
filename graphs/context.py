"""What the nodes may use. Handed over per run by whoever starts it; nothing in `graphs` reaches for anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.action import Call
from app.domain.change import Change
from app.domain.hypothesis import Diagnosis, Hypothesis
from app.domain.incident import Scope
from app.domain.ports import ActionPort, Clock, Model, Progress
from app.domain.proposal import Criterion
from app.domain.runbook import Runbook
from app.domain.value import Value
from graphs.analysis.calibration import Calibration
from graphs.contract import Investigator, Report, Sources


class RunStore(Protocol):
    """Where a run's bodies are kept. Writing the same again is harmless."""

    async def save_report(self, run: str, round: int, report: Report) -> None: ...

    async def reports(self, run: str) -> list[Report]:
        """The newest report of each investigator, by name."""
        ...

    async def save_diagnosis(self, run: str, diagnosis: Diagnosis) -> None: ...

    async def diagnosis(self, run: str) -> Diagnosis | None: ...


class Draft(Value):
    """An action the proposer would have a person decide on. Becomes a proposal only through policy and the ledger."""

    call: Call
    runbook: str
    why: str
    hypothesis: Hypothesis
    change: Change | None = None
    if_we_wait: str = ""
    criterion: Criterion | None = None


Propose = Callable[[str, Draft], Awaitable[None]]
"""Told (run, draft): read back, preview, judge by policy, store. Idempotent per run and call."""


@dataclass(frozen=True)
class TriageContext:
    """`propose` is None where nothing can be proposed (a recorded case)."""

    scope: Scope
    sources: Sources
    investigators: Mapping[str, Investigator]
    store: RunStore
    model: Model
    progress: Progress
    clock: Clock
    calibration: Calibration
    actions: Mapping[str, ActionPort] = field(default_factory=dict)
    runbooks: tuple[Runbook, ...] = ()
    propose: Propose | None = None
    hold_s: float = 60.0  # how long a recovered symptom must stay recovered
    within_s: float = 300.0  # and by when after the run


class MemoryStore:
    """A run store for runs without a ledger: one recorded case on the command line."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], tuple[int, Report]] = {}
        self._diagnoses: dict[str, Diagnosis] = {}

    async def save_report(self, run: str, round: int, report: Report) -> None:
        key = (run, report.investigator)
        if key not in self._reports or self._reports[key][0] <= round:
            self._reports[key] = (round, report)

    async def reports(self, run: str) -> list[Report]:
        return [report for (of, _), (_, report) in sorted(self._reports.items()) if of == run]

    async def save_diagnosis(self, run: str, diagnosis: Diagnosis) -> None:
        self._diagnoses[run] = diagnosis

    async def diagnosis(self, run: str) -> Diagnosis | None:
        return self._diagnoses.get(run)
