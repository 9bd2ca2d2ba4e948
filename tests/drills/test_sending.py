"""Killed, or left without an answer, while people are told: no card is lost, none is there twice."""

from __future__ import annotations

from pathlib import Path

from tests.drills.stack import FULL, Stack, stack
from tests.drills.test_triage import once

WINDOWS = ("channel-made", "posted", "updated", "pinned") if FULL else ("channel-made", "updated")


async def test_the_work_process_dies_between_sending_and_noting_it(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        for window in WINDOWS:
            s.arm(window)
            await s.slack.command("U01ALICE", "general", "/incident", f"declare {window}")
            await s.reached(window)
            await s.kill_work(window)
            await s.rest()
        await every_post(s)
        wrong = [*await s.wrong(), *once(s, len(WINDOWS) + 1)]
        print(s.summary("work killed between sending and noting it", wrong))
        assert wrong == [], wrong


async def every_post(s: Stack) -> None:
    """One incident whose every message is posted by a process that dies before it can note that."""
    before = len(s.slack.messages())
    await s.slack.command("U01ALICE", "general", "/incident", "declare every post")
    for number in range(3):  # the card, the proposal, the findings
        s.arm("posted")
        await s.reached("posted")
        await s.kill_work(f"post {number + 1}")
    await s.rest()
    assert len(s.slack.messages()) - before == 3


async def test_answers_that_are_lost_on_the_way_lose_no_card(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        for method in ("conversations.create", "chat.postMessage", "chat.update", "conversations.setTopic", "pins.add"):
            s.slack.fail_next(method, "drop_after_commit")
            s.slack.fail_next(method, "drop_before_commit")
        s.slack.fail_next("chat.postMessage", 503, times=2)
        s.slack.rate_limit("chat.postMessage", 2)
        await s.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
        await s.until("the run is finished", lambda: s.count("runs", "state = 'finished'"))
        await s.rest()
        wrong = [*await s.wrong(), *once(s)]
        print(s.summary("answers lost", wrong))
        assert wrong == [], wrong


async def test_looking_for_nothing_before_sending_again_would_be_found_out(tmp_path: Path) -> None:
    async with stack(tmp_path / "s", twin="posts-blindly") as s:
        await s.start()
        s.arm("posted")
        await s.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
        await s.reached("posted")
        await s.kill_work("posted")
        await s.rest()
        assert any("cards" in each for each in await s.wrong())


async def test_triage_goes_on_while_slack_is_away_and_people_are_told_afterwards(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        s.slack.fail_next("*", 503, times=10_000)
        s.arm("triage-begins")
        assert (await s.alert("CheckoutErrors")).status_code == 202
        await s.reached("triage-begins")
        await s.kill_work("Slack away")
        await s.until("the run is finished", lambda: s.count("runs", "state = 'finished'"))
        s.slack.server.faults.clear()
        await s.rest()
        wrong = [*await s.wrong(), *once(s)]
        print(s.summary("Slack away", wrong))
        assert wrong == [], wrong
