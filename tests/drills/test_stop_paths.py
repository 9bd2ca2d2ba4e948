"""Stop paths (gate G19): while many workers start what was approved, everything is stopped in one of the ways there are. Nothing
is claimed afterwards.

What comes before the flip is told by the order of commits, not by clocks: SQLite lets one writer in at a time.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.action import Arguments, Call, Effects, Outcome, Preview
from app.domain.errors import Unreachable
from app.domain.proposal import Proposal
from app.domain.value import JsonObject
from app.incidents import decide, execute, stop
from app.incidents.reload import Reload
from app.ledger import ledger as ledger_module
from app.policy.policy import load
from tests.gates import Gate, size
from tests.unit.incidents.world import POLICY, World, opened

WHAT = "claims after the flip"
WAYS = ("kill switch", "incident", "file", "freeze", "breaker", "database down")
EACH, ROUNDS = size(full=40, small=30), size(full=5, small=1)
"""Approved runs of one incident, which holds 50 at most, and how often each way is tried: with six ways 1,200."""
WORKERS = size(full=16, small=4)
FREEZE = "freezes: [{name: now, targets: [shop/**], from: 2026-01-01T00:00:00Z, until: 2027-01-01T00:00:00Z, people: [USECOND]}]"
MANY = POLICY.replace("open_proposals: 5", "open_proposals: 50") + "presses_per_hour: 1000\n"


class Scale(Arguments):
    service: str


class Counted:
    """An action that counts what it did."""

    name, summary, arguments = "scale", "Scale a service", Scale

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def suggest(self, hypothesis: Any, change: Any) -> Sequence[JsonObject]:
        return []

    def effects(self, arguments: Any) -> Effects:
        back = Call(action=self.name, arguments={"service": arguments.service})
        target = f"shop/service/{arguments.service}"
        return Effects(target=target, sentence=f"Scale {arguments.service}", blast_radius="none", undo=back, undo_sentence="back")

    async def read_back(self, arguments: Any) -> JsonObject:
        return {"replicas": 1}

    async def preview(self, arguments: Any) -> Preview:
        return Preview(ok=True, lines=("fine",))

    async def run(self, arguments: Any, *, idempotency_key: str) -> Outcome:
        self.ran.append(idempotency_key)
        return Outcome(ok=True, detail="scaled")

    async def took_effect(self, arguments: Any, *, precondition: JsonObject) -> bool | None:
        return None


class Quiet:
    """The drill itself is the workers."""

    async def submit(self, *_: Any, **__: Any) -> None:
        return None


async def approved(world: World, many: int) -> tuple[str, list[str]]:
    incident = (await world.declared()).id
    hashes = []
    for n in range(many):
        proposal = await world.proposed(incident, call=Call(action="scale", arguments={"service": f"s{n}"}))
        assert (await world.press(proposal, by="UAPPROVER")).complete
        hashes.append(proposal.hash)
    return incident, hashes


async def reject(world: World, proposal: Proposal) -> None:
    assert (await world.press(proposal, by="UAPPROVER", decision="reject", reason="no")).complete


async def flip(world: World, way: str, incident: str, folder: Path, last: Proposal) -> None:
    desk = world.desk
    match way:
        case "kill switch":
            await stop.stop(desk, by="UAPPROVER", surface="drill", reason="runaway", incident=None)
        case "incident":
            await stop.stop(desk, by="UNOBODY", surface="drill", reason="runaway", incident=incident)
        case "file":  # and Slack tells nothing about anybody
            world.folk.update(dict.fromkeys(world.folk, Unreachable("Slack is down")))
            stop.write_file(folder / "STOP", by="shell", reason="runaway", at=desk.clock())
        case "freeze":
            frozen = load(MANY + FREEZE)
            await Reload(desk, lambda: frozen).look()
        case "breaker":
            await reject(world, last)


COMMITTED = """
CREATE TABLE committed (n INTEGER PRIMARY KEY, action TEXT);
CREATE TRIGGER counted AFTER INSERT ON audit BEGIN INSERT INTO committed (action) VALUES (new.action); END;
"""
"""Numbers what is recorded over all chains, in the order of commits."""


def shut(other: sqlite3.Connection) -> None:
    """Nobody else writes from now on. Asked for all the time: SQLite's own waiting would find no gap between busy writers."""
    other.execute("PRAGMA busy_timeout = 0")
    while not other.in_transaction:
        with suppress(sqlite3.OperationalError):
            other.execute("BEGIN EXCLUSIVE")


