"""`make bench [ARGS="--only templates --quick CASES…"]`: our speed beside that of others, on the same input, in one run.

Times are wall-clock and fall prey to whatever else the machine does; ratios less so, and processor time hardly at all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from app.main import Composition
from tests.bench import others
from tests.bench.audit import audit
from tests.bench.incident import WHOLE, write_incident
from tests.bench.lines import grouping_accuracy, labelled
from tests.bench.presses import presses
from tests.bench.series import SHAPES, Known, known_series
from tests.bench.table import Row, lines_of, steady
from tests.conftest import SHARED_CASES
from tests.e2e.shop import write_case

MOST_CASES = 40
ONE_CORE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
BEND = 1.5
STRAIGHT = f"a line (≤ {BEND})"
"""How much dearer a unit may be in the dearest step from one size to the next than in the cheapest."""
SECTIONS = ("templates", "stream", "series", "incident", "audit", "presses", "cases")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", type=Path, help="recorded incidents; default: those beside the project, else our own")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="these parts alone")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: to see that it runs")
    options = parser.parse_args()
    wanted = options.only or SECTIONS
    python = others.environment() if {"templates", "series"} & set(wanted) else None
    part = 0.1 if options.quick else 1.0
    parts: dict[str, Callable[[Path], list[Row]]] = {
        "templates": lambda folder: templates(folder, python, int(1_000_000 * part)),
        "stream": lambda _: stream(int(10_000_000 * part)),
        "series": lambda folder: series(folder, python, int(10_000 * part), cases=max(1, int(6 * part))),
        "incident": lambda folder: incident(folder, part),
        "audit": lambda folder: audit(folder, int(1_000_000 * part)),
        "presses": lambda folder: asyncio.run(presses(folder, part)),
        "cases": lambda folder: asyncio.run(triage(options.cases, folder)),
    }
    load = [os.getloadavg()[0]]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            print(f"{name} …", file=sys.stderr, flush=True)
            rows += parts[name](Path(folder))
            load.append(os.getloadavg()[0])
    print("\n".join(lines_of(rows)))
    cores = os.cpu_count() or 1
    if max(load) > cores + 1:
        print(f"{cores} cores were shared with others (load up to {max(load):.0f}): seconds are longer than they need be.")


def child(*what: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    return others.run([sys.executable, "-m", "tests.bench.child", *what], env={**os.environ, **(env or {})})


def theirs(python: Path | None, script: str, *what: str) -> dict[str, Any] | None:
    return others.run([str(python), str(others.HERE / script), *what]) if python is not None else None


def templates(folder: Path, python: Path | None, count: int) -> list[Row]:
    lines = labelled(count)
    path = folder / "lines.json"
    path.write_text(json.dumps(lines.messages))
    them = theirs(python, "theirs_templates.py", str(path))
    us, alone = child("templates", str(path)), child("templates", str(path), env=ONE_CORE)
    few = folder / "few.json"
    few.write_text(json.dumps(lines.messages[: count // 10]))
    fewer, fewer_them = child("templates", str(few)), theirs(python, "theirs_templates.py", str(few))
    accuracy = grouping_accuracy(lines.labels, us["groups"])
    rows = [
        _faster(f"log templates, lines/s of {count:,}", us["seconds"], them, least=20, amount=count),
        _faster("  by processor time, on one core", alone["processor_s"], them, amount=count, by="processor_s"),
        _faster(f"  of {count // 10:,} of them", fewer["seconds"], fewer_them, amount=count // 10),
    ]
    other = grouping_accuracy(lines.labels, them["groups"]) if them else None
    shown, met = (f"{other:.3f}", accuracy >= other) if other is not None else ("", None)
    return [*rows, Row("lines grouped as they were written", f"{accuracy:.3f}", shown, "", "the same or better", met)]


def stream(count: int) -> list[Row]:
    told = child("stream", str(count))
    assert told["lines"] == count
    bend = steady([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, *told["quarters"]])
    quarters = " ".join(f"{seconds:.1f}" for seconds in told["quarters"])
    peak = told["peak_mb"]
    return [
        Row(f"templates of {count:,} lines, peak memory", f"{peak:.0f} MB", "", "", "≤ 1000 MB", peak <= 1000),
        Row("  processor seconds after each quarter", quarters, "", f"{bend:.2f}", STRAIGHT, bend <= BEND),
    ]


def series(folder: Path, python: Path | None, count: int, *, cases: int) -> list[Row]:
    large = known_series(1000, count, each=count // 500)
    small = [known_series(200, 40, each=1, seed=seed) for seed in range(cases)]
    one, many = _saved(folder / "large.npz", [large]), _saved(folder / "small.npz", small)
    us, told = child("series", one, env=ONE_CORE), child("series", one, "--told", env=ONE_CORE)
    them = theirs(python, "theirs_series.py", one, "--scorer")
    us_small, them_small = child("series", many, env=ONE_CORE), theirs(python, "theirs_series.py", many)
    few, fewer = child("series", many, "--told", env=ONE_CORE), theirs(python, "theirs_series.py", many, "--scorer")
    what = f"{count:,} series of 1,000 points"
    rows = [
        Row(f"{what} ranked, one core", f"{us['seconds']:.2f} s", "", "", "≤ 1 s", us["seconds"] <= 1.0),
        _faster(f"end to end, {cases} cases of 40 series", us_small["seconds"], them_small, least=5),
        _faster("the scorer alone, the same cases", few["seconds"], fewer, least=0.5),
        _faster(f"the scorer alone, {what}", told["seconds"], them, least=0.5),
        _found("true changes found, those cases", small, us_small, them_small),
        _found(f"true changes found, {what}", [large], us, them),
    ]
    return [*rows, *(_found(f"  {shape}", [large], us, them, shape=shape) for shape in SHAPES)]


def _saved(path: Path, cases: list[Known]) -> str:
    values = {f"values_{i}": case.values for i, case in enumerate(cases)}
    np.savez(path, times=cases[0].times, onset=np.array(cases[0].onset_s), **values)
    return str(path)


def _found(what: str, cases: list[Known], us: dict[str, Any], them: dict[str, Any] | None, *, shape: str = "") -> Row:
    """The share among the first ranks; of one shape alone for information."""

    def share(told: dict[str, Any]) -> float:
        found = []
        for case, ranks in zip(cases, told["ranks"], strict=True):
            first = set(ranks[: len(case.changed)])
            found += [j in first for j, kind in case.changed.items() if shape in ("", kind)]
        return sum(found) / len(found)

    ours = share(us)
    if them is None:
        return Row(what, f"{ours:.2f}")
    other = share(them)
    return Row(what, f"{ours:.2f}", f"{other:.2f}", "", "" if shape else "more", None if shape else ours > other)


def _faster(
    what: str, ours_s: float, them: dict[str, Any] | None, *, least: float | None = None, amount: int = 0, by: str = "seconds"
) -> Row:
    """`least`: how many times as fast we are to be; with `amount`, shown as so many a second."""

    def shown(seconds: float) -> str:
        return f"{amount / seconds:,.0f}" if amount else f"{seconds:.3f} s"

    if them is None:
        return Row(what, shown(ours_s))
    ratio = them[by] / ours_s
    target = "" if least is None else f"≥ {least:g} ×"
    return Row(what, shown(ours_s), shown(them[by]), f"{ratio:,.1f} ×", target, None if least is None else ratio >= least)


def incident(folder: Path, part: float) -> list[Row]:
    """One incident in four sizes; the answer must be the guilty deploy, whatever the size."""
    sizes = [0.125 * part, 0.25 * part, 0.5 * part, part]
    runs: list[dict[str, Any]] = []
    right = True
    for share in sizes:
        place = folder / f"incident-{share:g}"
        guilty = write_incident(place, WHOLE.share(share))
        runs.append(child("incident", str(place)))
        right = right and runs[-1]["target"] == guilty and runs[-1]["change"] and not runs[-1]["late"]
    whole, seconds, peak = WHOLE.share(part), runs[-1]["seconds"], runs[-1]["peak_mb"]
    used = [told["cpu_s"] for told in runs]
    bend = steady(sizes, used)
    what = f"{whole.lines:,} lines, {whole.series:,} series, {whole.changes} changes"
    return [
        Row(f"an incident of {what}", f"{seconds:.1f} s", "", "", "≤ 10 s", seconds <= 10.0),
        Row("  peak memory", f"{peak:.0f} MB", "", "", "≤ 1500 MB", peak <= 1500),
        Row("  the guilty deploy first at every size", "yes" if right else "no", "", "", "yes", right),
        Row("  seconds at ⅛, ¼, ½ and all", " ".join(f"{told['seconds']:.1f}" for told in runs)),
        Row("  processor seconds", " ".join(f"{s:.1f}" for s in used), "", f"{bend:.2f}", STRAIGHT, bend <= BEND),
    ]


async def triage(paths: list[Path], folder: Path) -> list[Row]:
    """Whole cases, one after another in this process, reading included."""
    compose = Composition()
    if not paths and SHARED_CASES.is_dir():
        paths = [SHARED_CASES]
    cases = [case for path in paths for case in compose.find_cases(path)]
    if len(cases) > MOST_CASES:
        cases = cases[:: len(cases) // MOST_CASES][:MOST_CASES]
    cases = cases or [write_case(folder / "case", now=datetime.now(UTC))] * 10

    async def silent(_: object) -> None:
        return None

    await compose.triage_case(cases[0], silent)  # the first one pays for imports
    taken = []
    for case in cases:
        started = time.perf_counter()
        await compose.triage_case(case, silent)
        taken.append(time.perf_counter() - started)
    middle, slow = statistics.median(taken), statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else taken[0]
    return [
        Row(f"a whole case, {len(cases)} of them, p50", f"{middle:.2f} s", "", "", "≤ 0.5 s", middle <= 0.5),
        Row("  p95", f"{slow:.2f} s", "", "", "≤ 3 s", slow <= 3.0),
    ]


if __name__ == "__main__":
    main()
