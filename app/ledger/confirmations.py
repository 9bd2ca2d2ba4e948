"""Confirmations outside Slack, each known by the nonce that was signed: seen once, whatever became of it, and never taken again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import confirmations


class Confirmation(Value):
    """`key`: the public key it was signed with, as the policy file writes it. `counted`: False for one that was refused."""

    nonce: str
    proposal: str  # hash
    by: str
    key: str
    at: AwareDatetime
    expires_at: AwareDatetime
    counted: bool


async def record(tx: Tx, confirmation: Confirmation) -> bool:
    """Remember it. False when its nonce was seen before: it must not count."""
    row = tx.insert(confirmations).values({**confirmation.model_dump(), "counted": int(confirmation.counted)})
    return await tx.changed(row.on_conflict_do_nothing(index_elements=["nonce"])) == 1


async def refuse(tx: Tx, nonce: str) -> None:
    """Remembered, and of no use."""
    await tx.execute(update(confirmations).where(confirmations.c.nonce == nonce).values(counted=0))


async def for_proposal(tx: Tx, proposal: str) -> list[Confirmation]:
    """Those that count and were not used up, oldest first."""
    c = confirmations.c
    query = select(*[column for column in c if column.name != "redeemed_at"])
    query = query.where(c.proposal == proposal, c.counted == 1, c.redeemed_at.is_(None)).order_by(c.at, c.nonce)
    return [Confirmation.model_validate({**row._mapping, "counted": True}) for row in await tx.execute(query)]


async def redeem(tx: Tx, proposal: str, *, at: datetime) -> int:
    """Use them up; how many there were."""
    c = confirmations.c
    return await tx.changed(update(confirmations).where(c.proposal == proposal, c.redeemed_at.is_(None)).values(redeemed_at=at))
