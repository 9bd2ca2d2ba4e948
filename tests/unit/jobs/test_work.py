from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.errors import Unreachable
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.jobs import work
from app.jobs.inbox import Inbox
from app.jobs.work import WorkProcess
from app.ledger import runs
from app.ledger.deliveries import Pending
from app.policy.policy import Policy, load
from tests.unit.incidents.world import POLICY, World, opened
from tests.unit.jobs.test_outgoing import Shown


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as held:
        yield held


async def test_what_gave_up_and_what_the_policy_says_now_are_looked_at_by_the_clock(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "RESUME_EVERY_S", 0.1)
    monkeypatch.setattr(work, "RELOAD_EVERY_S", 0.1)
    answers, triage = [Unreachable("the ledger did not answer")], world.desk.triage

    async def sometimes(incident: str, run: str, scope: Scope) -> Diagnosis:
        if answers:
            raise answers.pop()
        return await triage(incident, run, scope)

    async def nobody(delivery: Pending, sentence: str) -> None:
        raise AssertionError(sentence)

    def now() -> Policy:
        return load(POLICY.replace("open_proposals: 5", "open_proposals: 7"))

    world = world.with_(triage=sometimes)
    incident = await world.declared()
    inbox = await Inbox.open(tmp_path / "inbox.sqlite", clock=world.clock)
    process = WorkProcess(world.desk, world.runner, inbox, Shown(), handlers={}, apologise=nobody, read_policy=now)
    stopping = asyncio.Event()
    working = asyncio.create_task(process.run(stopping))
    try:
        async with asyncio.timeout(20):
            while True:
                async with world.ledger.read() as tx:
                    run = await runs.latest(tx, incident.id)
                if run is not None and run.state == "finished" and world.desk.policy == now():
                    break
                await asyncio.sleep(0.05)
        assert run.attempts == 2
    finally:
        stopping.set()
        await working
        await inbox.close()
