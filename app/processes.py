"""The two processes of `firstmate serve`, put together: the surface that hears and acknowledges, the work that thinks and acts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, closing, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any, cast

import structlog

from app.domain.errors import Misconfigured
from app.domain.plugin import Checkable
from app.domain.redaction import redact, redact_value
from app.plugged import calibration, catalogue, investigators, load_policy, load_runbooks, now, open_plugins, own_folder, sources_of
from app.settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol
    from slack_sdk.web.async_client import AsyncWebClient

    from app.domain.hypothesis import Diagnosis
    from app.domain.incident import Scope
    from app.domain.ports import ActionPort, JobRunner, Locks
    from app.domain.runbook import Runbook
    from app.incidents.desk import Desk, Members, People
    from app.jobs.cluster import ClusterRunner
    from app.jobs.inbox import Inbox
    from app.jobs.intake import Apologise, Handle
    from app.jobs.sessions import SessionLocks
    from app.jobs.surface import Surface
    from app.ledger.deliveries import Pending
    from app.ledger.ledger import Ledger
    from graphs.context import Draft, TriageContext
    from graphs.contract import Sources

log = structlog.get_logger()

HOME = "FIRSTMATE_SLACK_HOME"
"""Who we are in Slack, as `serve` was told when it started: a work process that starts again must not need Slack for that."""
TRIAGES_AT_ONCE = 4
"""A storm of incidents must leave room for people: each triage computes in the same process that answers them."""
PATIENCE_S = 15.0
"""How long a work process waits for the one before it to end: longer than that one needs to notice that it is an orphan."""


async def work(settings: Settings, *, demo: bool) -> None:
    """The work process with everything plugged in, until a signal, or until its parent is gone; one at a time per data folder."""
    from app.jobs.alone import alone
    from app.jobs.keeper import NOT_CONFIGURED

    stopping = asyncio.Event()
    watch_parent(stopping)
    configure_logging(settings)
    own_folder(settings.data_dir)
    async with alone(settings.data_dir / "work.lock", what="firstmate work", patience_s=PATIENCE_S):
        if not stopping.is_set():
            try:
                await work_alone(settings, stopping, demo=demo)
            except Misconfigured as error:
                print(f"firstmate: {error}", file=sys.stderr)
                raise SystemExit(NOT_CONFIGURED) from error


async def work_alone(settings: Settings, stopping: asyncio.Event, *, demo: bool) -> None:
    from app.jobs import confirming
    from app.jobs.work import WorkProcess
    from app.web import deliveries as web

    async with (
        opened(settings) as systems,
        checkpoints(settings.data_dir / "checkpoints.sqlite") as saver,
        jobs_on(systems.ledger) as (runner, locks),
    ):
        outside = in_terminal() if demo else await in_slack(settings)
        desk = desk_of(settings, systems, outside, runner, saver)
        process = WorkProcess(
            desk,
            runner,
            systems.inbox,
            outside.surface,
            handlers={**web.handlers(desk), **confirming.handlers(desk), **outside.handlers(desk)},
            apologise=outside.apologise(desk),
            read_policy=lambda: load_policy(settings),
            locks=locks,
            payload_days=settings.audit_payload_days,
        )
        await process.run(stopping)


@asynccontextmanager
async def jobs_on(ledger: Ledger) -> AsyncIterator[tuple[JobRunner, Locks]]:
    """How work is run on this ledger: in this process alone on SQLite, among all that share it on PostgreSQL."""
    from app.incidents import investigate
    from app.jobs.locks import LocksHere
    from app.jobs.runner import InProcessRunner
    from app.jobs.work import RESUME

    at_once = {investigate.JOB: TRIAGES_AT_ONCE}
    if not ledger.shared:
        yield InProcessRunner(at_once=at_once), LocksHere()
        return
    from app.jobs.cluster import ClusterRunner
    from app.jobs.sessions import SessionLocks

    locks = await SessionLocks.open(ledger.dsn)
    try:
        async with ClusterRunner.open(ledger.dsn, locks, resume=RESUME, at_once=at_once) as runner:
            watching = asyncio.create_task(_end_without(locks, runner))
            try:
                yield runner, locks
            finally:
                watching.cancel()
    finally:
        await locks.close()


async def _end_without(locks: SessionLocks, runner: ClusterRunner) -> None:
    """Others may hold at this moment what we held: nothing here gets any further, as after kill -9. We are started again."""
    lost, ended = asyncio.ensure_future(locks.lost()), asyncio.ensure_future(runner.ended())
    await asyncio.wait([lost, ended], return_when=asyncio.FIRST_COMPLETED)
    log.critical("work.cut_off", action="work.cut_off", why=lost.result() if lost.done() else "the jobs' connection broke")
    os._exit(os.EX_TEMPFAIL)


@dataclass(frozen=True)
class Systems:
    """Everything the work process reads, changes and remembers in, open."""

    ledger: Ledger
    inbox: Inbox
    sources: Sources
    actions: Mapping[str, ActionPort]
    runbooks: tuple[Runbook, ...]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Systems]:
    """Opened as set, and closed at the end. Raises `Misconfigured`."""
    from app.jobs.inbox import Inbox
    from app.ledger.changes import RecordedChanges
    from app.ledger.ledger import Ledger

    ledger = await Ledger.open(settings.ledger_url)
    inbox = await Inbox.open(settings.data_dir / "inbox.sqlite", clock=now)
    connectors = [*open_plugins("app.connectors", "CONNECTOR").values(), RecordedChanges(ledger)]
    sources, actions, runbooks = sources_of(connectors), open_plugins("app.actions", "ACTION"), load_runbooks(settings)
    try:
        yield Systems(ledger=ledger, inbox=inbox, sources=sources, actions=actions, runbooks=runbooks)
    finally:
        for each in (*connectors, *actions.values()):
            if isinstance(each, Checkable):
                await each.close()
        await inbox.close()
        await ledger.close()


def desk_of(settings: Settings, systems: Systems, outside: Outside, runner: JobRunner, saver: Any) -> Desk:
    """The desk that the verbs work at; its triage is the graph, with everything plugged in."""
    from app.incidents.desk import Desk, Windows
    from app.ledger.roots import Roots, own_key
    from graphs import judge
    from graphs import triage as graph

    compiled, without = graph.build(saver), graph.build()

    async def triage(incident: str, run: str, scope: Scope) -> Diagnosis:
        context = context_of(desk, systems, incident, run, scope, watch=outside.watch)
        try:
            diagnosis = await graph.run(compiled, context, run=run)
            await saver.adelete_thread(run)  # the ledger has it; a checkpoint only saves time to a run that was cut off
        except sqlite3.DatabaseError as error:  # the checkpoints' own file, of which nothing depends
            log.error("checkpoints.broke", action="checkpoints.broke", run=run, why=str(error))
            diagnosis = await graph.run(without, context, run=run)
        except Exception:
            await saver.adelete_thread(run)  # what was kept of it may be why it broke: the next try begins anew
            raise
        return diagnosis

    desk = Desk(
        ledger=systems.ledger,
        roots=Roots(systems.ledger, settings.roots_dir, key=own_key(settings.audit_key_path), clock=now),
        clock=now,
        jobs=runner,
        policy=load_policy(settings),
        actions=systems.actions,
        metrics={source.name: source for source in systems.sources.metrics},
        windows=Windows(lookback_s=settings.lookback_s, reference_s=settings.reference_s, settle_s=settings.settle_s),
        triage=triage,
        judge=judge.AGENT,
        people=outside.people,
        members=outside.members,
        stop_file=settings.stop_path,
        home_team=outside.team,
        invite=tuple(filter(None, (each.strip() for each in settings.invite.split(",")))),
    )
    return desk


def context_of(
    desk: Desk, systems: Systems, incident: str, run: str, scope: Scope, *, watch: Callable[[dict[str, Any]], None]
) -> TriageContext:
    """What one run of the graph may use. Its drafts become proposals of `incident`."""
    from app.incidents.thinking import LedgerStore, store_draft, trace
    from app.policy.policy import Verification
    from graphs import proposer
    from graphs.context import TriageContext
    from graphs.models.none import NoModel

    async def propose(_run: str, draft: Draft) -> None:
        await store_draft(desk, incident, draft, proposer=str(proposer.AGENT))

    held_to = desk.policy.verification if desk.policy else Verification()
    return TriageContext(
        scope=scope,
        sources=systems.sources,
        investigators=investigators(),
        store=LedgerStore(desk.ledger, now),
        model=NoModel(),
        progress=trace(desk.ledger, now, run, watch),
        clock=now,
        calibration=calibration(),
        actions=systems.actions,
        runbooks=systems.runbooks,
        propose=propose,
        hold_s=float(held_to.hold_s),
        within_s=float(held_to.within_s),
    )


async def serve(settings: Settings) -> None:
    """The surface process: verify, keep, acknowledge. Starts the work process and starts it again when it dies."""
    from app.jobs.alone import alone

    demand_settings(settings)
    configure_logging(settings)
    own_folder(settings.data_dir)
    async with alone(settings.data_dir / "serve.lock", what="firstmate serve"):
        await serve_alone(settings)


async def serve_alone(settings: Settings) -> None:
    from app.jobs.inbox import BEHIND_S, Inbox
    from app.jobs.keeper import Keeper
    from app.slack import bolt, connection
    from app.slack.modals import offered
    from app.web import ledger_api, server

    policy = load_policy(settings)
    client, app_client = slack_client(settings), slack_client(settings, app_level=True)
    home = await connection.sign_in(client)
    if not settings.http_mode:
        await connection.try_app_token(app_client)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    inbox = await Inbox.open(settings.data_dir / "inbox.sqlite", clock=now)
    keeper = Keeper([sys.executable, "-m", "app.main", "work"], {HOME: json.dumps(asdict(home))})
    slack = bolt.build(
        inbox,
        client=client,
        home=home,
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        actions=offered(open_plugins("app.actions", "ACTION")),
    )

    async def ready() -> list[str]:
        if not keeper.running:
            return ["the work process is not running; it is being started again"]
        behind_s = await inbox.behind_s()
        return [f"nothing was worked on for {behind_s:.0f} s; the work process may hang"] if behind_s > BEHIND_S else []

    web = server.create(inbox, token=settings.webhook_token.get_secret_value(), ready=ready)
    if settings.http_mode:
        web.include_router(connection.router(slack))
    log.info("serve.catalogue", action="serve.catalogue", **catalogue())
    if policy is None or policy.empty:
        log.warning("serve.policy", action="serve.policy", why="no policy names approvers: nothing above tier 0 can be approved")
    agents = ledger_api.mounted(
        web, ledger_url=settings.ledger_url, clock=now, stop_file=settings.stop_path, read_policy=lambda: load_policy(settings)
    )
    try:
        async with agents, server.serve(web, host=settings.host, port=settings.port) as url:
            log.info("serve.started", action="serve.started", url=url, slack="http" if settings.http_mode else "socket mode")
            async with nullcontext() if settings.http_mode else connection.over_sockets(slack, app_client):
                await keeper.run(stopping)
    finally:
        await inbox.close()


def demand_settings(settings: Settings) -> None:
    """Everything `serve` can't do without. Raises `Misconfigured` naming each variable and what to do."""
    if missing := settings.missing():
        raise Misconfigured("; and ".join(missing.values()))


