"""An incident's history, as it was known then. Lines are added, never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.domain.incident import TimelineEntry
from app.domain.value import JsonObject
from app.ledger.ledger import Tx
from app.ledger.tables import timeline


async def append(tx: Tx, incident: str, *, at: datetime, actor: str, text: str, details: JsonObject | None = None) -> None:
    """Add a line. `text` is one sentence of ours; what outsiders wrote goes into `details`."""
    row = {"incident": incident, "at": at, "actor": actor, "text": text, "details": details or {}}
    await tx.execute(timeline.insert().values(row))


async def for_incident(tx: Tx, incident: str, *, limit: int = 1000) -> list[TimelineEntry]:
    """In the order they were written; of more than `limit` the newest."""
    t = timeline.c
    query = select(t.incident, t.at, t.actor, t.text, t.details).where(t.incident == incident)
    newest = (await tx.execute(query.order_by(t.id.desc()).limit(limit))).all()
    return [TimelineEntry.model_validate(dict(row._mapping)) for row in reversed(newest)]
