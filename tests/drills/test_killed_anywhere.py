"""SIGKILL at a random moment of triage, decision, execution and verification, hundreds of times: nothing acknowledged is lost,
nothing runs twice, nothing runs that nobody approved."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.jobs.inbox import Inbox
from app.processes import HOME
from app.slack import bolt, connection
from tests.drills.nursery import Nursery, alive, nursery
from tests.drills.stack import Lost, Stack, stack
from tests.gates import FULL, Gate, size

pytestmark = pytest.mark.timeout(size(full=7200, small=300))
KILLS = size(full=1000, small=8)
A_STACK = size(full=20, small=4)
"""How many kills one ledger sees: few enough for what was recorded at its start to be what is wrong now."""
LANES = size(full=3, small=2)
"""How many ledgers at once: most of the time is spent waiting."""
LEAST_SHARE = 0.1
"""Of the kills, in each of the five windows: else the drill looked elsewhere."""
EACH_WAY_S = 0.01
"""How far away the target is."""
BEFORE = (("moving", 0.03), ("triage-begins", 0.6), ("investigating", 0.3), ("reported", 0.05), ("proposed", 0.05))
APPROVED = (("decided", 0.015), ("approved", 0.008))
LAST = (("started", EACH_WAY_S), ("started", 2 * EACH_WAY_S), ("acted", 0.003), ("ended", 0.03), ("verifying", 0.5))
"""Where a process begins to die, and within how many seconds it is dead: a random moment from there on."""
WINDOWS = ("before it is approved", "approved, not started", "started, no effect", "effect, not noted", "afterwards")


class Nursed(Stack):
    """Its work processes come out of a nursery, so that they are killed and replaced within moments; the surface lives here."""

    held: Nursery
    pid: int = -1

    async def work_again(self) -> None:
        if not alive(self.pid):
            self.pid = await self.held.grow("tests.drills.worker:work", out="serve.log")

    def work(self) -> int | None:
        return self.pid if alive(self.pid) else None

    def die_at(self, window: str, within_s: float, chance: random.Random) -> None:
        self.arm(window)
        (self.gates / window).write_text(f"die {chance.uniform(0, within_s):.5f}")

    def disarm(self) -> None:
        self.open_gates()

    def where(self, incident: str) -> str:
        """In which window its process died, by ledger and target."""
        row = self.rows(
            "SELECT p.state, x.state, p.hash FROM proposals p LEFT JOIN executions x ON x.proposal = p.hash "
            "WHERE p.incident = ? ORDER BY p.asked_at LIMIT 1",
            incident,
        )
        state, ran, hash = row[0] if row else ("", None, "")
        if state in ("", "proposed"):
            return WINDOWS[0]
        if ran is None:
            return WINDOWS[1]
        if ran == "started":
            return WINDOWS[3] if self.target.times().get(f"x-{hash[:16]}") else WINDOWS[2]
        return WINDOWS[4]


@asynccontextmanager
async def nursed(folder: Path, *, twin: str = "") -> AsyncIterator[Nursed]:
    async with stack(folder, twin=twin, kind=Nursed) as s, AsyncExitStack() as open_:
        assert isinstance(s, Nursed)
        s.target.each_way_s = EACH_WAY_S
        client = AsyncWebClient(token=s.slack.bot_token, base_url=s.slack.api_url)
        home = await connection.sign_in(client)
        inbox = await Inbox.open(s.data / "inbox.sqlite")
        open_.push_async_callback(inbox.close)
        s.held = await open_.enter_async_context(
            nursery(folder, "tests.drills.worker", env={**s.environment, HOME: json.dumps(asdict(home))})
        )
        app_client = AsyncWebClient(token=s.slack.app_token, base_url=s.slack.api_url)
        await open_.enter_async_context(connection.over_sockets(bolt.build(inbox, client=client, home=home), app_client))
        await s.until("the surface listens", lambda: s.slack.sockets.sockets)
        await s.work_again()
        yield s


async def through(s: Nursed, incident: str, kills: list[tuple[str, float]], chance: random.Random) -> None:
    """From its declaration to its end; whoever dies on the way is replaced at once."""
    pressed = False
    deadline = time.monotonic() + 60
    while not (pressed and not s.unfinished()):
        if time.monotonic() > deadline:
            left = s.rows("SELECT state FROM proposals WHERE incident = ?", incident), s.unfinished()
            raise Lost(f"{incident} came to no end: {left}")
        if kills and not any(s.gates.iterdir()):
            s.die_at(*kills[0], chance)
        if not alive(s.pid):
            s.kills[s.where(incident)] += 1
            s.disarm()
            kills = kills[1:]
            await s.work_again()
        if not pressed and (placed := s._card(incident)):
            if kills and kills[0] in BEFORE:  # that window has passed
                kills = kills[1:]
                s.disarm()
                continue
            assert (await s.slack.press("U02BOB", placed, "approve")).acked
            pressed = True
        await asyncio.sleep(0.005)
    s.disarm()


async def killed(
    folder: Path, most: int, chance: random.Random, *, twin: str = "", last: Sequence[tuple[str, float]] = LAST
) -> tuple[Counter[str], list[str], int]:
    """Kills by window, what is wrong, and how many effects there were, on a ledger of its own."""
    async with nursed(folder, twin=twin) as s:
        while sum(s.kills.values()) < most:
            plan = [chance.choice(BEFORE)] if chance.random() < 0.6 else []
            plan += [chance.choice(APPROVED)] if chance.random() < 0.7 else []
            known = s.count("incidents")
            s.target.deployed_again()
            assert (await s.slack.command("U01ALICE", "general", "/incident", f"declare checkout fails {known}")).acked
            await through(s, f"INC-{known + 1:04d}", [*plan, chance.choice(last)], chance)
        await s.rest()
        wrong = await s.wrong()
        for press in s.rows("SELECT key FROM deliveries WHERE outcome LIKE 'broke%'"):
            wrong.append(f"a delivery broke: {press}")
        print(s.summary("killed anywhere", wrong))
        return s.kills, wrong, len(s.target.effects)


async def test_killed_at_any_moment_nothing_is_lost_doubled_or_unapproved(tmp_path: Path, gate: Gate) -> None:
    chance, kills, wrong, effects = gate.random, Counter[str](), list[str](), 0
    sizes = [min(A_STACK, KILLS - done) for done in range(0, KILLS, A_STACK)]
    room = asyncio.Semaphore(LANES)

    async def one(number: int, most: int) -> tuple[Counter[str], list[str], int]:
        async with room:
            return await killed(tmp_path / f"s{number}", most, random.Random(f"{chance.random()}{number}"))

    for counted, told, ran in await asyncio.gather(*(one(*each) for each in enumerate(sizes))):
        kills += counted
        wrong += told
        effects += ran
    total = sum(kills.values())
    print({window: kills[window] for window in WINDOWS}, wrong)
    everywhere = all(kills[window] >= LEAST_SHARE * total for window in WINDOWS) or not FULL  # a dozen can't be everywhere
    gate(
        "G2",
        "SIGKILLs on the real graph and execution",
        figure=f"{total} kills, {effects} effects, {len(wrong)} wrong",
        bar=f"{KILLS} kills: 0 lost, 0 double, 0 unapproved",
        met=total >= KILLS and not wrong and everywhere,
    )


async def test_acting_before_noting_it_doubles_under_the_same_kills(tmp_path: Path, gate: Gate) -> None:
    most = size(full=60, small=3)
    _, wrong, _ = await killed(tmp_path / "s", most, gate.random, twin="acts-before-noting", last=LAST[2:3])
    double = [each for each in wrong if "took effect" in each]
    gate.twin("G2", "SIGKILLs on the real graph and execution", figure=f"{len(double)} double in {most} kills", fails=bool(double))
