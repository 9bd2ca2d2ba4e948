"""The ledger's door: open, write, read, close. SQLite for one machine, PostgreSQL for several; the callers cannot tell."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from sqlalchemy import URL, Executable, Result, Table, create_engine, event, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import ArgumentError, InternalError, OperationalError, ProgrammingError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.domain.errors import FirstmateError, Misconfigured, Unreachable
from app.domain.plugin import Health
from app.ledger import migrations, tables

BUSY_S = 10.0
"""How long a writer waits for another before it gives up, seconds."""


HUNG_S = 5.0
"""After how long without a statement PostgreSQL ends a writer, seconds: one whose process is paused must not stop all others."""

# As on SQLite, so that what is read in a transaction still holds where it writes.
_BEGIN_WRITING_POSTGRES = (
    f"SET LOCAL idle_in_transaction_session_timeout = '{HUNG_S:g}s'; SET LOCAL lock_timeout = '{BUSY_S:g}s'; "
    "SELECT pg_advisory_xact_lock(hashtextextended('firstmate writer', 0))"
)


@dataclass(frozen=True)
class Tx:
    """One open transaction. Handed as first argument to every function of this package."""

    connection: AsyncConnection
    writing: bool

    async def execute(self, statement: Executable) -> Result[Any]:
        try:
            return await self.connection.execute(statement)
        except StatementError as error:
            if isinstance(error.orig, FirstmateError):
                raise error.orig from error  # a value that a column refuses (types.py): its own sentence says more
            if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) == migrations.NOT_PERMITTED:
                raise migrations.not_permitted(self.connection.engine.url, error) from error
            raise

    async def changed(self, statement: Executable) -> int:
        """Execute an INSERT or UPDATE; how many rows it touched."""
        # Without the option an INSERT on PostgreSQL answers -1.
        counted = statement.execution_options(preserve_rowcount=True)
        return cast("CursorResult[Any]", await self.execute(counted)).rowcount

    def insert(self, table: Table) -> postgresql.Insert:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` (both databases spell it alike)."""
        if self.connection.dialect.name == "sqlite":
            return cast("postgresql.Insert", sqlite.insert(table))
        return postgresql.insert(table)


