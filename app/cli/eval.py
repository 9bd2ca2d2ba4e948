"""`firstmate eval PATH… --out results.jsonl [--truth DIR] [--against RESULTS] [--ablation | --only … --without …]`"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

import app
from app.cli.composition import Composition
from app.cli.evalreport import Figures, print_ablation, print_figures
from app.domain.errors import BadInput
from app.domain.quantity import counted
from app.evaluation import combinations, compare, runner
from app.evaluation.combinations import Combination
from app.evaluation.compare import Comparison, Earlier
from app.evaluation.reliability import reliability
from app.evaluation.runner import Scored
from app.evaluation.score import confidences
from app.evaluation.thin import run_thinned

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
    whole = not (lose or part)  # the last release is of the whole engine on whole cases: comparable unless somebody asks for it
    unasked = compare.newest(compose.releases()) if whole or fail_on_regression else None
    earlier = _earlier(against or unasked)
    if fail_on_regression and earlier is None:
        raise BadInput("--fail-on-regression has nothing to compare with: name earlier results with --against")

    console = Console(stderr=True)
    cases = [case for path in paths for case in compose.find_cases(path)]
    if not cases:
        console.print("no case found: a case is a folder with a case.json", style="red")
        raise typer.Exit(2)
    if truth is not None and not truth.is_dir():
        raise BadInput(f"--truth {truth} is no folder; name the one that holds the truth files")
    run_case = _worker(compose, every=combinations.every(known) if ablation else (), part=part)
    if lose:
        run_case = partial(run_thinned, run_case=run_case, share=lose, seed=seed)
    broken = _run(cases, run_case, workers=workers, out=out, console=console)
    if truth is None:
        raise typer.Exit(BROKE if broken else 0)
    if ablation:
        rows, known_cases = _readable(truth, out, lambda: combinations.score_all(out, truth))
        _refuse_foreign(truth, out, known=known_cases)
        print_ablation(rows, known_cases, as_json=as_json)
        raise typer.Exit(BROKE if broken else 0)

    counts = dict(compose.candidates(case) for case in cases)
    scored = _readable(truth, out, lambda: runner.score(out, truth, candidates=counts))
    _refuse_foreign(truth, out, known=len(scored.marked))
    compared = _compare(scored, earlier, named=against is not None or fail_on_regression)
    figures = Figures(scored, compared, reliability(confidences(scored.marked)) if trust else None)
    print_figures(figures, console, as_json=as_json)
    if save_release:
        _keep(scored, compose.releases(), console, broken=broken)
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


def _worker(compose: Composition, *, every: tuple[Combination, ...], part: Combination | None) -> Callable[[str], str]:
    """Who runs a case: each of `every` combination by itself, else `part` of the engine, else all of it."""
    if every:
        return partial(compose.run_combinations_by_name, asked=every, whole=False)
    if part:
        return partial(compose.run_combinations_by_name, asked=(part,), whole=True)
    return compose.run_case_by_name


def _run(cases: list[Path], run_case: Callable[[str], str], *, workers: int, out: Path, console: Console) -> int:
    """How many broke. Where it is stopped before the last one, `out` is as it was."""
    broken, new = 0, not out.exists()
    try:
        with out.open("ab"):  # now, and not after an hour of cases
            pass
    except OSError as error:
        raise BadInput(f"--out {out} can't be written ({error.strerror}); name a file in a folder that is there") from error
    try:
        done = runner.run_all(cases, run_case, workers=workers, out=out)
        for _, result in track(done, total=len(cases), description="cases", console=console):
            if "error" in result:
                broken += 1
                console.print(f"{result['case']}: {result['error']}", style="red", markup=False)
    finally:
        if new and out.exists() and not out.stat().st_size:
            out.unlink()
    console.print(f"{counted(len(cases), 'result')} in {out}", markup=False)
    return broken


def _readable(truth: Path, out: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, ValueError) as error:
        raise BadInput(f"--truth {truth} holds a file that can't be read ({error}); mend it: the results stand in {out}") from error


def _refuse_foreign(truth: Path, out: Path, *, known: int) -> None:
    """Raises `BadInput`: figures of no case read like a run that went well, and would be kept as a release."""
    if not known:
        raise BadInput(f"--truth {truth} knows none of these cases; name the folder of their truth: the results stand in {out}")


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
    """None without earlier results, or where nobody asked for those of the last release and not all its cases were run."""
    if before is None:
        return None
    compared = compare.compare(scored.marked, _outcomes(before, scored))
    if named and not compared.cases:
        raise BadInput(f"{before.path} knows none of these cases, so there is nothing to compare")
    return compared if named or not compared.not_run else None


def _outcomes(before: Before, scored: Scored) -> Earlier:
    try:
        return compare.earlier(before.lines, scored.truths, name=before.path.name)
    except ValueError as error:
        raise BadInput(f"{before.path} holds no results ({error}); name a release's file or a results file") from error


def _keep(scored: Scored, folder: Path, console: Console, *, broken: int) -> None:
    if broken:
        console.print("not kept: a case broke", style="red")
    else:
        console.print(f"kept in {_save(scored, folder)}", markup=False)


def _save(scored: Scored, folder: Path) -> Path:
    path = folder / f"{app.__version__}{compare.SUFFIX}"
    _refuse_smaller(path, scored)
    try:
        folder.mkdir(exist_ok=True)
        path.write_bytes(compare.dump(scored.marked, version=app.__version__))
    except OSError as error:
        raise BadInput(f"{path} can't be written ({error.strerror}); save a release from a checkout of your own") from error
    return path


def _refuse_smaller(path: Path, scored: Scored) -> None:
    """Raises `BadInput` where this version's release knows cases that these results lack: they would be lost without a word."""
    if not path.exists() or (before := _earlier(path)) is None:
        return
    lost = _outcomes(before, scored).outcomes.keys() - {each.key for each in scored.marked}
    if lost:
        raise BadInput(
            f"not kept: {path} knows {counted(len(lost), 'case')} that these results lack, or whose truth was mended since; "
            "run them all, or remove that file first if they shall be gone"
        )


VERB = evaluate