@dataclass(frozen=True)
class Outside:
    """Where the people are: how the work process hears them, knows them and tells them. `watch` is told of every step of triage."""

    surface: Surface
    people: People
    members: Members
    team: str
    handlers: Callable[[Desk], dict[str, Handle]]
    apologise: Callable[[Desk], Apologise]
    watch: Callable[[dict[str, Any]], None]


def in_terminal() -> Outside:
    """The demo's: one local operator, and lines of JSON for the terminal that looks on."""
    from app.cli import presses
    from app.cli.lines import LineSurface, emit
    from app.incidents.desk import no_groups

    async def told(delivery: Pending, sentence: str) -> None:
        emit("refused", text=sentence)

    return Outside(
        surface=LineSurface(),
        people=presses.operator,
        members=no_groups,
        team="",
        handlers=presses.handlers,
        apologise=lambda desk: told,
        watch=lambda event: emit("step", **{key: value for key, value in event.items() if isinstance(value, str)}),
    )


async def in_slack(settings: Settings) -> Outside:
    """Raises `Misconfigured` or `Unreachable` when Slack does not know the token."""
    from app.jobs.sender import SlackSender
    from app.slack import blocks, deliveries
    from app.slack.connection import Home, sign_in
    from app.slack.people import SlackChannels, SlackGroups, SlackPeople

    if why := settings.missing().get("SLACK_BOT_TOKEN"):
        raise Misconfigured(why)
    client = slack_client(settings)
    told = os.environ.get(HOME)
    home = Home(**json.loads(told)) if told else await sign_in(client)
    own = settings.slack_api_url.startswith("https://slack.com/")
    sender = SlackSender(
        client,
        message=blocks.message,
        modal=blocks.modal,
        prefix=settings.channel_prefix,
        answers_at="https://hooks.slack.com/" if own else settings.slack_api_url.split("/api")[0] + "/",
        us=home.bot_user,
    )
    shared = SlackChannels(slack_client(settings)).shared
    return Outside(
        surface=sender,
        people=SlackPeople(slack_client(settings), home.team),
        members=SlackGroups(slack_client(settings)),
        team=home.team,
        handlers=lambda desk: deliveries.handlers(desk, app=home.app, shared=shared),
        apologise=deliveries.apologise,
        watch=lambda event: None,
    )


