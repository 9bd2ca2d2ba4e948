"""Expire: what nobody decided in time can't be approved any more, and its card says so."""

from __future__ import annotations

from app.incidents import record
from app.incidents.desk import FIRSTMATE, Desk
from app.ledger import audit, proposals


async def expire(desk: Desk) -> int:
    """Proposals nobody decided in time; their cards say so. How many."""
    now = desk.clock()
    async with desk.ledger.write() as tx:
        due = await proposals.expire_due(tx, now)
        for hash in due:
            held = await proposals.get(tx, hash)
            await record.step(
                desk,
                tx,
                held.proposal,
                audit.Action.EXPIRED,
                actor=FIRSTMATE,
                surface="jobs",
                text="expired: nobody decided in time",
            )
    return len(due)
