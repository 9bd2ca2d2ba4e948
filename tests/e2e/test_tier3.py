"""Tier 3 from the proposal to the run: two people in Slack who type the name, and one of them once more outside of it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from app.cli.key import _make as make_key
from app.domain.proposal import Proposal
from app.incidents.auditing import export
from app.ledger import approvals, confirmations
from tests.e2e.conftest import Rig, Start
from tests.e2e.test_press import actions_of, proposed, state, told, waiting
from tests.fake_slack import Message

TARGET = "shop/service/checkout"


def policy(folder: Path, *, glass: str = "") -> str:
    """Bob and Carol approve; each has a key."""
    lines = [make_key(folder / f"{who}.json", who).line for who in ("U02BOB", "U03CARO")]
    return f"""
format: 1
approvers:
  - target: shop/service/*
    people: [U02BOB, U03CARO]
verification: {{hold_s: 1, within_s: 4}}
operators:
{chr(10).join(lines)}
{glass}
"""


async def dialog(rig: Rig, user: str) -> Any:
    """The form that is open; where nobody worked for a second, a dialog that says so lies beside it."""
    forms = await rig.slack.wait_for(lambda: [view for view in rig.slack.views(user) if view.body.get("submit")])
    return forms[-1]


async def asked(rig: Rig) -> tuple[Proposal, Message]:
    """Alice asks for a release to be deleted."""
    await proposed(rig)
    channel = rig.slack.channel_named("inc-")
    await rig.slack.command("U01ALICE", channel, "/incident", "propose")
    view = await dialog(rig, "U01ALICE")
    arguments = '{"service": "checkout", "version": "1.6.0"}'
    await rig.slack.submit_view(
        "U01ALICE", view.id, {"action": "shop_release_delete", "arguments": arguments, "why": "it loses orders"}
    )
    await rig.quiet()
    return await waiting(rig)


async def press(rig: Rig, user: str, card: Message, *, name: str = TARGET) -> str:
    await rig.slack.press(user, card.ts, "Approve")
    view = await dialog(rig, user)
    await rig.slack.submit_view(user, view.id, {"typed": name})
    return await told(rig, user)


async def at_a_shell(folder: Path, proposal: Proposal, who: str, *, typed: str = TARGET) -> tuple[int, str]:
    """`firstmate approve`, in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.main", "approve", proposal.name, "--key", str(folder / f"{who}.json")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "FIRSTMATE_DATA_DIR": str(folder), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
    )
    out, _ = await asyncio.wait_for(child.communicate(f"{typed}\n".encode()), 90)
    return child.returncode or 0, out.decode()


async def test_two_people_who_type_the_name_and_one_key_outside_slack_let_it_run(start: Start, tmp_path: Path) -> None:
    rig = await start(policy=policy(tmp_path))
    proposal, card = await asked(rig)
    assert (proposal.tier, actions_of(card)) == (3, ["consent", "reject", "details"])
    assert "tier 3 needs the resource's name typed" in await press(rig, "U02BOB", card, name="shop/service/Checkout")
    assert "who is not U01ALICE" in str(card.blocks)
    assert "and U01ALICE asked" not in await press(rig, "U01ALICE", card)  # not even an approver
    first = await press(rig, "U02BOB", card)
    assert first.startswith("Your yes counts. Still needed: ")
    assert "one press by an approver" in first
    again = await press(rig, "U02BOB", card)
    assert again.startswith("Your yes counts already")
    assert f"firstmate approve {proposal.name}" in await press(rig, "U03CARO", card)
    await rig.quiet()
    assert (await state(rig, proposal), rig.tool.releases) == ("proposed", ["1.6.0", "1.7.2", "1.8.0"])

    code, said = await at_a_shell(tmp_path, proposal, "U03CARO", typed="shop/service/cart")
    assert (code, "nothing was signed" in said) == (2, True)
    code, said = await at_a_shell(tmp_path, proposal, "U03CARO")
    assert "Delete release 1.6.0 of checkout" in said
    assert (code, f"Approved {proposal.name}; it runs now." in said) == (0, True), said
    await rig.quiet()
    assert (await state(rig, proposal), rig.tool.releases) == ("done", ["1.7.2", "1.8.0"])
    async with rig.ledger.read() as tx:
        yes = [(one.by, one.surface) for one in await approvals.for_proposal(tx, proposal.hash)]
        assert await confirmations.for_proposal(tx, proposal.hash) == []  # used up
    assert yes == [("U02BOB", "slack"), ("U03CARO", "slack")]
    kinds = [row.action for row in await rig.audit_of() if row.proposal == proposal.hash]
    assert [kind for kind in kinds if kind.startswith(("person:proposal", "firstmate:execution:start"))] == [
        *("person:proposal:propose", "person:proposal:agree", "person:proposal:agree", "person:proposal:approve"),
        "firstmate:execution:start",
    ]
    code, said = await at_a_shell(tmp_path, proposal, "U02BOB")
    assert (code, "is done already" in said) == (2, True)
    assert rig.slack.violations == []


async def test_while_slack_is_down_two_people_with_keys_can_do_it_and_one_can_not(start: Start, tmp_path: Path) -> None:
    rig = await start(policy=policy(tmp_path))
    proposal, _ = await asked(rig)
    rig.slack.fail_next("users.info", 503, times=200)
    code, said = await at_a_shell(tmp_path, proposal, "U02BOB")
    assert (code, "Your yes counts. Still needed: one press" in said) == (0, True), said
    code, said = await at_a_shell(tmp_path, proposal, "U02BOB")  # the same person again is one person
    assert "Still needed: one press" in said
    assert await state(rig, proposal) == "proposed"
    code, said = await at_a_shell(tmp_path, proposal, "U03CARO")
    assert (code, "it runs now" in said) == (0, True), said
    async with asyncio.timeout(20):
        while "1.6.0" in rig.tool.releases:
            await asyncio.sleep(0.05)


async def test_broken_glass_replaces_the_second_person_and_never_the_step_outside_slack(start: Start, tmp_path: Path) -> None:
    rig = await start(policy=policy(tmp_path, glass="break_glass: {people: [U02BOB], hours: 2}"))
    proposal, card = await asked(rig)
    for user, said in (("U03CARO", "does not name you"), ("U02BOB", "The glass is broken until")):
        rig.slack.join(user, card.channel)
        await rig.slack.command(user, card.channel, "/incident", "break-glass the primary is gone and nobody else is up")
        assert said in await told(rig, user)
    shout = [m.text for m in rig.slack.messages(card.channel) if "BROKE THE GLASS" in m.text]
    assert len(shout) == 1
    assert "To be reviewed" in shout[0]
    only = await press(rig, "U02BOB", card)
    assert "Still needed: one confirmation outside Slack" in only
    assert "press" not in only.partition("Still needed")[2]
    assert await state(rig, proposal) == "proposed"
    code, said = await at_a_shell(tmp_path, proposal, "U02BOB")
    assert (code, "it runs now" in said) == (0, True), said
    await rig.quiet()
    assert await state(rig, proposal) == "done"
    now = rig.desk.clock()
    await export(rig.ledger, rig.desk.roots, tmp_path / "out", start=proposal.asked_at, end=now, by="x", at=now)
    rows = (tmp_path / "out" / "proposals.csv").read_text().splitlines()
    assert [row.rsplit(",", 1)[1] for row in rows if proposal.name in row] == ["yes"]
    assert "person:glass:break" in [row.action for row in await rig.audit_of()]


@pytest.mark.parametrize("who", ["guest", "deleted"])
async def test_a_key_is_worth_nothing_once_slack_says_its_owner_is_gone(start: Start, tmp_path: Path, who: str) -> None:
    rig = await start(policy=policy(tmp_path))
    proposal, _ = await asked(rig)
    rig.slack.user("U02BOB", who)
    code, said = await at_a_shell(tmp_path, proposal, "U02BOB")
    assert (code, "Refused: U02BOB is" in said) == (1, True), said
    assert await state(rig, proposal) == "proposed"


async def test_what_moved_is_said_on_the_card_and_planned_again_from_how_things_are(start: Start) -> None:
    rig = await start()
    old, card = await proposed(rig)
    rig.tool.versions["checkout"] = "1.8.1"
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert "press Plan again" in await told(rig, "U01ALICE")
    assert "version was '1.8.0' and is '1.8.1'" in str(card.blocks)
    assert actions_of(card) == ["again"]
    await rig.slack.press("U03CARO", card.ts, "Plan again")
    assert "is proposed from how things are now" in await told(rig, "U03CARO")
    new, anew = await waiting(rig)
    assert new.call.arguments == {"service": "checkout", "from_version": "1.8.1", "to_version": "1.7.2"}
    assert (new.asked_by, new.criterion) == ("U03CARO", old.criterion)
    assert actions_of(card) == []
    assert f"Planned again as `{new.name}`" in str(card.blocks)
    await rig.slack.press("U01ALICE", anew.ts, "Approve")
    await rig.quiet()
    assert await state(rig, new) == "done"
    assert rig.slack.violations == []
