"""The audit trail shows tampering (G18): whatever somebody without the signing key did to it is found, up to the last root."""

from __future__ import annotations

import csv
import hashlib
import io
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.proposal import Proposal
from app.incidents import command, execute, stop, verify
from app.incidents.auditing import export
from app.incidents.expire import expire
from app.ledger import audit, executions, proposals
from app.ledger.tables import metadata
from app.verify_alone import Check, Log, check_connection, read_roots
from tests.drills.tampering import FOUND_BY_ROOTS_ALONE, FOUND_BY_THE_CHAIN, in_hand
from tests.gates import Gate, size
from tests.unit.incidents.world import World, opened

EVERY = {**FOUND_BY_THE_CHAIN, **FOUND_BY_ROOTS_ALONE}
INCIDENTS = 6


async def trail(folder: Path) -> tuple[sqlite3.Connection, Log]:
    """A real one: incidents declared, decided, run, rejected, closed; under roots signed on the way and a last one."""
    async with opened(folder) as world:
        await world.start_jobs()
        for number in range(INCIDENTS):
            await _lived_through(world, number)
        await world.desk.roots.seal()
        log = read_roots(world.desk.roots.path.read_text(), keys=[world.desk.roots.key])
    return sqlite3.connect(folder / "ledger.db"), log


async def _lived_through(world: World, number: int) -> None:
    incident = await world.declared(f"checkout fails again ({number})")
    proposal = await world.proposed(incident.id)
    await world.press(proposal, by="UNOBODY")
    await world.press(proposal, decision="reject" if number % 3 == 2 else "approve", reason="not now")
    await world.runner.idle()
    world.tool.version = "1.8.0"
    world.clock.move(minutes=1)


def missed(source: sqlite3.Connection, log: Log, gate: Gate, *, count: int) -> Counter[str]:
    """Which tamperings the verifier took for a sound trail, by kind. `log`: none for the chains alone."""
    dice, passed = gate.random, Counter[str]()
    for number in range(count):
        kind = list(EVERY)[number % len(EVERY)]
        with closing(in_hand(source)) as copy:
            EVERY[kind](copy, dice)
            copy.commit()
            passed[kind] += not check_connection(copy, Check(log)).problems
    return +passed


async def test_every_tampering_is_found(tmp_path: Path, gate: Gate) -> None:
    source, log = await trail(tmp_path)
    with closing(source):
        with closing(in_hand(source)) as untouched:
            sound = check_connection(untouched, Check(log))
        assert (sound.holds, sound.uncovered) == (True, 0), (sound.problems, sound.whole)
        count = size(full=10_000, small=390)
        passed = missed(source, log, gate, count=count)
        bar = "all found, tail cut and admin re-hash too"
        gate("G18", "tampering", figure=f"{count - passed.total():,} of {count:,} found", bar=bar, met=not passed)
        passed = missed(source, Log(), gate, count=count)
        assert set(passed) <= set(FOUND_BY_ROOTS_ALONE), "a chain by itself finds these"
        unseen = f"{count - passed.total():,} of {count:,} found"
        gate.twin("G18", "tampering", figure=unseen, fails=set(passed) == set(FOUND_BY_ROOTS_ALONE))


# --- no audit, no action


Verb = Callable[[World, Proposal], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "declare": lambda world, _: world.declared("another"),
    "propose": lambda world, p: world.proposed(p.incident, why="another way"),
    "approve": lambda world, p: world.press(p),
    "reject": lambda world, p: world.press(p, decision="reject", reason="no"),
    "refuse": lambda world, p: world.press(p, by="UNOBODY"),
    "run": lambda world, p: execute.execute(world.desk, p.hash),
    "expire": lambda world, _: expire(world.desk),
    "close": lambda world, p: command.set_status(world.desk, p.incident, "closed", by="UCOMMANDER", surface="test"),
    "stop": lambda world, p: stop.stop(world.desk, by="UCOMMANDER", surface="test", reason="wait", incident=p.incident),
}  # fmt: skip


async def tables_of(world: World) -> str:
    """Everything the ledger holds, as one hash."""
    async with world.ledger.read() as tx:
        rows = {table.name: [tuple(row) for row in await tx.execute(table.select())] for table in metadata.sorted_tables}
    return hashlib.sha256(repr(rows).encode()).hexdigest()


