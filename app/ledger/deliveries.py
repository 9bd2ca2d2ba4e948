"""What came in from outside, once each, until its work is done."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update

from app.domain.value import AwareDatetime, JsonObject, Value
from app.ledger.ledger import Tx
from app.ledger.tables import deliveries


class Pending(Value):
    """A delivery still to be worked on."""

    id: int
    key: str
    kind: str
    body: JsonObject
    received_at: AwareDatetime


async def accept(tx: Tx, key: str, kind: str, body: JsonObject, *, at: datetime) -> bool:
    """Take over what `key` delivered. False when it is already here, finished or not."""
    row = tx.insert(deliveries).values(key=key, kind=kind, body=body, received_at=at)
    return await tx.changed(row.on_conflict_do_nothing(index_elements=["key"])) == 1


async def pending(tx: Tx, *, limit: int = 100) -> list[Pending]:
    """In the order they arrived."""
    d = deliveries.c
    query = select(d.id, d.key, d.kind, d.body, d.received_at).where(d.finished_at.is_(None)).order_by(d.id).limit(limit)
    return [Pending.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


async def get(tx: Tx, delivery: int) -> Pending | None:
    """One that is still to be worked on; None once it is finished."""
    d = deliveries.c
    query = select(d.id, d.key, d.kind, d.body, d.received_at).where(d.id == delivery, d.finished_at.is_(None))
    row = (await tx.execute(query)).first()
    return None if row is None else Pending.model_validate(dict(row._mapping))


async def finish(tx: Tx, delivery: int, outcome: str, *, at: datetime) -> bool:
    """Its work is done, with `outcome` as one sentence. In the transaction of that work: then it takes effect once.

    False when somebody finished it before; the caller gives its own work up.
    """
    one = update(deliveries).where(deliveries.c.id == delivery, deliveries.c.finished_at.is_(None))
    return await tx.changed(one.values(finished_at=at, outcome=outcome)) == 1


async def outcome(tx: Tx, key: str) -> str | None:
    """What became of the delivery with this key; None while it is not worked on, or not here."""
    return (await tx.execute(select(deliveries.c.outcome).where(deliveries.c.key == key))).scalar()


async def forget(tx: Tx, *, before: datetime) -> int:
    """Drop finished deliveries older than `before`. A sender may repeat itself for a while: keep at least a day."""
    return await tx.changed(delete(deliveries).where(deliveries.c.finished_at < before))
