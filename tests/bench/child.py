"""One piece of our own work in a process of its own, so that its time and its memory are its alone. Prints one JSON object.

`python -m tests.bench.child templates LINES.json | stream COUNT | series CASES.npz [--told] | incident FOLDER`
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from app.domain.telemetry import MetricTable, SeriesName
from graphs.analysis.logs import templates
from graphs.analysis.metrics.measured import measure_all
from tests.bench.lines import frame_of, labelled, plain_frame

CHUNK = 250_000


def _templates(path: str) -> dict[str, Any]:
    """All lines under one service and no level, as the others see them."""
    messages = json.loads(Path(path).read_bytes())
    frame = plain_frame(messages)
    runs = [_timed(lambda: templates.mine(frame)) for _ in range(2)]
    mined = templates.mine(frame)
    keys = ["service", "level", "status"]
    masked = templates.keyed(frame.lazy()).with_columns(templates.mask(pl.col("msg")).alias("masked"))
    joined = masked.join(mined.spelled.lazy(), on=[*keys, "masked"], how="left", maintain_order="left").collect()
    seconds, processor_s = min(runs)[0], min(run[1] for run in runs)
    return {"seconds": seconds, "processor_s": processor_s, "groups": joined["template"].fill_null("").to_list()}


def _stream(count: str) -> dict[str, Any]:
    """Processor seconds of mining (without those of making the lines) up to each quarter."""
    making = 0.0
    quarters: list[float] = []
    total, started = int(count), time.process_time()

    def frames() -> Iterator[pl.DataFrame]:
        nonlocal making
        for done in range(0, total, CHUNK):
            if done and done % (total // 4) < CHUNK:
                quarters.append(time.process_time() - started - making)
            began = time.process_time()
            frame = frame_of(labelled(CHUNK, seed=done), first=done)
            making += time.process_time() - began
            yield frame

    found = templates.mine_all(frames())
    quarters.append(time.process_time() - started - making)
    return {"seconds": quarters[-1], "quarters": quarters, "lines": int(found.templates["n_after"].sum())}


def _series(path: str, told: str = "") -> dict[str, Any]:
    held = np.load(path)
    ranks, seconds = [], 0.0
    for name in sorted((n for n in held.files if n.startswith("values_")), key=lambda n: int(n[7:])):
        values, times = held[name], held["times"]
        names = tuple(SeriesName(f"unit-{i // 20:04d}", f"gauge_{i % 20:02d}") for i in range(values.shape[1]))
        table = MetricTable("generated", float(times[-1]), times, times >= times[len(times) // 2], names, values)
        onset_s = float(held["onset"]) if told else None
        seconds += min(_timed(lambda t=table, o=onset_s: measure_all([t], o)) for _ in range(2))[0]
        found = measure_all([table], onset_s)
        assert found is not None
        order = np.argsort(-np.abs(found.picture.shifts.z), kind="stable")
        ranks.append([found.series[j].column for j in order])
    return {"seconds": seconds, "ranks": ranks}


def _incident(folder: str) -> dict[str, Any]:
    from app.main import Composition

    async def silent(_: object) -> None:
        return None

    started = time.perf_counter()
    _, _, diagnosis = asyncio.run(Composition().triage_case(Path(folder), silent))
    seconds = time.perf_counter() - started
    best = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    late = [gap.statement for gap in diagnosis.gaps if gap.reason == "timed_out"]
    return {"seconds": seconds, "target": best and best.target, "change": bool(best and best.change), "late": late}


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that went by, and those of the processors."""
    started, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - used


WORK: dict[str, Callable[..., dict[str, Any]]] = {
    "templates": _templates,
    "stream": _stream,
    "series": _series,
    "incident": _incident,
}


if __name__ == "__main__":
    told = WORK[sys.argv[1]](*sys.argv[2:])
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**told, "cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}))
