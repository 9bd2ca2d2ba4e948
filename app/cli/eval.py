"""`firstmate eval PATH… --out results.jsonl [--truth DIR]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.cli.composition import Composition
from app.domain.errors import BadInput
from app.domain.quantity import counted
from app.evaluation import runner
from app.evaluation.score import Row

WIDEST = 400
LEGEND = "off: calibration error · sure: cases called conclusive · right: share of those that were · p50: median seconds"


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
    if truth is not None and not truth.is_dir():
        raise BadInput(f"--truth {truth} is no folder; name the one that holds the truth files")
    try:
        with out.open("ab"):  # now, and not after an hour of cases
            pass
    except OSError as error:
        raise BadInput(f"--out {out} can't be written ({error.strerror}); name a file in a folder that is there") from error
    broken = 0
    done = runner.run_all(cases, compose.run_case_by_name, workers=workers, out=out)
    for _, result in track(done, total=len(cases), description="cases", console=console):
        if "error" in result:
            broken += 1
            console.print(f"{result['case']}: {result['error']}", style="red", markup=False)
    console.print(f"{counted(len(cases), 'result')} in {out}", markup=False)
    if truth is not None:
        try:
            rows, without = runner.score(out, truth)
        except (OSError, ValueError) as error:
            raise BadInput(
                f"--truth {truth} holds a file that can't be read ({error}); mend it: the results stand in {out}"
            ) from error
        screen = Console()
        # A file is as wide as its longest row; rich would take it for a terminal of 80 columns.
        out_to = screen if screen.is_terminal else Console(width=WIDEST, file=screen.file)
        out_to.print(_table(rows))
        if without:
            console.print(f"{counted(without, 'result')} without a truth: not in the table")
    raise typer.Exit(1 if broken else 0)


def _table(rows: list[Row]) -> Table:
    """Fits 80 columns. What is asked of the first answer alone (a bait blamed, a remediation named) stands under @1."""
    shown = Table(title="share right, of all cases of the row", title_justify="left", caption=LEGEND, caption_justify="left")
    shown.box, shown.padding, shown.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for heading in ("row", "n", "measure", "@1", "@3", "off", "sure", "right", "p50 s"):
        words = heading in ("row", "measure")
        shown.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=heading != "row")
    for row in rows:
        shares = [(name, row.at1[name], f"{row.at3[name]:.3f}") for name in row.at1] + [
            (name, row.flags[name], "") for name in row.flags
        ]
        once = (_number(row.calibration_error), str(row.conclusive), _number(row.conclusive_right), _number(row.p50_s))
        for i, (name, at1, at3) in enumerate(shares):
            first = i == 0
            shown.add_row(
                row.name if first else "", str(row.cases) if first else "", name, f"{at1:.3f}", at3, *(once if first else ("",) * 4)
            )
    return shown


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


VERB = evaluate
