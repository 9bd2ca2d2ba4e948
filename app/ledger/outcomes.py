"""What came of each proposal, for ever; how often an agent's version was right about an action; and its breaker as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, update

from app.domain.breaker import Breaker
from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import breakers, follows, outcomes

Result = Literal["hit", "miss", "unverified", "failed", "unknown", "rejected", "expired", "superseded"]


async def record(tx: Tx, proposal: str, *, agent: str, action: str, result: Result, at: datetime) -> bool:
    """Its end. False when one is there already: the first stays, but a run that was unknown may still be settled."""
    row = tx.insert(outcomes).values(proposal=proposal, agent=agent, action=action, result=result, at=at)
    if await tx.changed(row.on_conflict_do_nothing(index_elements=["proposal"])) == 1:
        return True
    settled = update(outcomes).where(outcomes.c.proposal == proposal, outcomes.c.result == "unknown")
    return await tx.changed(settled.values(result=result, at=at)) == 1


async def score(tx: Tx, agent: str, action: str) -> Mapping[str, int]:
    """How many of this agent version's proposals of this action came to which end."""
    query = select(outcomes.c.result, func.count()).where(outcomes.c.agent == agent, outcomes.c.action == action)
    rows: Any = await tx.execute(query.group_by(outcomes.c.result).order_by(outcomes.c.result))
    return {str(result): int(n) for result, n in rows}


async def breaker(tx: Tx, agent: str, action: str) -> Breaker:
    """As it stands. In a writing transaction nobody else changes it until that ends."""
    if tx.writing:
        new = Breaker(agent=agent, action=action).model_dump(mode="json")
        await tx.execute(tx.insert(breakers).values(agent=agent, action=action, body=new).on_conflict_do_nothing())
    query = select(breakers.c.body).where(breakers.c.agent == agent, breakers.c.action == action)
    row = (await tx.execute(query.with_for_update() if tx.writing else query)).first()
    return Breaker(agent=agent, action=action) if row is None else Breaker.model_validate(row.body)


async def set_breaker(tx: Tx, new: Breaker) -> None:
    one = update(breakers).where(breakers.c.agent == new.agent, breakers.c.action == new.action)
    await tx.execute(one.values(body=new.model_dump(mode="json")))


async def tried(tx: Tx) -> list[Breaker]:
    """Those that a proposal is tried behind."""
    found = [Breaker.model_validate(body) for body in (await tx.execute(select(breakers.c.body))).scalars()]
    return [each for each in found if each.probe is not None]


class Follow(Value):
    """A proposal that never ran, and whether things came right without it. `well_since`: its criterion has held since then."""

    proposal: str
    since: AwareDatetime
    well_since: AwareDatetime | None
    ended_at: AwareDatetime | None
    sentence: str


async def follow(tx: Tx, proposal: str, *, at: datetime) -> None:
    """Begin to follow it, if nobody does."""
    await tx.execute(tx.insert(follows).values(proposal=proposal, since=at, sentence="").on_conflict_do_nothing())


async def followed(tx: Tx) -> list[Follow]:
    """Those whose end is not known yet, oldest first."""
    query = select(follows).where(follows.c.ended_at.is_(None)).order_by(follows.c.since, follows.c.proposal)
    return [Follow.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


async def following(tx: Tx, proposal: str) -> Follow | None:
    row = (await tx.execute(select(follows).where(follows.c.proposal == proposal))).first()
    return None if row is None else Follow.model_validate(dict(row._mapping))


async def seen_well(tx: Tx, proposal: str, *, since: datetime | None) -> None:
    """Its criterion holds since then; None: it does not."""
    await tx.execute(update(follows).where(follows.c.proposal == proposal).values(well_since=since))


async def end_follow(tx: Tx, proposal: str, *, sentence: str, at: datetime) -> bool:
    """How it came out, once. False when somebody noted it before."""
    one = update(follows).where(follows.c.proposal == proposal, follows.c.ended_at.is_(None))
    return await tx.changed(one.values(ended_at=at, sentence=sentence)) == 1
