"""Holding results against the truth. Every figure is a share of all cases of its row; a case without a result is wrong."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.value import digest

NEVER = math.inf
SHORTEST_CHANGE = 7
"""A change id may be abbreviated to this many characters."""


@dataclass(frozen=True)
class Marked:
    """One case, marked: at which rank each thing asked for stands, and yes/no answers.

    `key` names the case without telling its name: the same for the same name and truth. `candidates`: how many there were to
    choose from, None where nobody counted.
    """

    case: str
    key: str
    rows: tuple[str, ...]
    ranks: dict[str, float]
    flags: dict[str, bool]
    confidence: float | None
    verdict: str | None
    elapsed_s: float | None
    candidates: int | None = None

    @property
    def main(self) -> float:
        return next(iter(self.ranks.values()))

    @property
    def conclusive(self) -> bool:
        return self.verdict == "conclusive"


@dataclass(frozen=True)
class Share:
    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95%: where the share may well lie that so many cases were drawn from; it holds for few cases too."""
        if not self.of:
            return 0.0, 1.0
        z, n, p = 1.96, self.of, self.value
        mid, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (mid - half) / (1 + z * z / n), (mid + half) / (1 + z * z / n)


@dataclass(frozen=True)
class Row:
    """`avg5` is the mean of the shares right among the first 1, 2, … 5; `random1` what blind guessing expects at rank 1;
    `conclusive` how many of the cases that were called so are right. None: there is nothing to tell it from."""

    name: str
    cases: int
    at1: dict[str, Share]
    at3: dict[str, Share]
    avg5: dict[str, float]
    flags: dict[str, Share]
    random1: float | None
    calibration_error: float | None
    brier: float | None
    conclusive: Share
    p50_s: float | None
    p95_s: float | None


def read_truth(folder: Path, *, of: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Every truth file below `folder`, by case name; `source` is the file's own or its folder's name. Files that hold no truth
    are passed over, but not those named after a case that was run (`of`). Raises ValueError, naming the file."""
    held = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            truth = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path.name}: {error}") from error
        if isinstance(truth, dict) and "service" in truth:
            names = truth["service"]
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError(f"{path.name}: `service` is not a list of names")
            held[path.stem] = {"source": path.parent.name, **truth}
        elif path.stem in of:
            raise ValueError(f"{path.name}: it names no `service`, the list of who is guilty")
    return held


def case_key(case: str, truth: Mapping[str, Any]) -> str:
    """Twelve hex digits that name a case to whoever has it, and nobody else. A truth that was mended makes another case of it."""
    return digest([case, {name: value for name, value in truth.items() if name != "source"}])[:12]


def mark(case: str, truth: Mapping[str, Any], result: Mapping[str, Any] | None, *, candidates: int | None = None) -> Marked:
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
        key=case_key(case, truth),
        rows=tuple(rows),
        ranks=ranks,
        flags=flags,
        confidence=probability(hypotheses[0].get("confidence", 0), of=case) if hypotheses else None,
        verdict=(result or {}).get("verdict"),
        elapsed_s=(result or {}).get("elapsed_s"),
        candidates=candidates,
    )


def probability(value: object, *, of: str) -> float:
    """Raises ValueError for what is none, saying what it is `of`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"the confidence of {of} is {str(value)[:40]}, and must be a number from 0 to 1")
    return float(value)


def table(marked: Sequence[Marked]) -> list[Row]:
    """One row per source, system and family, and `all` pooled on each case's first measure. No row for a system that is all of
    its source."""
    by_row: dict[str, list[Marked]] = defaultdict(list)
    for each in marked:
        for name in (*each.rows, "all"):
            by_row[name].append(each)
    systems = {name: each.rows[0] for each in marked for name in each.rows[1:] if " · " not in name}
    again = {name for name, source in systems.items() if len(by_row[name]) == len(by_row[source])}
    return [_row(name, held) for name, held in sorted(by_row.items()) if name not in again]


def _row(name: str, held: list[Marked]) -> Row:
    measures = {"first"} if name == "all" else {key for each in held for key in each.ranks}

    def rank(each: Marked, key: str) -> float:
        return each.main if name == "all" else each.ranks.get(key, NEVER)

    def within(most: int, key: str) -> Share:
        return Share(sum(rank(each, key) <= most for each in held), len(held))

    order = [key for key in ("first", "target", "object", "exact", "change") if key in measures]
    flags = sorted({key for each in held for key in each.flags}) if name != "all" else []
    told = [each for each in held if each.conclusive]
    times = sorted(each.elapsed_s for each in held if each.elapsed_s is not None)
    pairs = confidences(held)
    blind = [1 / each.candidates for each in held if each.candidates]
    return Row(
        name=name,
        cases=len(held),
        at1={key: within(1, key) for key in order},
        at3={key: within(3, key) for key in order},
        avg5={key: statistics.fmean(within(most, key).value for most in range(1, 6)) for key in order},
        flags={key: Share(sum(each.flags.get(key, False) for each in held), len(held)) for key in flags},
        random1=statistics.fmean(blind) if blind else None,
        calibration_error=calibration_error(pairs),
        brier=brier(pairs),
        conclusive=Share(sum(each.main <= 1 for each in told), len(told)),
        p50_s=times[len(times) // 2] if times else None,
        p95_s=times[math.ceil(0.95 * len(times)) - 1] if times else None,
    )


def confidences(marked: Iterable[Marked]) -> list[tuple[float, bool]]:
    """(what the first hypothesis was given, whether it is right) of every case that has one."""
    return [(each.confidence, each.main <= 1) for each in marked if each.confidence is not None]


def bin_of(confidence: float) -> int:
    """0..9, ten of equal width."""
    return min(9, int(confidence * 10))


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Expected calibration error over ten equal-width bins: the mean distance between what was said and what came."""
    if not pairs:
        return None
    off = [0.0] * 10
    for confidence, right in pairs:
        off[bin_of(confidence)] += confidence - right
    return sum(map(abs, off)) / len(pairs)


def brier(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Mean squared distance between what was said and what came; None where nothing was said."""
    return statistics.fmean((said - right) ** 2 for said, right in pairs) if pairs else None


def row_as_json(row: Row) -> dict[str, Any]:
    """A share that was counted is [share, lower, upper]; `conclusive` is [how often said, share right]."""
    body: dict[str, Any] = {"row": row.name, "n": row.cases}
    for key in row.at1:
        body[f"{key}@1"] = [row.at1[key].value, *row.at1[key].interval]
        body[f"{key}@3"] = [row.at3[key].value, *row.at3[key].interval]
        body[f"{key} avg@5"] = row.avg5[key]
    body |= {key: share.value for key, share in row.flags.items()}
    body |= {"random@1": row.random1, "ece": row.calibration_error, "brier": row.brier}
    body["conclusive"] = [row.conclusive.of, row.conclusive.value if row.conclusive.of else None]
    return body | {"p50 s": row.p50_s, "p95 s": row.p95_s}


def _rank(wanted: set[Any], given: Sequence[Any]) -> float:
    return next((float(i) for i, value in enumerate(dict.fromkeys(given), 1) if value in wanted), NEVER)


def _same(given: str | None, wanted: str | None) -> bool:
    if given is None or wanted is None:
        return given is wanted
    if given == wanted:
        return True
    return min(len(given), len(wanted)) >= SHORTEST_CHANGE and (wanted.startswith(given) or given.startswith(wanted))
