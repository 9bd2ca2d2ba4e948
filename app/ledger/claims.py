"""Leases on resources. A token grows with every acquisition, so that whoever overslept is told apart from whoever holds it now.

Whoever has a higher priority may take one away until its holder executes. A lease that ran out may be taken by anybody, but for an
execution's: until its run has ended and its verification too, nobody else gets it, whatever the clock says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, update

from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import claims, executions
from app.ledger.types import Moment

_EXECUTION = "execution:"  # and its id without the x-


class Claim(Value):
    """Who holds a resource, and until when. `priority`: of its class, higher is more urgent. `token` goes with every write."""

    resource: str
    holder: str
    priority: int
    rank: int  # the priority, and what waiting had added to it when it was acquired
    token: int
    acquired_at: AwareDatetime
    expires_at: AwareDatetime
    executing_at: AwareDatetime | None = None  # an agent's: since when it changes the resource
    under_way: bool = False  # an execution's: it runs, or is being verified

    @property
    def executing(self) -> bool:
        """From then on nobody takes it away."""
        return self.executing_at is not None or self.under_way

    def yields_to(self, priority: int) -> bool:
        """Whether who asks with this class alone, whatever the holder had waited, takes it away."""
        return not self.executing and priority > self.priority


class Standing(Value):
    """How a resource stands for whoever asks for it. `left_by` held it last and let it go, or let it run out, at `left_at`."""

    resource: str
    token: int
    live: Claim | None
    left_by: str | None
    left_at: AwareDatetime | None

    def open_to(self, holder: str, *, rank: int, ageing: bool = True) -> bool:
        """Whether `holder` may have it now: it is free, or its own, or held by somebody of a lower rank who does not execute yet.

        Without `ageing` the holder's class alone counts, not how long it had waited: so for what a person has approved.
        """
        if self.live is None:
            return True
        if self.live.holder == holder:
            return self.live.executing_at is None
        return (not self.live.executing and rank > self.live.rank) if ageing else self.live.yields_to(rank)


def held_by(execution: str) -> str:
    """The holder's name under which an execution claims."""
    return f"{_EXECUTION}{execution.removeprefix('x-')}"


async def standing(tx: Tx, resource: str, *, now: datetime) -> Standing:
    """How it stands, and stays until this transaction ends."""
    # Locked first and read after it: PostgreSQL would answer the rest of a locking query from before it had the lock.
    lock = select(claims.c.token).where(claims.c.resource == resource).with_for_update()
    if (await tx.execute(lock)).first() is None:
        await tx.execute(tx.insert(claims).values(resource=resource, token=0, priority=0, rank=0).on_conflict_do_nothing())
        await tx.execute(lock)
    row = (await tx.execute(_claims(now).where(claims.c.resource == resource))).one()
    live = _read(row) if row.taken else None
    before = (row.left_by, row.left_at) if row.holder is None else (row.holder, row.expires_at)
    return Standing(resource=resource, token=row.token, live=live, left_by=before[0], left_at=before[1])


async def acquire(
    tx: Tx, resource: str, *, holder: str, priority: int, now: datetime, ttl_s: float, rank: int | None = None
) -> Claim | None:
    """Take the resource for `ttl_s` seconds. None while somebody holds it whom it can't be taken from; `current` says who.

    The holder itself may take it again, unless it executes: it gets a new token, and its older one is void.
    `rank`: the priority with what waiting has added to it; without one, what waiting added to the holder's does not count either.
    """
    seen = await standing(tx, resource, now=now)
    if not seen.open_to(holder, rank=rank or priority, ageing=rank is not None):
        return None
    taken = (
        update(claims)
        .where(claims.c.resource == resource, claims.c.token == seen.token)
        .values(
            token=claims.c.token + 1,
            holder=holder,
            priority=priority,
            rank=rank or priority,
            acquired_at=now,
            expires_at=now + timedelta(seconds=ttl_s),
            executing_at=None,
            left_by=None,
            left_at=None,
        )
    )
    row = (await tx.execute(taken.returning(*claims.c))).first()
    return None if row is None else _read(row)


async def heartbeat(tx: Tx, resource: str, token: int, *, now: datetime, ttl_s: float) -> bool:
    """Hold it for `ttl_s` seconds from `now`. False when it is no longer held under this token: stop at once."""
    held = update(claims).where(_under(resource, token), _taken(now))
    return await tx.changed(held.values(expires_at=now + timedelta(seconds=ttl_s))) == 1


async def holds(tx: Tx, resource: str, token: int, *, now: datetime) -> bool:
    """Whether `token` is the live one. Asked in the transaction whose effect depends on it."""
    query = select(claims.c.token).where(_under(resource, token), _taken(now))
    return (await tx.execute(query.with_for_update() if tx.writing else query)).first() is not None


async def execute(tx: Tx, resource: str, token: int, *, now: datetime) -> bool:
    """From now on nobody takes it away. False when it is no longer held under this token: change nothing."""
    held = update(claims).where(_under(resource, token), _taken(now))
    return await tx.changed(held.values(executing_at=func.coalesce(claims.c.executing_at, literal(now, Moment)))) == 1


async def release(tx: Tx, resource: str, token: int, *, now: datetime | None = None) -> bool:
    """Let it go; `now`: when, where whoever comes next should know. False when it was no longer held under this token."""
    held = update(claims).where(_under(resource, token))
    gone: dict[str, object] = {"holder": None, "acquired_at": None, "expires_at": None, "executing_at": None}
    left: dict[str, object] = {"left_by": claims.c.holder, "left_at": now} if now is not None else {}
    return await tx.changed(held.values(gone | left)) == 1


async def current(tx: Tx, resource: str, *, now: datetime) -> Claim | None:
    """Who holds it now."""
    row = (await tx.execute(_claims(now).where(claims.c.resource == resource, _taken(now)))).first()
    return None if row is None else _read(row)


async def list_held(tx: Tx, *, now: datetime) -> list[Claim]:
    """Every live claim, by resource."""
    return [_read(row) for row in await tx.execute(_claims(now).where(_taken(now)).order_by(claims.c.resource))]


def _claims(now: datetime) -> Select[Any]:
    return select(*claims.c, _under_way().label("under_way"), _taken(now).label("taken"))


def _read(row: Row[Any]) -> Claim:
    return Claim.model_validate({name: value for name, value in row._mapping.items() if name in Claim.model_fields})


def _under(resource: str, token: int) -> ColumnElement[bool]:
    return (claims.c.resource == resource) & (claims.c.token == token) & claims.c.holder.is_not(None)


def _taken(now: datetime) -> ColumnElement[bool]:
    """Whether nobody else may have it: its time is not over, or the execution it was taken for is still run or verified."""
    return claims.c.holder.is_not(None) & ((claims.c.expires_at > now) | _under_way())


def _under_way() -> ColumnElement[bool]:
    e = executions.c
    same = (e.claim_token == claims.c.token) & (func.substr(claims.c.holder, len(_EXECUTION) + 1) == func.substr(e.id, 3))
    return select(e.id).where(e.state.in_(("started", "finished")), same).exists()
