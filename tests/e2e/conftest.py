"""Slack in, Slack out: both processes' real parts in one event loop, against the strict fake Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from slack_sdk.web.async_client import AsyncWebClient

from app.actions.flag_switch import FlagSwitch
from app.actions.shop_client import ShopClient
from app.actions.shop_release_delete import ShopReleaseDelete
from app.actions.shop_rollout_undo import ShopRolloutUndo
from app.connectors.case import CONNECTOR, open_case
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Incident, Scope
from app.incidents.desk import Desk, Windows
from app.incidents.thinking import LedgerStore, store_draft, trace
from app.jobs import confirming
from app.jobs.inbox import Inbox
from app.jobs.runner import InProcessRunner
from app.jobs.sender import SlackSender
from app.jobs.work import WorkProcess
from app.ledger import audit, incidents, outbox
from app.ledger.audit import AuditRow
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key
from app.plugged import calibration
from app.plugins import discover
from app.policy.policy import Policy, load
from app.runbooks import builtin_runbooks, read_runbooks
from app.slack import blocks, bolt, connection, deliveries, modals
from app.slack.people import SlackChannels, SlackPeople
from app.web import deliveries as web
from app.web.server import create, serve
from graphs import judge, proposer
from graphs import triage as graph
from graphs.context import Draft, TriageContext
from graphs.contract import Sources
from graphs.models.none import NoModel
from tests.e2e.shop import DeployTool, LiveMetrics, write_case
from tests.fake_slack import FakeSlack, Message

WEBHOOK_TOKEN = "webhook-token"
POLICY = """
format: 1
approvers:
  - target: shop/service/*
    people: [U02BOB]
verification: {hold_s: 1, within_s: 4}
"""


@dataclass
class Rig:
    """Everything that runs, and what a test looks at."""

    slack: FakeSlack
    ledger: Ledger
    inbox: Inbox
    tool: DeployTool
    desk: Desk
    url: str
    gate: asyncio.Event  # triage waits for it
    begin_work: Callable[[], Awaitable[None]]
    end_work: Callable[[], Awaitable[None]]

    async def incident(self, number: int = 1) -> Incident:
        async with self.ledger.read() as tx:
            return await incidents.get(tx, f"INC-{number:04d}")

    async def audit_of(self, incident: str = "INC-0001") -> list[AuditRow]:
        async with self.ledger.read() as tx:
            return await audit.rows(tx, incident)

    async def card(self, key: str = "incident", incident: str = "INC-0001") -> Message:
        """The message that shows a card, once the ledger knows where it is."""
        while True:
            async with self.ledger.read() as tx:
                placed = await outbox.placed(tx, incident, key)
            if placed is not None:
                return self.slack.workspace.messages[placed.ts]
            await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Until everything that came in is worked on and everything that must be told is told."""
        calm = 0
        while calm < 3:
            async with self.ledger.read() as tx:
                waiting = (await tx.connection.exec_driver_sql(_UNDONE)).scalar_one()
            waiting += await self.inbox.waiting()
            calm = calm + 1 if not waiting else 0
            await asyncio.sleep(0.06)

    async def alert(self, **labels: str) -> httpx2.Response:
        """What Alertmanager would send."""
        fired = {"status": "firing", "labels": labels, "annotations": {"summary": labels.get("summary", "it is broken")}}
        fired |= {"startsAt": datetime.now(UTC).isoformat(), "fingerprint": labels.get("alertname", "a")}
        body = {"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "x", "alerts": [fired]}
        async with httpx2.AsyncClient() as http:
            return await http.post(
                f"{self.url}/webhooks/alertmanager", json=body, headers={"authorization": f"Bearer {WEBHOOK_TOKEN}"}
            )


_UNDONE = """
SELECT (SELECT count(*) FROM deliveries WHERE finished_at IS NULL)
     + (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'ambiguous'))
     + (SELECT count(*) FROM runs WHERE state IN ('queued', 'running'))
     + (SELECT count(*) FROM executions WHERE state IN ('started', 'finished'))
"""

Start = Callable[..., Awaitable[Rig]]


@pytest.fixture(params=["socket", "http"])
def mode(request: pytest.FixtureRequest) -> str:
    """How Slack delivers."""
    return str(request.param)


@pytest_asyncio.fixture
async def start(make_slack: Callable[..., Awaitable[FakeSlack]], tmp_path: Path) -> AsyncIterator[Start]:
    """`rig = await start(mode=...)`: Alice and Bob are members, Bob approves; the shop's checkout is broken by its last deploy."""
    async with AsyncExitStack() as stack:

        async def begin(
            *, mode: str = "socket", policy: str | None = POLICY, pace_s: float = 0.0, held: bool = False, **options: Any
        ) -> Rig:
            slack = await make_slack(**options)
            slack.user("U03CARO")
            slack.join("U03CARO", "general")
            gate = asyncio.Event()
            if not held:
                gate.set()
            return await _assemble(stack, slack, tmp_path, mode, load(policy) if policy else None, pace_s, gate)

        yield begin


async def _assemble(
    stack: AsyncExitStack, slack: FakeSlack, folder: Path, mode: str, policy: Policy | None, pace_s: float, gate: asyncio.Event
) -> Rig:
    ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    stack.push_async_callback(ledger.close)
    inbox = await Inbox.open(folder / "inbox.sqlite")
    stack.push_async_callback(inbox.close)
    tool = DeployTool()
    stack.push_async_callback((await tool.start()).cleanup)
    shop = ShopClient(tool.url)
    stack.push_async_callback(shop.close)

    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, timeout=5)
    home = await connection.sign_in(client)
    sender = SlackSender(
        client,
        message=blocks.message,
        modal=blocks.modal,
        prefix="inc",
        answers_at=f"{slack.workspace.base_url}/response/",
        us=home.bot_user,
    )
    sender.pace_s = pace_s
    desk = _desk(ledger, tool, shop, policy, folder, gate, people=SlackPeople(client, home.team), home_team=home.team)
    channels = SlackChannels(client)
    surface = bolt.build(
        inbox,
        client=client,
        home=home,
        signing_secret=slack.signing_secret if mode == "http" else "",
        actions=modals.offered(desk.actions),
    )
    web_app = create(inbox, token=WEBHOOK_TOKEN, ready=_ready)
    if mode == "http":
        web_app.include_router(connection.router(surface))
    url = await stack.enter_async_context(serve(web_app, host="127.0.0.1", port=0))
    if mode == "http":
        slack.deliver_to(f"{url}{connection.PATH}")
    else:
        app_client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
        await stack.enter_async_context(connection.over_sockets(surface, app_client))
        await slack.wait_for(lambda: slack.sockets.sockets)
    working: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def begin_work() -> None:
        """The work process, made anew from what is on disk, as after a crash."""
        runner = InProcessRunner(retries_s=(0.1, 0.1, 0.1))
        own = replace(desk, jobs=runner)
        process = WorkProcess(
            own,
            runner,
            inbox,
            sender,
            handlers={
                **web.handlers(own),
                **confirming.handlers(own),
                **deliveries.handlers(own, app=home.app, shared=channels.shared),
            },
            apologise=deliveries.apologise(own),
        )
        stopping = asyncio.Event()
        working.append((stopping, asyncio.create_task(process.run(stopping))))

    async def end_work() -> None:
        while working:
            stopping, task = working.pop()
            stopping.set()
            await task

    await begin_work()
    stack.push_async_callback(end_work)
    return Rig(
        slack=slack, ledger=ledger, inbox=inbox, tool=tool, desk=desk, url=url, gate=gate, begin_work=begin_work, end_work=end_work
    )


def _desk(
    ledger: Ledger,
    tool: DeployTool,
    shop: ShopClient,
    policy: Policy | None,
    folder: Path,
    gate: asyncio.Event,
    *,
    people: Any,
    home_team: str,
) -> Desk:
    case = replace(open_case(write_case(folder / "case", now=datetime.now(UTC))), name=CONNECTOR.name)
    sources = Sources(metrics=(case,), logs=(case,), changes=(case,), topology=(case,))
    actions = {action.name: action for action in (ShopRolloutUndo(shop), ShopReleaseDelete(shop), FlagSwitch(shop))}
    runbooks, compiled = read_runbooks(builtin_runbooks()), graph.build()
    investigators = discover("graphs.investigators", "INVESTIGATOR")

    async def run_graph(incident: str, run: str, scope: Scope) -> Diagnosis:
        await gate.wait()

        async def propose(_: str, draft: Draft) -> None:
            await store_draft(desk, incident, draft, proposer=str(proposer.AGENT))

        context = TriageContext(
            scope=scope,
            sources=sources,
            investigators=investigators,
            store=LedgerStore(ledger, _now),
            model=NoModel(),
            progress=trace(ledger, _now, run, lambda _: None),
            clock=_now,
            calibration=calibration(),
            actions=actions,
            runbooks=runbooks,
            propose=propose,
            hold_s=1.0,
            within_s=4.0,
        )
        return await graph.run(compiled, context, run=run)

    desk = Desk(
        ledger=ledger,
        clock=_now,
        jobs=InProcessRunner(),  # a work process has one of its own
        policy=policy,
        actions=actions,
        metrics={CONNECTOR.name: LiveMetrics(tool)},
        windows=Windows(lookback_s=720, reference_s=1800, settle_s=0),
        triage=run_graph,
        judge=judge.AGENT,
        people=people,
        home_team=home_team,
        roots=Roots(ledger, folder / "audit", key=own_key(folder / "audit.key"), clock=_now),
        invite=("U02BOB",),
    )
    return desk


def _now() -> datetime:
    return datetime.now(UTC)


async def _ready() -> list[str]:
    return []
