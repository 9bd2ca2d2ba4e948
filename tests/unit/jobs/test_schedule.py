from __future__ import annotations

import asyncio
from typing import Any

from app.jobs.runner import InProcessRunner
from app.jobs.schedule import Timetable


async def test_a_tick_fired_twice_is_one_job() -> None:
    ran: list[str] = []
    runner = InProcessRunner()
    timetable = Timetable(runner, {"expire": 3600.0})

    async def work(payload: Any) -> None:
        ran.append("expire")

    await asyncio.gather(timetable._submit("expire", 1e9), timetable._submit("expire", 1e9))
    await runner.start({"expire": work})
    await runner.idle()
    assert ran == ["expire"]
    timetable.start()
    timetable.stop()
