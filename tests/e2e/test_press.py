from __future__ import annotations

import asyncio
import itertools

import pytest

from app.domain.proposal import Proposal
from app.ledger import executions, proposals
from tests.e2e.conftest import Rig, Start
from tests.fake_slack import DeliveryResult, Message, NotThere


async def proposed(rig: Rig) -> tuple[Proposal, Message]:
    """An incident commanded by Alice, triaged, with a rollback that waits; its message."""
    await rig.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
    await rig.quiet()
    return await waiting(rig)


async def waiting(rig: Rig) -> tuple[Proposal, Message]:
    async with rig.ledger.read() as tx:
        held = await proposals.for_incident(tx, "INC-0001", states={"proposed"})
    card = await rig.card(f"proposal:{held[-1].proposal.hash}")
    rig.slack.join("U03CARO", card.channel)
    return held[-1].proposal, card


async def state(rig: Rig, proposal: Proposal) -> str:
    async with rig.ledger.read() as tx:
        return (await proposals.get(tx, proposal.hash)).state


async def told(rig: Rig, user: str) -> str:
    await rig.quiet()
    return rig.slack.ephemerals(user)[-1].text


def actions_of(message: Message) -> list[str]:
    return [e["action_id"] for block in message.blocks if block["type"] == "actions" for e in block["elements"]]


async def test_an_approved_rollback_runs_is_verified_and_can_be_undone(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    result = await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert result.acked
    assert await told(rig, "U01ALICE") == f"Approved {proposal.name}; it runs now."
    assert rig.tool.versions["checkout"] == "1.7.2"
    assert len(rig.tool.rollouts) == 1
    assert actions_of(card) == []
    assert "approved by <@U01ALICE> at <!date^" in str(card.blocks)
    said = [each.text for each in rig.slack.messages(card.channel)]
    assert any("ran, being verified" in text for text in said)
    assert any("recovered, the criterion is met" in text for text in said)
    undo, undo_card = await waiting(rig)
    assert undo.undoes == proposal.hash
    assert undo_card.text.startswith("The way back, should it be needed, for INC-0001: Roll checkout from 1.7.2 to 1.8.0")
    assert (await rig.incident()).status == "monitoring"
    assert (await rig.card()).text.endswith("held")
    kinds = [row.action for row in await rig.audit_of()]
    assert [kinds.count(f"{each}") for each in ("person:proposal:approve", "firstmate:execution:start")] == [1, 1]
    assert rig.slack.violations == []


async def test_one_press_delivered_again_and_two_presses_at_once_run_it_once(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    presses = await asyncio.gather(*(rig.slack.press(user, card.ts, "Approve") for user in ("U01ALICE", "U02BOB", "U01ALICE")))
    await rig.slack.redeliver(presses[0])
    await rig.slack.press("U02BOB", card.ts, "Approve", stale=True)
    await rig.quiet()
    assert len(rig.tool.rollouts) == 1
    assert await state(rig, proposal) == "done"
    async with rig.ledger.read() as tx:
        assert await executions.of_proposal(tx, proposal.hash) is not None
    answers = [e.text for user in ("U01ALICE", "U02BOB") for e in rig.slack.ephemerals(user) if proposal.name in e.text]
    assert sum(text.startswith("Approved") for text in answers) == 1
    assert len(answers) == 4  # the press that was delivered twice is answered once
    assert rig.slack.violations == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("guest", "is a guest"),
        ("ultra_restricted", "is a guest"),
        ("invited", "is a guest"),
        ("stranger", "belongs to another workspace"),
        ("external", "belongs to another workspace"),
        ("bot", "is a bot"),
        ("workflow_bot", "is a bot"),
        ("member", "tier 1 needs the commander of INC-0001 or an approver of shop/service/checkout"),
    ],
)
async def test_whoever_may_not_decide_is_refused_told_why_and_recorded(start: Start, kind: str, reason: str) -> None:
    rig = await start()
    proposal, card = await proposed(rig)
    rig.slack.user("U0NOBODY", kind)
    rig.slack.join("U0NOBODY", card.channel)
    await rig.slack.press("U0NOBODY", card.ts, "Approve")
    answer = await told(rig, "U0NOBODY")
    assert answer.startswith("Refused: ")
    assert reason in answer
    refusals = [row for row in await rig.audit_of() if row.action == "policy:proposal:refuse"]
    assert [(row.actor, row.proposal) for row in refusals] == [("U0NOBODY", proposal.hash)]
    assert (await state(rig, proposal), rig.tool.rollouts) == ("proposed", [])
    assert actions_of(card) == ["approve", "reject", "details"]
    assert rig.slack.violations == []


