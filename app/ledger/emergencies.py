"""Broken glass: in which incident, by whom, why, and until when; and which proposals went through it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.domain.value import AwareDatetime, Value
from app.ledger import audit
from app.ledger.ledger import Tx
from app.ledger.tables import audit as rows
from app.ledger.tables import emergencies


class StoredEmergency(Value):
    """One breaking of the glass. It ends by itself."""

    incident: str
    at: AwareDatetime
    by: str
    reason: str
    until: AwareDatetime


async def declare(tx: Tx, emergency: StoredEmergency) -> None:
    await tx.execute(tx.insert(emergencies).values(emergency.model_dump()).on_conflict_do_nothing())


async def current(tx: Tx, incident: str, *, now: datetime) -> StoredEmergency | None:
    """The one that holds now; of several, the one that ends last. One that is dated ahead of the clock does not hold."""
    e = emergencies.c
    query = select(emergencies).where(e.incident == incident, e.at <= now, e.until > now).order_by(e.until.desc(), e.at).limit(1)
    row = (await tx.execute(query)).first()
    return None if row is None else StoredEmergency.model_validate(dict(row._mapping))


async def used_for(tx: Tx, proposal: str) -> bool:
    """Whether this proposal (its hash) was approved by fewer people because the glass was broken."""
    query = select(rows.c.seq).where(rows.c.proposal == proposal, rows.c.action == audit.Action.GLASS_USED.value).limit(1)
    return (await tx.execute(query)).first() is not None
