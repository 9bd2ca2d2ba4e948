"""Retention: what audit rows carried goes once it is old enough. The rows stay, their hashes too, and a record of what went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from app import verify_alone
from app.ledger import audit
from app.ledger.ledger import Ledger, Tx
from app.ledger.tables import audit as rows
from app.ledger.tables import audit_payloads, incidents

AT_ONCE = 1000
"""Rows in one transaction: other writers wait for it."""


async def retain(ledger: Ledger, *, days: int, now: datetime) -> int:
    """Erase what rows older than `days` whole days (UTC) carried; of how many. Several processes may do it at the same time.

    By whole days, so that a chain has one record a day of what went, not one an hour. As with `audit erase`, an open incident keeps
    what it carries until it is closed; the records of what was erased stay, or nobody could tell it from what was taken away.
    SQLite overwrites what it deletes; on PostgreSQL it is gone from the files once autovacuum came by.
    """
    before = datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC) - timedelta(days=days)
    gone = 0
    while True:
        async with ledger.read() as tx:  # looking takes longer than erasing, and holds up nobody
            if not await _old(tx, before):
                return gone
        async with ledger.write() as tx:
            found = await _old(tx, before)
            for incident, seqs in found.items():
                why = f"older than {days} days"
                await audit.erase(tx, incident, seqs, by="firstmate", at=now, reason=why, action=audit.Action.PAYLOAD_OUTDATED)
        gone += sum(map(len, found.values()))


async def _old(tx: Tx, before: datetime) -> dict[str, list[int]]:
    """Rows from before then that carry something, by incident; the first `AT_ONCE`."""
    same = (rows.c.incident == audit_payloads.c.incident) & (rows.c.seq == audit_payloads.c.seq)
    query = select(rows.c.incident, rows.c.seq).join(audit_payloads, same).where(rows.c.at < before)
    query = query.where(rows.c.action.not_in(verify_alone.ERASED))
    still_open = select(incidents.c.id).where(incidents.c.closed_at.is_(None))
    query = query.where(rows.c.incident.not_in(still_open)).order_by(rows.c.incident, rows.c.seq).limit(AT_ONCE)
    found: dict[str, list[int]] = {}
    for row in await tx.execute(query):
        found.setdefault(row.incident, []).append(row.seq)
    return found
