"""The JobRunner port's second adapter: Procrastinate on the ledger's PostgreSQL, for any number of processes and machines.

A job is worked on for as long as its process holds the job's session locks (`sessions.py`): one for what it works on (its key), one
for its `lock`. So a job that stands as `doing` while nobody holds its lock was left by a process that died. It is forgotten, and
`resume` takes up from the ledger whatever it was about: the queue is never the truth. No heartbeat says who is alive: a process
that is only paused would look dead, and wake up in the middle of what another one is doing.

Traps: never a `queueing_lock` (two jobs of one can't be retried); a unique index of our own keeps keys apart (`r0001_first.py`).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Self

import structlog
from procrastinate import App, PsycopgConnector, exceptions
from procrastinate.job_context import JobContext
from procrastinate.jobs import DeleteJobCondition, Job, Status

from app.domain.errors import Unreachable
from app.domain.ports import Handler, Locks
from app.domain.value import JsonObject
from app.jobs.locks import having
from app.jobs.runner import RETRIES_S, attempt
from app.ledger.migrations.queue import KEYS_INDEX

log = structlog.get_logger()

TASK = "firstmate"
ELSE = "else"
"""The queue of all kinds that are not bounded."""
MOST = 100
"""How many of those may run beside each other in one process: they wait more than they work."""
LOOK_EVERY_S = 1.0
"""How often it is looked for jobs that a dead process left; one counts when seen twice, for it may only be about to begin."""
FETCH_EVERY_S = 0.25
"""New jobs are announced to all at once; that the one before it under its lock has ended is not."""
BUSY_S = 0.2
LONGEST_STOP_S = 30.0


class ClusterRunner:
    """Open one with `ClusterRunner.open`."""

    def __init__(
        self, app: App, locks: Locks, *, resume: str, at_once: Mapping[str, int], retries_s: tuple[float, ...] = RETRIES_S
    ) -> None:
        self._app, self._locks, self._resume, self._retries_s = app, locks, resume, retries_s
        self._at_once = dict(at_once)
        self._handlers: dict[str, Handler] = {}
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._sweeping: asyncio.Task[None] | None = None
        self._task = app.task(name=TASK, pass_context=True)(self._run)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        locks: Locks,
        *,
        resume: str,
        at_once: Mapping[str, int] | None = None,
        retries_s: tuple[float, ...] = RETRIES_S,
    ) -> AsyncIterator[Self]:
        """`url`: postgresql://…, with our schema. `resume`: the kind of the job that takes up from the ledger what others left.

        `at_once`: how many jobs of a kind may run beside each other in this process. Raises `Unreachable`.
        """
        app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=8, timeout=10.0))
        try:
            await app.open_async()
        except exceptions.ConnectorException as error:
            raise Unreachable(f"the jobs' tables can't be reached: {error.__cause__ or error}") from error
        try:
            yield cls(app, locks, resume=resume, at_once=at_once or {}, retries_s=retries_s)
        finally:
            await app.close_async()

    async def submit(self, kind: str, payload: JsonObject, *, key: str, lock: str | None = None) -> None:
        """Never raises: whoever submits has committed already, and what is not in the queue is taken up from the ledger later."""
        where = self._task.configure(queue=kind if kind in self._at_once else ELSE, lock=lock)
        try:
            await where.defer_async(kind=kind, key=key, payload=payload)
        except exceptions.UniqueViolation as error:
            if error.constraint_name != KEYS_INDEX:
                raise
        except exceptions.ConnectorException as error:
            log.error("job.waits", action="job.waits", kind=kind, key=key, why=str(error.__cause__ or error))

    async def unfinished(self) -> frozenset[str]:
        try:
            waiting = await self._app.job_manager.list_jobs_async(task=TASK)  # what has ended is deleted
        except exceptions.ConnectorException as error:
            raise Unreachable(f"nobody can tell which jobs wait or run: {error.__cause__ or error}") from error
        return frozenset(_key(job) for job in waiting)

    async def start(self, handlers: dict[str, Handler]) -> None:
        self._handlers = dict(handlers)
        for queue, most in {ELSE: MOST, **self._at_once}.items():
            working = self._app.run_worker_async(
                queues=[queue],
                name=queue,
                concurrency=most,
                delete_jobs=DeleteJobCondition.ALWAYS,
                fetch_job_polling_interval=FETCH_EVERY_S,
                install_signal_handlers=False,
                shutdown_graceful_timeout=LONGEST_STOP_S,
            )
            self._workers.append(asyncio.create_task(working, name=f"jobs {queue}"))
        self._sweeping = asyncio.create_task(self._sweep(), name="jobs left behind")

    async def stop(self, *, grace_s: float) -> None:
        """What is cut off is handed over at once, not only when others notice that it was left."""
        self._stopping = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for working in self._workers:
            working.cancel()  # it fetches no more jobs, and waits for those that run
        late = set(self._running)
        if late:
            _, late = await asyncio.wait(late, timeout=grace_s)
        for running in late:
            running.cancel()
        while late:
            _, late = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
            await self._have_resumed()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def ended(self) -> None:
        """Returns when a worker has ended though nobody asked it to: its connection broke, and no jobs are done here any more."""
        while self._stopping or not any(working.done() for working in self._workers):
            await asyncio.sleep(LOOK_EVERY_S)

    async def _run(self, context: JobContext, kind: str, key: str, payload: JsonObject) -> None:
        running = asyncio.current_task()
        assert running is not None  # Procrastinate makes one for each job
        self._running.add(running)
        running.add_done_callback(self._running.discard)  # once the job is out of the queue
        names = (_name(key), *([f"firstmate jobs of {context.job.lock}"] if context.job.lock else []))
        while True:
            async with having(self._locks, *names) as mine:
                if mine:
                    await self._attempt(kind, payload, key=key)
                    return
            await asyncio.sleep(BUSY_S)

    async def _attempt(self, kind: str, payload: JsonObject, *, key: str) -> None:
        await attempt(self._handlers, kind, payload, key=key, retries_s=self._retries_s, stopping=lambda: self._stopping)

    async def _sweep(self) -> None:
        seen: frozenset[int] = frozenset()
        while True:
            try:
                seen = await self._forget(seen)
            except (Unreachable, exceptions.ConnectorException) as error:
                log.warning("jobs.unseen", action="jobs.unseen", why=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _forget(self, seen: frozenset[int]) -> frozenset[int]:
        """Forget the jobs that nobody works on, if they were seen so before. Those seen so now."""
        doing = await self._app.job_manager.list_jobs_async(task=TASK, status=Status.DOING.value)
        left = {job.id: job for job in doing if job.id is not None and not await self._worked_on(job)}
        gone = {id: job for id, job in left.items() if id in seen}
        for id, job in gone.items():
            log.warning("job.left", action="job.left", key=_key(job), then="it is taken up from the ledger")
            with suppress(exceptions.ConnectorException):  # another one was quicker
                await self._app.job_manager.finish_job_by_id_async(id, Status.ABORTED, delete_job=True)
        if gone:
            await self._have_resumed()
        return frozenset(left)

    async def _worked_on(self, job: Job) -> bool:
        async with having(self._locks, _name(_key(job))) as free:
            return not free

    async def _have_resumed(self) -> None:
        # A key of its own: a resume that runs already may have looked at the ledger before.
        await self.submit(self._resume, {}, key=f"{self._resume}:{uuid.uuid4().hex}")


def _key(job: Job) -> str:
    return str(job.task_kwargs["key"])


def _name(key: str) -> str:
    return f"firstmate job {key}"
