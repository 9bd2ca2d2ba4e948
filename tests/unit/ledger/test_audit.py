from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from sqlalchemy import Table, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from app.domain.errors import NotFound
from app.domain.proposal import Proposal
from app.ledger import audit, proposals, timeline
from app.ledger.audit import Action
from app.ledger.ledger import Ledger, Tx
from app.ledger.tables import APPEND_ONLY, UNCHANGING, audit_heads, audit_payloads, metadata
from app.ledger.tables import audit as table
from app.verify_alone import Check, Report

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def append(tx: Tx, n: int, *, incident: str = "INC-0001") -> None:
    await audit.append(
        tx, Action.NOTED, incident=incident, at=NOON + timedelta(seconds=n), actor="U1", surface="slack", subject=incident,
        payload={"n": n, "text": f"note {n}"},
    )  # fmt: skip


@pytest.fixture
async def chain(ledger: Ledger) -> str:
    """An incident's chain of twelve rows, beside another one."""
    async with ledger.write() as tx:
        for n in range(12):
            await append(tx, n)
            await append(tx, n, incident="")
    return "INC-0001"


async def without_triggers(ledger: Ledger, change: Callable[[Tx], Awaitable[Any]]) -> None:
    """What somebody with the database's password could do."""
    async with ledger.write() as tx:
        if tx.connection.dialect.name == "sqlite":
            for name in ("audit_no_update", "audit_no_delete", "audit_payloads_no_update"):
                await tx.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        else:
            for name in ("audit", "audit_payloads"):
                await tx.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
        await change(tx)


async def problems(ledger: Ledger, incident: str = "INC-0001") -> list[str]:
    async with ledger.read() as tx:
        return await audit.verify(tx, incident)


async def test_an_untouched_chain_has_no_problems(ledger: Ledger, chain: str) -> None:
    assert await problems(ledger) == []
    assert await problems(ledger, "") == []
    assert await problems(ledger, "INC-none") == []
    async with ledger.read() as tx:
        rows = await audit.rows(tx, chain)
        assert [row.seq for row in rows] == list(range(1, 13))
        assert rows[3].payload == {"n": 3, "text": "note 3"}
        assert {head.incident: head.seq for head in await audit.heads(tx)} == {"": 12, chain: 12}


async def test_a_row_hash_can_be_computed_by_anyone_from_its_columns(ledger: Ledger, chain: str) -> None:
    async with ledger.read() as tx:
        row = (await audit.rows(tx, chain))[0]
    columns = {
        "incident": "INC-0001", "seq": 1, "at": "2026-03-01T12:00:00.000000+00:00", "action": "person:timeline:note",
        "actor": "U1", "on_behalf_of": "", "surface": "slack", "agent": "", "policy": "", "proposal": "", "findings": "",
        "subject": "INC-0001",
        "payload_hash": hashlib.sha256(b'{"n":0,"text":"note 0"}').hexdigest(), "prev": "",
    }  # fmt: skip
    assert row.hash == hashlib.sha256(rfc8785.dumps(columns)).hexdigest()


async def test_appends_at_once_make_one_chain(ledger: Ledger) -> None:
    async def one(n: int) -> None:
        async with ledger.write() as tx:
            await append(tx, n)

    await asyncio.gather(*(one(n) for n in range(16)))
    assert await problems(ledger) == []
    async with ledger.read() as tx:
        assert len(await audit.rows(tx, "INC-0001")) == 16


@pytest.mark.parametrize("name", [*APPEND_ONLY, *UNCHANGING])
@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_the_database_refuses_to_change_what_was_written(
    ledger: Ledger, chain: str, incident: str, name: str, verb: str
) -> None:
    async with ledger.write() as tx:
        await timeline.append(tx, incident, at=NOON, actor="U1", text="a line")
    changed: Table = metadata.tables[name]
    column = "body" if name == "audit_payloads" else "actor"
    statement = update(changed).values({column: "x"}) if verb == "update" else delete(changed)
    if (name, verb) == ("audit_payloads", "delete"):
        return  # erasing is allowed; `erase` records it, and `verify` misses what nobody recorded

    async def change() -> None:
        async with ledger.write() as tx:
            await tx.execute(statement)

    with pytest.raises(DBAPIError, match="refuses"):
        await change()


async def test_without_the_audit_row_nothing_changes(ledger: Ledger, propose: Callable[..., Proposal]) -> None:
    proposal = propose()
    async with ledger.write() as tx:
        await proposals.add(tx, proposal)
        if tx.connection.dialect.name == "sqlite":
            await tx.execute(text("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk on fire'); END"))
        else:
            await tx.execute(text("ALTER TABLE audit ADD CONSTRAINT broken CHECK (seq < 0)"))

    async def approve() -> None:
        async with ledger.write() as tx:
            assert await proposals.move(tx, proposal.hash, {"proposed"}, "approved", at=NOON)
            await audit.append(
                tx, Action.APPROVED, incident=proposal.incident, at=NOON, actor="U1", surface="slack", subject=proposal.name
            )

    for _ in range(20):
        with pytest.raises(DBAPIError):
            await approve()
    async with ledger.read() as tx:
        assert (await proposals.get(tx, proposal.hash)).state == "proposed"
        assert await audit.heads(tx) == []


