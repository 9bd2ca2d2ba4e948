"""kill -9 around an approved action: it has run exactly once, or stands as unknown with a person asked; never twice, never lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.drills.stack import FULL, Stack, stack

BEFORE_IT_STARTED = ("decided", "approved")
WHILE_IT_RUNS = (
    ("started", "before the effect", "after the effect", "acted") if FULL else ("started", "before the effect", "after the effect")
)
AFTERWARDS = ("ended", "verifying", "watched", "undoing") if FULL else ("verifying",)
WINDOWS = (*BEFORE_IT_STARTED, *WHILE_IT_RUNS, *AFTERWARDS)
ROUNDS = 5 if FULL else 1

pytestmark = pytest.mark.timeout(1200 if FULL else 300)  # five rounds of every window take longer than any other test


async def approvals(s: Stack, windows: Sequence[str], *, surface_too: bool = False) -> dict[str, str]:
    """One approved rollback for each window, whose work process (or whole Firstmate) dies there; the hash for each window."""
    incidents = [await s.declare(f"checkout fails, {window}") for window in windows]
    await s.rest()
    hashes = {}
    for window, incident in zip(windows, incidents, strict=True):
        s.target.deployed_again()
        stop = s.target.hold(window.split()[0]) if " " in window else None
        if stop is None:
            s.arm(window)
        hashes[window] = await s.approve(incident)
        if stop is None:
            await s.reached(window)
        else:
            await s.until("the target was asked", stop.reached.is_set)
        if surface_too:
            await s.kill_surface(window)
            for pid in s.workers():
                await s.kill(pid)
            s.open_gates()
            s.target.release()
            await s.start()
        else:
            await s.kill_work(window)
            s.target.release()  # what was under way when the asker died takes effect now
        await s.rest()
    return hashes


def state(s: Stack, hash: str) -> str:
    return str(s.rows("SELECT state FROM proposals WHERE hash = ?", hash)[0][0])


def effects(s: Stack, hash: str) -> int:
    return s.target.times().get(f"x-{hash[:16]}", 0)


def told(s: Stack, hash: str) -> bool:
    """A message in the channel says that nobody knows."""
    return s.count("outbox", f"key = 'outcome:x-{hash[:16]}:unknown' AND state = 'sent'") == 1


async def test_the_work_process_dies_around_every_step_of_an_approved_action(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        async with stack(tmp_path / f"s{number}") as s:
            await s.start()
            hashes = await approvals(s, WINDOWS)
            wrong = await s.wrong()
            print(s.summary("work killed around an approved action", wrong))
            assert wrong == [], wrong
            for window in (*BEFORE_IT_STARTED, *AFTERWARDS):
                assert (window, state(s, hashes[window]), effects(s, hashes[window])) == (window, "done", 1)
            assert state(s, hashes["started"]) == "unknown"
            assert effects(s, hashes["started"]) == 0
            for window in WHILE_IT_RUNS:
                assert state(s, hashes[window]) in ("done", "unknown"), window
                assert state(s, hashes[window]) == "done" or told(s, hashes[window])
                assert effects(s, hashes[window]) <= 1
            assert len(s.kills) == len(WINDOWS)
            # The press that was worked on twice (killed before its delivery was finished) counted; nobody is told otherwise.
            assert not [each.text for each in s.slack.ephemerals("U02BOB") if each.text.startswith("Refused")]
            assert s.count("audit", "action LIKE '%refuse%'") == 0


async def test_everything_dies_between_approval_and_execution(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        hashes = await approvals(s, WINDOWS if FULL else ("approved",), surface_too=True)
        wrong = await s.wrong()
        print(s.summary("everything killed around an approved action", wrong))
        assert wrong == [], wrong
        assert state(s, hashes["approved"]) == "done"


async def test_acting_before_noting_it_would_be_found_out(tmp_path: Path) -> None:
    async with stack(tmp_path / "s", twin="acts-before-noting") as s:
        await s.start()
        await approvals(s, ("acted",))
        assert any("took effect 2 times" in each for each in await s.wrong())


async def test_running_again_after_a_crash_would_be_found_out(tmp_path: Path) -> None:
    async with stack(tmp_path / "s", twin="runs-again") as s:
        await s.start()
        await approvals(s, ("after the effect",))
        assert any("took effect 2 times" in each for each in await s.wrong())
