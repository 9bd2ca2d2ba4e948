"""Holding results against the truth. Every figure is a share of all cases of its row; a case without a result is wrong."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEVER = math.inf
SHORTEST_CHANGE = 7
"""A change id may be abbreviated to this many characters."""


@dataclass(frozen=True)
class Marked:
    """One case, marked: at which rank each thing asked for stands, and yes/no answers."""

    case: str
    rows: tuple[str, ...]
    ranks: dict[str, float]
    flags: dict[str, bool]
    confidence: float | None
    conclusive: bool
    elapsed_s: float | None

    @property
    def main(self) -> float:
        return next(iter(self.ranks.values()))


@dataclass(frozen=True)
class Row:
    name: str
    cases: int
    at1: dict[str, float]
    at3: dict[str, float]
    flags: dict[str, float]
    calibration_error: float | None
    conclusive: int
    conclusive_right: float | None
    p50_s: float | None


def read_truth(folder: Path) -> dict[str, dict[str, Any]]:
    """Every truth file below `folder`, by case name; `source` is the file's own or its folder's name."""
    held = {}
    for path in sorted(folder.rglob("*.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(truth, dict) and "service" in truth:
            held[path.stem] = {"source": path.parent.name, **truth}
    return held


def mark(case: str, truth: Mapping[str, Any], result: Mapping[str, Any] | None) -> Marked:
    """What is asked of a case follows from what its truth names: an object and a fault type, a change, or services."""
    hypotheses: Sequence[Mapping[str, Any]] = (result or {}).get("hypotheses", [])
    ranks: dict[str, float]
    flags: dict[str, bool] = {}
    if "object" in truth:
        pairs = [(h.get("target"), h.get("label")) for h in hypotheses]
        ranks = {
            "object": _rank({truth["object"]}, [target for target, _ in pairs]),
            "exact": _rank({(truth["object"], truth["fault_type"])}, pairs),
        }
    elif "change_id" in truth:
        guilty = None if truth.get("level") == "none" else truth["change_id"]
        changes = [h.get("change") for h in hypotheses]
        ranks = {"change": next((float(i) for i, c in enumerate(changes, 1) if _same(c, guilty)), NEVER)}
        flags = {
            "bait": bool(changes) and any(_same(changes[0], bait) for bait in truth.get("decoys", [])),
            "remediation": bool(hypotheses) and hypotheses[0].get("remediation") == truth.get("remediation"),
        }
    else:
        ranks = {"target": _rank(set(truth["service"]), [h.get("target") for h in hypotheses])}
    source = str(truth.get("source", "cases"))
    rows = [source]
    if truth.get("system") and truth["system"] != source:
        rows.append(f"{source} {truth['system']}")
    if truth.get("family"):
        rows.append(f"{source} · {truth['family']}")
    return Marked(
        case=case,
        rows=tuple(rows),
        ranks=ranks,
        flags=flags,
        confidence=float(hypotheses[0].get("confidence", 0)) if hypotheses else None,
        conclusive=(result or {}).get("verdict") == "conclusive",
        elapsed_s=(result or {}).get("elapsed_s"),
    )


def table(marked: Iterable[Marked]) -> list[Row]:
    """One row per source, system and family, and `all` pooled on each case's first measure."""
    by_row: dict[str, list[Marked]] = defaultdict(list)
    for each in marked:
        for name in (*each.rows, "all"):
            by_row[name].append(each)
    return [_row(name, held) for name, held in sorted(by_row.items())]


def _row(name: str, held: list[Marked]) -> Row:
    measures = {"first"} if name == "all" else {key for each in held for key in each.ranks}

    def rank(each: Marked, key: str) -> float:
        return each.main if name == "all" else each.ranks.get(key, NEVER)

    order = [key for key in ("first", "target", "object", "exact", "change") if key in measures]
    flags = sorted({key for each in held for key in each.flags}) if name != "all" else []
    told = [each for each in held if each.conclusive]
    times = sorted(each.elapsed_s for each in held if each.elapsed_s is not None)
    pairs = [(each.confidence, each.main <= 1) for each in held if each.confidence is not None]
    return Row(
        name=name,
        cases=len(held),
        at1={key: statistics.fmean(rank(each, key) <= 1 for each in held) for key in order},
        at3={key: statistics.fmean(rank(each, key) <= 3 for each in held) for key in order},
        flags={key: statistics.fmean(each.flags.get(key, False) for each in held) for key in flags},
        calibration_error=calibration_error(pairs),
        conclusive=len(told),
        conclusive_right=statistics.fmean(each.main <= 1 for each in told) if told else None,
        p50_s=times[len(times) // 2] if times else None,
    )


def calibration_error(pairs: list[tuple[float, bool]]) -> float | None:
    """Expected calibration error over ten equal-width bins."""
    if not pairs:
        return None
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in pairs:
        bins[min(9, int(confidence * 10))].append((confidence, right))
    off = (len(b) * abs(statistics.fmean(c for c, _ in b) - statistics.fmean(r for _, r in b)) for b in bins.values())
    return sum(off) / len(pairs)


def _rank(wanted: set[Any], given: Sequence[Any]) -> float:
    return next((float(i) for i, value in enumerate(dict.fromkeys(given), 1) if value in wanted), NEVER)


def _same(given: str | None, wanted: str | None) -> bool:
    if given is None or wanted is None:
        return given is wanted
    if given == wanted:
        return True
    return min(len(given), len(wanted)) >= SHORTEST_CHANGE and (wanted.startswith(given) or given.startswith(wanted))
