"""One generated incident on disk, as large as asked for: lines, series and changes of many services."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from tests.bench.lines import TEMPLATES, labelled

REFERENCE_S, BEFORE_S, SINCE_S = 4800, 600, 600
STEP_S = 6
"""1,000 samples a series."""
METRICS = (
    "latency_p95_ms",
    "error_ratio",
    "request_rate",
    "cpu_usage",
    "memory_bytes",
    "threads_active",
    "queue_depth",
    "gc_pause_ms",
)
START_S = 1_700_000_000.0
ONSET_S = START_S + REFERENCE_S + BEFORE_S


DIFF = """@@ -3,4 +3,4 @@ pool:
   name: orders
-  max_connections: 40
+  max_connections: 4
   acquire_timeout_ms: 500
"""


@dataclass(frozen=True)
class Size:
    lines: int
    series: int
    changes: int

    def share(self, part: float) -> Size:
        return Size(int(self.lines * part), int(self.series * part), int(self.changes * part))

    @property
    def services(self) -> int:
        return max(4, self.series // 50)


WHOLE = Size(lines=1_000_000, series=10_000, changes=500)


def write_incident(folder: Path, size: Size, *, seed: int = 7) -> str:
    """An `incident-case/1` in `folder`; returns the guilty service, whose deploy lies just before the onset."""
    folder.mkdir(parents=True)
    names = [f"unit-{i:03d}" for i in range(size.services)]
    guilty = names[len(names) // 2]
    end_s = ONSET_S + SINCE_S
    window = {
        "start": _iso(ONSET_S - BEFORE_S),
        "end": _iso(end_s),
        "reference": [_iso(START_S), _iso(ONSET_S - BEFORE_S)],
        "onset_estimate": None,
    }
    alert = {"fired_at": _iso(ONSET_S + 120), "service": names[0], "summary": "requests fail", "severity": "critical"}
    case = {"schema": "incident-case/1", "id": "generated", "alert": alert, "window": window, "candidates": names}
    (folder / "case.json").write_text(json.dumps({**case, "answers": {}, "files": [], "notes": []}))
    edges = [[names[(i - 1) // 3], names[i]] for i in range(1, len(names))]
    (folder / "topology.json").write_text(json.dumps({"edges": edges, "placement": {}}))
    _write_lines(folder / "logs.jsonl", size.lines, names, guilty, seed)
    _write_series(folder / "metrics.csv", size.series, names, guilty, seed)
    _write_changes(folder / "changes.jsonl", size.changes, names, guilty, seed)
    return guilty


def _write_lines(path: Path, count: int, names: list[str], guilty: str, seed: int) -> None:
    lines = labelled(count, seed=seed)
    dice = random.Random(seed)
    step = (REFERENCE_S + BEFORE_S + SINCE_S) / count
    levels = [level for level, _ in TEMPLATES]
    with path.open("w") as out:
        for i, (message, label) in enumerate(zip(lines.messages, lines.labels, strict=True)):
            at, service, level = START_S + i * step, names[i % len(names)], levels[label]
            if at >= ONSET_S and service == guilty and i % 3 == 0:
                message, level = f"pool orders exhausted: waited {500 + i % 90} ms for a connection", "ERROR"
            row = {
                "phase": "reference" if at < ONSET_S - BEFORE_S else "incident",
                "time": round(at, 3),
                "service": service,
                "level": level,
                "msg": message,
                "trace": f"{i // 5:016x}",
                "span": f"{dice.getrandbits(48):012x}",
                "pod": f"{service}-7d9f8c5b6d-x{i % 3}k2p",
            }
            if label % 5 == 0:
                row["fields"] = {"region": "north", "attempt": i % 4}
            out.write(json.dumps(row) + "\n")


def _write_series(path: Path, count: int, names: list[str], guilty: str, seed: int) -> None:
    dice = np.random.default_rng(seed)
    times = np.arange(START_S, ONSET_S + SINCE_S, STEP_S)
    per_service = -(-count // len(names))
    columns: dict[str, object] = {
        "phase": np.where(times < ONSET_S - BEFORE_S, "reference", "incident"),
        "time": times,
    }
    for i in range(count):
        service, kind = names[i // per_service], i % per_service
        metric = METRICS[kind] if kind < len(METRICS) else f"gauge_{kind}"
        values = np.round(dice.gamma(4.0, 10.0) * (1 + 0.05 * dice.standard_normal(len(times))), 4)
        if service == guilty and metric in {"latency_p95_ms", "error_ratio", "threads_active"}:
            values[times >= ONSET_S] *= 6
        columns[f"{service}|{metric}"] = values
    pl.DataFrame(columns).write_csv(path)


def _write_changes(path: Path, count: int, names: list[str], guilty: str, seed: int) -> None:
    dice = random.Random(seed)
    moments = sorted(dice.uniform(START_S, ONSET_S + SINCE_S) for _ in range(count))
    moments[int(count * 0.7)] = ONSET_S - 20
    with path.open("w") as out:
        for i, at in enumerate(sorted(moments)):
            bad = at == ONSET_S - 20
            service = guilty if bad else dice.choice(names)
            row = {
                "time": round(at, 3),
                "kind": "deploy",
                "service": service,
                "id": f"{dice.getrandbits(28):07x}",
                "title": "Tidy the pool settings" if bad else f"Rework part {i}",
                "files": ["pool.yaml" if bad else f"src/part_{i}.py"],
                "diff": DIFF if bad else _diff(dice),
            }
            out.write(json.dumps(row) + "\n")


def _diff(dice: random.Random) -> str:
    """Some forty lines in four hunks, the size of an everyday commit."""
    hunks = []
    for _ in range(4):
        first = dice.randrange(1, 400)
        body = [f"     value_{dice.randrange(50)} = compute(item, limit={dice.randrange(9)})" for _ in range(6)]
        body.insert(3, f"-    return merge(parts, order={dice.randrange(9)})")
        body.insert(4, f"+    return merge(sorted(parts), order={dice.randrange(9)})")
        hunks.append("\n".join([f"@@ -{first},7 +{first},7 @@ def part():", *body]))
    return "\n".join(hunks) + "\n"


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
