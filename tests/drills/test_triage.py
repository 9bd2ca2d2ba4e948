"""kill -9 in the middle of a triage: it finishes all the same, once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.drills.stack import FULL, Lost, Stack, stack

ALL = ("moving", "triage-begins", "investigating", "reporting", "reported", "weighed", "proposed", "triage-ended")
WINDOWS = ALL if FULL else ("moving", "investigating", "reported", "proposed", "triage-ended")
SURFACE_WINDOWS = ALL[1:] if FULL else ("investigating",)
DAMAGE = ("deleted", "emptied", "cut", "garbage", "garbled")


async def one_after_the_other(s: Stack, windows: Sequence[str]) -> None:
    """One triage whose work process dies in every window in turn."""
    s.arm(windows[0])
    declared = asyncio.create_task(s.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail"))
    for window, following in zip(windows, [*windows[1:], ""], strict=True):
        await s.reached(window)
        await s.kill_work(window)
        if following:
            s.arm(following)
    assert (await declared).acked
    await s.rest()


def once(s: Stack, incidents: int = 1) -> list[str]:
    """One incident for each declaration, with one run, one diagnosis and one proposal."""
    there = {table: s.count(table) for table in ("incidents", "runs", "proposals")}
    done = s.count("runs", "state = 'finished' AND diagnosis IS NOT NULL")
    return [] if {*there.values(), done} == {incidents} else [f"{there}, {done} diagnoses"]


async def test_the_work_process_dies_in_every_window_of_a_triage(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        await one_after_the_other(s, WINDOWS)
        wrong = [*await s.wrong(), *once(s)]
        print(s.summary("work killed during triage", wrong))
        assert wrong == [], wrong
        assert s.kills == {f"work@{window}": 1 for window in WINDOWS}


async def test_a_work_process_that_forgets_would_be_found_out(tmp_path: Path) -> None:
    async with stack(tmp_path / "s", twin="forgets") as s:
        await s.start()
        s.arm("investigating")
        await s.declare()
        await s.reached("investigating")
        await s.kill_work()
        await s.working()
        with pytest.raises(Lost, match="runs"):
            await s.rest(4)


async def test_the_surface_dies_in_the_middle_of_a_triage(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        for window in SURFACE_WINDOWS:
            s.arm(window, lingering=True)
            await s.slack.command("U01ALICE", "general", "/incident", f"declare {window}")
            orphan = await s.reached(window)
            await s.kill_surface(window)
            await s.start()
            await s.until("the orphan has ended", lambda pid=orphan: pid not in s.workers())
            s.open_gates()
            await s.rest()
        wrong = [*await s.wrong(), *once(s, len(SURFACE_WINDOWS))]
        print(s.summary("serve killed during triage", wrong))
        assert wrong == [], wrong


async def test_two_work_processes_at_once_would_be_found_out(tmp_path: Path) -> None:
    async with stack(tmp_path / "s", twin="together") as s:
        await s.start()
        await s.working()
        await s.kill_surface()
        await s.start()
        await s.until("both work", lambda: any("at once" in each for each in s._wrong_in_ledger()))


async def test_a_work_process_orphaned_before_it_began_ends_by_itself(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        s.arm("work-loads")
        await s.start(listening=False)
        orphan = await s.reached("work-loads")
        await s.kill_surface("work-loads")
        s.open_gates()
        await s.until("the orphan has ended", lambda: orphan not in s.workers())
        assert not (s.folder / "working").exists()
        print(s.summary("orphaned at its start", []))


async def test_checkpoints_may_be_lost_or_damaged(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        for damage in DAMAGE:
            await s.working()
            s.arm("reported")
            s.arm("work-loads")  # holds the next work process until the file is spoilt
            await s.slack.command("U01ALICE", "general", "/incident", f"declare {damage}")
            await s.reached("reported")
            await s.kill_work(f"reported, checkpoints {damage}", open_gates=False)
            (s.gates / "reported").unlink()
            await s.reached("work-loads")
            spoil(s.data / "checkpoints.sqlite", damage)
            s.open_gates()
            await s.rest()
        wrong = [*await s.wrong(), *once(s, len(DAMAGE))]
        print(s.summary("checkpoints lost", wrong))
        assert wrong == [], wrong
        assert (s.data / "checkpoints.sqlite.damaged").exists()


def spoil(file: Path, damage: str) -> None:
    beside = [file.with_name(file.name + end) for end in ("-wal", "-shm")]
    if damage in ("cut", "garbled"):
        with closing(sqlite3.connect(file)) as connection:  # into the file itself, so that there is something to damage
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = file.read_bytes()
    for each in beside:
        each.unlink(missing_ok=True)
    match damage:
        case "deleted":
            file.unlink()
        case "emptied":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "garbage":
            file.write_bytes(b"this is no database " * 512)
        case "garbled":  # a sound first page, and others that say nothing
            file.write_bytes(content[:4096] + bytes(byte ^ 0x5A for byte in content[4096:]))
