"""`firstmate triage --case DIR | --service NAME --since 30m | --alert FILE`"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.cards.findings import MOST_SHOWN, behind_card, findings_card
from app.cards.incident import brief_card
from app.cli.composition import Composition
from app.cli.steps import step_line
from app.cli.terminal import show
from app.domain.errors import BadInput
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Alert, Scope
from app.domain.quantity import counted
from app.domain.window import Window
from app.evaluation.result import to_json, to_result
from app.incidents.monitors import alerts_of

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST_D = 30


def triage(
    ctx: typer.Context,
    case: Annotated[Path | None, typer.Option(help="A recorded incident: a folder with a case.json.")] = None,
    service: Annotated[str | None, typer.Option(help="The service that is unwell; needs connectors.")] = None,
    since: Annotated[str, typer.Option(help="How far back it may have begun: 90s, 30m, 2h.")] = "30m",
    alert: Annotated[Path | None, typer.Option(help="A file with an Alertmanager webhook or a single alert as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one triage-result/1 object and nothing else.")] = False,
    why: Annotated[
        int | None,
        typer.Option(
            help="Instead of the brief: everything for and against hypothesis N. With --json: its arithmetic too.", min=1, max=5
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every finding, not only the first eight.")] = False,
) -> None:
    """Find the cause without Slack: the same graph, read-only."""
    compose: Composition = ctx.obj
    if sum(given is not None for given in (case, service, alert)) != 1:
        raise BadInput("say what to look at: --case DIR, --service NAME, or --alert FILE (exactly one)")
    console = Console(stderr=True)

    async def progress(event: dict[str, Any]) -> None:
        if not as_json:
            who, text = step_line(event)
            console.print(f"  {who}: {text}", style="dim", markup=False, highlight=False)

    name, scope, diagnosis = asyncio.run(_run(compose, case, service, since, alert, progress))
    if as_json:
        asked = None if why is None else _rank(diagnosis, why)
        print(to_json(to_result(diagnosis, case=name, why=asked, every=every)))
        return
    out, found = Console(), len(diagnosis.findings)
    if why is not None:
        show(out, behind_card(diagnosis, _rank(diagnosis, why)))
        return
    show(out, brief_card(scope, diagnosis, name=name))
    show(out, findings_card(diagnosis, most=found if every else MOST_SHOWN))
    if found > MOST_SHOWN and not every:
        out.print(f"All {found} findings: the same command with --all. Those of one hypothesis: --why N.", style="dim")


async def _run(
    compose: Composition, case: Path | None, service: str | None, since: str, alert: Path | None, progress: Any
) -> tuple[str, Scope, Diagnosis]:
    if case is not None:
        return await compose.triage_case(case, progress)
    now = datetime.now(UTC)
    look_back = timedelta(seconds=seconds(since))
    given = read_alert(alert) if alert is not None else Alert(fired_at=now, summary=f"{service} is unwell", service=service)
    start = min(given.fired_at, now) - look_back
    scope = Scope(
        alert=given,
        window=Window(start=start, end=now),
        reference=Window(start=start - timedelta(seconds=compose.settings().reference_s), end=start),
    )
    return given.name or given.service or "alert", scope, await compose.triage_live(scope, progress)


def seconds(text: str) -> float:
    """`90s`, `30m`, `2h`, `1d` as seconds; 30 days at most. Raises `BadInput`."""
    number, unit = text[:-1].lstrip("0"), text[-1:]
    if unit not in UNITS or not (number.isascii() and number.isdigit()):
        raise BadInput(f"--since {text[:40]}: write a number and s, m, h or d, such as 30m")
    if len(number) > len(str(LONGEST_D * UNITS["d"])) or int(number) * UNITS[unit] > LONGEST_D * UNITS["d"]:
        raise BadInput(f"--since {text[:40]}: nobody looks back that far; give at most {LONGEST_D}d")
    return float(int(number) * UNITS[unit])


def read_alert(path: Path) -> Alert:
    """An Alertmanager webhook's first firing alert, or one alert object. Raises `BadInput`."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise BadInput(f"{path} is no readable JSON: it is not UTF-8, or holds half a character (a lone surrogate)") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no readable JSON: {error}") from error
    return alerts_of(body if isinstance(body, dict) and "alerts" in body else {"alerts": [body]})[0]


def _rank(diagnosis: Diagnosis, rank: int) -> int:
    held = len(diagnosis.hypotheses)
    if rank > held:
        many = counted(held, "hypothesis", "hypotheses")
        raise BadInput(f"triage found {many}; " + (f"give --why 1 to {held}" if held else "leave --why out"))
    return rank


VERB = triage
