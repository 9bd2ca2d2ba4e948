"""The composition root and the command `firstmate`. Beside it: what is plugged in (`plugged`), how the two processes are put
together (`processes`), and how everything is checked (`doctor`). What is plugged in is chosen here, and nothing is decided.

Imports of heavy rooms are inside functions, so that `firstmate --help` answers at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.domain.errors import FirstmateError, Misconfigured, NotFound, Unreachable
from app.domain.plugin import Health
from app.plugged import calibration, investigators, load_policy, now, open_plugins, own_folder, sources_of, use_own_key
from app.plugins import discover
from app.settings import Settings, read_settings

if TYPE_CHECKING:
    from app.cards.card import Card
    from app.cli.composition import ClashEnd, DemoEnd
    from app.domain.approval import Person
    from app.domain.hypothesis import Diagnosis
    from app.domain.incident import Scope
    from app.domain.ports import Progress
    from app.domain.proposal import Proposal, State
    from app.domain.statement import Signed
    from app.domain.value import JsonObject
    from app.evaluation.combinations import Combination
    from app.evaluation.export import Exported
    from app.incidents.erasing import Erasure
    from app.incidents.why import Why
    from app.jobs.inbox import Inbox
    from app.ledger.ledger import Ledger, Tx
    from app.verify_alone import Report
    from graphs.contract import Sources


HEARD_WITHIN_S = 45
"""How long a signed yes is waited for: a work process looks at what lies in the ledger every 30 s."""


class Composition:
    """What the command line's verbs get; see `app.cli.composition`."""

    def settings(self) -> Settings:
        return read_settings(Settings)

    def find_cases(self, path: Path) -> list[Path]:
        from app.connectors.case import find_cases

        return find_cases(path)

    def candidates(self, path: Path) -> tuple[str, int]:
        from app.connectors.case import open_case

        try:
            case = open_case(path)
        except FirstmateError:
            return path.name, 0
        return case.name, len(case.scope.candidates)

    def investigators(self) -> list[str]:
        return sorted(investigators())

    def releases(self) -> Path:
        return Path(__file__).parent / "evaluation" / "releases"

    @property
    def run_case_by_name(self) -> Any:
        return run_case_by_name

    @property
    def run_combinations_by_name(self) -> Any:
        return run_combinations_by_name

    async def triage_case(self, path: Path, progress: Progress) -> tuple[str, Scope, Diagnosis]:
        from app.connectors.case import open_case

        case = open_case(path)
        nameless = replace(case, name="case")  # findings name their source, and no answer may depend on what a case is called
        return case.name, case.scope, await triage(case.scope, sources_of([nameless]), progress)

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
        from app.web.ledger_api import mounted
        from app.web.server import create, serve

        settings = Settings.model_construct(data_dir=folder)  # the demo's own: nothing of it comes from the environment

        async def ready() -> list[str]:
            return []

        inbox = await Inbox.open(folder / "inbox.sqlite", clock=now)
        web = create(inbox, token=token, ready=ready)
        agents = mounted(
            web, ledger_url=settings.ledger_url, clock=now, stop_file=settings.stop_path, read_policy=lambda: load_policy(settings)
        )
        try:
            async with agents, serve(web, host="127.0.0.1", port=0) as url:
                yield url, inbox
        finally:
            await inbox.close()

    async def work(self, *, demo: bool) -> None:
        from app.processes import work

        await work(self.settings(), demo=demo)

    async def details(self, folder: Path, proposal: str) -> Card:
        from app.cards.proposal import details_card
        from app.ledger import proposals

        async with self._opened(folder) as tx:
            return details_card((await proposals.get(tx, proposal)).proposal)

    async def export(self, incident: str, folder: Path) -> Exported:
        from app.evaluation.export import export_case
        from app.ledger import incidents, runs
        from app.processes import opened

        settings = self.settings()
        _demand_ledger(settings)
        use_own_key(settings.data_dir)
        async with opened(settings) as systems:
            async with systems.ledger.read() as tx:
                found = await incidents.get(tx, incident)
                run = await runs.latest(tx, found.id)
            if run is None:
                raise NotFound(f"{found.id} was never triaged, so nobody knows what to write; ask for a triage first")
            name = f"{found.id}-{found.declared_at:%Y%m%d-%H%M%S}"
            return await export_case(run.scope, systems.sources, folder, name=name)

    async def why(self, proposal: str) -> Why:
        from app.incidents.desk import no_groups
        from app.incidents.why import Asking, why
        from app.processes import in_slack

        settings = self.settings()
        async with self._ledger() as ledger:
            outside = await in_slack(settings) if settings.slack_bot_token else None
            asking = Asking(
                ledger=ledger,
                clock=now,
                policy=load_policy(settings),
                people=outside.people if outside else _not_asked,
                members=outside.members if outside else no_groups,
                home_team=outside.team if outside else "",
                stop_file=settings.stop_path,
            )
            return await why(asking, proposal)

    async def proposal(self, name: str) -> tuple[Proposal, State]:
        from app.ledger import proposals

        async with self._ledger() as ledger, ledger.read() as tx:
            held = await proposals.by_name(tx, name)
        return held.proposal, held.state

    async def hand_in(self, signed: Signed) -> tuple[bool, str]:
        """Through the inbox beside us; where the ledger alone is shared, straight into its deliveries."""
        from app.jobs.confirming import APPROVAL, COUNTED
        from app.jobs.inbox import Inbox
        from app.ledger import deliveries

        inbox_path = self.settings().data_dir / "inbox.sqlite"
        key, body = f"shell:{signed.statement.nonce}", signed.model_dump(mode="json")
        async with self._ledger() as ledger:
            if inbox_path.is_file():
                inbox = await Inbox.open(inbox_path, clock=now)
                try:
                    await inbox.put(key, APPROVAL, body)
                finally:
                    await inbox.close()
            else:
                async with ledger.write() as tx:
                    await deliveries.accept(tx, key, APPROVAL, body, at=now())
            for _ in range(HEARD_WITHIN_S * 4):
                async with ledger.read() as tx:
                    outcome = await deliveries.outcome(tx, key)
                if outcome is not None:
                    return outcome.startswith(COUNTED), outcome.removeprefix(COUNTED)
                await asyncio.sleep(0.25)
        raise Unreachable(
            f"it is handed in, and nobody took it up within {HEARD_WITHIN_S} s: is `firstmate serve` running? "
            "It counts once it is, if that is within five minutes; `firstmate policy why` says how it stands"
        )

    async def audit_verify(self, *, keys: Sequence[str], told: Sequence[str]) -> Report:
        from app.incidents.auditing import check
        from app.ledger.roots import FILE, read_key

        settings = self.settings()
        known = list(keys) or ([read_key(settings.audit_key_path).public] if settings.audit_key_path.exists() else [])
        async with self._ledger() as ledger:
            return await check(ledger, settings.roots_dir / FILE, keys=known, told=told)

    async def audit_erase(self, subject: str, *, by: str, because: str, really: bool) -> Erasure:
        from app.incidents.erasing import erase, look

        async with self._ledger() as ledger:
            return await (erase(ledger, subject, by=by, at=now(), because=because) if really else look(ledger, subject))

    def audit_key(self) -> tuple[str, Path]:
        from app.ledger.roots import own_key

        settings = self.settings()
        own_folder(settings.data_dir)
        return own_key(settings.audit_key_path).public, settings.audit_key_path

    async def audit_export(self, folder: Path, *, start: datetime, end: datetime, by: str) -> dict[str, int]:
        from app.incidents.auditing import export
        from app.ledger.roots import Roots, own_key

        settings = self.settings()
        async with self._ledger() as ledger:
            roots = Roots(ledger, settings.roots_dir, key=own_key(settings.audit_key_path), clock=now)
            return await export(ledger, roots, folder, start=start, end=end, by=by, at=now())

    async def ledger_grant(self, role: str) -> None:
        from app.ledger.roles import grant

        async with self._ledger() as ledger:
            await grant(ledger, role)

    @asynccontextmanager
    async def _ledger(self) -> AsyncIterator[Ledger]:
        from app.ledger.ledger import Ledger

        settings = self.settings()
        _demand_ledger(settings)
        ledger = await Ledger.open(settings.ledger_url)
        try:
            yield ledger
        finally:
            await ledger.close()

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

    async def clash_end(self, folder: Path, resource: str) -> ClashEnd:
        from app.cli.composition import ClashEnd
        from app.incidents.auditing import check
        from app.ledger import conflicts, incidents, states
        from app.ledger.ledger import Ledger
        from app.ledger.roots import FILE, read_key

        there = Settings(data_dir=folder)
        ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
        try:
            async with ledger.read() as tx:
                incident = (await incidents.list_recent(tx))[-1]
                met = [each for each in await conflicts.list_since(tx, incident.declared_at) if each.resource == resource]
                state = await states.get(tx, resource)
            trail = await check(ledger, there.roots_dir / FILE, keys=[read_key(there.audit_key_path).public], told=())
        finally:
            await ledger.close()
        return ClashEnd(incident=incident.id, state=state.body, conflicts=len(met), rows=trail.rows, problems=trail.problems)

    async def post(self, url: str, body: JsonObject | None = None, *, token: str = "") -> None:
        import httpx2

        head = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(timeout=5.0) as http:
            await http.post(url, json=body or {}, headers=head)

    @asynccontextmanager
    async def _opened(self, folder: Path) -> AsyncIterator[Tx]:
        from app.ledger.ledger import Ledger

        ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
        try:
            async with ledger.read() as tx:
                yield tx
        finally:
            await ledger.close()

    async def serve(self) -> None:
        from app.processes import serve

        await serve(self.settings())

    async def doctor(self) -> list[tuple[str, Health]]:
        from app.doctor import doctor

        return await doctor()


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
        calibration=calibration(),
    )
    return await graph.run(graph.build(), context, run="once")


