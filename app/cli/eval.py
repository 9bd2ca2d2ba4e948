"""`firstmate eval PATH… --out results.jsonl [--truth DIR] [--against RESULTS] [--ablation | --only … --without …]`"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.progress import track

import app
from app.cli import evaltables
from app.cli.composition import Composition
from app.domain.errors import BadInput
from app.domain.quantity import counted
from app.evaluation import combinations, compare, runner
from app.evaluation.combinations import AblationRow, Combination
from app.evaluation.compare import Comparison
from app.evaluation.reliability import Reliability, reliability
from app.evaluation.runner import Scored
from app.evaluation.score import NEVER, confidences, row_as_json, table
from app.evaluation.thin import run_thinned

WIDEST = 400
BROKE, REGRESSED = 1, 3


def evaluate(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="A case, or a folder searched for cases.", exists=True)],
    out: Annotated[Path, typer.Option(help="Where the results go, one JSON object a line.")] = Path("results.jsonl"),
    truth: Annotated[Path | None, typer.Option(help="The folder of truth files; opened after the last result is written.")] = None,
    workers: Annotated[int, typer.Option(help="How many cases at a time.", min=1, max=64)] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object, and nothing else.")] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Earlier results to compare with: a release's file or a results file; else the last release's.", exists=True
        ),
    ] = None,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit 3 when a case that was right is wrong now.")
    ] = False,
    save_release: Annotated[
        bool, typer.Option("--save-release", help="Keep ranks, confidences and verdicts with the product, as this version's.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--reliability", help="Confidence against what came, and what a perfect forecaster would show.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="Ask this investigator and no other; may be given again.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave this investigator, or the judge, out; again.")] = None,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Each investigator alone, any two, all; with the judge and without.")
    ] = False,
    lose: Annotated[float, typer.Option(help="Take this share of each case's telemetry away first, 0 to 0.9.", min=0, max=0.9)] = 0,
    seed: Annotated[int, typer.Option(help="Which share --lose takes away.")] = 1,
) -> None:
    """Run recorded cases and print how often the answer was right.

    Exit code 1: a case broke. 3: --fail-on-regression, and one that was right is wrong now.
    """
    compose: Composition = ctx.obj
    known = compose.investigators() if only or without or ablation else []  # their import takes a second
    part = combinations.chosen(known, only=only or (), without=without or ()) if only or without else None
    asked = {
        "--json": as_json,
        "--against": against is not None,
        "--fail-on-regression": fail_on_regression,
        "--save-release": save_release,
        "--reliability": trust,
        "--ablation": ablation,
    }
    _refuse({option for option, given in asked.items() if given}, part=part, truth=truth, lose=lose)
    earlier = _earlier(against or compare.newest(compose.releases()))
    if fail_on_regression and earlier is None:
        raise BadInput("--fail-on-regression has nothing to compare with: name earlier results with --against")

    console = Console(stderr=True)
    cases = [case for path in paths for case in compose.find_cases(path)]
    if not cases:
        console.print("no case found: a case is a folder with a case.json", style="red")
        raise typer.Exit(2)
    if truth is not None and not truth.is_dir():
        raise BadInput(f"--truth {truth} is no folder; name the one that holds the truth files")
    run_case: Callable[[str], str] = compose.run_case_by_name
    if ablation:
        run_case = partial(compose.run_combinations_by_name, asked=combinations.every(known), whole=False)
    elif part:
        run_case = partial(compose.run_combinations_by_name, asked=(part,), whole=True)
    if lose:
        run_case = partial(run_thinned, run_case=run_case, share=lose, seed=seed)
    broken = _run(cases, run_case, workers=workers, out=out, console=console)
    if truth is None:
        raise typer.Exit(BROKE if broken else 0)
    if ablation:
        _print_ablation(*_readable(truth, out, lambda: combinations.score_all(out, truth)), as_json=as_json)
        raise typer.Exit(BROKE if broken else 0)

    counts = dict(compose.candidates(case) for case in cases)
    scored = _readable(truth, out, lambda: runner.score(out, truth, candidates=counts))
    compared = _compare(scored, earlier, named=against is not None or fail_on_regression)
    figures = Figures(scored, compared, reliability(confidences(scored.marked)) if trust else None)
    if as_json:
        print(json.dumps(figures.as_json(), ensure_ascii=False, indent=1))
    else:
        _print(figures, console)
    if save_release and not broken:
        console.print(f"kept in {_save(scored, compose.releases())}", markup=False)
    elif save_release:
        console.print("not kept: a case broke", style="red")
    regressed = fail_on_regression and compared is not None and bool(compared.lost)
    raise typer.Exit(BROKE if broken else REGRESSED if regressed else 0)


def _refuse(asked: set[str], *, part: Combination | None, truth: Path | None, lose: float) -> None:
    """Raises `BadInput` for what makes no sense together, before an hour of cases."""
    if "--ablation" in asked and (part or asked - {"--ablation", "--json"}):
        raise BadInput("--ablation prints its own table: give it no other choice of parts and nothing to compare or save")
    if "--save-release" in asked and lose:
        raise BadInput("a release is judged on whole cases: leave --lose out, or --save-release")
    if "--save-release" in asked and part:
        raise BadInput("a release is the whole engine: leave --only and --without out, or --save-release")
    if asked and truth is None:
        raise BadInput(f"{min(asked)} is about right and wrong: name the folder of truth files with --truth")


@dataclass(frozen=True)
class Figures:
    """Everything one evaluation has to say."""

    scored: Scored
    compared: Comparison | None
    trust: Reliability | None

    def as_json(self) -> dict[str, Any]:
        """`rows` as `row_as_json` has them; ranks that were never reached are null."""
        body: dict[str, Any] = {"rows": [row_as_json(row) for row in table(self.scored.marked)]}
        body |= {"missing": self.scored.without_result, "without_truth": self.scored.without_truth}
        if self.compared is not None:
            rows = [
                {"before": row_as_json(each.before), "after": row_as_json(each.after), "won": each.won, "lost": each.lost}
                for each in self.compared.rows
            ]
            flips = {
                name: [asdict(replace(f, before=_rank(f.before), after=_rank(f.after))) for f in held]
                for name, held in (("won", self.compared.won), ("lost", self.compared.lost))
            }
            body["against"] = {**asdict(replace(self.compared, rows=())), "rows": rows, **flips}
        if self.trust is not None:
            body["reliability"] = {**asdict(self.trust), "looks_perfect": self.trust.looks_perfect}
        return body


def _rank(rank: float) -> Any:
    return None if rank == NEVER else int(rank)


def _run(cases: list[Path], run_case: Callable[[str], str], *, workers: int, out: Path, console: Console) -> int:
    """How many broke."""
    try:
        with out.open("ab"):  # now, and not after an hour of cases
            pass
    except OSError as error:
        raise BadInput(f"--out {out} can't be written ({error.strerror}); name a file in a folder that is there") from error
    broken = 0
    done = runner.run_all(cases, run_case, workers=workers, out=out)
    for _, result in track(done, total=len(cases), description="cases", console=console):
        if "error" in result:
            broken += 1
            console.print(f"{result['case']}: {result['error']}", style="red", markup=False)
    console.print(f"{counted(len(cases), 'result')} in {out}", markup=False)
    return broken


def _readable(truth: Path, out: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, ValueError) as error:
        raise BadInput(f"--truth {truth} holds a file that can't be read ({error}); mend it: the results stand in {out}") from error


@dataclass(frozen=True)
class Before:
    """Earlier results as they were when the command began: `--out` may be the same file."""

    path: Path
    lines: list[dict[str, Any]]


def _earlier(path: Path | None) -> Before | None:
    if path is None:
        return None
    try:
        return Before(path, compare.read(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} holds no results ({error}); name a release's file or a results file") from error


def _compare(scored: Scored, before: Before | None, *, named: bool) -> Comparison | None:
    """None without earlier results, or where those of the last release are about other cases and nobody asked for them."""
    if before is None:
        return None
    try:
        found = compare.earlier(before.lines, scored.truths, name=before.path.name)
    except ValueError as error:
        raise BadInput(f"{before.path} holds no results ({error}); name a release's file or a results file") from error
    compared = compare.compare(scored.marked, found)
    if compared.cases:
        return compared
    if named:
        raise BadInput(f"{before.path} knows none of these cases, so there is nothing to compare")
    return None


def _save(scored: Scored, folder: Path) -> Path:
    path = folder / f"{app.__version__}{compare.SUFFIX}"
    try:
        folder.mkdir(exist_ok=True)
        path.write_bytes(compare.dump(scored.marked, version=app.__version__))
    except OSError as error:
        raise BadInput(f"{path} can't be written ({error.strerror}); save a release from a checkout of your own") from error
    return path


def _print(figures: Figures, console: Console) -> None:
    screen, rows = _screen(), table(figures.scored.marked)
    _show(screen, [evaltables.share_table(rows), evaltables.honest_table(rows)])
    if figures.trust is not None:
        _show(screen, [evaltables.reliability_table(figures.trust)], evaltables.reliability_lines(figures.trust))
    if figures.compared is not None:
        _show(screen, [evaltables.comparison_table(figures.compared)], evaltables.comparison_lines(figures.compared))
    if figures.scored.without_truth:
        console.print(f"{counted(figures.scored.without_truth, 'result')} without a truth: not in the table")
    if figures.scored.without_result:
        console.print(f"{counted(figures.scored.without_result, 'truth')} without a result: not in the table")


def _print_ablation(rows: list[AblationRow], cases: int, *, as_json: bool) -> None:
    if as_json:
        held = [
            {
                "parts": row.combination,
                "sources": {name: row_as_json(each) for name, each in row.sources.items()},
                "all": row_as_json(row.pooled),
            }
            for row in rows
        ]
        print(json.dumps({"cases": cases, "combinations": held}, ensure_ascii=False, indent=1))
    else:
        _show(_screen(), [evaltables.ablation_table(rows)])


def _screen() -> Console:
    """A file is as wide as its longest row; rich would take it for a terminal of 80 columns."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=WIDEST, file=screen.file)


def _show(screen: Console, tables: Iterable[Group], lines: Iterable[str] = ()) -> None:
    for each in tables:
        screen.print(each)
    for line in lines:
        screen.print(line, markup=False, highlight=False, soft_wrap=not screen.is_terminal)


VERB = evaluate
