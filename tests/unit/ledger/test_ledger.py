from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.errors import BadInput, Misconfigured
from app.ledger import sequences, switches
from app.ledger.ledger import Ledger
from app.ledger.tables import switches as switch_table

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def test_what_was_committed_is_there_after_opening_again(ledger: Ledger, ledger_url: str) -> None:
    async with ledger.write() as tx:
        await sequences.next_number(tx, "incident")
    again = await Ledger.open(ledger_url)
    async with again.write() as tx:
        assert await sequences.next_number(tx, "incident") == 2
    await again.close()


async def test_a_reader_cannot_write(ledger: Ledger) -> None:
    async with ledger.read() as tx:
        with pytest.raises(DBAPIError):
            await sequences.next_number(tx, "incident")


async def test_a_reader_sees_one_moment(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await switches.turn(tx, switches.KILL, on=False, by="U1", reason="", at=NOON)
    async with ledger.read() as reading:
        assert await switches.stopped(reading, "INC-1") is None
        async with ledger.write() as tx:
            await switches.turn(tx, switches.KILL, on=True, by="U1", reason="drill", at=NOON)
        assert await switches.stopped(reading, "INC-1") is None
    async with ledger.read() as reading:
        assert await switches.stopped(reading, "INC-1") == "U1 stopped all actions at 12:00Z: drill"


async def test_write_transactions_do_not_nest(ledger: Ledger) -> None:
    async with ledger.write():
        with pytest.raises(RuntimeError, match="already open"):
            async with ledger.write():
                pass
    async with ledger.write() as tx:
        await sequences.next_number(tx, "incident")


async def test_times_come_back_aware_and_in_utc(ledger: Ledger) -> None:
    elsewhere = datetime(2026, 3, 1, 17, 30, 0, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    async with ledger.write() as tx:
        await switches.turn(tx, "a", on=True, by="U1", reason="", at=elsewhere)
        found = await switches.read(tx, "a")
    assert found is not None
    assert found.at == elsewhere
    assert found.at.utcoffset() == timedelta(0)


async def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="names no zone"):
        async with ledger.write() as tx:
            await tx.execute(switch_table.insert().values(name="a", on=1, by="U1", reason="", at=NOON.replace(tzinfo=None)))


async def test_a_ledger_of_a_newer_program_is_refused(ledger: Ledger, ledger_url: str) -> None:
    async with ledger.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="schema 9999"):
        await Ledger.open(ledger_url)


async def test_several_may_open_a_new_ledger_at_once(ledger_url: str) -> None:
    opened = await asyncio.gather(*(Ledger.open(ledger_url) for _ in range(4)))
    for each in opened:
        assert (await each.check()).ok
        await each.close()


async def test_a_cancelled_writer_leaves_nothing_behind(ledger: Ledger) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with ledger.write() as tx:
            await sequences.next_number(tx, "incident")
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with ledger.write() as tx:
        assert await sequences.next_number(tx, "incident") == 1
