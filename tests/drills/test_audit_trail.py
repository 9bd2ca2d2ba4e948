"""The audit trail shows tampering (G18): whatever somebody without the signing key did to it is found, up to the last root."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

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
