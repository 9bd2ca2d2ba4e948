from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from app.domain.errors import Misconfigured
from app.jobs.keeper import NOT_CONFIGURED, Keeper


async def test_a_first_child_that_cannot_start_is_told_and_not_tried_for_ever() -> None:
    keeper = Keeper([sys.executable, "-c", f"raise SystemExit({NOT_CONFIGURED})"])
    with pytest.raises(Misconfigured, match="what to mend"):
        await keeper.run(asyncio.Event())


async def test_one_that_worked_before_is_started_again_whatever_it_ends_with(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = f"import pathlib; f = pathlib.Path({str(mark)!r}); n = len(f.read_text()) if f.exists() else 0"
    script += "; f.write_text('x' * (n + 1))"
    keeper = Keeper([sys.executable, "-c", f"{script}; raise SystemExit({NOT_CONFIGURED} if n else 1)"])
    stopping = asyncio.Event()
    running = asyncio.create_task(keeper.run(stopping))
    while True:
        if mark.exists() and len(mark.read_text()) >= 3:
            break
        await asyncio.sleep(0.02)
    stopping.set()
    await running
