"""A recorded case told in other words that mean the same. Each takes the texts of the files, by name, and gives such texts back."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Files = dict[str, str]

LINES = ("logs.jsonl", "changes.jsonl", "k8s.jsonl", "extra.jsonl")
TABLES = ("metrics.csv", "spans.csv")
EMPTY = {
    "logs.jsonl": "",
    "changes.jsonl": "",
    "k8s.jsonl": "",
    "extra.jsonl": "",
    "spans.csv": "phase,trace,span,parent,service,op,start,dur_ms\n",
    "topology.json": '{"edges": [], "placement": {}}',
}
"""What each file looks like where the thing was recorded, and there was none."""
MILLI = 1000
_SYLLABLES = ("ba", "do", "ke", "lu", "mi", "no", "ra", "si", "tu", "ve", "zo", "gy")
_PART = re.compile("[A-Za-z]+")


def read(folder: Path) -> Files:
    files = {path.name.removesuffix(".gz"): path for path in folder.iterdir() if path.is_file()}
    packed = {name: path for name, path in files.items() if path.suffix == ".gz"}
    return {
        name: gzip.decompress(path.read_bytes()).decode() if name in packed else path.read_text() for name, path in files.items()
    }


def write(files: Files, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


# --- the same, told otherwise


def nameless(files: Files) -> Files:
    case = json.loads(files["case.json"])
    case.pop("id", None)
    return {**files, "case.json": json.dumps(case)}


def shifted(files: Files, *, by_s: float) -> Files:
    """Everything happened `by_s` seconds later."""
    case = json.loads(files["case.json"])
    case["alert"]["fired_at"] = _later(case["alert"].get("fired_at"), by_s)
    window = case["window"]
    case["window"] = {
        key: [_later(at, by_s) for at in held] if isinstance(held, list) else _later(held, by_s) for key, held in window.items()
    }
    told = {**files, "case.json": json.dumps(case)}
    for name in ("logs.jsonl", "changes.jsonl"):
        if name in files:
            told[name] = _each(files[name], lambda row: {**row, "time": _later(row.get("time"), by_s)})
    for name, column in (("metrics.csv", "time"), ("spans.csv", "start")):
        if name in files:
            told[name] = _column(files[name], column, lambda cell: repr(float(cell) + by_s) if cell else cell)
    return told


def shuffled(files: Files, *, seed: int = 1) -> Files:
    """Lines, columns and edges in another order."""
    chance = random.Random(seed)
    told = dict(files)
    for name in LINES:
        if name in files:
            lines = files[name].splitlines()
            chance.shuffle(lines)
            told[name] = "".join(f"{line}\n" for line in lines)
    for name in TABLES:
        if name in files:
            head, *rows = csv.reader(io.StringIO(files[name]))
            order = list(range(len(head)))
            chance.shuffle(order)
            chance.shuffle(rows)
            told[name] = _table([[row[i] for i in order] for row in (head, *rows)])
    if "topology.json" in files:
        topology = json.loads(files["topology.json"])
        chance.shuffle(topology["edges"])
        told["topology.json"] = json.dumps(topology)
    return told


def doubled(files: Files) -> Files:
    """Every log line was collected twice."""
    return {**files, "logs.jsonl": "".join(f"{line}\n{line}\n" for line in files["logs.jsonl"].splitlines())}


def in_milliseconds(files: Files) -> Files:
    """Every series in seconds is told in milliseconds, and says so in its name."""
    rows = list(csv.reader(io.StringIO(files["metrics.csv"])))
    scaled = {i for i, name in enumerate(rows[0]) if in_seconds(name)}
    head = [milli(name) for name in rows[0]]
    body = [[repr(float(cell) * MILLI) if i in scaled and cell else cell for i, cell in enumerate(row)] for row in rows[1:]]
    case = json.loads(files["case.json"])
    metric = case["alert"].get("metric") or ""
    if in_seconds(metric):
        case["alert"]["metric"] = milli(metric)
        case["alert"] |= {
            key: case["alert"][key] * MILLI for key in ("threshold", "observed") if isinstance(case["alert"].get(key), float)
        }
    return {**files, "metrics.csv": _table([head, *body]), "case.json": json.dumps(case)}


_SECONDS = re.compile(r"_(?:s|seconds)(?=$|[_{])")


def in_seconds(name: str) -> bool:
    """Whether the series' name says that it counts a duration in seconds, not how many seconds passed per second."""
    return bool(_SECONDS.search(name.rpartition("|")[2])) and "_per_s" not in name and "cpu" not in name