def slack_client(settings: Settings, *, app_level: bool = False) -> AsyncWebClient:
    from slack_sdk.web.async_client import AsyncWebClient

    token = settings.slack_app_token if app_level else settings.slack_bot_token
    return AsyncWebClient(token=token.get_secret_value(), base_url=settings.slack_api_url)


CHECKPOINT_BUSY_MS = 20_000
"""A slow disk is no reason to give a run up."""


@dataclass(frozen=True)
class _Foreign:
    """Stands for whatever somebody may have put into the checkpoint file: tried at every start, must not come to life."""

    said: str


@asynccontextmanager
async def checkpoints(path: Path) -> AsyncIterator[Any]:
    """LangGraph's checkpoints in a file of their own, which may be thrown away at any time; only plain values are read from it.

    A damaged one is put aside: it would only have saved time.
    """
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    serde = JsonPlusSerializer(allowed_msgpack_modules=[])
    if _comes_to_life(serde, JsonPlusSerializer().dumps_typed(_Foreign("here"))):
        raise Misconfigured(
            "checkpoints would bring foreign types to life with this langgraph-checkpoint; install what requirements.lock says"
        )
    if (damage := await asyncio.to_thread(damaged, path)) is not None:
        aside = path.with_name(f"{path.name}.damaged")
        for end in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
        log.error("checkpoints.damaged", action="checkpoints.damaged", why=damage, kept_as=str(aside))
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        saver.serde = serde
        await saver.conn.execute(f"PRAGMA busy_timeout = {CHECKPOINT_BUSY_MS}")
        await saver.setup()
        yield saver


