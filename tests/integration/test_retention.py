"""What audit rows carried goes once it is old enough; the trail still holds: in a file, and on PostgreSQL as the role that runs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from app.incidents import command, retention
from app.incidents.erasing import erase
from app.incidents.retention import retain
from app.jobs.inbox import Inbox
from app.jobs.work import TIDY, WorkProcess
from app.ledger import audit
from app.ledger.tables import audit_payloads
from app.settings import Settings
from app.verify_alone import check_sqlite, read_roots
from tests.gates import Gate, size
from tests.unit.incidents.test_auditing import checked
from tests.unit.incidents.world import NOON, World, opened
from tests.unit.jobs.test_work import Shown

SAID = "customer-4711@shop.example told us that checkout fails"


@pytest.fixture(params=["in a file", "on PostgreSQL"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = request.getfixturevalue("running_url") if request.param == "on PostgreSQL" else ""
    async with opened(tmp_path, url) as held:
        yield held


async def lived_through(world: World, *, notes: int = 3) -> str:
    """A closed incident in which something was said, approved and run."""
    await world.start_jobs()
    world.tool.version = "1.8.0"
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    await world.runner.idle()
    for number in range(notes):
        await note(world, proposal.incident, f"{SAID} ({number})")
    await command.set_status(world.desk, proposal.incident, "closed", by="UCOMMANDER", surface="test")
    return proposal.incident


async def note(world: World, incident: str, said: str) -> None:
    async with world.ledger.write() as tx:
        await audit.append(
            tx, audit.Action.NOTED, incident=incident, at=world.clock(), actor="U1", surface="test", subject="note",
            payload={"text": said},
        )  # fmt: skip


async def chain(world: World, incident: str) -> list[audit.AuditRow]:
    async with world.ledger.read() as tx:
        return [row async for row in audit.every_row(tx, incident)]


async def carried(world: World) -> set[tuple[str, int]]:
    """Rows that still carry something, but for the records of what was erased."""
    async with world.ledger.read() as tx:
        heads = await audit.heads(tx)
    found = [row for head in heads for row in await chain(world, head.incident)]
    return {(row.incident, row.seq) for row in found if row.payload is not None and row.action != "firstmate:audit:erase"}


async def test_what_is_older_goes_with_a_record_and_the_trail_holds(world: World, gate: Gate) -> None:
    old = [await lived_through(world) for _ in range(size(full=20, small=2))]
    before = {row.incident + str(row.seq): row.hash for incident in old for row in await chain(world, incident)}
    world.clock.move(days=400, hours=-13)
    new = await lived_through(world)
    await note(world, "", "of no incident")
    await world.desk.roots.seal()
    assert await retain(world.ledger, days=400, now=world.clock()) == 0
    world.clock.move(hours=26)
    gone = await retain(world.ledger, days=400, now=world.clock())
    assert await retain(world.ledger, days=400, now=world.clock()) == 0
    await world.desk.roots.seal()
    report = await checked(world)
    left = [row for incident in old for row in await chain(world, incident) if row.payload is not None]
    sound = (report.problems, report.whole, left) == ({}, [], []) and gone == len(before)
    gate("G18", "retention", figure=f"{gone} payloads gone, trail holds: {sound}", bar="all older ones; the trail holds", met=sound)
    assert {row.incident + str(row.seq): row.hash for incident in old for row in await chain(world, incident)} == before
    assert all(row.payload is not None for row in await chain(world, new))
    (record, *_) = records = [row for row in await chain(world, "") if row.action == audit.Action.PAYLOAD_OUTDATED.value]
    assert (len(records), record.actor, record.subject) == (len(old), "firstmate", old[0])
    assert record.payload == {"incident": old[0], "reason": "older than 400 days", "seqs": [*range(1, gone // len(old) + 1)]}
    async with world.ledger.write() as tx:  # the known-bad twin: it goes, and nobody says so
        await tx.execute(delete(audit_payloads).where(audit_payloads.c.incident == new))
    found = sum(map(len, (await checked(world)).problems.values()))
    gate.twin("G18", "retention", figure=f"unrecorded: {found} found", fails=found > 0)


async def test_an_open_incident_keeps_what_it_carries_until_it_is_closed(world: World) -> None:
    incident = (await world.declared()).id
    await note(world, incident, SAID)
    world.clock.move(days=500)
    await note(world, "", "young")
    assert await retain(world.ledger, days=400, now=world.clock()) == 0
    await command.set_status(world.desk, incident, "closed", by="UCOMMANDER", surface="test")
    assert await retain(world.ledger, days=400, now=world.clock()) > 0
    await world.desk.roots.seal()
    assert (await checked(world)).holds


async def test_the_records_of_what_went_are_never_erased_themselves(world: World) -> None:
    await lived_through(world)
    for _ in range(4):
        world.clock.move(days=500)
        await note(world, "", "young")
        assert await retain(world.ledger, days=400, now=world.clock()) > 0
    assert len(await carried(world)) == 1
    await world.desk.roots.seal()
    assert (await checked(world)).holds


async def test_many_go_in_several_transactions_and_several_processes_may_do_it_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 7)
    await lived_through(world, notes=40)
    held = len(await carried(world))
    world.clock.move(days=500)
    gone = await asyncio.gather(*(retain(world.ledger, days=400, now=world.clock()) for _ in range(3)))
    assert (sum(gone), await carried(world)) == (held, set())
    await world.desk.roots.seal()
    assert (await checked(world)).holds


async def test_the_work_process_does_it_as_often_as_it_tidies(world: World, tmp_path: Path) -> None:
    incident = await lived_through(world)
    inbox = await Inbox.open(tmp_path / "inbox.sqlite", clock=world.clock)

    async def nobody(*_: object) -> None:
        return None

    days = Settings().audit_payload_days
    assert days == 400
    process = WorkProcess(world.desk, world.runner, inbox, Shown(), handlers={}, apologise=nobody, payload_days=days)
    tidy = process._own_handlers()[TIDY]
    world.clock.move(days=399)
    await tidy({})
    assert any(row.payload for row in await chain(world, incident))
    world.clock.move(days=3)
    await tidy({})
    assert not any(row.payload for row in await chain(world, incident))
    await inbox.close()


# --- in a file: nothing is left in it, and the verifier that stands alone agrees


def left(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(path.read_bytes().count(b"customer-4711") for path in folder.glob("ledger.db*"))


@pytest.mark.parametrize("overwritten", [True, False])
async def test_nothing_of_it_is_left_in_the_file(tmp_path: Path, overwritten: bool, gate: Gate) -> None:
    async with opened(tmp_path) as world:
        await lived_through(world, notes=200)
        before = left(tmp_path)
        assert before >= 200
        world.clock.move(days=500)
        if not overwritten:  # the known-bad twin: as SQLite does it by itself
            async with world.ledger.write() as tx:
                await tx.connection.exec_driver_sql("PRAGMA secure_delete=OFF")
        await retain(world.ledger, days=400, now=world.clock())
        await world.desk.roots.seal()
        log = read_roots(world.desk.roots.path.read_text(), keys=[world.desk.roots.key])
        assert check_sqlite(tmp_path / "ledger.db", log).holds
        there = left(tmp_path)
    if overwritten:
        gate("G18", "retention, files", figure=f"{there} of {before} left", bar="0 in database and log", met=there == 0)
    else:
        gate.twin("G18", "retention, files", figure=f"not overwritten: {there} left", fails=there > 0)


async def test_a_record_of_what_went_is_not_erased_for_a_subject_that_it_seems_to_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        for _ in range(1200):
            await note(world, "", "a")
        world.clock.move(days=500)
        await retain(world.ledger, days=400, now=world.clock())
        (record,) = [row for row in await chain(world, "") if "1042" in json.dumps(row.payload)]
        await erase(world.ledger, "1042", by="auditor", at=NOON + timedelta(days=500), because="they asked")
        assert (await chain(world, ""))[record.seq - 1].payload == record.payload
        await world.desk.roots.seal()
        assert (await checked(world)).holds
