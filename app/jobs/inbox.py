"""What came in, safe on disk before it is acknowledged. The surface writes; the work takes it over into the ledger.

Its own SQLite file, so that no lock of the ledger's ever stands between a delivery and its acknowledgement. One thread owns the
connection; whatever arrived while it was writing goes into its next commit together, so that a burst costs few fsyncs.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from app.domain.errors import BadInput, Misconfigured, Unreachable
from app.domain.ports import Clock
from app.domain.value import JsonObject

T = TypeVar("T")

BUSY_S = 2.0
"""How long a write waits for the other process, seconds: less than the three that Slack waits for us."""

BEHIND_S = 10.0
"""A delivery that was not moved after this long, seconds, means that nobody works: whoever asks is told."""

MOST_WAITING = 10_000
"""Beyond so many that nobody has taken over yet, what can be sent again is shed. What alerts and people say never is."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    moved_at TEXT
);
CREATE INDEX IF NOT EXISTS waiting ON deliveries (id) WHERE moved_at IS NULL;
CREATE TABLE IF NOT EXISTS shed (kind TEXT PRIMARY KEY, count INTEGER NOT NULL, told INTEGER NOT NULL);
"""
_FORMAT = 1
_WAITING = "SELECT count(*) FROM deliveries WHERE moved_at IS NULL"
_COUNT_SHED = "INSERT INTO shed VALUES (?, 1, 0) ON CONFLICT (kind) DO UPDATE SET count = count + 1"


@dataclass(frozen=True)
class Delivery:
    """One thing that came in. `key` is the sender's own id of it: the same key is the same delivery."""

    id: int
    key: str
    kind: str
    body: JsonObject
    received_at: datetime


class Overloaded(Unreachable):
    """Too much waits: this was not kept, and is counted."""


@dataclass(frozen=True)
class Shed:
    """How many deliveries of a kind were not kept, ever, and of how many of them people were told."""

    kind: str
    count: int
    told: int


@dataclass(frozen=True)
class _Job:
    """Something for the thread to do inside its next transaction, and where the answer goes."""

    run: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