def _comes_to_life(serde: SerializerProtocol, written: tuple[str, bytes]) -> bool:
    """Whether the foreign value is brought to life; the library's own warning about it is expected here."""
    says = logging.getLogger("langgraph.checkpoint.serde.jsonplus")
    before, says.disabled = says.disabled, True
    try:
        return isinstance(serde.loads_typed(written), _Foreign)
    finally:
        says.disabled = before


def damaged(path: Path) -> str | None:
    """What is wrong with a database file; None for a sound one, or where there is none."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else found


def configure_logging(settings: Settings) -> None:
    """JSON lines on stderr: stdout belongs to whoever reads it. Whatever is written there, also by libraries and by the
    interpreter at its end, is without secrets."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    others = logging.StreamHandler(sys.stderr)
    others.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[others], level=logging.WARNING, force=True)
    sys.excepthook = lambda kind, error, trace: print(redact("".join(format_exception(kind, error, trace))), file=sys.stderr)


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return cast("MutableMapping[str, Any]", redact_value(event))


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def watch_parent(stopping: asyncio.Event) -> None:
    """Stop on a signal, and when the process that keeps this one is gone, be it before we came to look.

    A worker that nobody keeps (`firstmate work` from a shell or a service manager) stops on a signal only.
    """
    from app.jobs.keeper import PARENT

    loop, parent = asyncio.get_running_loop(), int(os.environ.get(PARENT) or 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if not parent:
        return

    def look() -> None:
        if os.getppid() != parent:
            stopping.set()
        else:
            loop.call_later(0.5, look)

    look()
