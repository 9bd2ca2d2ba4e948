"""Runs of approved proposals: at most one each, for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, update

from app.domain.approval import Execution
from app.domain.errors import NotFound
from app.ledger.ledger import Tx
from app.ledger.tables import executions


def id_of(proposal: str) -> str:
    """Of the one run of the proposal with this hash."""
    return "x-" + proposal[:16]


async def start(tx: Tx, proposal: str, *, claim_token: int, at: datetime) -> Execution | None:
    """Note `started`, before anything is done. None when it was ever started before: it must not run again.

    Its id follows from the proposal's hash and is the idempotency key that the action gets.
    """
    row = tx.insert(executions).values(
        id=id_of(proposal), proposal=proposal, claim_token=claim_token, state="started", started_at=at, detail=""
    )
    inserted = row.on_conflict_do_nothing().returning(*_columns())
    found = (await tx.execute(inserted)).first()
    return None if found is None else _read(found)


async def finish(tx: Tx, execution: str, *, ok: bool, detail: str, at: datetime) -> bool:
    """The action answered: `finished` (to be verified) or `failed`. Also settles an `unknown` one that was read back.

    False when it is in neither `started` nor `unknown`.
    """
    state = "finished" if ok else "failed"
    return await _move(tx, execution, ("started", "unknown"), state=state, finished_at=at, detail=detail)


async def mark_unknown(tx: Tx, execution: str, *, detail: str, at: datetime) -> bool:
    """Nobody knows whether it took effect. False when it is not `started` any more."""
    return await _move(tx, execution, ("started",), state="unknown", finished_at=at, detail=detail)


async def verify(tx: Tx, execution: str, *, met: bool | None, observed: float | None, detail: str, at: datetime) -> bool:
    """The criterion's answer: `verified`, `missed`, or `unverified` when it gave none. False when it is not `finished`."""
    state = {True: "verified", False: "missed", None: "unverified"}[met]
    return await _move(tx, execution, ("finished",), state=state, verified_at=at, observed=observed, detail=detail)


async def get(tx: Tx, execution: str) -> Execution:
    """Raises `NotFound`."""
    row = (await tx.execute(_executions().where(executions.c.id == execution))).first()
    if row is None:
        raise NotFound(f"there is no execution {execution}")
    return _read(row)


async def of_proposal(tx: Tx, proposal: str) -> Execution | None:
    """The one run of this proposal, if it ever ran."""
    row = (await tx.execute(_executions().where(executions.c.proposal == proposal))).first()
    return None if row is None else _read(row)


async def claim_token(tx: Tx, execution: str) -> int:
    """The fencing token it was started under. Raises `NotFound`."""
    token = (await tx.execute(select(executions.c.claim_token).where(executions.c.id == execution))).scalar()
    if token is None:
        raise NotFound(f"there is no execution {execution}")
    return int(token)


async def unfinished(tx: Tx) -> list[Execution]:
    """`started` without an end: after a crash each of these is unknown."""
    return await _in_state(tx, "started")


async def unverified(tx: Tx) -> list[Execution]:
    """`finished`, criterion not answered yet."""
    return await _in_state(tx, "finished")


async def unknown(tx: Tx) -> list[Execution]:
    """Waiting for somebody to read back."""
    return await _in_state(tx, "unknown")


async def _in_state(tx: Tx, state: str) -> list[Execution]:
    query = _executions().where(executions.c.state == state).order_by(executions.c.started_at, executions.c.id)
    return [_read(row) for row in await tx.execute(query)]


async def _move(tx: Tx, execution: str, states: tuple[str, ...], **columns: object) -> bool:
    one = update(executions).where(executions.c.id == execution, executions.c.state.in_(states))
    return await tx.changed(one.values(columns)) == 1


def _columns() -> list[Any]:
    return [column for column in executions.c if column.name != "claim_token"]


def _executions() -> Select[Any]:
    return select(*_columns())


def _read(row: Row[Any]) -> Execution:
    return Execution.model_validate(dict(row._mapping))
