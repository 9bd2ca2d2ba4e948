"""`make bench [ARGS="CASES…"]`: log templates against a plain loop, and whole-case triage."""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from app.domain.telemetry import LOG_SCHEMA
from app.main import Composition
from graphs.analysis.logs import templates
from tests.conftest import SHARED_CASES
from tests.e2e.shop import write_case

LINES = 200_000
MOST_CASES = 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("cases", nargs="*", type=Path, help="recorded incidents; default: those beside the project, else our own")
    options = parser.parse_args()
    bench_templates()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench_triage(options.cases, Path(folder)))


def bench_templates() -> None:
    """Lines per second: the analysis, and what most people would write first (one `re.sub` a line, then a Counter)."""
    frame = some_lines(LINES)
    messages = frame["msg"].to_list()
    pattern = re.compile(templates.PIECE)

    def plain() -> object:
        return Counter(pattern.sub(templates.WILD, message) for message in messages)

    ours, theirs = best_of(3, lambda: templates.mine(frame)), best_of(3, plain)
    print(f"log templates: {LINES / ours:,.0f} lines/s; a plain loop over re.sub: {LINES / theirs:,.0f}; ratio {theirs / ours:.1f}")


def some_lines(count: int) -> pl.DataFrame:
    """Lines of forty shapes with ids and durations in them."""
    dice = random.Random(7)
    verbs = ("accepted", "rejected", "finished", "retried", "dropped")
    shapes = [f"{verb} request {{}} for tenant-{{}} on shard {i} in {{}} ms" for i in "abcdefgh" for verb in verbs]
    values: dict[str, list[object]] = {
        "incident": [i % 2 == 0 for i in range(count)],
        "time": [1.7e9 + i / 100 for i in range(count)],
        "service": [f"service-{dice.randrange(6)}" for _ in range(count)],
        "level": [dice.choice(("INFO", "INFO", "WARN", "ERROR")) for _ in range(count)],
        "msg": [dice.choice(shapes).format(dice.getrandbits(48), dice.randrange(900), dice.randrange(4000)) for _ in range(count)],
    }
    return pl.DataFrame({name: values.get(name, [""] * count) for name in LOG_SCHEMA}, schema=LOG_SCHEMA)


def best_of(times: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest run: the others were disturbed."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


async def bench_triage(paths: list[Path], folder: Path) -> None:
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
    cuts = statistics.quantiles(taken, n=20)
    print(f"triage of a whole case: p50 {statistics.median(taken):.2f} s, p95 {cuts[-1]:.2f} s ({len(cases)} cases, one at a time)")


if __name__ == "__main__":
    main()
