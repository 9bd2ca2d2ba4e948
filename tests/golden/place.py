"""Where the golden ledgers were made and are opened again: the real verbs, the real graph with its checkpoints, a recorded incident
to look at, a deploy tool, and a clock that stands at the moment they were frozen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.actions.shop_client import ShopClient
from app.actions.shop_rollout_undo import ShopRolloutUndo
from app.connectors.case import open_case
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.incidents.desk import Desk, Windows
from app.incidents.thinking import LedgerStore, store_draft, trace
from app.jobs.runner import InProcessRunner
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key
from app.plugged import calibration, investigators
from app.policy.policy import load
from app.processes import checkpoints
from app.runbooks import builtin_runbooks, read_runbooks
from graphs import judge, proposer, triage
from graphs.context import TriageContext
from graphs.contract import Sources
from graphs.models.none import NoModel
from tests.e2e.shop import write_case
from tests.unit.incidents.world import NOON, POLICY, DeployTool, Gauge, MovedClock, World, member

Build = Callable[[Any], triage.Graph]


@dataclass
class Place:
    """`world` is on the ledger in `folder`; `built` is its graph."""

    world: World
    folder: Path
    saver: Any


def recorded(folder: Path) -> Path:
    """Its metrics answer for verification too, under the name findings cite."""
    case = write_case(folder, now=NOON) / "case.json"
    case.write_text(json.dumps(json.loads(case.read_text()) | {"id": "case:metrics.csv"}))
    return folder


@asynccontextmanager
async def place(folder: Path, *, at: datetime = NOON, build: Build = triage.build) -> AsyncIterator[Place]:
    """On `ledger.sqlite` and `checkpoints.sqlite` in `folder`, which are made where there are none; no jobs are started yet."""
    clock, tool = MovedClock(at), DeployTool()
    source = open_case(recorded(folder / "case"))
    ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    runner = InProcessRunner(retries_s=())
    folk: Any = {id: member(id) for id in ("UCOMMANDER", "UAPPROVER", "USECOND")}

    async def people(id: str) -> Any:
        return folk.get(id)

    async with tool.serve(), checkpoints(folder / "checkpoints.sqlite") as saver:
        shop = ShopClient(tool.url)
        actions = {ShopRolloutUndo.name: ShopRolloutUndo(shop)}
        graph = build(saver)

        async def think(incident: str, run: str, scope: Scope) -> Diagnosis:
            async def propose(_run: str, draft: Any) -> None:
                await store_draft(desk, incident, draft, proposer=str(proposer.AGENT))

            context = TriageContext(
                scope=replaced(scope, source.scope),
                sources=Sources(metrics=(source,), logs=(source,), changes=(source,), topology=(source,)),
                investigators=investigators(),
                store=LedgerStore(ledger, clock),
                model=NoModel(),
                progress=trace(ledger, clock, run, lambda _: None),
                clock=clock,
                calibration=calibration(),
                actions=actions,
                runbooks=tuple(read_runbooks(builtin_runbooks())),
                propose=propose,
                hold_s=1.0,
                within_s=30.0,
            )
            diagnosis = await triage.run(graph, context, run=run)
            await saver.adelete_thread(run)
            return diagnosis

        desk = Desk(
            ledger=ledger,
            clock=clock,
            jobs=runner,
            policy=load(POLICY),
            actions=actions,
            metrics={source.name: Gauge(clock, [0.0])},
            windows=Windows(lookback_s=600, reference_s=1800, settle_s=0),
            triage=think,
            judge=judge.AGENT,
            people=people,
            home_team="THOME",
            roots=Roots(ledger, folder / "audit", key=own_key(folder / "audit.key"), clock=clock),
            monotonic=clock.monotonic,
        )
        world = World(desk=desk, clock=clock, runner=runner, tool=tool, folk=folk)
        try:
            yield Place(world, folder, saver)
        finally:
            await runner.stop(grace_s=0)
            await shop.close()
            await ledger.close()


def replaced(scope: Scope, recorded: Scope) -> Scope:
    """What was declared, looked at in the stretch that was recorded."""
    return scope.model_copy(update={"window": recorded.window, "reference": recorded.reference})
