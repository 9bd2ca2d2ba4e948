"""What happens by the clock. Scheduled functions only submit jobs under a key made of job and tick: a double fire is harmless."""

from __future__ import annotations

import time
from collections.abc import Mapping

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from app.domain.ports import JobRunner


class Timetable:
    """`jobs`: kind → every how many seconds. In memory: what it submits is decided by the ledger, so nothing is lost with it."""

    def __init__(self, runner: JobRunner, jobs: Mapping[str, float]) -> None:
        self._runner = runner
        self._jobs = dict(jobs)
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def start(self) -> None:
        for kind, every_s in self._jobs.items():
            self._scheduler.add_job(
                self._submit, "interval", seconds=every_s, args=[kind, every_s], id=kind, max_instances=1, coalesce=True
            )
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _submit(self, kind: str, every_s: float) -> None:
        tick = int(time.time() // every_s)
        await self._runner.submit(kind, {}, key=f"{kind}:{tick}")
