from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.domain.proposal import Proposal
from app.ledger import claims, executions, proposals
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


async def test_what_an_execution_holds_is_its_own_until_it_was_verified_whatever_the_clock_says(
    ledger: Ledger, propose: Callable[..., Proposal]
) -> None:
    proposal, tomorrow = propose(), NOON + timedelta(days=1)
    holder = claims.held_by(executions.id_of(proposal.hash))
    async with ledger.write() as tx:
        await proposals.add(tx, proposal)
        held = await claims.acquire(tx, R, holder=holder, priority=1, now=NOON, ttl_s=30)
        assert held is not None
        run = await executions.start(tx, proposal.hash, claim_token=held.token, at=NOON)
        assert run is not None
        for end in (None, executions.finish(tx, run.id, ok=True, detail="", at=NOON)):
            if end is not None:
                assert await end
            assert await claims.acquire(tx, R, holder="b", priority=1, now=tomorrow, ttl_s=30) is None
            assert [each.holder for each in await claims.list_held(tx, now=tomorrow)] == [holder]
            assert await claims.heartbeat(tx, R, held.token, now=tomorrow - timedelta(minutes=1), ttl_s=30)
        assert await executions.verify(tx, run.id, met=True, observed=0.0, detail="", at=NOON)
        assert await claims.acquire(tx, R, holder="b", priority=1, now=tomorrow, ttl_s=30) is not None
        assert not await claims.heartbeat(tx, R, held.token, now=tomorrow, ttl_s=30)


async def test_an_execution_keeps_nothing_that_it_did_not_take(ledger: Ledger, propose: Callable[..., Proposal]) -> None:
    """Its token alone says nothing: every resource counts its own. Nor does its name, without the token."""
    proposal, later = propose(), NOON + timedelta(seconds=30)
    async with ledger.write() as tx:
        await proposals.add(tx, proposal)
        run = await executions.start(tx, proposal.hash, claim_token=1, at=NOON)
        assert run is not None
        for holder in ("scaling@2.0.0", claims.held_by("x-another")):
            assert await claims.acquire(tx, holder, holder=holder, priority=1, now=NOON, ttl_s=30) is not None
            assert await claims.acquire(tx, holder, holder="b", priority=1, now=later, ttl_s=30) is not None
        for _ in range(2):  # the second time under another token than the run's
            assert await claims.acquire(tx, R, holder=claims.held_by(run.id), priority=1, now=NOON, ttl_s=30) is not None
        assert await claims.acquire(tx, R, holder="b", priority=1, now=later, ttl_s=30) is not None
