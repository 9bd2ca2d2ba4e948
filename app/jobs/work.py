"""The work process: takes over what came in, runs jobs, keeps time, tells people. One of the two processes of `firstmate serve`.

Any number of them may share a ledger on PostgreSQL: each moves its own inbox, all run jobs and tell people, one keeps the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog

from app.domain.errors import FirstmateError, Unreachable
from app.domain.ports import Handler, JobRunner, Locks
from app.domain.value import JsonObject
from app.incidents import decide, execute, expire, follow, investigate, resume, shed, verify, witness
from app.incidents.desk import Desk
from app.incidents.reload import ReadPolicy, Reload
from app.incidents.retention import retain
from app.jobs.inbox import Inbox
from app.jobs.intake import JOB as DELIVER
from app.jobs.intake import Apologise, Handle, Intake
from app.jobs.locks import LocksHere
from app.jobs.outgoing import OutboxWorker
from app.jobs.runner import InProcessRunner
from app.jobs.schedule import Timetable
from app.jobs.surface import Surface
from app.ledger import deliveries

log = structlog.get_logger()

EXPIRE, EXPIRE_EVERY_S = "expire", 5.0
RESUME, RESUME_EVERY_S = "resume", 60.0
RELOAD, RELOAD_EVERY_S = "reload", 15.0
FOLLOW, FOLLOW_EVERY_S = "follow", 15.0
SHED, SHED_EVERY_S = "shed", 5.0
SEAL, SEAL_EVERY_S = "seal", 20.0
"""Whatever was recorded stands under a signed root within a minute; what was approved, before anybody is told."""
TIDY, TIDY_EVERY_S = "tidy", 3600.0
REPEATS = timedelta(days=3)
"""How long a delivery that was worked on is remembered: its sender may send it again."""
GRACE_S = 0.5
"""How long jobs may take to end by themselves once we are asked to end; others carry on with what did not."""
BEGUN_S = 5.0
"""How much longer an approved action may take that runs already: torn off, nobody would know how it ended."""
CLOCK, CLOCK_EVERY_S = "firstmate clock", 1.0
"""The lock of the one process that keeps the time for all, and how often the others try to get it."""


class WorkProcess:
    """Everything that works on one ledger in this process."""

    def __init__(
        self,
        desk: Desk,
        runner: JobRunner,
        inbox: Inbox,
        surface: Surface,
        *,
        handlers: Mapping[str, Handle],
        apologise: Apologise,
        read_policy: ReadPolicy | None = None,
        locks: Locks | None = None,
        payload_days: int = 400,
    ) -> None:
        """`read_policy`: where the policy is looked at again while the process lives; None: it stays as it is.

        `locks`: those of all processes that share the ledger; None: there is no other. `payload_days`: how long audit rows keep
        what they carried.
        """
        self._desk, self._runner, self._inbox = desk, runner, inbox
        self._intake = Intake(inbox, desk.ledger, runner, desk.clock, handlers=handlers, apologise=apologise)
        self._locks = locks or LocksHere()
        self._payload_days = payload_days
        self._outbox = OutboxWorker(desk, surface, self._locks)
        self._reload = Reload(desk, read_policy or (lambda: desk.policy))
        for_all = {EXPIRE: EXPIRE_EVERY_S, RESUME: RESUME_EVERY_S, FOLLOW: FOLLOW_EVERY_S, SEAL: SEAL_EVERY_S}
        self._for_all = Timetable(runner, for_all)
        self._own_jobs = InProcessRunner()  # what each process does for itself, however many share the ledger
        self._for_itself = Timetable(self._own_jobs, {RELOAD: RELOAD_EVERY_S, SHED: SHED_EVERY_S, TIDY: TIDY_EVERY_S})

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set. Begins by taking up whatever an earlier process left unfinished."""
        if stopping.is_set():
            return
        await self._resume()
        await self._runner.start(self._handlers())
        await self._own_jobs.start(self._own_handlers())
        self._for_itself.start()
        keeping_time = asyncio.create_task(self._keep_time())
        try:
            await asyncio.gather(self._intake.run(stopping), self._outbox.run(stopping), self._end_jobs(stopping))
        finally:
            keeping_time.cancel()
            self._for_itself.stop()
            self._for_all.stop()
            await asyncio.gather(self._runner.stop(grace_s=GRACE_S), self._own_jobs.stop(grace_s=GRACE_S))
            with suppress(FirstmateError):  # told of while it worked; the next start signs what is left
                await self._desk.roots.seal()

    async def _keep_time(self) -> None:
        """In one process of all: two schedulers would fire twice. It keeps the lock for as long as it lives."""
        while True:
            try:
                if await self._locks.take(CLOCK):
                    break
            except Unreachable as error:
                log.warning("clock.waits", action="clock.waits", why=str(error))
            await asyncio.sleep(CLOCK_EVERY_S)
        log.info("clock.kept", action="clock.kept")
        self._for_all.start()

    async def _end_jobs(self, stopping: asyncio.Event) -> None:
        """At once when we are asked to end: what others carry on with must not wait for a message that is on its way."""
        await stopping.wait()
        self._for_all.stop()
        await self._runner.stop(grace_s=GRACE_S)

    async def _resume(self) -> None:
        unfinished = await self._runner.unfinished()
        for told in await resume.resume(self._desk, live=unfinished.__contains__):
            log.info("work.resumed", action="work.resumed", what=told)

    def _handlers(self) -> dict[str, Handler]:
        desk = self._desk

        async def do_investigate(payload: JsonObject) -> None:
            await investigate.investigate(desk, str(payload["run"]))

        async def do_execute(payload: JsonObject) -> None:
            await _to_its_end(execute.execute(desk, str(payload["proposal"])), within_s=BEGUN_S)

        async def do_take_up(payload: JsonObject) -> None:
            await execute.take_up(desk, str(payload["execution"]))

        async def do_resume(payload: JsonObject) -> None:
            await self._resume()
            await self._intake.hand_on()

        async def do_verify(payload: JsonObject) -> None:
            await verify.verify(desk, str(payload["execution"]))

        async def do_expire(payload: JsonObject) -> None:
            await expire.expire(desk)

        async def do_follow(payload: JsonObject) -> None:
            await follow.follow(desk)

        async def do_seal(payload: JsonObject) -> None:
            await witness.tell_due(desk)

        return {
            FOLLOW: do_follow,
            SEAL: do_seal,
            RESUME: do_resume,
            execute.TAKE_UP: do_take_up,
            investigate.JOB: do_investigate,
            decide.EXECUTE: do_execute,
            execute.VERIFY: do_verify,
            EXPIRE: do_expire,
            DELIVER: self._intake.deliver,
        }

    def _own_handlers(self) -> dict[str, Handler]:
        async def do_reload(payload: JsonObject) -> None:
            await self._reload.look()

        async def do_tidy(payload: JsonObject) -> None:
            before = self._desk.clock() - REPEATS
            await self._inbox.prune(before)
            async with self._desk.ledger.write() as tx:
                await deliveries.forget(tx, before=before)
            if gone := await retain(self._desk.ledger, days=self._payload_days, now=self._desk.clock()):
                log.info("audit.outdated", action="audit.outdated", rows=gone, days=self._payload_days)

        async def do_shed(payload: JsonObject) -> None:
            for each in await self._inbox.shed():
                if each.count > each.told:
                    await shed.deliveries(self._desk, kind=each.kind, count=each.count, new=each.count - each.told)
                    await self._inbox.told(each)

        return {RELOAD: do_reload, SHED: do_shed, TIDY: do_tidy}


async def _to_its_end(work: Coroutine[Any, Any, None], *, within_s: float) -> None:
    """Cancelled, it still waits `within_s` for what has begun."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working], timeout=within_s)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        raise
