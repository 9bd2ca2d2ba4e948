"""What several processes on one PostgreSQL have beside the ledger: their locks, one writer at a time, and who is at work."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from app.doctor import doctor
from app.domain.errors import Unreachable
from app.jobs.sessions import SessionLocks, at_work
from app.ledger import ledger as ledger_module
from app.ledger import sequences
from app.ledger.ledger import Ledger


async def test_a_lock_has_one_holder_and_is_free_once_that_ones_connection_is_gone(postgres_url: str) -> None:
    a, b = await SessionLocks.open(postgres_url), await SessionLocks.open(postgres_url)
    try:
        assert await a.take("INC-0001")
        assert not await a.take("INC-0001")  # its own tasks too
        assert not await b.take("INC-0001")
        assert await b.take("INC-0002")
        await a.give("INC-0001")
        assert await b.take("INC-0001")
        await b.close()
        async with asyncio.timeout(5):
            while not await a.take("INC-0001"):
                await asyncio.sleep(0.01)
    finally:
        await a.close()
        await b.close()


async def test_whose_connection_is_cut_learns_of_it_and_holds_nothing_any_more(postgres_url: str) -> None:
    cut = await SessionLocks.open(postgres_url)
    try:
        assert await cut.take("INC-0001")
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(application_name, 'firstmate work')"
            )
        async with asyncio.timeout(5):
            assert "broke" in await cut.lost()
        with pytest.raises(Unreachable, match="can't be asked for a lock"):
            await cut.take("INC-0002")
        await cut.give("INC-0001")  # harmless
    finally:
        await cut.close()


async def test_what_one_writer_read_still_holds_where_it_writes(postgres_url: str) -> None:
    a, b = await Ledger.open(postgres_url), await Ledger.open(postgres_url)
    begun, order = asyncio.Event(), []

    async def first() -> None:
        async with a.write() as tx:
            begun.set()
            await asyncio.sleep(0.3)
            order.append(await sequences.next_number(tx, "n"))

    async def second() -> None:
        await begun.wait()
        async with b.write() as tx:
            order.append(10 * await sequences.next_number(tx, "n"))

    try:
        await asyncio.gather(first(), second())
        assert order == [1, 20]
    finally:
        await a.close()
        await b.close()


async def test_a_writer_that_hangs_stops_the_others_for_a_short_while_only(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = ledger_module._BEGIN_WRITING_POSTGRES
    assert "idle_in_transaction_session_timeout = '5s'" in begin
    monkeypatch.setattr(ledger_module, "_BEGIN_WRITING_POSTGRES", begin.replace("'5s'", "'1s'"))
    a, b = await Ledger.open(postgres_url), await Ledger.open(postgres_url)

    async def hangs() -> None:
        async with a.write() as tx:
            await sequences.next_number(tx, "n")
            await asyncio.sleep(2.0)

    try:
        hanging = asyncio.create_task(hangs())
        await asyncio.sleep(0.2)
        async with asyncio.timeout(1.8), b.write() as tx:
            assert await sequences.next_number(tx, "n") == 1
        with pytest.raises(Unreachable, match="nothing was changed"):
            await hanging
    finally:
        await a.close()
        await b.close()


async def test_doctor_says_who_is_at_work(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("FIRSTMATE_DATABASE_URL", postgres_url)
    monkeypatch.setenv("FIRSTMATE_DATA_DIR", str(tmp_path))
    nobody = dict(await doctor())["jobs"]
    assert "0 work processes: none yet; start one with: firstmate serve" in nobody.line
    locks = await SessionLocks.open(postgres_url)
    try:
        (who,) = await at_work(postgres_url)
        assert dict(await doctor())["jobs"].line == f"shared through PostgreSQL by Procrastinate; 1 work process: {who}"
    finally:
        await locks.close()
