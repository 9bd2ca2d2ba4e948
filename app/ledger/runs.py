"""Runs of the graph, and the trace of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, Select, Update, select, update

from app.domain.errors import NotFound
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.domain.value import AwareDatetime, JsonObject, Value
from app.ledger.ledger import Tx
from app.ledger.tables import runs, steps

RunState = Literal["queued", "running", "finished", "failed"]


class Run(Value):
    """One pass of the graph for an incident. `attempts` counts how often it was started (a killed process starts it again)."""

    id: str
    incident: str
    state: RunState
    queued_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    attempts: int = 0
    scope: Scope
    diagnosis: Diagnosis | None = None
    stop_reason: str | None = None


class Step(Value):
    """One line of a run's trace."""

    run: str
    seq: int
    agent: str
    step: str
    text: str
    at: AwareDatetime
    details: JsonObject


async def add(tx: Tx, run: str, *, incident: str, scope: Scope, at: datetime) -> bool:
    """Queue a run named `run`. False when it is there already."""
    row = tx.insert(runs).values(
        id=run, incident=incident, state="queued", queued_at=at, attempts=0, scope=scope.model_dump(mode="json"), steps=0
    )
    return await tx.changed(row.on_conflict_do_nothing(index_elements=["id"])) == 1


async def start(tx: Tx, run: str, *, at: datetime) -> int:
    """It begins, or begins again after its process died. Returns which attempt this is; 0 when the run has already ended."""
    begun = _unended(run).values(state="running", started_at=at, attempts=runs.c.attempts + 1).returning(runs.c.attempts)
    return int((await tx.execute(begun)).scalar() or 0)


async def keep(tx: Tx, run: str, diagnosis: Diagnosis) -> bool:
    """The judge's opinion so far; the run goes on. False when it has ended."""
    return await tx.changed(_unended(run).values(diagnosis=diagnosis.model_dump(mode="json"))) == 1


async def finish(tx: Tx, run: str, diagnosis: Diagnosis, *, at: datetime) -> bool:
    """It ended with a diagnosis. False when it had already ended; the first end stays."""
    body = diagnosis.model_dump(mode="json")
    ended = _unended(run).values(state="finished", finished_at=at, diagnosis=body, stop_reason=diagnosis.stop_reason)
    return await tx.changed(ended) == 1


async def fail(tx: Tx, run: str, reason: str, *, at: datetime) -> bool:
    """It ended without one; `reason` is a sentence. False when it had already ended."""
    return await tx.changed(_unended(run).values(state="failed", finished_at=at, stop_reason=reason)) == 1


async def get(tx: Tx, run: str) -> Run:
    """Raises `NotFound`."""
    row = (await tx.execute(_runs().where(runs.c.id == run))).first()
    if row is None:
        raise NotFound(f"there is no run {run}")
    return _read(row)


async def for_incident(tx: Tx, incident: str) -> list[Run]:
    """Oldest first."""
    found = await tx.execute(_runs().where(runs.c.incident == incident).order_by(runs.c.queued_at, runs.c.id))
    return [_read(row) for row in found]


async def latest(tx: Tx, incident: str) -> Run | None:
    """The run queued last."""
    query = _runs().where(runs.c.incident == incident).order_by(runs.c.queued_at.desc(), runs.c.id.desc()).limit(1)
    row = (await tx.execute(query)).first()
    return None if row is None else _read(row)


async def unfinished(tx: Tx) -> list[Run]:
    """Queued or running, oldest first: what another process carries on after a crash."""
    found = await tx.execute(_runs().where(runs.c.state.in_(("queued", "running"))).order_by(runs.c.queued_at, runs.c.id))
    return [_read(row) for row in found]


async def add_step(tx: Tx, run: str, *, agent: str, step: str, text: str, at: datetime, details: JsonObject | None = None) -> int:
    """Append to the run's trace; its number, from 1. Raises `NotFound` when there is no such run."""
    counted = update(runs).where(runs.c.id == run).values(steps=runs.c.steps + 1).returning(runs.c.steps)
    seq = (await tx.execute(counted)).scalar()
    if seq is None:
        raise NotFound(f"there is no run {run} to note a step of")
    row = {"run": run, "seq": seq, "agent": agent, "step": step, "text": text, "at": at, "details": details or {}}
    await tx.execute(steps.insert().values(row))
    return int(seq)


async def trace(tx: Tx, run: str, *, after: int = 0) -> list[Step]:
    """The run's steps with a number above `after`, in order."""
    found = await tx.execute(select(steps).where(steps.c.run == run, steps.c.seq > after).order_by(steps.c.seq))
    return [Step.model_validate(dict(row._mapping)) for row in found]


def _unended(run: str) -> Update:
    return update(runs).where(runs.c.id == run, runs.c.state.in_(("queued", "running")))


def _runs() -> Select[Any]:
    return select(*(column for column in runs.c if column.name != "steps"))


def _read(row: Row[Any]) -> Run:
    return Run.model_validate(dict(row._mapping))
