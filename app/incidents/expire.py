"""Expire: what nobody decided in time can't be approved any more, and its card says so."""

from __future__ import annotations

from app.incidents import record, set_aside
from app.incidents.desk import FIRSTMATE, Desk
from app.ledger import audit, proposals, supersessions
from app.ledger.proposals import Altered


async def expire(desk: Desk) -> int:
    """Proposals nobody decided in time, and those that were asked before the clock was set back; their cards say so. How many."""
    now = desk.clock()
    async with desk.ledger.write() as tx:
        due = await proposals.expire_due(tx, now)
        for hash in due:
            try:
                proposal = (await proposals.get(tx, hash)).proposal
            except Altered:
                await set_aside.note(desk, tx, hash)
                continue
            set_back = proposal.asked_at > now
            await supersessions.note(tx, hash, reason="", at=now)
            await record.step(
                desk,
                tx,
                proposal,
                audit.Action.EXPIRED,
                actor=FIRSTMATE,
                surface="jobs",
                text=f"expired: {'the clock was set back since it was asked' if set_back else 'nobody decided in time'}",
            )
    return len(due)
