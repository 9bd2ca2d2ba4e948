from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from app.ledger import claims
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
R = "shop/service/checkout"


async def test_a_held_resource_is_not_given_twice(ledger: Ledger) -> None:
    async def take(who: str) -> bool:
        async with ledger.write() as tx:
            return await claims.acquire(tx, R, holder=who, priority=1, now=NOON, ttl_s=30) is not None

    assert sum(await asyncio.gather(*(take(f"x-{n}") for n in range(8)))) == 1


async def test_each_acquisition_has_a_higher_token(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        first = await claims.acquire(tx, R, holder="a", priority=1, now=NOON, ttl_s=30)
        assert first is not None
        assert await claims.release(tx, R, first.token)
        assert not await claims.release(tx, R, first.token)
        assert await claims.current(tx, R, now=NOON) is None
        second = await claims.acquire(tx, R, holder="b", priority=2, now=NOON, ttl_s=30)
        assert second is not None
        assert second.token > first.token
        again = await claims.acquire(tx, R, holder="b", priority=2, now=NOON, ttl_s=30)
        assert again is not None
        assert again.token > second.token
        assert not await claims.holds(tx, R, second.token, now=NOON)


async def test_whoever_overslept_is_told_apart(ledger: Ledger) -> None:
    later = NOON + timedelta(seconds=30)
    async with ledger.write() as tx:
        slept = await claims.acquire(tx, R, holder="a", priority=1, now=NOON, ttl_s=30)
        assert slept is not None
        assert await claims.acquire(tx, R, holder="b", priority=1, now=later - timedelta(microseconds=1), ttl_s=30) is None
        taken = await claims.acquire(tx, R, holder="b", priority=1, now=later, ttl_s=30)
        assert taken is not None
        assert not await claims.heartbeat(tx, R, slept.token, now=later, ttl_s=30)
        assert not await claims.release(tx, R, slept.token)
        assert await claims.holds(tx, R, taken.token, now=later)


async def test_a_heartbeat_keeps_it(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        held = await claims.acquire(tx, R, holder="a", priority=1, now=NOON, ttl_s=30)
        assert held is not None
        assert await claims.heartbeat(tx, R, held.token, now=NOON + timedelta(seconds=29), ttl_s=30)
        assert await claims.current(tx, R, now=NOON + timedelta(seconds=58)) is not None
        assert not await claims.heartbeat(tx, R, held.token, now=NOON + timedelta(seconds=59), ttl_s=30)
        assert await claims.list_held(tx, now=NOON + timedelta(seconds=59)) == []
