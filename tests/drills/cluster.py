"""Two machines on one PostgreSQL: each a folder of its own with a surface and a work process; one Slack, one target."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from app.ledger import audit
from app.ledger.ledger import Ledger
from tests.drills.stack import PATIENCE_S, Lost, Stack, processes
from tests.drills.target import Target
from tests.fake_slack import FakeSlack
from tests.fake_slack.plugin import seeded
from tests.postgres import granted, role_in


class Machine(Stack):
    """One of them. What it reads of the ledger is the same for all."""

    def __init__(self, folder: Path, slack: FakeSlack, target: Target, *, url: str, running: str, twin: str = "") -> None:
        super().__init__(folder, slack, target, twin=twin)
        self.url = url
        self.environment["FIRSTMATE_DATABASE_URL"] = running
        self._ledger = psycopg.connect(url, autocommit=True)

    async def up(self) -> None:
        """`firstmate serve`, until its work process works: on a busy machine that takes a while."""
        self.surface = await self.another()
        await self.until("it works", lambda: any(int(each.name) == self.work() for each in self._begun()), 4 * PATIENCE_S)

    def rows(self, query: str, *values: object, file: str = "ledger.sqlite") -> list[Any]:
        if file != "ledger.sqlite":
            return super().rows(query, *values, file=file)
        try:
            if not values:
                return self._ledger.execute(query.encode()).fetchall()
            return self._ledger.execute(query.replace("%", "%%").replace("?", "%s").encode(), values).fetchall()
        except psycopg.errors.UndefinedTable:
            return []

    def count(self, table: str, where: str = "true", *, file: str = "ledger.sqlite") -> int:
        with suppress(sqlite3.OperationalError):
            found = self.rows(f"SELECT count(*) FROM {table} WHERE {where}", file=file)
            return int(found[0][0]) if found else 0
        return 0

    def close(self) -> None:
        self._ledger.close()

    async def end_machine(self) -> None:
        """kill -9 of everything on it."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.surface is not None:
            await self.surface.wait()
        await self.until("all of it is gone", lambda: not self.pids())
        self.open_gates()

    def pids(self) -> list[int]:
        return list(processes(self.data))

    def fired(self) -> list[tuple[str, int, int]]:
        """Kind, tick and process of everything that its clocks fired."""
        file = self.folder / "fired"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(kind, int(tick), int(pid)) for kind, tick, pid in (line.rsplit(" ", 2) for line in lines)]

    def at(self, *names: str) -> bool:
        """Whether somebody of this machine stands at one of these gates."""
        return any((self.gates / f"{name}.reached").exists() for name in names)

    def _wrong_in_ledger(self) -> list[str]:
        told = [f"{self.folder.name}: unfinished: {left}"] if (left := self.unfinished()) else []
        kept = {key for (key,) in self.rows("SELECT key FROM deliveries", file="inbox.sqlite")}
        if missing := kept - {key for (key,) in self.rows("SELECT key FROM deliveries")}:
            told.append(f"kept and never moved: {missing}")
        twice = "SELECT incident, body::jsonb ->> 'call', count(*) FROM proposals GROUP BY 1, 2 HAVING count(*) > 1"
        told += [f"{incident}: proposed {n} times: {call}" for incident, call, n in self.rows(twice)]
        for table, name, why in (("outbox", "key", "error"), ("runs", "id", "stop_reason")):
            failed = self.rows(f"SELECT {name}, {why} FROM {table} WHERE state = 'failed'")
            told += [f"{table}: {each} failed: {reason}" for each, reason in failed]
        return told

    async def _wrong_in_audit(self) -> list[str]:
        ledger = await Ledger.open(self.url)
        try:
            async with ledger.read() as tx:
                return [line for (incident,) in self.rows("SELECT id FROM incidents") for line in await audit.verify(tx, incident)]
        finally:
            await ledger.close()


class Cluster:
    """Both machines, and what is asked of them together."""

    def __init__(self, a: Machine, b: Machine) -> None:
        self.a, self.b = a, b
        self.machines = (a, b)
        self.slack, self.target = a.slack, a.target
        self.took_s: dict[str, float] = {}

    async def start(self) -> None:
        """Both, until both work."""
        await asyncio.gather(*(each.up() for each in self.machines))
        await self.until("both have a socket", lambda: len(self.slack.sockets.sockets) >= 2)

    def arm(self, name: str, *, lingering: bool = False) -> None:
        for each in self.machines:
            each.arm(name, lingering=lingering)

    def open_gates(self) -> None:
        for each in self.machines:
            each.open_gates()

    async def reached(self, name: str) -> tuple[Machine, Machine]:
        """Who stands at the gate, and the other one."""
        await self.until(f"the window {name!r} is reached", lambda: any(each.at(name) for each in self.machines))
        return (self.a, self.b) if self.a.at(name) else (self.b, self.a)

    async def timed(self, what: str, holds: Callable[[], Any]) -> None:
        """How long it takes is noted: the longest of each kind."""
        began = time.monotonic()
        await self.a.until(what, holds, PATIENCE_S)
        took = time.monotonic() - began
        self.took_s[what] = max(took, self.took_s.get(what, 0.0))

    @property
    def slowest_s(self) -> float:
        return max(self.took_s.values())

    async def until(self, what: str, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
        return await self.a.until(what, holds, patience_s)

    async def rest(self, patience_s: float = 2 * PATIENCE_S) -> None:
        calm, deadline = 0, time.monotonic() + patience_s
        while calm < 3:
            left = [found for each in self.machines if (found := each.unfinished())]
            calm = 0 if left else calm + 1
            if time.monotonic() > deadline:
                raise Lost(f"still unfinished after {patience_s:g} s: {left}")
            await asyncio.sleep(0.1)

    async def wrong(self) -> list[str]:
        return list(dict.fromkeys([line for each in self.machines for line in await each.wrong()]))

    def summary(self, drill: str, wrong: list[str]) -> str:
        double = sum(n - 1 for n in self.target.times().values())
        unapproved = max(0, len(self.target.effects) - self.a.count("approvals", "decision = 'approve'"))
        took = "; ".join(f"{what}: {s:.1f} s" for what, s in self.took_s.items())
        return f"{drill}: broken promises {len(wrong)}, double {double}, unapproved {unapproved}; {took}"


@asynccontextmanager
async def cluster(folder: Path, url: str, *, twin: str = "") -> AsyncIterator[Cluster]:
    """Up to their folders; `start` starts the processes. `url`: an empty database, of which they own nothing."""
    await asyncio.to_thread(folder.mkdir)
    target = Target()
    runner = await target.start()
    with role_in(url) as (role, running):
        await granted(url, role)
        async with FakeSlack(rates="observe") as slack:
            seeded(slack)
            made = Cluster(*(Machine(folder / name, slack, target, url=url, running=running, twin=twin) for name in ("a", "b")))
            try:
                yield made
            except BaseException:
                for each in made.machines:
                    print(each.folder.name, json.dumps(each.unfinished()), each.log()[-6000:])
                raise
            finally:
                for each in made.machines:
                    await each.abandon()
                    each.close()
                target.release()
                await runner.cleanup()