class Ledger:
    """An open ledger. Make one with `Ledger.open`."""

    def __init__(self, url: URL, *, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.url = url
        self._writer = writer
        self._reader = reader
        self._writing: set[asyncio.Task[Any] | None] = set()

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open the ledger at `url` (`sqlite:///path` or `postgresql://…`), bringing an older schema up to date.

        A new SQLite file gets mode 0600. Raises `Misconfigured` for a URL of another kind, for a schema newer than this program,
        and for an older one where `url` is not its owner's; `Unreachable` when the database does not answer.
        """
        parsed = parse_url(url)
        try:
            await asyncio.to_thread(_prepare, parsed)
        except OSError as error:
            raise Misconfigured(f"the ledger's file {parsed.database} cannot be opened: {error}; check its directory") from error
        except OperationalError as error:
            raise _unreachable(parsed, error) from error
        writer, reader = _engines(parsed)
        return cls(parsed, writer=writer, reader=reader)

    @property
    def shared(self) -> bool:
        """Whether other processes, on other machines too, may work on it beside this one."""
        return self.url.get_backend_name() == "postgresql"

    @property
    def dsn(self) -> str:
        """Of a shared one, as libpq reads it. Holds the password."""
        return libpq(self.url)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction that commits durably at the end of the block, or not at all when the block raises.

        One writer at a time, among all processes, so keep blocks short and never ask another system inside one. They don't nest.
        Raises `Unreachable` when the database does not answer; nothing was changed then.
        """
        task = asyncio.current_task()
        if task in self._writing:
            raise RuntimeError("a write transaction is already open in this task; pass its tx on instead of opening another")
        self._writing.add(task)
        try:
            async with self._writer.begin() as connection:
                if self.shared:
                    await connection.exec_driver_sql(_BEGIN_WRITING_POSTGRES)
                yield Tx(connection, writing=True)
        except (OperationalError, InternalError, PoolTimeout) as error:  # internal: we were paused, and ended after `HUNG_S`
            raise _unreachable(self.url, error) from error
        finally:
            self._writing.discard(task)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A transaction that sees one moment of the ledger and cannot change it."""
        try:
            async with self._reader.connect() as connection:
                yield Tx(connection, writing=False)
        except (OperationalError, PoolTimeout) as error:
            raise _unreachable(self.url, error) from error

    async def check(self) -> Health:
        """One line for `firstmate doctor`."""
        try:
            async with self.write() as tx:
                await tx.execute(select(tables.sequences.c.name).limit(1))
        except Unreachable as error:
            return Health(ok=False, line=str(error))
        return Health(ok=True, line=f"ledger {_shown(self.url)}: open, schema {migrations.HEAD}")

    async def owned(self) -> bool:
        """Whether it is opened as who owns its tables, as a file always is: only then can it be rewritten."""
        if not self.shared:
            return True
        async with self.read() as tx:
            ours = "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'audit_payloads'::regclass"
            return bool((await tx.execute(text(ours))).scalar())

    async def scrub(self) -> bool:
        """Rewrite the database, so that what was deleted is not in its files any more. False where a reader of SQLite's log kept
        it from being emptied: try again, at the latest when nothing else has the ledger open. PostgreSQL's archived log stays."""
        try:
            return await asyncio.to_thread(_scrub, self.url)
        except (OperationalError, sqlite3.OperationalError) as error:
            raise _unreachable(self.url, error) from error

    async def close(self) -> None:
        """Give every connection back. Open transactions are rolled back."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def parse_url(url: str) -> URL:
    """`url` with the driver we use. Raises `Misconfigured` for what cannot be a ledger."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Misconfigured("the ledger's URL cannot be read; write sqlite:///path/to/ledger.db or postgresql://…") from error
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise Misconfigured("the ledger must outlive the process: name a file, sqlite:///path/to/ledger.db")
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise Misconfigured(f"{other} cannot hold the ledger; use sqlite:///path/to/ledger.db or postgresql://…")


def libpq(url: URL) -> str:
    """As PostgreSQL's own library reads it. Holds the password."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def own_file(path: Path) -> None:
    """Make `path` exist with mode 0600, and its directory with 0700 where it is new."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # An existing file is never opened here: closing it again would drop the locks this process's SQLite holds on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    path.chmod(0o600)  # the write-ahead log takes its mode from this file


def _prepare(url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        own_file(Path(str(url.database)))
    migrations.upgrade(url)


def _scrub(url: URL) -> bool:
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM FULL audit_payloads, outbox, deliveries, approvals")
        return True
    with closing(sqlite3.connect(str(url.database), isolation_level=None, timeout=BUSY_S)) as file:
        file.execute("VACUUM")
        busy, *_ = file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    if url.get_backend_name() == "postgresql":
        # Writers come one after another (`_BEGIN_WRITING_POSTGRES`), so READ COMMITTED serves them: each sees what was before.
        engine = create_async_engine(url, pool_size=8, max_overflow=8, pool_timeout=BUSY_S, pool_pre_ping=True)
        return engine, engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    # `isolation_level: None` leaves BEGIN to us; the driver's own would begin late and deferred.
    options: dict[str, Any] = {"connect_args": {"isolation_level": None, "timeout": BUSY_S}, "pool_timeout": BUSY_S * 3}
    writer = create_async_engine(url, pool_size=1, max_overflow=0, **options)  # writers of one process queue here, not on the file
    reader = create_async_engine(url, pool_size=4, max_overflow=4, **options)
    event.listen(writer.sync_engine, "connect", _writes_durably)
    event.listen(writer.sync_engine, "begin", _begin_writing)
    event.listen(reader.sync_engine, "connect", _only_reads)
    event.listen(reader.sync_engine, "begin", _begin_reading)
    return writer, reader


def _pragmas(connection: Any, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _writes_durably(connection: Any, _record: Any) -> None:
    # FULL, not NORMAL: in WAL mode NORMAL may lose the last commits with the power, and "approved" was already said.
    # And what is deleted is overwritten: else it stays in the file until something else takes its place.
    _pragmas(connection, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")


def _only_reads(connection: Any, _record: Any) -> None:
    _pragmas(connection, "query_only=ON")


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _shown(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _unreachable(url: URL, error: Exception) -> Unreachable:
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    return Unreachable(f"the ledger {_shown(url)} did not answer: {cause}; nothing was changed, try again")
