"""Which parts of the engine an evaluation runs with, to see what each is worth; and the table of all of them.

Only for recorded cases: whoever answers people always runs the whole engine, and can't be told otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from app.domain.errors import BadInput
from app.evaluation.runner import read_lines
from app.evaluation.score import Row, mark, read_truth, table

JUDGE = "judge"
NO_JUDGE = ", no judge"
SCHEMA = "eval-ablation/1"


@dataclass(frozen=True)
class Combination:
    """These investigators. Without the judge nobody caps or answers anything: causes stand in the order of their summed nats."""

    investigators: tuple[str, ...]
    judge: bool = True

    @property
    def name(self) -> str:
        return "+".join(self.investigators) + ("" if self.judge else NO_JUDGE)


def chosen(known: Sequence[str], *, only: Collection[str] = (), without: Collection[str] = ()) -> Combination | None:
    """None where it is the whole engine. Raises `BadInput` for a name that is not known, and when nobody is left."""
    parts = (*known, JUDGE)
    for option, given, allowed in (("--only", only, tuple(known)), ("--without", without, parts)):
        unknown = sorted(set(given) - set(allowed))
        if unknown:
            raise BadInput(f"{option} {unknown[0][:40]}: there is no such part; name one of {', '.join(allowed)}")
    left = tuple(name for name in known if (not only or name in only) and name not in without)
    if not left:
        raise BadInput("nobody is left to look at anything; leave one investigator in")
    judge = JUDGE not in without
    return None if judge and left == tuple(known) else Combination(left, judge)


def every(known: Sequence[str]) -> tuple[Combination, ...]:
    """Each investigator alone, any two, and all; each with the judge and without."""
    sizes = sorted({1, 2, len(known)} & set(range(1, len(known) + 1)))
    return tuple(Combination(held, judge) for size in sizes for held in combinations(known, size) for judge in (True, False))


@dataclass(frozen=True)
class AblationRow:
    combination: str
    sources: Mapping[str, Row]
    pooled: Row


def score_all(out: Path, truth_folder: Path) -> tuple[list[AblationRow], int]:
    """Of a file of `eval-ablation/1` lines: a row per combination, and how many cases are in it. One that broke is wrong in all."""
    read = read_lines(out)
    truths = read_truth(truth_folder, of=read.keys())
    lines = {case: line for case, line in read.items() if case in truths}
    names = dict.fromkeys(run["combination"] for line in lines.values() for run in line.get("runs", ()))
    rows = []
    for name in names:
        marked = [mark(case, truths[case], _run(line, name)) for case, line in lines.items()]
        sources = {each.rows[0] for each in marked}
        found = {row.name: row for row in table(marked)}
        rows.append(AblationRow(name, {source: found[source] for source in sorted(sources)}, found["all"]))
    return rows, len(lines)


def _run(line: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((run for run in line.get("runs", ()) if run["combination"] == name), None)
