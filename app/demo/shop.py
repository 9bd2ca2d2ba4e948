"""The shop as a whole: starts every process, lets a baseline pass, makes the changes, and says what it does as JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.demo import alerts, lean, wire
from app.demo.control import Control
from app.demo.deploytool import Child, DeployTool, NotUp
from app.demo.faults import INNOCENT_FLAG, Fault, Step, plan
from app.demo.names import ENTRY_POINT, FLAGS, GUARDS, PICKS_FLAG, PROVIDER, SERVICES, Names
from app.demo.releases import first_release

BASELINE_S = 13.0
SCRAPE_EVERY_S = 0.5
PROGRESS_EVERY_S = 2.0
AUTHORS = ("amara", "bruno", "chen", "dilnoza", "eero", "fatou", "goran", "hina", "ivo", "jelena", "kofi", "lucia")


@dataclass(frozen=True)
class Order:
    """What the person who started the shop asked for."""

    fault: Fault
    folder: Path
    intake: str
    token: str
    seed: int
    names: Names
    shuffle: bool
    baseline_s: float = BASELINE_S
    crowd: float = 1.0  # how many times the usual number of visitors
    parent: int | None = None  # whose end ends the shop


@dataclass
class Truth:
    """What was really done, for after the incident."""

    change_id: str | None = None
    bait_change_ids: list[str] = field(default_factory=list)


def say(event: str, **fields: object) -> None:
    """One JSON line on stdout. Raises BrokenPipeError when nobody listens any more."""
    sys.stdout.write(json.dumps({"event": event, "t": alerts.zulu(time.time()), **fields}) + "\n")
    sys.stdout.flush()


class Shop:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._names = order.names
        self._chance = random.Random(f"shop {order.seed}")
        self._truth = Truth()
        self._changes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._helpers: dict[str, Child] = {}
        self._client = wire.Client()
        self._tool = DeployTool(order.folder, order.names, self._changes.put_nowait)
        self._sockets = {role: wire.listen() for role in ("provider", "load", "scraper", "control")}
        self._addresses = {role: wire.address(sock) for role, sock in self._sockets.items()}

    async def run(self, ended: asyncio.Event) -> None:
        """Until `ended` is set. Every process is gone when this returns."""
        tasks: list[asyncio.Task[None]] = []
        try:
            tasks = [asyncio.create_task(work) for work in (self._live(), self._send_changes(), self._until(ended))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop()

    async def _until(self, ended: asyncio.Event) -> None:
        await ended.wait()

    async def _stop(self) -> None:
        if "load" in self._helpers:  # the visitors leave first, so that nobody sees the shop close
            await self._helpers["load"].end(patience_s=0)
        await asyncio.gather(self._tool.stop(), *(helper.end(patience_s=0.5) for helper in self._helpers.values()))

    async def _live(self) -> None:
        say("starting", services=[self._names(role) for role in SERVICES])
        self._prepare()
        await self._start()
        say(
            "ready",
            prometheus=f"http://{self._addresses['scraper']}",
            control=f"http://{self._addresses['control']}",
            logs=str(self._order.folder / "logs"),
            entry_point=self._names(ENTRY_POINT),
            services=[self._names(role) for role in SERVICES],
            addresses=self._tool.addresses,
            processes=self._pids(),
        )
        async with asyncio.TaskGroup() as together:
            together.create_task(self._follow_scraper())
            together.create_task(self._progress())
            together.create_task(self._mind_services())
            together.create_task(self._incident())

    def _prepare(self) -> None:
        now = time.time()
        for role in SERVICES:
            version = f"1.{self._chance.randint(2, 30)}.{self._chance.randint(0, 4)}"
            author = self._chance.choice(AUTHORS)
            self._tool.add_service(role, first_release(role, self._names, version=version, author=author, at_s=now - 86400.0))
        self._tool.addresses[self._names(PROVIDER)] = self._addresses["provider"]
        for flag, role in FLAGS.items():
            guards = tuple(self._names(needed) for needed in GUARDS.get(flag, ()))
            self._tool.add_flag(self._names(flag), self._names(role), "on" if flag == PICKS_FLAG else "off", guards=guards)

    async def _start(self) -> None:
        await asyncio.gather(
            self._help("provider", seed=self._order.seed), *(self._tool.start(name) for name in self._tool.services)
        )
        entry = self._names(ENTRY_POINT)
        targets = {name: self._tool.addresses[name] for name in self._tool.services}
        await asyncio.gather(
            self._help("load", entry=self._tool.addresses[entry], seed=self._order.seed, crowd=self._order.crowd),
            self._help(
                "scraper",
                targets=targets,
                interval_s=SCRAPE_EVERY_S,
                intake=self._order.intake,
                token=self._order.token,
                url=f"http://{self._addresses['scraper']}",
                entry_point=entry,
                quiet_s=self._order.baseline_s,
            ),
        )
        control = Control(self._tool, truth=self.truth, kill_scraper=self.kill_scraper)
        await wire.Server(self._sockets["control"], control.answer).start()

    async def _help(self, role: str, **spec: object) -> None:
        sock = self._sockets.pop(role)
        self._helpers[role] = await Child.start(role, role, spec, sock, self._tool.stderr(role))
        sock.close()  # open here it would go on accepting for a process that is gone

    def _pids(self) -> dict[str, int]:
        running = {name: service.child.process.pid for name, service in self._tool.services.items() if service.child is not None}
        return running | {role: child.process.pid for role, child in self._helpers.items()} | {"shop": os.getpid()}

    # --- all along

    async def _follow_scraper(self) -> None:
        while (line := await self._helpers["scraper"].line()) is not None:
            say(str(line.pop("event", "scraper")), **line)
        say("scraper", state="gone")

    async def _progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            seen = await self._visitors_see(PROGRESS_EVERY_S)
            say("load", **{name: seen.get(name) for name in ("rps", "error_ratio", "p95_ms")})

    async def _visitors_see(self, window_s: float) -> dict[str, Any]:
        try:
            reply = await self._client.ask("GET", f"http://{self._addresses['load']}/?window_s={window_s}")
        except OSError:
            return {}
        return dict(reply.json())

    async def _mind_services(self) -> None:
        """Starts a service again that ended by itself."""
        while True:
            await asyncio.sleep(0.5)
            for name, running in self._tool.services.items():
                child = running.child
                if child is not None and child.wanted and child.process.returncode is not None and not running.busy.locked():
                    say("restarted", service=name, exit_code=child.process.returncode)
                    async with running.busy:
                        await self._tool.start(name)

    async def _send_changes(self) -> None:
        url = f"{self._order.intake.rstrip('/')}/webhooks/changes"
        while True:
            change = await self._changes.get()
            shown = {
                name: change[name] for name in ("id", "kind", "service", "title", "at", "version", "previous_version", "author")
            }
            say("change", **shown, taken=await alerts.post(self._client, url, self._order.token, change))

    # --- the incident

    async def _incident(self) -> None:
        say("baseline", seconds=self._order.baseline_s)
        await asyncio.sleep(self._order.baseline_s)
        seen = await self._visitors_see(max(1.0, self._order.baseline_s - 3.0))
        say("baseline-done", **{name: seen.get(name) for name in ("rps", "error_ratio", "p95_ms")})
        began = time.monotonic()
        for step in plan(self._order.fault, seed=self._order.seed, shuffle=self._order.shuffle):
            await asyncio.sleep(max(0.0, step.at_s - (time.monotonic() - began)))
            await self._take(step)

    async def _take(self, step: Step) -> None:
        author = self._chance.choice(AUTHORS)
        if step.kind == "outage":
            await self._helpers["provider"].tell("failing")
            return
        if step.kind == "rush":
            await self._helpers["load"].tell("rush")
            return
        if step.kind == "flag":
            change = self._tool.flip(self._names(INNOCENT_FLAG), to="on", expected=None, author=author)
        else:
            assert step.deploy is not None  # a deploy step has one
            deploy = step.deploy
            change = await self._tool.deploy(self._names(deploy.service), deploy.edits, author=author, title=deploy.title)
        if step.kind == "guilty":
            self._truth.change_id = change["id"]
        else:
            self._truth.bait_change_ids.append(change["id"])

    # --- what the control door asks for

    async def truth(self) -> dict[str, Any]:
        fault = self._order.fault
        seen = await self._visitors_see(4.0)
        routes = seen.get("routes", {}).values()
        well = all(r["error_ratio"] <= alerts.FAILING_RATIO and r["p95_ms"] <= alerts.SLOW_S * 1000 for r in routes)
        return {
            "fault": fault.name,
            "service": self._guilty(),
            "dependent": self._names(fault.before.service),
            "change_id": self._truth.change_id,
            "repairable": fault.guilty is not None or fault.repair_flag is not None,
            "flag": None if fault.repair_flag is None else self._names(fault.repair_flag),
            "bait_change_ids": self._truth.bait_change_ids,
            "recovered": bool(routes) and well,
            "seen": seen,
        }

    def _guilty(self) -> str | None:
        """The service that did it; None in a rush, which none did."""
        fault = self._order.fault
        if fault.guilty is not None:
            return self._names(fault.guilty.service)
        return self._names(PROVIDER) if fault.outside == "outage" else None

    async def kill_scraper(self) -> bool:
        scraper = self._helpers["scraper"]
        if scraper.process.returncode is not None:
            return False
        scraper.process.kill()
        await scraper.process.wait()
        return True


async def _keep(order: Order) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    lean.watch_parent(order.parent or os.getppid(), then=lambda: loop.call_soon_threadsafe(ended.set))
    await Shop(order).run(ended)


def run(order: Order) -> int:
    """Keeps the shop until a signal, until whoever started it is gone, or until nobody reads its lines. Returns the exit code."""
    code = 0
    try:
        asyncio.run(_keep(order))
    except* BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it once more at its end
    except* NotUp as failed:
        code = 1
        say("failed", error="; ".join(str(one) for one in failed.exceptions))
    return code