STARTED = "SELECT n FROM committed WHERE action = 'firstmate:execution:start'"
FLIPPED = {
    "kill switch": "SELECT max(n) FROM committed WHERE action = 'person:switch:stop'",
    "incident": "SELECT max(n) FROM committed WHERE action = 'person:switch:stop'",
    "freeze": "SELECT max(n) FROM committed WHERE action = 'firstmate:policy:load'",
    "breaker": "SELECT max(n) FROM committed WHERE action = 'firstmate:breaker:open'",
}


async def stopped_midway(folder: Path, way: str, *, chance: random.Random) -> dict[str, float]:
    """`before` and `after`: claims either side of the flip; `late`: begun after it; `last_s`: the last effect, seconds after it."""
    async with opened(folder) as world:
        action = Counted()
        world = world.with_(actions={"scale": action}, jobs=Quiet(), stop_file=folder / "STOP", policy=load(MANY))
        database = folder / "ledger.db"
        with closing(sqlite3.connect(database)) as other:
            other.executescript(COMMITTED)
        incident, hashes = await approved(world, EACH)
        chance.shuffle(hashes)
        *bad, last = [await world.proposed(incident, call=Call(action="scale", arguments={"service": f"r{n}"})) for n in range(3)]
        if way == "breaker":  # the next one opens it
            for each in bad:
                await reject(world, each)
        halfway, flipped, late, times = asyncio.Event(), False, 0, list[float]()
        waiting = list(hashes)

        async def work() -> None:
            nonlocal late
            while waiting:
                hash, begun_late, ran = waiting.pop(), flipped, len(action.ran)
                try:
                    await execute.execute(world.desk, hash)
                except Unreachable:
                    continue
                if len(action.ran) > ran and begun_late and f"x-{hash[:16]}" in action.ran:
                    late += 1
                if f"x-{hash[:16]}" in action.ran:
                    times.append(time.monotonic())
                if len(times) >= EACH // 3:
                    halfway.set()

        workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
        await asyncio.wait_for(halfway.wait(), 60)
        with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as other:
            if way == "database down":
                await asyncio.to_thread(shut, other)
            else:
                await flip(world, way, incident, folder, last)
            flipped, at = True, time.monotonic()
            await asyncio.gather(*workers)
            if way == "database down":
                other.execute("ROLLBACK")
            rows = [row for (row,) in other.execute(STARTED)]
            edge = other.execute(FLIPPED[way]).fetchone()[0] if way in FLIPPED else max(rows)
        after = sum(row > edge for row in rows)
        assert len(rows) == len(action.ran)
        return {"before": len(rows) - after, "after": after, "late": late, "last_s": max(0.0, max(times) - at)}


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.timeout(900)
async def test_nothing_is_claimed_after_any_of_the_ways_to_stop(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "BUSY_S", 0.5)
    tries = [(way, made(tmp_path / f"{way.replace(' ', '-')}-{n}")) for way in WAYS for n in range(ROUNDS)]
    found = [await stopped_midway(folder, way, chance=gate.random) for way, folder in tries]
    claims = sum(each["after"] + each["late"] for each in found)
    slowest = max(each["last_s"] for each in found)
    print(found)
    assert all(EACH // 3 <= each["before"] < EACH for each in found), "nothing was left to be stopped"
    gate(
        "G19",
        WHAT,
        figure=f"{claims:.0f} of {len(tries) * EACH:,}, {len(WAYS)} ways, last {slowest:.2f} s",
        bar=f"0 of {len(tries) * EACH:,}, ≤ 1 s; Slack or database down too",
        met=claims == 0 and slowest <= 1.0,
    )


@pytest.mark.parametrize("way", ["kill switch", "breaker"])
async def test_a_run_that_asks_no_switch_would_be_found_out(
    tmp_path: Path, way: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = decide.context

    async def blind(*args: Any, **kwargs: Any) -> Any:
        return replace(await asked(*args, **kwargs), stopped=None, breaker=None)

    monkeypatch.setattr(decide, "context", blind)
    found = await stopped_midway(tmp_path, way, chance=gate.random)
    gate.twin("G19", WHAT, figure=f"{way}: {found['after']:.0f} of {EACH}", fails=found["after"] > 0)
