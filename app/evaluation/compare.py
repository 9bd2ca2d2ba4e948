"""Today's results against earlier ones, case by case: what was won, what was lost, and whether that is more than chance.

A release keeps of each case its key, the rank of what was asked for, the confidence and the verdict: nothing that the case holds.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.evaluation.score import NEVER, Marked, Row, mark, probability, table

SCHEMA = "eval-release/1"
SUFFIX = ".jsonl.gz"
RESULT = "triage-result/1"
MOVED = 0.2
"""A confidence that moved by more than this is told of."""
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What one case came to."""

    ranks: Mapping[str, float]
    confidence: float | None
    verdict: str | None


@dataclass(frozen=True)
class Earlier:
    """Results to compare with: what they are called, and the outcomes by `Marked.key`."""

    name: str
    outcomes: Mapping[str, Outcome]


@dataclass(frozen=True)
class Flip:
    """A case that was right at rank 1 by this measure and is not any more, or the other way round."""

    case: str
    measure: str
    before: float
    after: float


@dataclass(frozen=True)
class Moved:
    case: str
    before: float
    after: float


@dataclass(frozen=True)
class RowChange:
    """One row, then and now, over the same cases; per measure how many cases became right and how many wrong."""

    before: Row
    after: Row
    won: Mapping[str, int]
    lost: Mapping[str, int]


@dataclass(frozen=True)
class Comparison:
    """`not_run`: cases of the earlier results that are not among today's; `new`: the other way round. `p` is how often chance
    alone would part the cases that flipped (on their first measure) at least as unevenly."""

    against: str
    cases: int
    not_run: int
    new: int
    rows: tuple[RowChange, ...]
    won: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    conclusive_won: tuple[str, ...]
    conclusive_lost: tuple[str, ...]
    conclusive_and_wrong: tuple[str, ...]  # today, and not before
    moved: tuple[Moved, ...]
    p: float


def compare(marked: Sequence[Marked], earlier: Earlier) -> Comparison:
    """Over the cases that both know. Flips in the order of their names."""
    pairs = sorted(((_then(m, earlier.outcomes[m.key]), m) for m in marked if m.key in earlier.outcomes), key=lambda p: p[1].case)
    flips = [
        Flip(now.case, measure, then.ranks.get(measure, NEVER), rank)
        for then, now in pairs
        for measure, rank in now.ranks.items()
        if (then.ranks.get(measure, NEVER) <= 1) != (rank <= 1)
    ]
    won, lost = [f for f in flips if f.after <= 1], [f for f in flips if f.after > 1]
    first = [(then.main <= 1, now.main <= 1) for then, now in pairs]
    return Comparison(
        against=earlier.name,
        cases=len(pairs),
        not_run=len(earlier.outcomes) - len(pairs),
        new=len(marked) - len(pairs),
        rows=_rows(pairs),
        won=tuple(won),
        lost=tuple(lost),
        conclusive_won=tuple(now.case for then, now in pairs if now.conclusive and not then.conclusive),
        conclusive_lost=tuple(now.case for then, now in pairs if then.conclusive and not now.conclusive),
        conclusive_and_wrong=tuple(
            now.case for then, now in pairs if now.conclusive and now.main > 1 and not (then.conclusive and then.main > 1)
        ),
        moved=tuple(
            Moved(now.case, then.confidence, now.confidence)
            for then, now in pairs
            if then.confidence is not None and now.confidence is not None and abs(now.confidence - then.confidence) > MOVED
        ),
        p=sign_p(sum(now and not then for then, now in first), sum(then and not now for then, now in first)),
    )


