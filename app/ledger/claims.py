"""Leases on resources. A token grows with every acquisition, so that whoever overslept is told apart from whoever holds it now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update

from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import claims


class Claim(Value):
    """Who holds a resource, and until when. `priority`: higher is more urgent. `token` goes with every write to it."""

    resource: str
    holder: str
    priority: int
    token: int
    acquired_at: AwareDatetime
    expires_at: AwareDatetime


async def acquire(tx: Tx, resource: str, *, holder: str, priority: int, now: datetime, ttl_s: float) -> Claim | None:
    """Take the resource for `ttl_s` seconds. None while somebody else holds it; `current` says who.

    The holder itself may take it again: it gets a new token, and its older one is void.
    """
    await tx.execute(tx.insert(claims).values(resource=resource, token=0, priority=0).on_conflict_do_nothing())
    free = claims.c.holder.is_(None) | (claims.c.expires_at <= now) | (claims.c.holder == holder)
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
    held = update(claims).where(_held(resource, token, now))
    return await tx.changed(held.values(expires_at=now + timedelta(seconds=ttl_s))) == 1


async def holds(tx: Tx, resource: str, token: int, *, now: datetime) -> bool:
    """Whether `token` is the live one. Asked in the transaction whose effect depends on it."""
    query = select(claims.c.token).where(_held(resource, token, now))
    return (await tx.execute(query.with_for_update() if tx.writing else query)).first() is not None


async def release(tx: Tx, resource: str, token: int) -> bool:
    """Let it go. False when it was no longer held under this token."""
    held = (claims.c.resource == resource) & (claims.c.token == token) & claims.c.holder.is_not(None)
    return await tx.changed(update(claims).where(held).values(holder=None, acquired_at=None, expires_at=None)) == 1


async def current(tx: Tx, resource: str, *, now: datetime) -> Claim | None:
    """Who holds it now."""
    query = select(claims).where(claims.c.resource == resource, claims.c.holder.is_not(None), claims.c.expires_at > now)
    row = (await tx.execute(query)).first()
    return None if row is None else Claim.model_validate(dict(row._mapping))


async def list_held(tx: Tx, *, now: datetime) -> list[Claim]:
    """Every live claim, by resource."""
    query = select(claims).where(claims.c.holder.is_not(None), claims.c.expires_at > now).order_by(claims.c.resource)
    return [Claim.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


def _held(resource: str, token: int, now: datetime) -> ColumnElement[Any]:
    c = claims.c
    return (c.resource == resource) & (c.token == token) & c.holder.is_not(None) & (c.expires_at > now)
