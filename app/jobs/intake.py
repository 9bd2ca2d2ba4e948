"""From the inbox into the ledger, and on to whoever handles that kind of delivery. Each takes effect once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from app.domain.errors import FirstmateError, Unreachable
from app.domain.ports import Clock, JobRunner
from app.domain.redaction import redact
from app.domain.value import JsonObject
from app.jobs.inbox import Inbox
from app.ledger import deliveries
from app.ledger.deliveries import Pending
from app.ledger.ledger import Ledger

log = structlog.get_logger()

JOB = "deliver"
LOOK_EVERY_S = 0.05
HAND_ON_AGAIN_S = 30.0

Handle = Callable[[Pending], Awaitable[str]]
"""Does what the delivery asks for and returns one sentence: what became of it. Raises `FirstmateError` to be told to its sender."""
Apologise = Callable[[Pending, str], Awaitable[None]]
"""Tells whoever sent the delivery, where they can be told, that it did not work and what to do."""


class Intake:
    """Moves what came in, and hands each delivery on as a job."""

    def __init__(
        self, inbox: Inbox, ledger: Ledger, jobs: JobRunner, clock: Clock, *, handlers: Mapping[str, Handle], apologise: Apologise
    ) -> None:
        self._inbox, self._ledger, self._jobs, self._clock = inbox, ledger, jobs, clock
        self._handlers = handlers
        self._apologise = apologise

    async def run(self, stopping: asyncio.Event) -> None:
        fresh = True  # what an earlier process accepted and never finished
        loop = asyncio.get_running_loop()
        handed_on = loop.time()
        while not stopping.is_set():
            try:
                fresh = await self.move() > 0 or fresh
                if fresh or loop.time() - handed_on > HAND_ON_AGAIN_S:  # what the jobs gave up on while something was out of reach
                    await self.hand_on()
                    handed_on = loop.time()
                fresh = False
            except Unreachable as error:
                log.error("intake.waits", action="intake.waits", why=str(error))
                await asyncio.sleep(1.0)
                fresh = True
            await asyncio.sleep(LOOK_EVERY_S)

    async def move(self) -> int:
        """Inbox → ledger; how many. Committed in the ledger before the inbox forgets them."""
        taken = await self._inbox.take()
        if not taken:
            return 0
        async with self._ledger.write() as tx:
            for each in taken:
                await deliveries.accept(tx, each.key, each.kind, each.body, at=each.received_at)
        await self._inbox.moved([each.id for each in taken])
        return len(taken)

    async def hand_on(self) -> None:
        """Everything in the ledger that nobody works on, whoever moved it there."""
        async with self._ledger.read() as tx:
            waiting = await deliveries.pending(tx, limit=500)
        handed_on = await self._jobs.unfinished()
        for each in waiting:
            if (key := f"{JOB}:{each.id}") not in handed_on:
                await self._jobs.submit(JOB, {"delivery": each.id}, key=key)

    async def deliver(self, payload: JsonObject) -> None:
        """The job: one delivery to its handler. What goes wrong is told to its sender, recorded, and not tried for ever."""
        async with self._ledger.read() as tx:
            delivery = await deliveries.get(tx, int(str(payload["delivery"])))
        if delivery is None:
            return
        handle = self._handlers.get(delivery.kind)
        if handle is None:
            outcome = f"nobody handles {delivery.kind}"
            log.error("delivery.unknown", action="delivery.unknown", kind=delivery.kind, key=delivery.key)
        else:
            try:
                outcome = await handle(delivery)
            except Unreachable:
                raise  # the runner tries again
            except FirstmateError as error:
                outcome = f"refused: {error}"
                await self._apologise(delivery, str(error))
            except Exception as error:  # an edge: recorded and said, never a traceback to a person
                log.exception("delivery.broke", action="delivery.broke", kind=delivery.kind, key=delivery.key)
                outcome = redact(f"broke: {type(error).__name__}: {error}")
                await self._apologise(
                    delivery, "Something broke on our side; it is recorded. Try again, and tell the platform team."
                )
        async with self._ledger.write() as tx:
            await deliveries.finish(tx, delivery.id, outcome[:500], at=self._clock())