async def _silent(_: dict[str, Any]) -> None:
    return None


def _demand_ledger(settings: Settings) -> None:
    if not settings.database_url and not (settings.data_dir / "ledger.sqlite").is_file():
        raise NotFound(f"{settings.data_dir} holds no ledger; set FIRSTMATE_DATA_DIR as it is for firstmate serve")


async def _not_asked(id: str) -> Person | None:
    raise Unreachable(f"nobody was asked who {id} is: Slack is not connected here")


def run_case_by_name(folder: str) -> str:
    """One recorded case in this process; its `triage-result/1` line, or {"case", "error"} for a broken one."""
    from app.evaluation.result import to_json, to_result

    try:
        name, _, diagnosis = asyncio.run(Composition().triage_case(Path(folder), _silent))
    except FirstmateError as error:
        return json.dumps({"case": Path(folder).name, "error": str(error)})
    return to_json(to_result(diagnosis, case=name))


def run_combinations_by_name(folder: str, *, asked: Sequence[Combination], whole: bool) -> str:
    """One recorded case by parts of the engine, read once: its `eval-ablation/1` line, or, `whole`, the first one's
    `triage-result/1` line. For an evaluation alone: what answers people is put together without it."""
    from app.connectors.case import open_case
    from app.evaluation import ablation
    from app.evaluation.result import to_json, to_result

    try:
        case = open_case(folder)
        sources = sources_of([replace(case, name="case")])  # as for one case: no answer may depend on what it is called
        found = asyncio.run(ablation.diagnose(case.scope, sources, investigators(), asked, calibration=calibration(), clock=now))
    except FirstmateError as error:
        return json.dumps({"case": Path(folder).name, "error": str(error)})
    return to_json(to_result(found[0], case=case.name)) if whole else ablation.line(case.name, asked, found)


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

    try:
        for name, verb in discover("app.cli", "VERB").items():
            if isinstance(verb, typer.Typer):
                app.add_typer(verb, name=name)
            else:
                app.command(name=name)(verb)
        app()
    except FirstmateError as error:
        from app.cli.terminal import say

        say(f"firstmate: {error}", to=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    cli()