def milli(name: str) -> str:
    entity, bar, metric = name.rpartition("|")
    return f"{entity}{bar}{_SECONDS.sub('_ms', metric)}" if in_seconds(name) else name


def renamed(files: Files, names: dict[str, str]) -> Files:
    """Every service is called otherwise, wherever its name stands by itself."""
    longest = sorted(names, key=lambda name: (-len(name), name))
    found = re.compile("(?<![A-Za-z0-9_])(?:" + "|".join(map(re.escape, longest)) + ")(?![A-Za-z0-9_])")

    def told(value: Any) -> Any:
        if isinstance(value, str):
            return found.sub(lambda m: names[m.group()], value)
        if isinstance(value, list):
            return [told(each) for each in value]
        return {told(key): told(each) for key, each in value.items()} if isinstance(value, dict) else value

    changed = {name: told(text) for name, text in files.items() if name in TABLES}
    changed |= {name: _each(text, told) for name, text in files.items() if name in LINES}
    return changed | {name: json.dumps(told(json.loads(files[name]))) for name in files.keys() - changed.keys()}


def new_names(files: Files, *, seed: int = 1) -> dict[str, str]:
    """A made-up name for each service, part for part (`shop-cart`: `doke-lumi`), as long as the old one (columns are cut by width)
    and in no order that the old ones were in."""
    chance = random.Random(seed)
    parts: dict[str, str] = {}
    old = sorted(services(files))
    for part in sorted({part for name in old for part in _PART.findall(name)}):
        new = ""
        while not new or new in parts.values() or new in parts:
            new = "".join(chance.choice(_SYLLABLES) for _ in part)[: max(len(part), 3)]
        parts[part] = new
    return {name: _PART.sub(lambda m: parts[m.group()], name) for name in old}


def services(files: Files) -> set[str]:
    """Everything that telemetry, the call graph and the alert call a service."""
    case = json.loads(files["case.json"])
    candidates = [each.rpartition("/") for each in case.get("candidates") or ()]
    found = {case["alert"].get("service") or "", *(name for kind, _, name in candidates if kind in ("", "app"))}
    edges = json.loads(files.get("topology.json", '{"edges": []}'))["edges"]
    found |= {name for edge in edges for name in edge}
    for name in ("logs.jsonl", "changes.jsonl"):
        found |= {str(json.loads(line).get("service") or "") for line in files.get(name, "").splitlines()}
    if "metrics.csv" in files:
        head = next(csv.reader([files["metrics.csv"].partition("\n")[0]]))
        found |= {side for name in head[2:] for side in name.partition("|")[0].split(">")}
    return {name for name in found if name and not name.startswith("node/") and name != "entrypoint"}


# --- less of it, or more of nothing


def without(files: Files, name: str) -> Files:
    return {file: text for file, text in files.items() if file != name}


def with_empty(files: Files) -> Files:
    """Whatever was not recorded was recorded, and there was none."""
    return {**EMPTY, **files}


# --- parts


def _later(moment: Any, by_s: float) -> Any:
    if moment is None:
        return None
    if isinstance(moment, (int, float)):
        return moment + by_s
    return (datetime.fromisoformat(moment) + timedelta(seconds=by_s)).isoformat()


def _each(text: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    return "".join(json.dumps(change(json.loads(line)), ensure_ascii=False) + "\n" for line in text.splitlines())


def _column(text: str, column: str, change: Callable[[str], str]) -> str:
    head, *rows = csv.reader(io.StringIO(text))
    at = head.index(column)
    return _table([head, *([*row[:at], change(row[at]), *row[at + 1 :]] for row in rows)])


def _table(rows: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
