"""The work process is away: whoever asks is told so at once, and what became of it once it is back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import time_machine

from tests.e2e.conftest import Rig, Start
from tests.e2e.test_press import proposed, state


async def told(rig: Rig, user: str) -> str:
    await rig.quiet()
    return rig.slack.ephemerals(user)[-1].text


async def test_a_press_while_nobody_works_is_shown_to_wait_and_its_outcome_is_told(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    proposal, card = await proposed(rig)
    await rig.end_work()
    assert (await rig.slack.press("U03CARO", card.ts, "Approve")).acked
    (sign,) = await rig.slack.wait_for(lambda: rig.slack.views("U03CARO"))
    assert "You were heard, and it is kept" in str(sign.body)
    assert (await state(rig, proposal), rig.tool.rollouts) == ("proposed", [])
    await rig.begin_work()
    assert (await told(rig, "U03CARO")).startswith("Refused: ")
    assert rig.slack.violations == []


async def test_while_somebody_works_a_press_opens_no_dialog(start: Start) -> None:
    rig = await start()
    _, card = await proposed(rig)
    await rig.slack.press("U01ALICE", card.ts, "Approve")
    await rig.quiet()
    opened = [call for call in rig.slack.calls if call.method == "views.open"]
    assert opened == []


async def test_a_command_and_a_dialog_while_nobody_works_are_shown_to_wait(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.command("U01ALICE", "general", "/incident", "declare")
    form = (await rig.slack.wait_for(lambda: rig.slack.views("U01ALICE")))[0]
    await rig.end_work()
    await rig.slack.submit_view("U01ALICE", form.id, {"title": "it burns", "severity": "SEV1"})
    (sign,) = await rig.slack.wait_for(lambda: rig.slack.views("U01ALICE"))
    assert "Nothing has happened yet" in str(sign.body)
    await rig.slack.command("U02BOB", "general", "/incident", "status")
    (sign,) = await rig.slack.wait_for(lambda: rig.slack.views("U02BOB"))
    assert "Nothing has happened yet" in str(sign.body)
    await rig.slack.mention("U03CARO", "general", "what is open?")  # a mention can open no dialog: it is answered later
    await rig.begin_work()
    assert await told(rig, "U02BOB")
    assert "I have started nothing" in await told(rig, "U03CARO")
    assert (await rig.incident()).severity == "SEV1"
    assert rig.slack.violations == []


async def test_a_command_long_after_the_work_went_away_is_told_so_in_the_acknowledgement(start: Start) -> None:
    rig = await start()
    await rig.end_work()
    with time_machine.travel(datetime.now(UTC) - timedelta(seconds=42)):
        await rig.inbox.put("an-alert", "alerts", {"items": []})
    result = await rig.slack.command("U01ALICE", "general", "/incident", "declare it burns")
    assert result.ack_body["text"].startswith("Heard, and it is kept. My work process has taken over nothing for 42 s")
    assert rig.slack.views("U01ALICE") == []
    await rig.begin_work()
    await rig.quiet()
    assert (await rig.incident()).title == "it burns"


async def test_an_answer_after_half_an_hour_still_arrives_and_says_to_what(start: Start) -> None:
    rig = await start()
    await rig.end_work()
    asked = await rig.slack.command("U01ALICE", "general", "/incident", "triage")
    assert asked.acked
    earlier = datetime.now(UTC) - timedelta(minutes=40)
    with closing(sqlite3.connect(rig.inbox.path, isolation_level=None)) as inbox:
        inbox.execute("UPDATE deliveries SET received_at = ?", (earlier.isoformat(timespec="microseconds"),))
    rig.slack.workspace.response_urls.clear()  # as Slack does after half an hour
    await rig.begin_work()
    text = await told(rig, "U01ALICE")
    assert text.startswith("That did not work: say what to look at")
    assert f"(You asked at {earlier:%H:%M:%S} UTC.)" in text
