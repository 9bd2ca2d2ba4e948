"""What the inner rooms ask of the outer ones. Connectors, actions and the ledger fill these; nobody inside knows who does.

Every source is read-only and bounded in time, size and cardinality. It answers with a table or `NoData`; it raises
`Unreachable` (did not answer) or `Rejected` (refused the query), both with what was asked, of whom, over which window.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel

from app.domain.action import Effects, Outcome, Preview
from app.domain.change import Change
from app.domain.hypothesis import Hypothesis
from app.domain.incident import Scope
from app.domain.value import JsonObject
from app.domain.window import Window

if TYPE_CHECKING:  # the tables bring polars, 40 MB that a process which only hears and keeps has no use for
    from app.domain.telemetry import LogTable, MetricTable, NoData, ObjectTable, SpanTable, StatusTable, Topology


class Clock(Protocol):
    """Now, aware UTC."""

    def __call__(self) -> datetime: ...


@runtime_checkable
class MetricsSource(Protocol):
    name: str

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        """Series of the scope's two stretches; only those of `entities` (and edges touching them) when given."""
        ...

    async def value(self, query: str, *, at: datetime) -> float | NoData:
        """One number now (or at `at`): what a success criterion is held against. `query` is one of `MetricTable.queries`."""
        ...


@runtime_checkable
class LogsSource(Protocol):
    name: str

    async def logs(self, scope: Scope, *, entities: Sequence[str] = ()) -> LogTable | NoData: ...


@runtime_checkable
class SpansSource(Protocol):
    name: str

    async def spans(self, scope: Scope) -> SpanTable | NoData: ...


@runtime_checkable
class ChangesSource(Protocol):
    name: str

    async def changes(self, window: Window) -> Sequence[Change] | NoData:
        """What was changed in `window`, oldest first."""
        ...


@runtime_checkable
class TopologySource(Protocol):
    name: str

    async def topology(self, scope: Scope) -> Topology | NoData: ...


@runtime_checkable
class ObjectsSource(Protocol):
    name: str

    async def objects(self, scope: Scope) -> ObjectTable | NoData: ...


@runtime_checkable
class StatusSource(Protocol):
    name: str

    async def statuses(self, scope: Scope) -> StatusTable | NoData: ...


class ActionPort(Protocol):
    """One thing we can change. `arguments` validates and closes what it takes; nothing else reaches it."""

    name: str
    summary: str
    arguments: type[BaseModel]

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[JsonObject]:
        """Exact arguments with which this action would answer `hypothesis`, best first; empty: it can't."""
        ...

    def effects(self, arguments: BaseModel) -> Effects:
        """Pure: what the call would do."""
        ...

    async def read_back(self, arguments: BaseModel) -> JsonObject:
        """Every field the call depends on, as it is now. Compared for equality before the press takes effect and before
        the run. Raises `Unreachable` or `NotFound`; either means no."""
        ...

    async def preview(self, arguments: BaseModel) -> Preview: ...

    async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
        """Do it, once. The same key again must not do it again where the target can tell. Never raises for an ambiguous
        end (a lost answer): that is `Outcome(ok=None)`."""
        ...

    async def took_effect(self, arguments: BaseModel, *, precondition: JsonObject) -> bool | None:
        """Read back whether an earlier run took effect; None when that cannot be told."""
        ...


@runtime_checkable
class Replanning(Protocol):
    """An action that may have this besides: where the world moved, `again` says which exact arguments want the same now."""

    async def again(self, arguments: BaseModel) -> JsonObject: ...


Handler = Callable[[JsonObject], Awaitable[None]]


class JobRunner(Protocol):
    """How work is run. Jobs carry ids only; the ledger is the truth, so running one twice must be harmless."""

    async def submit(self, kind: str, payload: JsonObject, *, key: str, lock: str | None = None) -> None:
        """Run `kind` soon. The same unfinished `key` is submitted once; jobs with the same `lock` run one after another."""
        ...

    async def unfinished(self) -> frozenset[str]:
        """The keys of all jobs that wait or run, in whichever process. Raises `Unreachable`."""
        ...

    async def start(self, handlers: dict[str, Handler]) -> None: ...

    async def stop(self, *, grace_s: float) -> None:
        """Let what runs here end within `grace_s`, then cut it off: whoever works next carries on from the ledger."""
        ...


class Locks(Protocol):
    """Names that one holder at a time has, among all processes on one ledger. They end with the process, however it ends;
    one that is only paused keeps them, so that nobody does beside it what it may still be doing."""

    async def take(self, name: str) -> bool:
        """Never waits. False while somebody holds it, this process too. Raises `Unreachable`; then it is not held."""
        ...

    async def give(self, name: str) -> None: ...


class Model(Protocol):
    """The language-model layer. It writes and orders; it decides nothing, and no number is its."""

    name: str

    async def complete(self, *, system: str, prompt: str, schema: type[BaseModel], deadline_s: float) -> BaseModel | None:
        """An answer of exactly `schema`, or None (no model, too late, not readable). Never raises for a bad answer."""
        ...


Progress = Callable[[dict[str, Any]], Awaitable[None]]
"""Told of every step of a run as it happens: {"agent", "step", "text", ...}; for people watching, and the run's trace."""
