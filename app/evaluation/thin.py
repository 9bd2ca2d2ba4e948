"""Taking a share of a recorded case's telemetry away: how an answer fares where monitoring has holes.

Series, log lines, traces, recorded commands, documents and calls of the graph go by chance, each whole; a stated onset moves by
up to a quarter of that share of the window. Changes stay, as they are what is accused. The chance depends on the seed and on
what the case holds, not on what it is called.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

_LINES = ("logs.jsonl", "k8s.jsonl", "extra.jsonl")
_NAMED = 2
"""The first columns of metrics.csv are the phase and the time."""


def run_thinned(folder: str, *, run_case: Callable[[str], str], share: float, seed: int) -> str:
    """What `run_case` says of the case with a share of it gone."""
    with TemporaryDirectory(prefix="firstmate-thin-") as place:
        return run_case(str(thin(Path(folder), Path(place) / Path(folder).name, share=share, seed=seed)))


def thin(folder: Path, to: Path, *, share: float, seed: int) -> Path:
    """A copy of `folder` at `to` without a `share` (0..1) of its telemetry."""
    to.mkdir(parents=True)
    case = json.loads(_text(folder / "case.json"))
    chance = random.Random(f"{seed} {case['alert'].get('summary')} {case['alert'].get('fired_at')}")
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".gz")
        if not path.is_file() or name == "case.json":
            continue
        text = _text(path)
        if name in _LINES:
            text = "".join(line + "\n" for line in text.splitlines() if chance.random() >= share)
        elif name == "metrics.csv":
            text = _fewer_series(text, chance, share)
        elif name == "spans.csv":
            text = _fewer_traces(text, chance, share)
        elif name == "topology.json":
            calls = json.loads(text)
            text = json.dumps({**calls, "edges": [edge for edge in calls.get("edges", []) if chance.random() >= share]})
        (to / name).write_text(text, encoding="utf-8")
    (to / "case.json").write_text(json.dumps(_onset_moved(case, chance, share)), encoding="utf-8")
    return to


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8") if path.suffix == ".gz" else path.read_text(encoding="utf-8")


def _fewer_series(text: str, chance: random.Random, share: float) -> str:
    rows = list(csv.reader(io.StringIO(text)))
    if not rows:
        return text
    kept = [i for i in range(len(rows[0])) if i < _NAMED or chance.random() >= share]
    return _written([row[i] for i in kept] for row in rows if len(row) == len(rows[0]))


def _fewer_traces(text: str, chance: random.Random, share: float) -> str:
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or "trace" not in rows[0]:
        return text
    at = rows[0].index("trace")
    gone = {trace for trace in dict.fromkeys(row[at] for row in rows[1:] if len(row) > at) if chance.random() < share}
    return _written([rows[0], *(row for row in rows[1:] if len(row) > at and row[at] not in gone)])


def _written(rows: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _onset_moved(case: dict[str, object], chance: random.Random, share: float) -> dict[str, object]:
    window = case.get("window")
    if not isinstance(window, dict) or not all(window.get(key) for key in ("start", "end", "onset_estimate")):
        return case
    start, end, onset = (datetime.fromisoformat(str(window[key])) for key in ("start", "end", "onset_estimate"))
    moved = onset + timedelta(seconds=chance.uniform(-0.25, 0.25) * share * (end - start).total_seconds())
    return {**case, "window": {**window, "onset_estimate": min(max(moved, start), end).isoformat()}}
