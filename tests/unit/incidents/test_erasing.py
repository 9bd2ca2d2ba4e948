"""A subject is erased: the chains still hold, nothing of it is left in the database's files, and what can't go is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.domain.errors import BadInput
from app.incidents import command
from app.incidents.erasing import erase, look
from app.ledger import audit, deliveries, outbox
from tests.gates import Gate, size
from tests.unit.incidents.test_auditing import checked
from tests.unit.incidents.world import NOON, World, opened


def subject(n: int) -> str:
    return f"customer-{n:04d}-Größe@shop.example"


async def concern(world: World, who: str, *, incident: str = "") -> None:
    """A note, a message and a delivery that name them."""
    async with world.ledger.write() as tx:
        payload = {"text": f"{who} told us that checkout fails"}
        await audit.append(
            tx, audit.Action.NOTED, incident=incident, at=NOON, actor="UCOMMANDER", surface="test", subject="note", payload=payload
        )
        body = {"to": "x", "card": {"said": f"{who} told us"}}
        await outbox.put(
            tx, f"answer:{who.encode().hex()}:{incident}", incident=None, lane="note", kind="answer", body=body, at=NOON
        )
        row = await outbox.get(tx, f"answer:{who.encode().hex()}:{incident}")
        assert row is not None
        assert await outbox.mark_sending(tx, row.id, at=NOON)
        assert await outbox.mark_sent(tx, row.id, result={}, at=NOON)
        await deliveries.accept(tx, f"d:{who.encode().hex()}:{incident}", "alert", {"who": who}, at=NOON)
        for waiting in await deliveries.pending(tx, limit=500):
            await deliveries.finish(tx, waiting.id, "noted", at=NOON)


def left_in_files(folder: Path, who: list[str]) -> int:
    content = b"".join(path.read_bytes() for path in sorted(folder.glob("ledger.db*")))
    forms = [form for each in who for form in (each.encode(), each.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00"))]
    return sum(content.count(form) for form in forms)


async def test_a_hundred_subjects_are_gone_and_the_trail_holds(tmp_path: Path, gate: Gate) -> None:
    gone = [subject(n) for n in range(size(full=100, small=10))]
    async with opened(tmp_path) as world:
        for who in (*gone, subject(9999)):
            await concern(world, who)
        await world.desk.roots.seal()
        assert left_in_files(tmp_path, gone) > len(gone)
        for who in gone:
            done = await erase(world.ledger, who, by="auditor", at=NOON, because="they asked for it")
            assert (done.left, done.scrubbed, done.emptied["messages that were sent"]) == ({}, True, 1)
        left, report = left_in_files(tmp_path, gone), await checked(world)
        assert (report.problems, report.whole) == ({}, [])
        assert left_in_files(tmp_path, [subject(9999)]) > 0
    bar = "0 occurrences in database and log"
    gate("G18", "erased subjects", figure=f"{left} of {len(gone)} subjects left", bar=bar, met=left == 0)


async def test_deleting_without_rewriting_the_files_would_be_found_out(tmp_path: Path, gate: Gate) -> None:
    async with opened(tmp_path) as world:
        await concern(world, subject(1))
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as file, file:
            file.execute("DELETE FROM audit_payloads")
            file.execute("UPDATE outbox SET body = '{}'")
            file.execute("UPDATE deliveries SET body = '{}'")
        left = left_in_files(tmp_path, [subject(1)])
    gate.twin("G18", "erased subjects", figure=f"{left} times in the files", fails=left > 0)


async def test_the_record_of_it_names_no_subject(world: World) -> None:
    await concern(world, "U0GONE42")
    done = await erase(world.ledger, "U0GONE42", by="auditor", at=NOON, because="they left")
    async with world.ledger.read() as tx:
        last = [row async for row in audit.every_row(tx, "")][-1]
    assert last.action == audit.Action.PAYLOAD_ERASED.value
    assert last.payload == {"incident": "", "reason": f"they left ({done.receipt})", "seqs": [1]}
    with pytest.raises(BadInput, match="without naming them"):
        await erase(world.ledger, "U0GONE42", by="auditor", at=NOON, because="U0GONE42 left")


async def test_who_decided_stays_and_is_told(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    await command.set_status(world.desk, proposal.incident, "closed", by="UCOMMANDER", surface="test")
    done = await erase(world.ledger, "UCOMMANDER", by="auditor", at=NOON, because="they left")
    assert {"audit.actor", "approvals.by", "timeline.actor"} <= set(done.left)
    assert "audit_payloads.body" not in done.left
    await world.desk.roots.seal()
    assert (await checked(world)).holds


async def test_an_open_incident_keeps_what_it_carries_until_it_is_closed(world: World) -> None:
    incident = (await world.declared()).id
    await concern(world, "U0GONE42", incident=incident)
    done = await erase(world.ledger, "U0GONE42", by="auditor", at=NOON, because="they left")
    assert (done.kept, done.payloads, done.left) == (1, {}, {"audit_payloads.body": 1})
    await command.set_status(world.desk, incident, "closed", by="UCOMMANDER", surface="test")
    assert len((await look(world.ledger, "U0GONE42")).payloads[incident]) == 1
    assert (await erase(world.ledger, "U0GONE42", by="auditor", at=NOON, because="they left")).left == {}


async def test_only_the_whole_name_is_meant(world: World) -> None:
    await concern(world, "U0GONE421")
    assert (await look(world.ledger, "U0GONE42")).payloads == {}
    for vague in ("U1", " U0GONE42", ""):
        with pytest.raises(BadInput):
            await look(world.ledger, vague)
