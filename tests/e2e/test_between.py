"""Between a press and its run the world goes on: whatever speaks against the run by then keeps it from running, and is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.proposal import Proposal
from app.ledger import incidents
from tests.e2e.conftest import Rig, Start
from tests.e2e.test_press import proposed, state
from tests.fake_slack import Message


class Slow:
    """The action; while it is read back for the press everything goes its way, for the run it waits for `go_on`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.reads, self.arrived, self.go_on = 0, asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def read_back(self, arguments: Any) -> Any:
        self.reads += 1
        if self.reads > 1:
            self.arrived.set()
            await self.go_on.wait()
        return await self._inner.read_back(arguments)


class Breaking(Slow):
    """Its defect shows when it is read back for the run."""

    async def read_back(self, arguments: Any) -> Any:
        self.reads += 1
        if self.reads > 1:
            raise KeyError("version")
        return await self._inner.read_back(arguments)


async def pressed(rig: Rig, *, by: str = "U02BOB", slowly: type[Slow] = Slow) -> tuple[Proposal, Message, Slow]:
    proposal, card = await proposed(rig)
    slow = slowly(rig.desk.actions["shop_rollout_undo"])
    assert isinstance(rig.desk.actions, dict)
    rig.desk.actions["shop_rollout_undo"] = slow
    await rig.slack.press(by, card.ts, "Approve")
    return proposal, card, slow


async def approved(rig: Rig, *, by: str = "U02BOB") -> tuple[Proposal, Message, Slow]:
    """Approved, and about to run."""
    proposal, card, slow = await pressed(rig, by=by)
    await asyncio.wait_for(slow.arrived.wait(), 10)
    assert await state(rig, proposal) == "approved"
    return proposal, card, slow


async def did_not_run(rig: Rig, proposal: Proposal, card: Message) -> str:
    """Nothing was sent; what the channel was told."""
    await rig.quiet()
    assert (rig.tool.rollouts, await state(rig, proposal)) == ([], "superseded")
    told = [m.text for m in rig.slack.messages(card.channel) if "was approved and did not run" in m.text]
    assert len(told) == 1
    assert [row.proposal for row in await rig.audit_of() if row.action == "firstmate:proposal:supersede"] == [proposal.hash]
    return told[0]


@pytest.mark.parametrize(
    ("kind", "why"),
    [("deleted", "is deactivated in Slack"), ("guest", "is a guest"), ("stranger", "belongs to another workspace")],
)
async def test_whoever_lost_their_place_lets_nothing_run(start: Start, kind: str, why: str) -> None:
    rig = await start()
    proposal, card, slow = await approved(rig)
    rig.slack.user("U02BOB", kind)
    slow.go_on.set()
    assert why in await did_not_run(rig, proposal, card)


async def test_while_slack_does_not_say_who_pressed_nothing_runs(start: Start) -> None:
    rig = await start()
    proposal, card, slow = await approved(rig)
    rig.slack.fail_next("users.info", 503, times=3)  # the card may be drawn anew meanwhile, which asks, too
    slow.go_on.set()
    assert "can't be told who" in await did_not_run(rig, proposal, card)


async def test_whoever_does_not_command_any_more_lets_nothing_run(start: Start) -> None:
    rig = await start()
    proposal, card, slow = await approved(rig, by="U01ALICE")
    async with rig.ledger.write() as tx:
        assert await incidents.set_commander(tx, "INC-0001", "U03CARO", was="U01ALICE", at=rig.desk.clock())
    slow.go_on.set()
    assert "is neither" in await did_not_run(rig, proposal, card)


async def test_an_action_that_breaks_when_it_is_read_back_for_the_run_does_not_run_and_it_is_said(start: Start) -> None:
    rig = await start()
    proposal, card, _ = await pressed(rig, slowly=Breaking)
    assert "shop_rollout_undo broke: KeyError: 'version'" in await did_not_run(rig, proposal, card)


@pytest.fixture
async def _kept_answers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The known-bad twin: what Slack said of somebody is believed from then on."""
    from app.slack.people import SlackPeople

    asked, known = SlackPeople.__call__, {}

    async def once(self: SlackPeople, id: str) -> Any:
        if id not in known:
            known[id] = await asked(self, id)
        return known[id]

    with monkeypatch.context() as patched:
        patched.setattr(SlackPeople, "__call__", once)
        yield


@pytest.mark.usefixtures("_kept_answers")
async def test_the_danger_is_a_real_one_an_answer_kept_since_the_press_lets_it_run(start: Start) -> None:
    rig = await start()
    proposal, _, slow = await approved(rig)
    rig.slack.user("U02BOB", "deleted")
    slow.go_on.set()
    await rig.quiet()
    assert await state(rig, proposal) == "done"