async def test_nobody_is_believed_while_slack_does_not_say_who_they_are(start: Start) -> None:
    rig = await start()
    proposal, card = await proposed(rig)
    rig.slack.fail_next("users.info", 503, times=20)
    await rig.slack.press("U02BOB", card.ts, "Approve")
    assert (await told(rig, "U02BOB")).startswith("Refused: nobody here knows who pressed")
    assert (await state(rig, proposal), rig.tool.rollouts) == ("proposed", [])


async def test_nothing_is_decided_in_a_channel_shared_with_others(start: Start) -> None:
    rig = await start()
    proposal, card = await proposed(rig)
    rig.slack.place(card.channel).is_ext_shared = True
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert "shared with another organisation" in await told(rig, "U01ALICE")
    rig.slack.place(card.channel).is_ext_shared = False
    rig.slack.fail_next("conversations.info", "fatal_error")
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert "could not be made sure" in await told(rig, "U01ALICE")
    assert (await state(rig, proposal), rig.tool.rollouts) == ("proposed", [])
    assert [row.actor for row in await rig.audit_of() if row.action == "policy:proposal:refuse"] == ["U01ALICE"] * 2


MOMENTS = itertools.count(1)


def altered(pressed: DeliveryResult, **changes: object) -> dict[str, object]:
    """The payload of a press, made to look like another one, made at another moment."""
    payload = {**pressed.payload, "trigger_id": "another", **changes}
    return {**payload, "actions": [{**pressed.payload["actions"][0], "action_ts": f"{next(MOMENTS)}.000001"}]}


