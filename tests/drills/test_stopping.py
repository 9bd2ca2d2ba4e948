"""SIGTERM ends it cleanly; a second one on the same data folder is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.drills.stack import Stack, free_port, processes, stack
from tests.drills.test_triage import once


async def test_sigterm_in_the_middle_of_everything_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        for number, window in enumerate(("investigating", "posted")):
            await s.start()
            s.arm(window, lingering=True)
            await s.slack.command("U01ALICE", "general", "/incident", f"declare number {number}")
            await s.reached(window)
            await asyncio.wait_for(terminated(s), 20)
            s.open_gates()
            assert processes(s.data) == {}
        await s.start()
        await s.rest()
        wrong = [*await s.wrong(), *once(s, 2)]
        print(s.summary("SIGTERM", wrong))
        assert wrong == [], wrong


async def terminated(s: Stack) -> None:
    assert s.surface is not None
    s.surface.terminate()
    assert await s.surface.wait() == 0


async def test_a_second_serve_on_the_same_data_folder_is_refused(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        first = await s.start()
        second = await s.another(FIRSTMATE_PORT=str(free_port()))
        assert await asyncio.wait_for(second.wait(), 30) == 2
        assert f"another `firstmate serve` (process {first.pid}) works in {s.data}" in s.log()
        assert "Traceback" not in s.log()
        incident = await s.declare()
        await s.rest()
        assert incident == "INC-0001"
        assert await s.wrong() == []
