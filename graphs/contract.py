"""What an investigator is: a question in, a report out, through the ports it declared, within its deadline and budget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from app.domain.agent import Agent
from app.domain.finding import Finding, Gap
from app.domain.hypothesis import Suspicion
from app.domain.incident import Scope
from app.domain.ports import (
    ChangesSource,
    LogsSource,
    MetricsSource,
    ObjectsSource,
    SpansSource,
    StatusSource,
    TopologySource,
)
from app.domain.value import AwareDatetime, Value


@dataclass(frozen=True)
class Sources:
    """Every source the run may read, by what it holds. An empty tuple: nobody was plugged in for that."""

    metrics: tuple[MetricsSource, ...] = ()
    logs: tuple[LogsSource, ...] = ()
    spans: tuple[SpansSource, ...] = ()
    changes: tuple[ChangesSource, ...] = ()
    topology: tuple[TopologySource, ...] = ()
    objects: tuple[ObjectsSource, ...] = ()
    statuses: tuple[StatusSource, ...] = ()


UNEXPLAINED = "unexplained"
"""Name of a finding's number: 1 where something was changed where it fails, and nothing from outside reads like the cause."""


class Question(Value):
    """What the supervisor asks one investigator in one round.

    `entities`: look closer at these (empty: at everything). `symptoms`: what the others measured so far, for an investigator
    that explains rather than measures. `onset`: when it began, as far as is known by now.
    """

    investigator: str
    round: int = 1
    text: str
    entities: tuple[str, ...] = ()
    symptoms: tuple[Finding, ...] = ()
    onset: AwareDatetime | None = None


class Report(Value):
    """An investigator's whole opinion after this round: the judge reads the newest report of each, not their sum."""

    investigator: str
    findings: tuple[Finding, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    gaps: tuple[Gap, ...] = ()
    onset: AwareDatetime | None = None  # when it began, as this investigator sees it
    queries: int = 0  # how many were asked


Say = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class View:
    """What an investigator may see and use. `say` tells whoever watches what is being asked."""

    scope: Scope
    sources: Sources
    say: Say


@dataclass(frozen=True)
class Budget:
    """Most it may read in one round; a source that holds more answers with its newest part and says so."""

    deadline_s: float = 20.0
    findings: int = 60


class Investigator(Protocol):
    """One file in `investigators/`. `answers` is the question it is there for, as it is put in the first round; `may_use` names
    the fields of `Sources` it may read; the rest it is not given."""

    agent: Agent
    answers: str
    may_use: frozenset[str]
    budget: Budget

    async def investigate(self, question: Question, view: View) -> Report:
        """Raises nothing for a source that fails: that is a typed gap in the report."""
        ...
