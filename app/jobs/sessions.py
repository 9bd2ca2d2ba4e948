"""Locks among all processes on one PostgreSQL: its session advisory locks, all of a process on one connection of its own.

The server lets them go when that connection ends: at once after kill -9; for a host that is gone, once keepalives go unanswered.
A paused process answers those and keeps its locks. Not through a pooler that shares sessions (pgbouncer's transaction mode).
Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Self

import psycopg

from app.domain.errors import Unreachable

LOOK_EVERY_S = 1.0
PATIENCE_S = 15.0
"""How long the server may take to answer before we count as cut off: less than it takes to give our locks to others."""
KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""After 25 s without an answer the server takes our host for lost."""
NAME = "firstmate work"
"""What every such connection is called in pg_stat_activity, before its host and process."""

_TAKE = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_GIVE = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"


class SessionLocks:
    """Open ones. Make them with `SessionLocks.open`."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[bool]]) -> None:
        self._connection = connection
        self._held: set[str] = set()

    @classmethod
    async def open(cls, url: str) -> Self:
        """`url`: postgresql://…. Raises `Unreachable`."""
        try:
            name = f"{NAME} {socket.gethostname()}:{os.getpid()}"
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True, application_name=name, connect_timeout=10)
            for setting, value in KEEPALIVES.items():
                await connection.execute("SELECT set_config(%s, %s, false)", (setting, str(value)))
        except psycopg.Error as error:
            raise _unreachable(error) from error
        return cls(connection)

    async def take(self, name: str) -> bool:
        if name in self._held:  # the server would give it to its own session twice
            return False
        self._held.add(name)
        try:
            taken = await asyncio.shield(self._ask(_TAKE, name))  # an answer that nobody waits for could leave it held
        except BaseException:
            self._held.discard(name)
            raise
        if not taken:
            self._held.discard(name)
        return taken

    async def give(self, name: str) -> None:
        """Gone with the connection, if that is gone: then there is nothing to give."""
        try:
            await asyncio.shield(self._ask(_GIVE, name))
        except Unreachable:
            return
        finally:
            self._held.discard(name)

    async def lost(self) -> str:
        """Returns, with the reason, when the connection is gone: others may hold from now on what we held."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._connection.execute("SELECT true")
            except TimeoutError:
                return f"the ledger's server did not answer for {PATIENCE_S:g} s"
            except psycopg.Error as error:
                return f"the connection to the ledger's server broke: {str(error).splitlines()[0]}"

    async def close(self) -> None:
        """Gives all of them back."""
        await self._connection.close()

    async def _ask(self, statement: str, name: str) -> bool:
        try:
            row = await (await self._connection.execute(statement.encode(), (name,))).fetchone()
        except psycopg.Error as error:
            raise _unreachable(error) from error
        return bool(row and row[0])


def _unreachable(error: psycopg.Error) -> Unreachable:
    cause = (str(error).splitlines() or ["no answer"])[0]
    return Unreachable(f"the ledger's server can't be asked for a lock: {cause}")


async def at_work(url: str) -> list[str]:
    """Host and process of everybody who holds such a connection to this database now. Raises `Unreachable`."""
    asked = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, %s)"
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10) as connection:
            rows = await (await connection.execute(asked, (f"{NAME} ",))).fetchall()
    except psycopg.Error as error:
        raise Unreachable(f"the ledger's server can't say who works: {(str(error).splitlines() or ['no answer'])[0]}") from error
    return sorted(str(name).removeprefix(f"{NAME} ") for (name,) in rows)