async def test_a_press_from_any_other_message_channel_app_or_team_is_refused(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    pressed = await rig.slack.press("U03CARO", card.ts, "Approve")
    await rig.quiet()
    alice = {**pressed.payload["user"], "id": "U01ALICE"}
    container = pressed.payload["container"]
    incident_card = await rig.card()
    forged: list[dict[str, object]] = [
        {"container": {**container, "message_ts": incident_card.ts}},
        {"container": {**container, "message_ts": "1795165980.000009"}},
        {"container": {**container, "channel_id": "C01GEN"}},
        {"api_app_id": "A0OTHER"},
        {"team": {"id": "T0OTHER", "domain": "other"}},
        {"user": {**alice, "team_id": "T0OTHER"}},
    ]
    for number, changes in enumerate(forged, 1):
        sent = await rig.slack.deliver("interactive", altered(pressed, **{"user": alice, **changes}))
        assert sent.acked
        await rig.quiet()
        assert [e.text.startswith("Refused: ") for e in rig.slack.ephemerals("U01ALICE")[2:]] == [True] * number
    assert (await state(rig, proposal), rig.tool.rollouts) == ("proposed", [])
    refusals = [row for row in await rig.audit_of() if row.action == "policy:proposal:refuse"]
    assert len(refusals) == 7


async def test_rejecting_takes_a_reason_and_the_buttons_give_way(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    await rig.slack.press("U03CARO", card.ts, "Reject")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U03CARO")))[0]
    await rig.slack.submit_view("U03CARO", view.id, {"reason": "I say so"})
    assert "tier 1 needs the commander" in await told(rig, "U03CARO")
    assert await state(rig, proposal) == "proposed"

    await rig.slack.press("U02BOB", card.ts, "Reject")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U02BOB")))[0]
    await rig.slack.submit_view("U02BOB", view.id, {"reason": "a fix is on its way"})
    assert await told(rig, "U02BOB") == f"Rejected {proposal.name}. Nothing runs."
    assert actions_of(card) == []
    assert "rejected by <@U02BOB>" in str(card.blocks)
    assert "a fix is on its way" in str(card.blocks)
    assert (await state(rig, proposal), rig.tool.rollouts) == ("rejected", [])
    assert rig.slack.violations == []


async def test_details_and_why_open_at_once_and_fill(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    await rig.slack.press("U03CARO", card.ts, "Details")
    assert "Loading" in str(rig.slack.views("U03CARO")[0].body)
    await rig.quiet()
    shown = str(rig.slack.views("U03CARO")[0].body)
    assert proposal.hash in shown
    assert "1.8.0" in shown
    await rig.slack.press("U02BOB", (await rig.card()).ts, "Why?")
    await rig.quiet()
    assert "max_connections 40 -&gt; 4" in str(rig.slack.views("U02BOB")[0].body)
    assert rig.slack.violations == []


async def test_a_guest_sees_why_not_in_the_dialog_that_opened(start: Start) -> None:
    rig = await start()
    _, card = await proposed(rig)
    rig.slack.user("U0GUEST", "guest")
    rig.slack.join("U0GUEST", card.channel)
    await rig.slack.press("U0GUEST", card.ts, "Details")
    await rig.quiet()
    assert "only full members" in str(rig.slack.views("U0GUEST")[0].body)


async def test_what_moved_since_it_was_proposed_is_not_approved(start: Start) -> None:
    rig = await start()
    proposal, card = await proposed(rig)
    rig.tool.versions["checkout"] = "1.8.1"
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert "the world moved" in await told(rig, "U01ALICE")
    assert (await state(rig, proposal), rig.tool.rollouts) == ("superseded", [])
    assert actions_of(card) == ["again"]


async def test_a_repair_that_repairs_nothing_is_said_and_its_undo_offered(start: Start) -> None:
    rig = await start()
    rig.tool.heals = False
    proposal, card = await proposed(rig)
    await rig.slack.press("U02BOB", card.ts, "Approve")
    await rig.slack.wait_for(lambda: any("criterion is not met" in m.text for m in rig.slack.messages(card.channel)), 20)
    await rig.quiet()
    undo, _ = await waiting(rig)
    assert undo.undoes == proposal.hash
    assert (await rig.incident()).status != "monitoring"


async def test_what_could_not_be_verified_is_said_once(start: Start) -> None:
    rig = await start(pace_s=0.4)
    _, card = await proposed(rig)
    assert isinstance(rig.desk.metrics, dict)
    rig.desk.metrics.clear()
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    await rig.quiet()
    said = [m.text for m in rig.slack.messages(card.channel) if "could not be verified" in m.text]
    assert len(said) == 1


async def test_people_propose_from_the_catalogue_and_the_gates_are_the_same(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await proposed(rig)
    channel = rig.slack.channel_named("inc-")
    await rig.slack.command("U03CARO", channel, "/incident", "propose")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U03CARO")))[0]
    filled = {"action": "flag_switch", "arguments": "recommendations off", "why": "it may help"}
    refused = await rig.slack.submit_view("U03CARO", view.id, filled)
    assert set(refused.ack_body["errors"]) == {"arguments"}
    sent = {**filled, "arguments": '{"flag": "recommendations", "to": "of"}'}
    await rig.slack.submit_view("U03CARO", view.id, sent)
    assert "flag_switch can't take these arguments: to: Input should be 'on' or 'off'" in await told(rig, "U03CARO")

    await rig.slack.command("U03CARO", channel, "/incident", "propose")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U03CARO")))[0]
    await rig.slack.submit_view("U03CARO", view.id, {**filled, "arguments": '{"flag": "recommendations", "to": "off"}'})
    assert "is proposed; its message follows" in await told(rig, "U03CARO")
    proposal, card = await waiting(rig)
    assert (proposal.asked_by, proposal.call.action) == ("U03CARO", "flag_switch")
    await rig.slack.press("U03CARO", card.ts, "Approve")
    assert "tier 1 needs the commander" in await told(rig, "U03CARO")
    assert rig.slack.violations == []


async def test_without_a_policy_nothing_is_approved(start: Start) -> None:
    rig = await start(policy=None)
    proposal, card = await proposed(rig)
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    assert "there is no policy" in await told(rig, "U01ALICE")
    assert (await state(rig, proposal), rig.tool.rollouts) == ("proposed", [])


async def test_a_person_who_backs_out_of_the_confirmation_presses_nothing(start: Start) -> None:
    rig = await start()
    proposal, card = await proposed(rig)
    backed_out = await rig.slack.press("U01ALICE", card.ts, "Approve", confirm=False)
    assert "backed out" in backed_out.not_sent
    assert await state(rig, proposal) == "proposed"
    with pytest.raises(NotThere, match="nothing called 'Undo'"):  # that is the way back's button, not the repair's
        await rig.slack.press("U01ALICE", card.ts, "Undo")


async def test_a_button_of_an_older_version_says_so(start: Start) -> None:
    rig = await start()
    _, card = await proposed(rig)
    pressed = await rig.slack.press("U01ALICE", card.ts, "Details")
    payload = altered(pressed)
    payload["actions"] = [{**pressed.payload["actions"][0], "action_id": "settle", "action_ts": "2.000001"}]
    assert (await rig.slack.deliver("interactive", payload)).acked
    assert "belongs to an older version of me" in await told(rig, "U01ALICE")


async def test_the_whole_flow_keeps_to_slacks_rates(start: Start) -> None:
    rig = await start(rates="enforce", pace_s=1.05)
    proposal, card = await proposed(rig)
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    await rig.quiet()
    assert await state(rig, proposal) == "done"
    assert [call.method for call in rig.slack.calls if call.status == 429] == []
    assert rig.slack.violations == []
