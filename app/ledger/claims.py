"""Leases on resources. A token grows with every acquisition, so that whoever overslept is told apart from whoever holds it now.

A lease that ran out may be taken by anybody, but for an execution's: until its run has ended and its verification too, nobody else
gets it, whatever the clock says.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update

from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import claims, executions

_EXECUTION = "execution:"  # and its id without the x-


class Claim(Value):
    """Who holds a resource, and until when. `priority`: higher is more urgent. `token` goes with every write to it."""

    resource: str
    holder: str
    priority: int
    token: int
    acquired_at: AwareDatetime
    expires_at: AwareDatetime


def held_by(execution: str) -> str:
    """The holder's name under which an execution claims."""
    return f"{_EXECUTION}{execution.removeprefix('x-')}"


async def acquire(tx: Tx, resource: str, *, holder: str, priority: int, now: datetime, ttl_s: float) -> Claim | None:
    """Take the resource for `ttl_s` seconds. None while somebody else holds it; `current` says who.

    The holder itself may take it again: it gets a new token, and its older one is void.
    """
    await tx.execute(tx.insert(claims).values(resource=resource, token=0, priority=0).on_conflict_do_nothing())
    free = ~_taken(now) | (claims.c.holder == holder)
    taken = (
        update(claims)
        .where(claims.c.resource == resource, free)
        .values(
            token=claims.c.token + 1,
            holder=holder,
            priority=priority,
            acquired_at=now,
            expires_at=now + timedelta(seconds=ttl_s),
        )
    )
    row = (await tx.execute(taken.returning(*claims.c))).first()
    return None if row is None else Claim.model_validate(dict(row._mapping))


async def heartbeat(tx: Tx, resource: str, token: int, *, now: datetime, ttl_s: float) -> bool:
    """Hold it for `ttl_s` seconds from `now`. False when it is no longer held under this token: stop at once."""
    held = update(claims).where(_under(resource, token), _taken(now))
    return await tx.changed(held.values(expires_at=now + timedelta(seconds=ttl_s))) == 1


async def holds(tx: Tx, resource: str, token: int, *, now: datetime) -> bool:
    """Whether `token` is the live one. Asked in the transaction whose effect depends on it."""
    query = select(claims.c.token).where(_under(resource, token), _taken(now))
    return (await tx.execute(query.with_for_update() if tx.writing else query)).first() is not None


async def release(tx: Tx, resource: str, token: int) -> bool:
    """Let it go. False when it was no longer held under this token."""
    held = update(claims).where(_under(resource, token))
    return await tx.changed(held.values(holder=None, acquired_at=None, expires_at=None)) == 1


async def current(tx: Tx, resource: str, *, now: datetime) -> Claim | None:
    """Who holds it now."""
    query = select(claims).where(claims.c.resource == resource, _taken(now))
    row = (await tx.execute(query)).first()
    return None if row is None else Claim.model_validate(dict(row._mapping))


async def list_held(tx: Tx, *, now: datetime) -> list[Claim]:
    """Every live claim, by resource."""
    query = select(claims).where(_taken(now)).order_by(claims.c.resource)
    return [Claim.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


def _under(resource: str, token: int) -> ColumnElement[bool]:
    return (claims.c.resource == resource) & (claims.c.token == token) & claims.c.holder.is_not(None)


def _taken(now: datetime) -> ColumnElement[bool]:
    """Whether nobody else may have it: its time is not over, or the execution it was taken for is still run or verified."""
    e = executions.c
    same = (e.claim_token == claims.c.token) & (func.substr(claims.c.holder, len(_EXECUTION) + 1) == func.substr(e.id, 3))
    under_way = select(e.id).where(e.state.in_(("started", "finished")), same).exists()
    return claims.c.holder.is_not(None) & ((claims.c.expires_at > now) | under_way)