TAMPERING: dict[str, Callable[[Tx, int], Awaitable[Any]]] = {
    "an actor": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(actor="U2")),
    "a moment": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(at=NOON - timedelta(days=1))),
    "an action": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(action="person:proposal:reject")),
    "a policy": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(policy="0")),
    "a link": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(prev="0" * 64)),
    "a hash": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(hash="0" * 64)),
    "a payload": lambda tx, n: tx.execute(update(audit_payloads).where(audit_payloads.c.seq == n).values(body={"n": -1})),
    "a payload's hash": lambda tx, n: tx.execute(update(table).where(table.c.seq == n).values(payload_hash="0" * 64)),
    "a row away": lambda tx, n: tx.execute(delete(table).where(table.c.seq == n)),
    "the tail away": lambda tx, n: tx.execute(delete(table).where(table.c.seq >= n)),
    "everything away": lambda tx, _: tx.execute(delete(table)),
    "the head": lambda tx, _: tx.execute(delete(audit_heads)),
    "the head back": lambda tx, n: tx.execute(update(audit_heads).values(seq=n - 1)),
    "a payload away": lambda tx, n: tx.execute(delete(audit_payloads).where(audit_payloads.c.seq == n)),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_is_found(ledger: Ledger, chain: str, what: str) -> None:
    n = random.Random(what).randint(1, 12)
    await without_triggers(ledger, lambda tx: TAMPERING[what](tx, n))
    assert await problems(ledger) != []
    assert await problems(ledger, "") != []


async def test_a_row_rehashed_by_its_tamperer_no_longer_links(ledger: Ledger, chain: str) -> None:
    async def rewrite(tx: Tx) -> None:
        row = dict((await tx.execute(select(table).where(table.c.seq == 5, table.c.incident == chain))).one()._mapping)
        row["actor"] = "U2"
        where = (table.c.seq == 5) & (table.c.incident == chain)
        await tx.execute(update(table).where(where).values(actor="U2", hash=audit.row_hash(row)))

    await without_triggers(ledger, rewrite)
    assert await problems(ledger) == ["row 6 does not follow from the row before it"]


async def test_two_swapped_rows_are_found(ledger: Ledger, chain: str) -> None:
    async def swap(tx: Tx) -> None:
        here = table.c.incident == chain
        for was, now in ((3, 99), (4, 3), (99, 4)):
            await tx.execute(update(table).where(here, table.c.seq == was).values(seq=now))

    await without_triggers(ledger, swap)
    assert len(await problems(ledger)) >= 2


async def whole(ledger: Ledger) -> Report:
    """As `firstmate audit verify` has it from PostgreSQL."""
    async with ledger.read() as tx:
        check = Check()
        await audit.read_into(check, tx)
        return check.end([(head.incident, head.seq, head.hash) for head in await audit.heads(tx)])


async def test_every_chain_is_handed_to_the_verifier_row_by_row(ledger: Ledger, chain: str) -> None:
    report = await whole(ledger)
    assert (report.chains, report.rows, report.problems, report.uncovered) == (2, 24, {}, 24)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(audit, "AT_ONCE", 5)
        assert await whole(ledger) == report

    async def alter(tx: Tx) -> None:
        await tx.execute(update(table).where(table.c.seq == 5, table.c.incident == chain).values(actor="U2"))
        await tx.execute(update(audit_payloads).where(audit_payloads.c.seq == 9, audit_payloads.c.incident == "").values(body=[1]))
        await tx.execute(delete(audit_payloads).where(audit_payloads.c.seq == 11, audit_payloads.c.incident == chain))

    await without_triggers(ledger, alter)
    gone = "the payload of row 11 is gone, and nobody recorded erasing it"
    told = {chain: ["row 5 was changed: its content has another hash", gone], "": ["the payload of row 9 was changed"]}
    assert (await whole(ledger)).problems == told
    assert {name: await problems(ledger, name) for name in told} == told


async def test_an_erased_payload_leaves_a_sound_chain_and_a_record(ledger: Ledger, chain: str) -> None:
    async with ledger.write() as tx:
        await audit.erase(tx, chain, [2, 3], by="U9", at=NOON, reason="asked for by the person")
    assert await problems(ledger) == []
    assert await problems(ledger, "") == []
    async with ledger.read() as tx:
        assert [row.payload for row in await audit.rows(tx, chain)][1:3] == [None, None]
        last = (await audit.rows(tx, "", after=12))[0]
    assert (last.action, last.actor) == ("person:audit:erase", "U9")
    with pytest.raises(NotFound):
        async with ledger.write() as tx:
            await audit.erase(tx, chain, [2], by="U9", at=NOON, reason="again")


@pytest.mark.parametrize("stored", ["[1]", "{", '{"a":NaN}', "[" * 100_000, "7"])
async def test_a_payload_that_is_no_object_any_more_is_read_as_what_it_is(ledger: Ledger, chain: str, stored: str) -> None:
    at = text("UPDATE audit_payloads SET body = :body WHERE seq = 2 AND incident = :chain").bindparams(body=stored, chain=chain)
    await without_triggers(ledger, lambda tx: tx.execute(at))
    async with ledger.read() as tx:
        found = await audit.rows(tx, chain)
    assert [row.payload for row in found][:3] == [{"n": 0, "text": "note 0"}, {"unreadable": stored}, {"n": 2, "text": "note 2"}]
    assert await problems(ledger) == ["the payload of row 2 was changed"]


async def test_outsiders_text_never_breaks_the_chain(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await audit.append(
            tx, Action.NOTED, at=NOON, actor="U1\0", surface="slack", subject="\ud83d",
            payload={"text": ["\0 \ud800 \u202e", {"\ud800": 1.5}]},
        )  # fmt: skip
    assert await problems(ledger, "") == []


def test_every_action_follows_the_grammar() -> None:
    for action in Action:
        source, subject, verb = action.value.split(":")
        assert source in ("person", "agent", "monitor", "policy", "firstmate")
        assert subject.isidentifier()
        assert verb.isidentifier()