async def changes_without_audit(world: World, verb: Verb, proposal: Proposal) -> int:
    before = await tables_of(world)
    async with world.ledger.write() as tx:
        await tx.execute(text("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk on fire'); END"))
    with suppress(DBAPIError):
        await verb(world, proposal)
    async with world.ledger.write() as tx:
        await tx.execute(text("DROP TRIGGER broken"))
    return int(await tables_of(world) != before) + world.tool.effects


async def hasty(world: World, proposal: Proposal) -> None:
    """The known-bad twin: the state in one transaction, its audit row in the next."""
    async with world.ledger.write() as tx:
        await proposals.move(tx, proposal.hash, {"proposed", "approved"}, "executing", at=world.clock())
    async with world.ledger.write() as tx:
        await audit.append(tx, audit.Action.EXECUTION_STARTED, at=world.clock(), actor="firstmate", surface="test", subject="x")


async def test_without_its_audit_row_nothing_happens(tmp_path: Path, gate: Gate) -> None:
    count, changed = size(full=108, small=9), 0
    for number in range(count):
        name = list(VERBS)[number % len(VERBS)]
        folder = tmp_path / str(number)
        folder.mkdir()
        async with opened(folder) as world:
            proposal = await world.proposed((await world.declared()).id)
            if name == "run":
                await world.press(proposal)
            if name == "expire":
                world.clock.move(hours=2)
            changed += await changes_without_audit(world, VERBS[name], proposal)
    gate("G18", "no audit, no action", figure=f"{changed} changes in {count} tries", bar="none", met=changed == 0)
    (tmp_path / "twin").mkdir()
    async with opened(tmp_path / "twin") as world:
        proposal = await world.proposed((await world.declared()).id)
        changed = await changes_without_audit(world, hasty, proposal)
    gate.twin("G18", "no audit, no action", figure=f"{changed} change in 1 try", fails=changed > 0)


# --- an auditor's samples

NINE = ("asked_by", "approved_by", "asked_at", "approved_at", "started_at", "diff", "result", "policy", "emergency")
SAMPLES = 25


def sound(row: dict[str, str]) -> bool:
    """All nine fields, asked for before it was approved, approved before it ran, by somebody else than who asked."""
    in_order = row["asked_at"] <= max(row["approved_at"].split(), default="") < row["started_at"] <= row["finished_at"]
    return all(row[name] for name in NINE) and in_order and row["asked_by"] not in row["approved_by"].split()


async def exported(world: World, folder: Path) -> list[dict[str, str]]:
    at = world.clock()
    await export(
        world.ledger, world.desk.roots, folder, start=at - timedelta(days=9), end=at + timedelta(days=9), by="auditor", at=at
    )
    return list(csv.DictReader(io.StringIO((folder / "proposals.csv").read_bytes().decode())))


async def test_an_auditors_samples_are_complete_and_in_order(tmp_path: Path, gate: Gate) -> None:
    async with opened(tmp_path) as world:
        for _ in range(size(full=100, small=SAMPLES)):
            world.tool.version = "1.8.0"
            proposal = await world.proposed((await world.declared()).id)
            world.clock.move(seconds=30)
            await world.press(proposal)
            world.clock.move(minutes=6)  # twelve presses an hour are the most
            await execute.execute(world.desk, proposal.hash)
            await verify.verify(world.desk, executions.id_of(proposal.hash))
        ran = [row for row in await exported(world, tmp_path / "out") if row["started_at"]]
        drawn = gate.random.sample(ran, SAMPLES)
        good = sum(map(sound, drawn))
        gate("G18", "auditor's samples", figure=f"{good} of {SAMPLES}", bar="25 of 25, nine fields", met=good == SAMPLES)
        async with world.ledger.write() as tx:  # the known-bad twin: what ran was approved afterwards, by who asked
            await tx.execute(text("UPDATE approvals SET by = 'proposer@1.0.0' WHERE id % 2"))
            await tx.execute(text("UPDATE approvals SET at = '2027-01-01T00:00:00.000000+00:00' WHERE NOT id % 2"))
        late = [row for row in await exported(world, tmp_path / "late") if row["started_at"]]
        good = sum(map(sound, gate.random.sample(late, SAMPLES)))
        gate.twin("G18", "auditor's samples", figure=f"{good} of {SAMPLES}", fails=good < SAMPLES)
