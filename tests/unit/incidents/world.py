"""What the incident's verbs work on in these tests: a real ledger and runner, a small real deploy tool over HTTP, and a clock
that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from app.actions.shop_client import ShopClient
from app.actions.shop_rollout_undo import ShopRolloutUndo
from app.domain.action import Call
from app.domain.agent import Agent
from app.domain.approval import Person
from app.domain.errors import Unreachable
from app.domain.finding import Finding
from app.domain.hypothesis import Diagnosis, Hypothesis
from app.domain.incident import Incident, Scope
from app.domain.proposal import Criterion, Proposal
from app.domain.telemetry import MetricTable, NoData
from app.domain.window import Window
from app.incidents import decide, execute, investigate, verify
from app.incidents.declare import declare
from app.incidents.desk import Desk, Windows
from app.incidents.propose import propose
from app.jobs.runner import InProcessRunner
from app.ledger import audit, executions, incidents, proposals, timeline
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key
from app.policy.policy import load

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = """
format: 1
approvers:
  - target: shop/service/*
    people: [UAPPROVER, USECOND]
expiry_minutes: {tier_1: 30, tier_2: 15, tier_3: 5}
verification: {hold_s: 1, within_s: 30}
open_proposals: 5
"""


class MovedClock:
    """Stands still until time goes by (`move`) or somebody sets it (`jump`): then no time goes by."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.passed_s = 0.0

    def __call__(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed_s

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)
        self.passed_s += timedelta(**by).total_seconds()

    def jump(self, **by: float) -> None:
        self.at += timedelta(**by)


class DeployTool:
    """A deploy tool as the shop's two actions know one, on a real port. `ending`: how its next rollout ends for the caller."""

    def __init__(self) -> None:
        self.version = "1.8.0"
        self.effects = 0
        self.asked: list[dict[str, Any]] = []
        self.ending = "ok"
        self.reading = "ok"
        self.url = ""
        self.arrived = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[DeployTool]:
        app = web.Application()
        app.router.add_get("/services", self._list)
        app.router.add_get("/services/{name}", self._read)
        app.router.add_post("/services/{name}/rollout", self._rollout)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.go_on.set()
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"services": [{"service": "checkout", "version": self.version}]})

    async def _read(self, request: web.Request) -> web.Response:
        if self.reading == "broken":
            return web.Response(status=503, text="down")
        if self.reading == "garbage":
            return web.Response(text="<html>", content_type="text/html")
        return web.json_response({"service": request.match_info["name"], "version": self.version})

    async def _rollout(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.arrived.set()
        await self.go_on.wait()
        if self.ending == "refuse":
            return web.json_response({"error": "another version runs"}, status=409)
        self.version = body["to_version"]
        self.effects += 1
        if self.ending == "lose":
            assert request.transport is not None
            request.transport.close()
        if self.ending == "garbage":
            return web.Response(text="<html>", content_type="text/html")
        return web.json_response({"version": self.version})


class Gauge:
    """A metrics source with one number. `script`: what it answers in turn; the last stays. Each look moves the clock on."""

    name = "prometheus"

    def __init__(self, clock: MovedClock, script: Sequence[float | NoData | Exception] = (), *, step_s: float = 1.0) -> None:
        self._clock, self._script, self._step_s = clock, list(script), step_s
        self.looks = 0

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        return NoData(source=self.name, query="", reason="not asked here")

    async def value(self, query: str, *, at: datetime) -> float | NoData:
        answer = self._script[min(self.looks, len(self._script) - 1)]
        self.looks += 1
        self._clock.move(seconds=self._step_s)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class World:
    """A desk and everything behind it."""

    desk: Desk
    clock: MovedClock
    runner: InProcessRunner
    tool: DeployTool
    folk: dict[str, Person | Exception]
    found: list[Callable[[Scope], Diagnosis]] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return self.desk.ledger

    def with_(self, **fields: Any) -> World:
        return replace(self, desk=replace(self.desk, **fields))

    async def declared(self, title: str = "checkout fails", **fields: Any) -> Incident:
        return await declare(self.desk, title=title, by="UCOMMANDER", surface="test", service="checkout", **fields)

    async def proposed(
        self, incident: str, *, criterion: Criterion | None = None, by_agent: bool = True, **fields: Any
    ) -> Proposal:
        given: dict[str, Any] = {
            "call": Call(
                action="shop_rollout_undo",
                arguments={"service": "checkout", "from_version": "1.8.0", "to_version": "1.7.2"},
            ),
            "asked_by": "proposer@1.0.0",
            "surface": "test",
            "why": "1.8.0 came with the errors",
            **fields,
        }
        return await propose(self.desk, incident=incident, criterion=criterion, by_agent=by_agent, **given)

    async def press(
        self, proposal: Proposal, *, by: str = "UCOMMANDER", decision: Any = "approve", **fields: Any
    ) -> decide.Decided:
        return await decide.decide(self.desk, proposal=proposal.hash, decision=decision, by=by, surface="test", **fields)

    async def start_jobs(self) -> None:
        """The same jobs as the work process."""
        desk = self.desk

        async def run(payload: Any) -> None:
            await investigate.investigate(desk, str(payload["run"]))

        async def act(payload: Any) -> None:
            await execute.execute(desk, str(payload["proposal"]))

        async def take_up(payload: Any) -> None:
            await execute.take_up(desk, str(payload["execution"]))

        async def watch(payload: Any) -> None:
            await verify.verify(desk, str(payload["execution"]))

        await self.runner.start({investigate.JOB: run, decide.EXECUTE: act, execute.TAKE_UP: take_up, execute.VERIFY: watch})

    async def state(self, proposal: Proposal) -> str:
        async with self.ledger.read() as tx:
            return (await proposals.get(tx, proposal.hash)).state

    async def execution(self, proposal: Proposal) -> Any:
        async with self.ledger.read() as tx:
            return await executions.of_proposal(tx, proposal.hash)

    async def told(self, incident: str) -> list[str]:
        async with self.ledger.read() as tx:
            return [entry.text for entry in await timeline.for_incident(tx, incident)]

    async def audited(self, incident: str) -> list[str]:
        async with self.ledger.read() as tx:
            return [row.action for row in await audit.rows(tx, incident)]

    async def incident(self, id: str) -> Incident:
        async with self.ledger.read() as tx:
            return await incidents.get(tx, id)


def member(id: str, **fields: Any) -> Person:
    return Person(**{"id": id, "team": "THOME", **fields})


def diagnosis(scope: Scope, *, target: str = "checkout", confidence: float = 0.7) -> Diagnosis:
    """What a run of the graph might have found."""
    finding = Finding.of(
        agent=Agent(name="metrics", version="1.0.0"),
        signal="metrics",
        source="prometheus",
        query="errors",
        window=scope.window,
        as_of=scope.window.end,
        statement="errors rose from 0.1% to 20%",
        entity=target,
    )
    return Diagnosis(
        verdict="likely",
        hypotheses=(
            Hypothesis(
                target=target, confidence=confidence, verdict="supported", statement="1.8.0 fails", supporting=(finding.id,)
            ),
        ),
        findings=(finding,),
        gaps=(),
        stop_reason="answered",
    )


def criterion(**fields: Any) -> Criterion:
    return Criterion(
        **{
            "source": "prometheus",
            "query": "errors",
            "comparison": "<=",
            "threshold": 0.05,
            "hold_s": 1.0,
            "within_s": 30.0,
            "sentence": "errors at 0.05 or less",
            **fields,
        }
    )


@asynccontextmanager
async def opened(folder: Path, url: str = "") -> AsyncIterator[World]:
    """A whole world on a ledger in `folder`, or at `url`; what runs is ended at the end."""
    clock, tool = MovedClock(), DeployTool()
    folk: dict[str, Person | Exception] = {id: member(id) for id in ("UCOMMANDER", "UAPPROVER", "USECOND", "UNOBODY")}
    ledger = await Ledger.open(url or f"sqlite:///{folder / 'ledger.db'}")
    runner = InProcessRunner(retries_s=())
    found: list[Callable[[Scope], Diagnosis]] = []

    async def people(id: str) -> Person | None:
        person = folk.get(id)
        if isinstance(person, Exception):
            raise person
        return person

    async def triage(incident: str, run: str, scope: Scope) -> Diagnosis:
        return found[-1](scope) if found else diagnosis(scope)

    async with tool.serve():
        shop = ShopClient(tool.url)
        desk = Desk(
            ledger=ledger,
            clock=clock,
            jobs=runner,
            policy=load(POLICY),
            actions={"shop_rollout_undo": ShopRolloutUndo(shop)},
            metrics={},
            windows=Windows(lookback_s=600, reference_s=1800, settle_s=0),
            triage=triage,
            judge=Agent(name="judge", version="1.0.0"),
            people=people,
            home_team="THOME",
            roots=Roots(ledger, folder / "audit", key=own_key(folder / "audit.key"), clock=clock),
            monotonic=clock.monotonic,
        )
        world = World(desk=desk, clock=clock, runner=runner, tool=tool, folk=folk, found=found)
        try:
            yield world
        finally:
            await runner.stop(grace_s=0)
            await shop.close()
            await ledger.close()


def unreachable(what: str = "Slack did not say who that is") -> Unreachable:
    return Unreachable(what)


def window() -> Window:
    return Window(start=NOON - timedelta(minutes=30), end=NOON)
