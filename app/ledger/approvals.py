"""People's yes and no, and the judge's word, to one proposal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Update, select, update

from app.domain.approval import Acknowledgement, Approval
from app.ledger.ledger import Tx
from app.ledger.tables import acknowledgements, approvals


async def record(tx: Tx, approval: Approval) -> bool:
    """Remember one yes or no. False when this person said the same to this proposal before."""
    row = tx.insert(approvals).values(approval.model_dump())
    return await tx.changed(row.on_conflict_do_nothing(index_elements=["proposal", "by", "decision"])) == 1


async def for_proposal(tx: Tx, proposal: str) -> list[Approval]:
    """Every yes and no, in the order they were recorded, used up or not."""
    a = approvals.c
    query = select(a.proposal, a.decision, a.by, a.at, a.surface, a.reason).where(a.proposal == proposal).order_by(a.id)
    return [Approval.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


async def approved_since(tx: Tx, by: str, moment: datetime) -> list[datetime]:
    """When this person approved anything after `moment`, oldest first."""
    a = approvals.c
    query = select(a.at).where(a.by == by, a.decision == "approve", a.at > moment).order_by(a.at)
    return list((await tx.execute(query)).scalars())


async def redeem(tx: Tx, proposal: str, *, execution: str, at: datetime) -> int:
    """Use up every unused yes to it for `execution`; how many there were. 0 means: nothing may run."""
    return await tx.changed(_unused(proposal).values(redeemed_at=at, redeemed_by=execution))


async def revoke(tx: Tx, proposal: str, *, at: datetime) -> int:
    """Take back every unused yes to it; how many there were."""
    return await tx.changed(_unused(proposal).values(revoked_at=at))


def _unused(proposal: str) -> Update:
    a = approvals.c
    return update(approvals).where(a.proposal == proposal, a.decision == "approve", a.redeemed_at.is_(None), a.revoked_at.is_(None))


async def redeemed(tx: Tx, proposal: str) -> bool:
    """Whether any yes to it was used up."""
    query = select(approvals.c.id).where(approvals.c.proposal == proposal, approvals.c.redeemed_at.is_not(None)).limit(1)
    return (await tx.execute(query)).first() is not None


async def acknowledge(tx: Tx, acknowledgement: Acknowledgement) -> bool:
    """Remember the judge's word. False when this agent gave one before; the first stays."""
    row = tx.insert(acknowledgements).values(
        proposal=acknowledgement.proposal,
        agent=str(acknowledgement.agent),
        at=acknowledgement.at,
        body=acknowledgement.model_dump(mode="json"),
    )
    return await tx.changed(row.on_conflict_do_nothing(index_elements=["proposal", "agent"])) == 1


async def acknowledgement(tx: Tx, proposal: str) -> Acknowledgement | None:
    """The newest word on it, or None."""
    table = acknowledgements
    query = select(table.c.body).where(table.c.proposal == proposal).order_by(table.c.at.desc(), table.c.agent).limit(1)
    body = (await tx.execute(query)).scalar()
    return None if body is None else Acknowledgement.model_validate(body)
