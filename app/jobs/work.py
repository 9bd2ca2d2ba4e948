"""The work process: takes over what came in, runs jobs, keeps time, tells people. One of the two processes of `firstmate serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import structlog

from app.domain.errors import FirstmateError
from app.domain.ports import Handler
from app.domain.value import JsonObject
from app.incidents import decide, execute, expire, follow, investigate, resume, shed, verify, witness
from app.incidents.desk import Desk
from app.incidents.reload import ReadPolicy, Reload
from app.jobs.inbox import Inbox
from app.jobs.intake import JOB as DELIVER
from app.jobs.intake import Apologise, Handle, Intake
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
GRACE_S = 2.0


class WorkProcess:
    """Everything that works on one ledger in this process."""

    def __init__(
        self,
        desk: Desk,
        runner: InProcessRunner,
        inbox: Inbox,
        surface: Surface,
        *,
        handlers: Mapping[str, Handle],
        apologise: Apologise,
        read_policy: ReadPolicy | None = None,
    ) -> None:
        """`read_policy`: where the policy is looked at again while the process lives; None: it stays as it is."""
        self._desk, self._runner, self._inbox = desk, runner, inbox
        self._intake = Intake(inbox, desk.ledger, runner, desk.clock, handlers=handlers, apologise=apologise)
        self._outbox = OutboxWorker(desk, surface)
        self._reload = Reload(desk, read_policy or (lambda: desk.policy))
        every_s = {EXPIRE: EXPIRE_EVERY_S, RESUME: RESUME_EVERY_S, RELOAD: RELOAD_EVERY_S, FOLLOW: FOLLOW_EVERY_S}
        every_s |= {SHED: SHED_EVERY_S, SEAL: SEAL_EVERY_S, TIDY: TIDY_EVERY_S}
        self._timetable = Timetable(runner, every_s)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set. Begins by taking up whatever an earlier process left unfinished."""
        if stopping.is_set():
            return
        await self._resume()
        await self._runner.start(self._handlers())
        self._timetable.start()
        try:
            await asyncio.gather(self._intake.run(stopping), self._outbox.run(stopping))
        finally:
            self._timetable.stop()
            await self._runner.stop(grace_s=GRACE_S)
            with suppress(FirstmateError):  # told of while it worked; the next start signs what is left
                await self._desk.roots.seal()

    async def _resume(self) -> None:
        for told in await resume.resume(self._desk, live=self._runner.live):
            log.info("work.resumed", action="work.resumed", what=told)

    def _handlers(self) -> dict[str, Handler]:
        desk = self._desk

        async def do_investigate(payload: JsonObject) -> None:
            await investigate.investigate(desk, str(payload["run"]))

        async def do_execute(payload: JsonObject) -> None:
            await execute.execute(desk, str(payload["proposal"]))

        async def do_take_up(payload: JsonObject) -> None:
            await execute.take_up(desk, str(payload["execution"]))

        async def do_resume(payload: JsonObject) -> None:
            await self._resume()

        async def do_reload(payload: JsonObject) -> None:
            await self._reload.look()

        async def do_verify(payload: JsonObject) -> None:
            await verify.verify(desk, str(payload["execution"]))

        async def do_expire(payload: JsonObject) -> None:
            await expire.expire(desk)

        async def do_follow(payload: JsonObject) -> None:
            await follow.follow(desk)

        async def do_shed(payload: JsonObject) -> None:
            for each in await self._inbox.shed():
                if each.count > each.told:
                    await shed.deliveries(desk, kind=each.kind, count=each.count, new=each.count - each.told)
                    await self._inbox.told(each)

        async def do_seal(payload: JsonObject) -> None:
            await witness.tell_due(desk)

        async def do_tidy(payload: JsonObject) -> None:
            before = desk.clock() - REPEATS
            await self._inbox.prune(before)
            async with desk.ledger.write() as tx:
                await deliveries.forget(tx, before=before)

        return {
            FOLLOW: do_follow,
            SHED: do_shed,
            TIDY: do_tidy,
            RESUME: do_resume,
            RELOAD: do_reload,
            SEAL: do_seal,
            execute.TAKE_UP: do_take_up,
            investigate.JOB: do_investigate,
            decide.EXECUTE: do_execute,
            execute.VERIFY: do_verify,
            EXPIRE: do_expire,
            DELIVER: self._intake.deliver,
        }
