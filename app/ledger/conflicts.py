"""Two on one resource within a short while: recorded once for each time they meet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, or_, select

from app.domain.errors import NotFound
from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import conflicts, executions, proposals

WINDOW = timedelta(minutes=5)
"""Who comes this soon after another left has met it."""
LATELY = timedelta(hours=1)
"""Over which the meetings of the same two are counted."""

How = Literal["refused", "preempted", "followed", "stale"]
"""The second was refused; lost its claim to the first; came right after it; did not know what the first had written."""


class Conflict(Value):
    """One meeting. `first` goes first, `second` gives way. `second_token`: of the claim that was taken away. A priority of 0: it
    did not decide, who was there first did."""

    key: str
    resource: str
    at: AwareDatetime
    how: How
    first: str
    first_priority: int
    second: str
    second_priority: int
    second_token: int | None = None
    incident: str | None = None


async def record(tx: Tx, conflict: Conflict) -> bool:
    """False when this very meeting is known."""
    row = tx.insert(conflicts).values(conflict.model_dump())
    return await tx.changed(row.on_conflict_do_nothing()) == 1


async def get(tx: Tx, key: str) -> Conflict:
    """Raises `NotFound`."""
    row = (await tx.execute(select(conflicts).where(conflicts.c.key == key))).first()
    if row is None:
        raise NotFound(f"no conflict {key} is recorded")
    return Conflict.model_validate(dict(row._mapping))


async def lately(tx: Tx, conflict: Conflict) -> int:
    """How often these two have met on this resource, whoever went first, up to this meeting. A write that came too late follows
    from a meeting, and is none of its own."""
    c = conflicts.c
    alike = or_(
        (c.first == conflict.first) & (c.second == conflict.second), (c.first == conflict.second) & (c.second == conflict.first)
    )
    query = select(func.count()).where(
        c.resource == conflict.resource, c.at > conflict.at - LATELY, c.at <= conflict.at, c.how != "stale", alike
    )
    return int((await tx.execute(query)).scalar_one())


async def loss(tx: Tx, resource: str, token: int) -> Conflict | None:
    """By which meeting the claim under this token was lost."""
    c = conflicts.c
    query = select(conflicts).where(c.resource == resource, c.how == "preempted", c.second_token == token)
    row = (await tx.execute(query)).first()
    return None if row is None else Conflict.model_validate(dict(row._mapping))


async def list_since(tx: Tx, since: datetime, *, limit: int = 100) -> list[Conflict]:
    """Newest first."""
    query = select(conflicts).where(conflicts.c.at >= since).order_by(conflicts.c.at.desc(), conflicts.c.key).limit(limit)
    return [Conflict.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


async def incident_of(tx: Tx, holder: str) -> str | None:
    """Whose execution this holder is; None for an agent."""
    query = (
        select(proposals.c.incident)
        .join(executions, executions.c.proposal == proposals.c.hash)
        .where("execution:" + func.substr(executions.c.id, 3) == holder)
    )
    found = (await tx.execute(query)).scalar()
    return None if found is None else str(found)
