"""The composition root: the only file that knows everybody. What is plugged in is chosen here, and nothing is decided.

Imports of heavy rooms are inside functions, so that `firstmate --help` answers at once.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel, ValidationError

from app.domain.errors import FirstmateError, Misconfigured
from app.domain.plugin import Health, Plugin
from app.plugins import discover
from app.settings import Settings

if TYPE_CHECKING:
    from app.domain.hypothesis import Diagnosis
    from app.domain.incident import Scope
    from app.domain.ports import Progress
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

    async def doctor(self) -> list[tuple[str, Health]]:
        raise NotImplementedError


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
