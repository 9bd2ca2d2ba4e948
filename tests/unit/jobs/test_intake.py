from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import BadInput, Unreachable
from app.jobs.inbox import Inbox
from app.jobs.intake import Intake
from app.jobs.runner import InProcessRunner
from app.ledger import deliveries
from app.ledger.deliveries import Pending
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Door:
    """An intake on a real inbox and ledger; `says` decides what handling a delivery comes to."""

    def __init__(self, inbox: Inbox, ledger: Ledger, runner: InProcessRunner) -> None:
        self.inbox, self.ledger, self.runner = inbox, ledger, runner
        self.handled: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.says: Any = "done"
        self.intake = Intake(inbox, ledger, runner, lambda: NOON, handlers={"event": self.handle}, apologise=self.apologise)

    async def handle(self, delivery: Pending) -> str:
        self.handled.append(delivery.key)
        says = self.says.pop(0) if isinstance(self.says, list) else self.says
        if isinstance(says, Exception):
            raise says
        return str(says)

    async def apologise(self, delivery: Pending, sentence: str) -> None:
        self.told.append((delivery.key, sentence))

    async def work(self) -> None:
        await self.intake.move()
        await self.intake.hand_on()
        await self.runner.idle()

    async def left(self) -> list[str]:
        async with self.ledger.read() as tx:
            return [each.key for each in await deliveries.pending(tx)]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    inbox = await Inbox.open(tmp_path / "inbox.db")
    ledger = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    runner = InProcessRunner(retries_s=(0.0,))
    held = Door(inbox, ledger, runner)
    await runner.start({"deliver": held.intake.deliver})
    yield held
    await runner.stop(grace_s=0)
    await inbox.close()
    await ledger.close()


async def test_each_delivery_is_handled_once_in_the_order_it_came(door: Door) -> None:
    for n in range(4):
        await door.inbox.put(f"Ev{n}", "event", {"n": n})
    await door.work()
    await door.work()
    assert sorted(door.handled) == ["Ev0", "Ev1", "Ev2", "Ev3"]
    assert await door.left() == []
    assert await door.inbox.waiting() == 0


async def test_a_process_that_died_between_ledger_and_inbox_takes_it_over_once(door: Door) -> None:
    await door.inbox.put("Ev1", "event", {})
    (taken,) = await door.inbox.take()
    async with door.ledger.write() as tx:  # committed, and then it died before the inbox was told
        await deliveries.accept(tx, taken.key, taken.kind, taken.body, at=NOON)
    await door.work()
    assert door.handled == ["Ev1"]


async def test_what_is_refused_is_told_to_its_sender_and_not_tried_again(door: Door) -> None:
    door.says = BadInput("an incident needs a title")
    await door.inbox.put("Ev1", "event", {})
    await door.work()
    await door.work()
    assert door.told == [("Ev1", "an incident needs a title")]
    assert door.handled == ["Ev1"]
    assert await door.left() == []


async def test_what_breaks_is_told_without_its_entrails_and_not_tried_for_ever(door: Door) -> None:
    door.says = KeyError("secret entrails")
    await door.inbox.put("Ev1", "event", {})
    await door.work()
    await door.work()
    ((key, sentence),) = door.told
    assert key == "Ev1"
    assert "entrails" not in sentence
    assert "KeyError" not in sentence
    assert door.handled == ["Ev1"]


async def test_what_could_not_be_reached_is_tried_again_and_stays_pending_meanwhile(door: Door) -> None:
    door.says = [Unreachable("the ledger is busy"), Unreachable("the ledger is busy"), "done"]
    await door.inbox.put("Ev1", "event", {})
    await door.work()
    assert await door.left() == ["Ev1"]
    assert door.told == []
    await door.work()
    assert await door.left() == []
    assert door.handled == ["Ev1"] * 3


async def test_a_kind_nobody_handles_ends_and_does_not_hold_up_the_rest(door: Door) -> None:
    await door.inbox.put("Ev1", "mystery", {})
    await door.inbox.put("Ev2", "event", {})
    await door.work()
    assert door.handled == ["Ev2"]
    assert await door.left() == []


async def test_the_loop_takes_up_what_an_earlier_process_left_and_what_comes(door: Door) -> None:
    async with door.ledger.write() as tx:
        await deliveries.accept(tx, "Ev0", "event", {}, at=NOON)
    stopping = asyncio.Event()
    loop = asyncio.create_task(door.intake.run(stopping))
    await door.inbox.put("Ev1", "event", {})
    async with asyncio.timeout(20):
        while await door.left() or len(door.handled) < 2:
            await asyncio.sleep(0.02)
    stopping.set()
    await loop
    assert sorted(door.handled) == ["Ev0", "Ev1"]