def sign_p(won: int, lost: int) -> float:
    """McNemar's exact test, two-sided: the chance that fair coins fall at least as unevenly as the cases that flipped."""
    n = won + lost
    tail = sum(math.comb(n, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / (1 << n))


def _then(now: Marked, outcome: Outcome) -> Marked:
    """The same case as it came out then. A measure that was not taken then counts as wrong."""
    ranks = {measure: outcome.ranks.get(measure, NEVER) for measure in now.ranks}
    return replace(now, ranks=ranks, flags={}, confidence=outcome.confidence, verdict=outcome.verdict, elapsed_s=None)


def _rows(pairs: Sequence[tuple[Marked, Marked]]) -> tuple[RowChange, ...]:
    before = table([then for then, _ in pairs])
    after = table([now for _, now in pairs])
    changes = []
    for old, new in zip(before, after, strict=True):
        held = [(then, now) for then, now in pairs if new.name in (*now.rows, "all")]
        counts: dict[bool, dict[str, int]] = {True: {}, False: {}}
        for measure in new.at1:
            right = [(_right(then, measure), _right(now, measure)) for then, now in held]
            counts[True][measure] = sum(now and not then for then, now in right)
            counts[False][measure] = sum(then and not now for then, now in right)
        changes.append(RowChange(old, new, counts[True], counts[False]))
    return tuple(changes)


def _right(marked: Marked, measure: str) -> bool:
    return (marked.main if measure == "first" else marked.ranks.get(measure, NEVER)) <= 1


# --- what a release keeps


def dump(marked: Iterable[Marked], *, version: str) -> bytes:
    """A release's file: a stored format, fields may only be added. The same results give the same bytes."""
    lines: list[dict[str, Any]] = [{"schema": SCHEMA, "version": version}]
    for each in sorted(marked, key=lambda m: m.key):
        ranks = {measure: None if math.isinf(rank) else int(rank) for measure, rank in each.ranks.items()}
        lines.append({"case": each.key, "ranks": ranks, "confidence": each.confidence, "verdict": each.verdict})
    body = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return gzip.compress(body.encode(), mtime=0)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a release's file, or of an earlier run's results. Raises OSError or ValueError."""
    try:
        lines = [json.loads(line) for line in text(path).splitlines() if line.strip()]
    except RecursionError as error:
        raise ValueError("a line of it is nested too deeply") from error
    if not all(isinstance(line, dict) and ("case" in line or line.get("schema") == SCHEMA) for line in lines):
        raise ValueError("not every line of it is about a case")
    for line in lines:
        refuse_other_schema(line)
    return lines


def refuse_other_schema(line: Mapping[str, Any]) -> None:
    """Raises ValueError; a line that names no schema is taken for what is wanted."""
    schema = line.get("schema", RESULT)
    if schema not in (SCHEMA, RESULT):
        raise ValueError(f"a line of it says schema {str(schema)[:40]!r}; this version reads {RESULT} and {SCHEMA}")


def earlier(lines: Sequence[Mapping[str, Any]], truths: Mapping[str, Mapping[str, Any]], *, name: str) -> Earlier:
    """What they say; a run's results are held against `truths`, a release's file was. Raises ValueError."""
    try:
        if lines and lines[0].get("schema") == SCHEMA:
            return Earlier(f"release {lines[0]['version']}", {line["case"]: _outcome(line) for line in lines[1:]})
        marked = [mark(line["case"], truths[line["case"]], line) for line in lines if line["case"] in truths]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a line of it lacks what results have: {type(error).__name__} {error}") from error
    return Earlier(name, {m.key: Outcome(m.ranks, m.confidence, m.verdict) for m in marked})


def text(path: Path) -> str:
    """Of a file that may be gzipped, but not hold more than `MAX_BYTES` then. Raises OSError or ValueError."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if not packed:
        return path.read_text(encoding="utf-8")
    try:
        with gzip.open(path) as unpacked:
            body = unpacked.read(MAX_BYTES + 1)
    except (EOFError, zlib.error) as error:
        raise ValueError("it is cut short or damaged") from error
    if len(body) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES >> 20} MiB")
    return body.decode("utf-8")


def _outcome(line: Mapping[str, Any]) -> Outcome:
    ranks = {measure: NEVER if rank is None else float(rank) for measure, rank in line["ranks"].items()}
    said = line["confidence"]
    return Outcome(ranks, None if said is None else probability(said, of=line["case"]), line["verdict"])


def newest(folder: Path) -> Path | None:
    """The stored release with the highest version; None where none is stored."""
    held = [path for path in folder.glob(f"*{SUFFIX}") if path.is_file()] if folder.is_dir() else []
    return max(held, key=lambda path: (_version(path.name), path.name), default=None)


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name.removesuffix(SUFFIX)))
