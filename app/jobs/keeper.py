"""Keeps the work process running: starts it, and starts it again when it dies, a little later each time it dies young."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress

import structlog

from app.domain.errors import Misconfigured

log = structlog.get_logger()

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 15.0
GROWN_UP_S = 30.0
GRACE_S = 8.0
NOT_CONFIGURED = 78
"""How a child ends whose settings are wrong, as sysexits.h has it."""
PARENT = "FIRSTMATE_PARENT"
"""Tells the child whose it is: asked later, the system might already name whoever adopted it."""


class Keeper:
    """One child process. `arguments` is the whole command line; no shell. `environment` is added to our own."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._environment = dict(environment or {})
        self._child: asyncio.subprocess.Process | None = None
        self._worked = False

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.returncode is None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.running else None

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set; then the child is asked to end, and made to after a grace time.

        Raises `Misconfigured` when the very first child can't start: that is told at once, not tried for ever.
        """
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE_S
        stopped = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                began = loop.time()
                self._child = await asyncio.create_subprocess_exec(
                    *self._arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    env={**os.environ, **self._environment, PARENT: str(os.getpid())},
                )
                log.info("work.started", action="work.started", pid=self._child.pid)
                ended = asyncio.create_task(self._child.wait())
                await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
                if stopping.is_set():
                    break
                log.error("work.died", action="work.died", exit_code=self._child.returncode)
                if self._child.returncode == NOT_CONFIGURED and not self._worked:
                    raise Misconfigured("the work process can't start; the line above says what to mend")
                self._worked = True  # it could start: whatever happens later, it is started again
                pause = FIRST_PAUSE_S if loop.time() - began > GROWN_UP_S else min(LONGEST_PAUSE_S, 2 * pause)
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(stopped), pause)
        finally:
            stopped.cancel()
            await self._end()

    async def _end(self) -> None:
        if self._child is None or self._child.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._child.terminate()
        try:
            await asyncio.wait_for(self._child.wait(), GRACE_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._child.kill()
            await self._child.wait()