class Inbox:
    """An open inbox. Make one with `Inbox.open`; several processes may have the same file open."""

    def __init__(self, connection: sqlite3.Connection, *, path: Path, clock: Clock) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="inbox", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, path: str | Path, *, clock: Clock | None = None) -> Self:
        """Open the file, or make it with mode 0600. Raises `Misconfigured` when it cannot be opened or is a newer one."""
        file = Path(path)
        try:
            connection = await asyncio.to_thread(_connect, file)
        except (OSError, sqlite3.Error) as error:
            raise Misconfigured(f"the inbox {file} cannot be opened: {error}; check the directory and its owner") from error
        return cls(connection, path=file, clock=clock or (lambda: datetime.now(UTC)))

    async def put(self, key: str, kind: str, body: JsonObject, *, may_be_shed: bool = False) -> bool:
        """Keep a delivery; when this returns, it is on disk (fsynced). False when `key` was there already.

        Raises `BadInput` when `body` is no JSON, `Unreachable` when it could not be written: then don't acknowledge it. Of what
        `may_be_shed` (its sender sends it again) `Overloaded`, where more than `MOST_WAITING` wait.
        """
        try:
            text = json.dumps(body, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise BadInput(f"the delivery {key} is no JSON: {error}") from error
        row = (_storable(key), _storable(kind), text, self._clock().astimezone(UTC).isoformat(timespec="microseconds"))

        def insert(connection: sqlite3.Connection) -> bool | None:
            if may_be_shed and int(connection.execute(_WAITING).fetchone()[0]) >= MOST_WAITING:
                connection.execute(_COUNT_SHED, (row[1],))
                return None
            statement = "INSERT INTO deliveries (key, kind, body, received_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
            return connection.execute(statement, row).rowcount == 1

        kept = await self._do(insert)
        if kept is None:
            raise Overloaded(f"{MOST_WAITING} deliveries wait already, so this {kind} was not kept; it was counted")
        return kept

    async def shed(self) -> list[Shed]:
        """What was not kept so far, by kind."""
        rows = await self._do(lambda c: c.execute("SELECT kind, count, told FROM shed ORDER BY kind").fetchall())
        return [Shed(*row) for row in rows]

    async def told(self, shed: Shed) -> None:
        """People were told of all that `shed` counts."""
        await self._do(lambda c: c.execute("UPDATE shed SET told = max(told, ?) WHERE kind = ?", (shed.count, shed.kind)).rowcount)

    async def take(self, limit: int = 100) -> list[Delivery]:
        """What was not yet moved, in the order it came. Taking is no promise: until `moved`, it is taken again."""

        statement = "SELECT id, key, kind, body, received_at FROM deliveries WHERE moved_at IS NULL ORDER BY id LIMIT ?"
        rows = await self._do(lambda connection: connection.execute(statement, (limit,)).fetchall())
        return [_read(row) for row in rows]

    async def moved(self, ids: Sequence[int]) -> int:
        """The ledger holds these now (its commit came first). How many were not marked before."""
        at = self._clock().astimezone(UTC).isoformat(timespec="microseconds")

        def mark(connection: sqlite3.Connection) -> int:
            statement = "UPDATE deliveries SET moved_at = ? WHERE id = ? AND moved_at IS NULL"
            return sum(connection.execute(statement, (at, id)).rowcount for id in ids)

        return await self._do(mark)

    async def waiting(self) -> int:
        """How many were not yet moved."""
        return await self._do(lambda connection: int(connection.execute(_WAITING).fetchone()[0]))

    async def behind_s(self) -> float:
        """For how long the oldest of them has waited, seconds; 0 where none waits."""
        statement = "SELECT min(received_at) FROM deliveries WHERE moved_at IS NULL"
        oldest = await self._do(lambda connection: connection.execute(statement).fetchone()[0])
        return (self._clock() - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0

    async def prune(self, before: datetime) -> int:
        """Forget what was moved before `before`; how many. Keep at least a day: senders repeat themselves for a while."""
        moment = before.astimezone(UTC).isoformat(timespec="microseconds")
        return await self._do(lambda c: c.execute("DELETE FROM deliveries WHERE moved_at < ?", (moment,)).rowcount)

    async def close(self) -> None:
        """Finish what was asked for, then close the file. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _do(self, run: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise Unreachable(f"the inbox {self.path} is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(run, loop, answer))
        return await answer

    def _serve(self) -> None:
        """The thread: one commit for everything that waits, then the answers."""
        ending = False
        while not ending:
            jobs = [self._jobs.get()]
            with suppress(queue.Empty):
                while len(jobs) < 500:
                    jobs.append(self._jobs.get_nowait())
            ending = None in jobs
            self._commit([job for job in jobs if job is not None])
        self._connection.close()

    def _commit(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [job.run(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
        except (sqlite3.Error, ValueError, OverflowError) as error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            for job in jobs:
                _answer(job, None, Unreachable(f"the inbox {self.path} could not be written: {error}; nothing was kept"))
            return
        for job, result in zip(jobs, results, strict=True):
            _answer(job, result, None)


def _answer(job: _Job, result: Any, error: Exception | None) -> None:
    def deliver() -> None:
        if job.answer.done():  # whoever asked has given up
            return
        if error is not None:
            job.answer.set_exception(error)
        else:
            job.answer.set_result(result)

    with suppress(RuntimeError):  # the loop that asked is gone; the row is kept all the same
        job.loop.call_soon_threadsafe(deliver)


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # An existing file is never opened here: closing it again would drop the locks this process's SQLite holds on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    path.chmod(0o600)  # the write-ahead log takes its mode from this file
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > _FORMAT:
            raise Misconfigured(f"the inbox {path} was written by a newer Firstmate (format {found}); start that version")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _read(row: tuple[Any, ...]) -> Delivery:
    id, key, kind, body, received_at = row
    return Delivery(id=id, key=key, kind=kind, body=json.loads(body), received_at=datetime.fromisoformat(received_at))


def _storable(key: str) -> str:
    return key.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
