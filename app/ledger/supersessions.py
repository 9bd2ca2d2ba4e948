"""Why a proposal did not come to its run, and what was planned anew in its place."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import supersessions


class Supersession(Value):
    """`reason`: what moved, as a sentence; "" where its time was over. `again`: hash of what was planned in its place."""

    proposal: str  # hash
    at: AwareDatetime
    reason: str
    again: str | None = None


async def note(tx: Tx, proposal: str, *, reason: str, at: datetime) -> None:
    """Remember why; the first reason stays."""
    row = tx.insert(supersessions).values(proposal=proposal, at=at, reason=reason)
    await tx.execute(row.on_conflict_do_nothing(index_elements=["proposal"]))


async def planned_again(tx: Tx, proposal: str, *, by: str) -> bool:
    """`by` (a hash) stands in its place now. False when something else does already."""
    s = supersessions.c
    return await tx.changed(update(supersessions).where(s.proposal == proposal, s.again.is_(None)).values(again=by)) == 1


async def of(tx: Tx, proposal: str) -> Supersession | None:
    """None for one that was never superseded."""
    row = (await tx.execute(select(supersessions).where(supersessions.c.proposal == proposal))).first()
    return None if row is None else Supersession.model_validate(dict(row._mapping))
