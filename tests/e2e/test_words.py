"""What people type that is no proper command: nothing starts by surprise, and the right form stands beside every no."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Rig, Start
from tests.fake_slack import Message, NotThere, live_in


async def shown(rig: Rig, user: str) -> Message:
    """What that person alone was shown last, after everything came to rest."""
    await rig.quiet()
    return rig.slack.ephemerals(user)[-1]


async def declared(rig: Rig) -> int:
    async with rig.ledger.read() as tx:
        return int((await tx.connection.exec_driver_sql("SELECT count(*) FROM incidents")).scalar_one())


async def test_a_mention_in_plain_words_starts_nothing_and_offers_to(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.mention("U01ALICE", "general", "is checkout <https://evil.example|broken>?")
    answer = await shown(rig, "U01ALICE")
    assert await declared(rig) == 0
    assert "I have started nothing" in answer.text
    for form in ("/incident triage [what is wrong", "/incident declare [title]", "/incident status"):
        assert form in str(answer.body)
    assert live_in(answer.body) == []
    for _ in range(3):
        assert (await rig.slack.press("U01ALICE", answer.ts, "Declare and triage")).acked
    assert (await shown(rig, "U01ALICE")).text.startswith("INC-0001 is declared. Its channel: ")
    assert await declared(rig) == 1
    incident = await rig.incident()
    assert (incident.title, incident.commander) == ("is checkout https://evil.example?", "U01ALICE")
    assert rig.slack.violations == []


async def test_who_may_not_declare_gains_nothing_by_the_button(start: Start) -> None:
    rig = await start()
    rig.slack.user("U09GUEST", "guest")
    rig.slack.join("U09GUEST", "general")
    await rig.slack.mention("U09GUEST", "general", "is checkout broken?")
    answer = await shown(rig, "U09GUEST")
    with pytest.raises(NotThere, match="shown to U09GUEST only"):
        await rig.slack.press("U01ALICE", answer.ts, "Declare and triage")
    await rig.slack.press("U09GUEST", answer.ts, "Declare and triage")
    assert (await shown(rig, "U09GUEST")).text.startswith("That did not work: only full members")
    assert await declared(rig) == 0


async def test_the_button_declares_once_slack_says_again_who_pressed(start: Start) -> None:
    rig = await start()
    await rig.slack.mention("U01ALICE", "general", "is checkout broken?")
    answer = await shown(rig, "U01ALICE")
    rig.slack.fail_next("users.info", 503, times=2)
    await rig.slack.press("U01ALICE", answer.ts, "Declare and triage")
    await rig.quiet()
    assert await declared(rig) == 1


async def test_a_slip_is_asked_back_and_offers_no_incident(start: Start) -> None:
    rig = await start()
    await rig.slack.mention("U01ALICE", "general", "stauts")
    answer = await shown(rig, "U01ALICE")
    assert "Did you mean `/incident status`?" in str(answer.body)
    assert [block["type"] for block in answer.blocks if block["type"] == "actions"] == []
    await rig.slack.mention("U01ALICE", "general", "Status?")
    assert (await shown(rig, "U01ALICE")).text == "No incident is open."


async def test_in_an_incidents_channel_plain_words_are_answered_with_what_is_known(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
    await rig.quiet()
    await rig.slack.mention("U02BOB", "inc-0001-checkout-requests-fail", "what do we know so far?")
    answer = await shown(rig, "U02BOB")
    assert answer.text.startswith("SEV3 INC-0001 checkout requests fail: conclusive")
    assert "Waiting for a decision" in str(answer.body)
    assert "/incident propose" in str(answer.body)
    assert await declared(rig) == 1
    assert rig.slack.violations == []


async def test_triage_with_nothing_behind_it_is_answered_with_an_example(start: Start) -> None:
    rig = await start()
    result = await rig.slack.command("U01ALICE", "general", "/incident", "Triage")
    assert result.ack_body is None or not result.ack_body.get("text")
    text = (await shown(rig, "U01ALICE")).text
    assert "/incident triage [what is wrong | service | alert link]" in text
    assert "for example `/incident triage checkout answers with errors`" in text
    await rig.slack.mention("U01ALICE", "general", "declare")
    assert "/incident declare checkout fails" in (await shown(rig, "U01ALICE")).text
    assert await declared(rig) == 0


async def test_proposing_where_there_is_no_incident_is_refused_in_the_dialog_with_where_to(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.command("U01ALICE", "general", "/incident", "propose")
    await rig.quiet()
    (view,) = rig.slack.views("U01ALICE")
    assert "/incident declare [title]" in str(view.body)
    assert not view.body.get("submit")
    await rig.slack.close_view("U01ALICE", view.id)
    await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    await rig.quiet()
    await rig.slack.command("U01ALICE", "general", "/incident", "propose")
    await rig.quiet()
    (view,) = rig.slack.views("U01ALICE")
    assert f"<#{rig.slack.channel_named('inc-0001').id}>" in str(view.body)
    await rig.slack.close_view("U01ALICE", view.id)
    await rig.slack.command("U01ALICE", "inc-0001-it-burns", "/incident", "propose")
    await rig.quiet()
    (view,) = rig.slack.views("U01ALICE")
    assert view.body["submit"]["text"] == "Propose"
    assert rig.slack.violations == []


async def test_what_was_filled_in_comes_back_with_a_refusal(start: Start) -> None:
    rig = await start()
    await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    await rig.quiet()
    await rig.slack.command("U01ALICE", "inc-0001-it-burns", "/incident", "propose")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U01ALICE")))[0]
    arguments = '{"flag": "recommendations", "to": "of"}'
    await rig.slack.submit_view("U01ALICE", view.id, {"action": "flag_switch", "arguments": arguments, "why": "it <may> help"})
    answer = await shown(rig, "U01ALICE")
    assert "to: Input should be 'on' or 'off'" in answer.text
    assert "What you filled in" in str(answer.body)
    assert arguments in str(answer.body)
    assert "why: it &lt;may&gt; help" in str(answer.body)
    assert rig.slack.violations == []
