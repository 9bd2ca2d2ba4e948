from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from app.ledger import claims, conflicts, states, waits
from app.ledger.conflicts import Conflict
from app.ledger.ledger import Ledger
from app.ledger.waits import AGE_S, Granted, Refused

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
A, B = "shop/a", "shop/b"


async def ask(ledger: Ledger, who: str, *wanted: str, priority: int = 1, at: datetime = NOON) -> Granted | Refused:
    async with ledger.write() as tx:
        return await waits.ask(tx, wanted, holder=who, priority=priority, now=at, ttl_s=60)


async def test_of_many_that_want_the_same_two_things_in_any_order_one_has_both(ledger: Ledger) -> None:
    found = await asyncio.gather(*(ask(ledger, f"a{n}", *((A, B) if n % 2 else (B, A))) for n in range(8)))
    (got,) = [each for each in found if isinstance(each, Granted)]
    assert [each.resource for each in got.claims] == [A, B]
    async with ledger.read() as tx:
        assert {each.holder for each in await claims.list_held(tx, now=NOON)} == {got.claims[0].holder}


async def test_what_is_free_is_kept_for_who_goes_first_and_no_longer_than_it_keeps_asking(ledger: Ledger) -> None:
    await ask(ledger, "holder", A)
    assert isinstance(await ask(ledger, "first", A, B), Refused)
    later = NOON + timedelta(seconds=5)
    refused = await ask(ledger, "second", B, at=later)
    assert isinstance(refused, Refused)
    assert [(each.holder, each.token) for each in refused.in_way] == [("first", None)]
    assert isinstance(await ask(ledger, "above", B, priority=2, at=later), Granted)
    gone = NOON + timedelta(seconds=90)
    assert isinstance(await ask(ledger, "second", B, at=gone), Granted)


async def test_waiting_raises_who_waits_and_what_it_gets_it_keeps_at_that_rank(ledger: Ledger) -> None:
    now, longest = NOON, 120.0
    await ask(ledger, "busy", A, priority=3)
    while isinstance(answer := await ask(ledger, "poor", A, at=now), Refused):
        now += timedelta(seconds=5)
        async with ledger.write() as tx:
            claim = await claims.current(tx, A, now=now)
            if claim is not None and claim.holder == "busy" and await waits.ends(tx, claim, now=now) is None:
                await claims.heartbeat(tx, A, claim.token, now=now, ttl_s=longest)
    waited_s = (now - NOON).total_seconds()
    assert 2 * AGE_S <= waited_s <= 3 * AGE_S + longest
    assert answer.claims[0].rank > 3
    assert isinstance(await ask(ledger, "busy", A, priority=3, at=now), Refused)


async def test_a_person_s_yes_does_not_wait_behind_age(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        aged = await claims.acquire(tx, A, holder="poor", priority=1, rank=5, now=NOON, ttl_s=60)
        assert aged is not None
        assert await claims.acquire(tx, A, holder="other", priority=4, rank=4, now=NOON, ttl_s=60) is None
        assert await claims.acquire(tx, A, holder="execution:1", priority=3, now=NOON, ttl_s=60) is not None


async def test_of_two_that_write_on_top_of_one_version_one_does(ledger: Ledger) -> None:
    async def write(who: str, version: int) -> bool:
        async with ledger.write() as tx:
            return await states.write(tx, A, {"by": who}, version=version, token=1, by=who, at=NOON)

    for version in range(3):
        assert sum(await asyncio.gather(*(write(f"a{n}", version) for n in range(4)))) == 1
    assert not await write("late", 1)
    async with ledger.read() as tx:
        assert (await states.get(tx, A)).version == 3
        assert (await states.get(tx, B)).version == 0


async def test_a_meeting_is_recorded_once_and_meetings_of_the_same_two_are_counted(ledger: Ledger) -> None:
    def meeting(key: str, first: str, second: str, how: conflicts.How = "refused") -> Conflict:
        return Conflict(key=key, resource=A, at=NOON, how=how, first=first, first_priority=1, second=second, second_priority=1)

    async with ledger.write() as tx:
        assert await conflicts.record(tx, meeting("1", "x", "y"))
        assert not await conflicts.record(tx, meeting("1", "x", "y"))
        assert await conflicts.record(tx, meeting("2", "y", "x"))
        assert await conflicts.record(tx, meeting("3", "y", "x", "stale"))
        assert await conflicts.record(tx, meeting("4", "x", "z"))
        assert await conflicts.lately(tx, meeting("2", "y", "x")) == 2
        assert await conflicts.loss(tx, A, 1) is None
