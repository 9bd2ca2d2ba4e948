"""The composition root: the only file that knows everybody. What is plugged in is chosen here, and nothing is decided.

Imports of heavy rooms are inside functions, so that `firstmate --help` answers at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel, ValidationError

from app.domain.errors import FirstmateError, Misconfigured
from app.domain.plugin import Checkable, Health, Plugin
from app.plugins import discover
from app.settings import Settings

if TYPE_CHECKING:
    from app.cards.card import Card
    from app.cli.composition import DemoEnd
    from app.domain.hypothesis import Diagnosis
    from app.domain.incident import Scope
    from app.domain.ports import Progress
    from app.domain.runbook import Runbook
    from app.jobs.inbox import Inbox
    from app.ledger.deliveries import Pending
    from app.ledger.ledger import Tx
    from app.policy.policy import Policy
    from graphs.contract import Sources

PORTS = ("metrics", "logs", "spans", "changes", "topology", "objects", "statuses")


def now() -> datetime:
    return datetime.now(UTC)


def read_settings(kind: type[BaseModel]) -> Any:
    """One settings class from the environment. Raises `Misconfigured` naming the variable and what is wrong with it."""
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        told = "; ".join(f"{prefix}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise Misconfigured(f"settings: {told}") from error


def open_plugins(package: str, attribute: str) -> dict[str, Any]:
    """Every plug-in of a folder whose settings say that it is used, opened."""
    opened: dict[str, Any] = {}
    for plugin in discover(package, attribute).values():
        assert isinstance(plugin, Plugin)
        settings = read_settings(plugin.settings)
        if plugin.configured(settings):
            opened[plugin.name] = plugin.open(settings)
    return opened


def sources_of(connectors: list[Any]) -> Sources:
    """Who answers for what, by the protocols each connector fills."""
    from app.domain import ports
    from graphs.contract import Sources

    kinds = {
        "metrics": ports.MetricsSource,
        "logs": ports.LogsSource,
        "spans": ports.SpansSource,
        "changes": ports.ChangesSource,
        "topology": ports.TopologySource,
        "objects": ports.ObjectsSource,
        "statuses": ports.StatusSource,
    }
    held: dict[str, Any] = {port: tuple(each for each in connectors if isinstance(each, kinds[port])) for port in PORTS}
    return Sources(**held)


def investigators() -> dict[str, Any]:
    return discover("graphs.investigators", "INVESTIGATOR")


class Composition:
    """What the command line's verbs get; see `app.cli.composition`."""

    def settings(self) -> Settings:
        settings: Settings = read_settings(Settings)
        return settings

    def find_cases(self, path: Path) -> list[Path]:
        from app.connectors.case import find_cases

        return find_cases(path)

    @property
    def run_case_by_name(self) -> Any:
        return run_case_by_name

    async def triage_case(self, path: Path, progress: Progress) -> tuple[str, Scope, Diagnosis]:
        from app.connectors.case import open_case

        case = open_case(path)
        return case.name, case.scope, await triage(case.scope, sources_of([case]), progress)

    async def triage_live(self, scope: Scope, progress: Progress) -> Diagnosis:
        connectors = open_plugins("app.connectors", "CONNECTOR")
        if not connectors:
            raise Misconfigured(
                "no connector is configured: set FIRSTMATE_PROMETHEUS_URL, FIRSTMATE_LOGFILE_PATHS or another; see README"
            )
        return await triage(scope, sources_of(list(connectors.values())), progress)

    @asynccontextmanager
    async def intake(self, folder: Path, *, token: str) -> AsyncIterator[tuple[str, Inbox]]:
        from app.jobs.inbox import Inbox
        from app.web.server import create, serve

        async def ready() -> list[str]:
            return []

        inbox = await Inbox.open(folder / "inbox.sqlite", clock=now)
        try:
            async with serve(create(inbox, token=token, ready=ready), host="127.0.0.1", port=0) as url:
                yield url, inbox
        finally:
            await inbox.close()

    async def work(self, *, demo: bool) -> None:
        await work(self.settings(), demo=demo)

    async def details(self, folder: Path, proposal: str) -> Card:
        from app.cards.proposal import details_card
        from app.ledger import proposals

        async with self._opened(folder) as tx:
            return details_card((await proposals.get(tx, proposal)).proposal)

    async def demo_end(self, folder: Path, control: str) -> DemoEnd:
        import httpx2

        from app.cli.composition import DemoEnd
        from app.ledger import executions, incidents, proposals, runs, timeline

        async with httpx2.AsyncClient(timeout=5.0) as http:
            truth = (await http.get(f"{control}/truth")).json()
        async with self._opened(folder) as tx:
            incident = (await incidents.list_recent(tx))[-1].id
            run = await runs.latest(tx, incident)
            held = await proposals.for_incident(tx, incident)
            ran = tuple([p.proposal.call.action for p in held if await executions.of_proposal(tx, p.proposal.hash)])
            told = tuple(await timeline.for_incident(tx, incident))
        return DemoEnd(timeline=told, diagnosis=run.diagnosis if run else None, actions=ran, truth=truth)

    async def post(self, url: str) -> None:
        import httpx2

        async with httpx2.AsyncClient(timeout=5.0) as http:
            await http.post(url, json={})

    @asynccontextmanager
    async def _opened(self, folder: Path) -> AsyncIterator[Tx]:
        from app.ledger.ledger import Ledger

        ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
        try:
            async with ledger.read() as tx:
                yield tx
        finally:
            await ledger.close()

    async def doctor(self) -> list[tuple[str, Health]]:
        raise NotImplementedError


