"""The JobRunner port's in-process adapter: tasks of this event loop. What was not finished, or given up, is taken up again from
the ledger (`app.incidents.resume`), at the next start and by the clock; nothing is kept here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext

import structlog

from app.domain.ports import Handler
from app.domain.value import JsonObject

log = structlog.get_logger()

RETRIES_S = (1.0, 5.0, 20.0)
"""Pauses before another try of a job that broke. Running one twice is harmless: the ledger decides what happens."""


class InProcessRunner:
    """One process, one event loop. Jobs with the same lock run in the order they were submitted."""

    def __init__(self, *, retries_s: tuple[float, ...] = RETRIES_S, at_once: Mapping[str, int] | None = None) -> None:
        """`at_once`: how many jobs of a kind may run beside each other; a kind that is not named: any number."""
        self._retries_s = retries_s
        self._room = {kind: asyncio.Semaphore(most) for kind, most in (at_once or {}).items()}
        self._handlers: dict[str, Handler] = {}
        self._unfinished: dict[str, asyncio.Task[None]] = {}
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._started = asyncio.Event()
        self._stopping = False

    async def submit(self, kind: str, payload: JsonObject, *, key: str, lock: str | None = None) -> None:
        if key in self._unfinished or self._stopping:
            return
        task = asyncio.create_task(self._run(kind, payload, key=key, lock=lock), name=key)
        self._unfinished[key] = task
        task.add_done_callback(lambda _: self._unfinished.pop(key, None))

    async def unfinished(self) -> frozenset[str]:
        return frozenset(self._unfinished)

    def live(self, key: str) -> bool:
        """Whether a job of this key waits or runs."""
        return key in self._unfinished

    async def start(self, handlers: dict[str, Handler]) -> None:
        self._handlers = dict(handlers)
        self._started.set()

    async def stop(self, *, grace_s: float) -> None:
        """Let what runs end within `grace_s`, then cut it off: the next start carries on from the ledger."""
        self._stopping = True
        running = list(self._unfinished.values())
        if running:
            _, late = await asyncio.wait(running, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def idle(self) -> None:
        """Until nothing is unfinished."""
        while self._unfinished:
            await asyncio.gather(*self._unfinished.values(), return_exceptions=True)

    async def _run(self, kind: str, payload: JsonObject, *, key: str, lock: str | None) -> None:
        await self._started.wait()
        async with self._locks[lock] if lock is not None else nullcontext(), self._room.get(kind) or nullcontext():
            await self._try(kind, payload, key=key)

    async def _try(self, kind: str, payload: JsonObject, *, key: str) -> None:
        await attempt(self._handlers, kind, payload, key=key, retries_s=self._retries_s, stopping=lambda: self._stopping)


async def attempt(
    handlers: Mapping[str, Handler],
    kind: str,
    payload: JsonObject,
    *,
    key: str,
    retries_s: tuple[float, ...],
    stopping: Callable[[], bool],
) -> None:
    """Have the job handled; where it breaks, again after each of these pauses, then no more. Never raises for a broken job."""
    handler = handlers.get(kind)
    if handler is None:
        log.error("job.unknown", action="job.unknown", kind=kind, key=key)
        return
    for pause in (*retries_s, None):
        try:
            await handler(payload)
        except Exception:  # one of the three edges: a job that breaks is recorded, tried again, and never takes others along
            log.exception("job.broke", action="job.broke", kind=kind, key=key, again_in_s=pause)
            if pause is None or stopping():
                return
            await asyncio.sleep(pause)
        else:
            return
