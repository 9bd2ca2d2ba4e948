"""`firstmate eval PATH… --out results.jsonl [--truth DIR]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.cli.composition import Composition
from app.evaluation import runner
from app.evaluation.score import Row


def evaluate(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="A case, or a folder searched for cases.", exists=True)],
    out: Annotated[Path, typer.Option(help="Where the results go, one JSON object a line.")] = Path("results.jsonl"),
    truth: Annotated[Path | None, typer.Option(help="The folder of truth files; opened after the last result is written.")] = None,
    workers: Annotated[int, typer.Option(help="How many cases at a time.", min=1, max=64)] = 2,
) -> None:
    """Run recorded cases and print how often the answer was right."""
    compose: Composition = ctx.obj
    console = Console(stderr=True)
    cases = [case for path in paths for case in compose.find_cases(path)]
    if not cases:
        console.print("no case found: a case is a folder with a case.json", style="red")
        raise typer.Exit(2)
    broken = 0
    done = runner.run_all(cases, compose.run_case_by_name, workers=workers, out=out)
    for _, result in track(done, total=len(cases), description="cases", console=console):
        if "error" in result:
            broken += 1
            console.print(f"{result['case']}: {result['error']}", style="red", markup=False)
    console.print(f"{len(cases)} results in {out}", markup=False)
    if truth is not None:
        rows, without = runner.score(out, truth)
        wide = Console()
        Console(width=max(wide.width, 150) if not wide.is_terminal else None).print(_table(rows))
        if without:
            console.print(f"{without} results have no truth and are not in the table")
    raise typer.Exit(1 if broken else 0)


def _table(rows: list[Row]) -> Table:
    shown = Table(title="share right (of all cases of the row)")
    for heading in ("row", "n", "measure", "@1", "@3", "calibration error", "conclusive", "right when so", "p50 s", "also"):
        shown.add_column(heading, justify="left" if heading in ("row", "measure", "also") else "right")
    for row in rows:
        for i, measure in enumerate(row.at1):
            first = i == 0
            shown.add_row(
                row.name if first else "",
                str(row.cases) if first else "",
                measure,
                f"{row.at1[measure]:.3f}",
                f"{row.at3[measure]:.3f}",
                _number(row.calibration_error) if first else "",
                str(row.conclusive) if first else "",
                _number(row.conclusive_right) if first else "",
                _number(row.p50_s) if first else "",
                ", ".join(f"{key} {value:.2f}" for key, value in row.flags.items()) if first else "",
            )
    return shown


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


VERB = evaluate
