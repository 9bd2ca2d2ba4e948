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
import shutil
import zlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

_LINES = ("logs.jsonl", "k8s.jsonl", "extra.jsonl")
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error, csv.Error)
_NAMED = 2
"""The first columns of metrics.csv are the phase and the time."""


def run_thinned(folder: str, *, run_case: Callable[[str], str], share: float, seed: int) -> str:
    """What `run_case` says of the case with a share of it gone."""
    with TemporaryDirectory(prefix="firstmate-thin-") as place:
        return run_case(str(thin(Path(folder), Path(place) / Path(folder).name, share=share, seed=seed)))


def thin(folder: Path, to: Path, *, share: float, seed: int) -> Path:
    """A copy of `folder` at `to` without a `share` (0..1) of its telemetry. A file that can't be read is copied as it is: whoever
    reads the case says what is wrong with it."""
    to.mkdir(parents=True)
    told = folder / "case.json"
    try:
        case = json.loads(told.read_bytes())
        chance = random.Random(f"{seed} {case['alert'].get('summary')} {case['alert'].get('fired_at')}")
    except _UNREADABLE:
        if told.is_file():
            shutil.copyfile(told, to / told.name)
        return to
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".gz")
        if not path.is_file() or name == "case.json":
            continue
        try:
            (to / name).write_text(_less(name, _text(path), chance, share), encoding="utf-8")
        except _UNREADABLE:
            shutil.copyfile(path, to / path.name)
    try:
        (to / told.name).write_text(json.dumps(_onset_moved(case, chance, share)), encoding="utf-8")
    except _UNREADABLE:
        shutil.copyfile(told, to / told.name)
    return to


def _less(name: str, text: str, chance: random.Random, share: float) -> str:
    """What is left of the file `name`, whose content is `text`."""
    if name in _LINES:
        return "".join(line + "\n" for line in text.splitlines() if chance.random() >= share)
    if name == "metrics.csv":
        return _fewer_series(text, chance, share)
    if name == "spans.csv":
        return _fewer_traces(text, chance, share)
    if name == "topology.json":
        calls = json.loads(text)
        return json.dumps({**calls, "edges": [edge for edge in calls.get("edges", []) if chance.random() >= share]})
    return text


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