async def work(settings: Settings, *, demo: bool) -> None:
    """The work process with everything plugged in, until a signal, or until its parent is gone."""
    from app.cli import presses
    from app.cli.lines import LineSurface, emit
    from app.incidents.desk import Desk, Windows
    from app.incidents.thinking import LedgerStore, store_draft, trace
    from app.jobs.inbox import Inbox
    from app.jobs.runner import InProcessRunner
    from app.jobs.work import WorkProcess
    from app.ledger.changes import RecordedChanges
    from app.ledger.ledger import Ledger
    from app.web import deliveries as web
    from graphs import judge, proposer
    from graphs import triage as graph
    from graphs.context import Draft, TriageContext
    from graphs.models.none import NoModel

    stopping = asyncio.Event()
    watch_parent(stopping)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = await Ledger.open(settings.ledger_url)
    inbox = await Inbox.open(settings.data_dir / "inbox.sqlite", clock=now)
    connectors = [*open_plugins("app.connectors", "CONNECTOR").values(), RecordedChanges(ledger)]
    sources, actions, runbooks = sources_of(connectors), open_plugins("app.actions", "ACTION"), load_runbooks(settings)
    policy, runner = load_policy(settings), InProcessRunner()
    surface = LineSurface()

    def watch(event: dict[str, Any]) -> None:
        if demo:
            emit("step", **{key: value for key, value in event.items() if isinstance(value, str)})

    async with checkpoints(settings.data_dir / "checkpoints.sqlite") as saver:
        compiled = graph.build(saver)

        async def run_graph(incident: str, run: str, scope: Scope) -> Diagnosis:
            async def propose(_run: str, draft: Draft) -> None:
                await store_draft(desk, incident, draft, proposer=str(proposer.AGENT))

            context = TriageContext(
                scope=scope,
                sources=sources,
                investigators=investigators(),
                store=LedgerStore(ledger, now),
                model=NoModel(),
                progress=trace(ledger, now, run, watch),
                clock=now,
                actions=actions,
                runbooks=runbooks,
                propose=propose,
                hold_s=float(policy.verification.hold_s) if policy else 60.0,
                within_s=float(policy.verification.within_s) if policy else 600.0,
            )
            return await graph.run(compiled, context, run=run)

        desk = Desk(
            ledger=ledger,
            clock=now,
            jobs=runner,
            policy=policy,
            actions=actions,
            metrics={source.name: source for source in sources.metrics},
            windows=Windows(lookback_s=settings.lookback_s, reference_s=settings.reference_s, settle_s=settings.settle_s),
            triage=run_graph,
            judge=judge.AGENT,
            people=presses.operator,
            home_team="",
        )

        async def apologise(delivery: Pending, sentence: str) -> None:
            if demo:
                emit("refused", text=sentence)

        handlers = {**web.handlers(desk), **(presses.handlers(desk) if demo else {})}
        process = WorkProcess(desk, runner, inbox, surface, handlers=handlers, apologise=apologise)
        try:
            await process.run(stopping)
        finally:
            for each in (*connectors, *actions.values()):
                if isinstance(each, Checkable):
                    await each.close()
            await inbox.close()
            await ledger.close()


@asynccontextmanager
async def checkpoints(path: Path) -> AsyncIterator[Any]:
    """LangGraph's checkpoints in a file of their own, which may be thrown away at any time; only plain values are read from it."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    serde = JsonPlusSerializer(allowed_msgpack_modules=[])
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        saver.serde = serde
        await saver.setup()
        yield saver


def load_policy(settings: Settings) -> Policy | None:
    """The policy file; None where there is none yet. Raises `Misconfigured` for one that can't be read."""
    from app.policy.policy import load

    path = settings.policy_path
    return load(path.read_text(encoding="utf-8")) if path.is_file() else None


def load_runbooks(settings: Settings) -> tuple[Runbook, ...]:
    from app.runbooks import builtin_runbooks, read_runbooks

    return read_runbooks(settings.runbooks_dir or builtin_runbooks())


def watch_parent(stopping: asyncio.Event) -> None:
    """Stop on a signal, and when the process that started this one is gone."""
    loop, parent = asyncio.get_running_loop(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    def look() -> None:
        if os.getppid() != parent:
            stopping.set()
        else:
            loop.call_later(0.5, look)

    look()


async def triage(scope: Scope, sources: Sources, progress: Progress) -> Diagnosis:
    """One run of the graph that remembers nothing."""
    from graphs import triage as graph
    from graphs.context import MemoryStore, TriageContext
    from graphs.models.none import NoModel

    context = TriageContext(
        scope=scope,
        sources=sources,
        investigators=investigators(),
        store=MemoryStore(),
        model=NoModel(),
        progress=progress,
        clock=now,
    )
    return await graph.run(graph.build(), context, run="once")


async def _silent(_: dict[str, Any]) -> None:
    return None


def run_case_by_name(folder: str) -> str:
    """One recorded case in this process; its `triage-result/1` line, or {"case", "error"} for a broken one."""
    import json

    from app.evaluation.result import to_json, to_result

    try:
        name, _, diagnosis = asyncio.run(Composition().triage_case(Path(folder), _silent))
    except FirstmateError as error:
        return json.dumps({"case": Path(folder).name, "error": str(error)})
    return to_json(to_result(diagnosis, case=name))


def cli() -> None:
    """The command `firstmate`. A refusal is one sentence and exit code 2, never a traceback."""
    app = typer.Typer(
        name="firstmate",
        help="The incident commander's first mate: evidence, ranked causes, and repairs that run only after a person pressed.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def _compose(ctx: typer.Context) -> None:
        ctx.obj = Composition()

    for name, verb in discover("app.cli", "VERB").items():
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=name)
        else:
            app.command(name=name)(verb)
    try:
        app()
    except FirstmateError as error:
        print(f"firstmate: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    cli()
