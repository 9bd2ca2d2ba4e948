"""What `firstmate eval` prints: tables for people, or one JSON object and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console, Group

from app.cli import evaltables
from app.domain.quantity import counted
from app.evaluation.combinations import AblationRow
from app.evaluation.compare import Comparison
from app.evaluation.reliability import Reliability
from app.evaluation.runner import Scored
from app.evaluation.score import NEVER, row_as_json, table

WIDEST = 400


@dataclass(frozen=True)
class Figures:
    """Everything one evaluation has to say."""

    scored: Scored
    compared: Comparison | None
    trust: Reliability | None

    def as_json(self) -> dict[str, Any]:
        """`rows` as `row_as_json` has them; ranks that were never reached are null."""
        body: dict[str, Any] = {"rows": [row_as_json(row) for row in table(self.scored.marked)]}
        body |= {"missing": self.scored.without_result, "without_truth": self.scored.without_truth}
        if self.compared is not None:
            rows = [
                {"before": row_as_json(each.before), "after": row_as_json(each.after), "won": each.won, "lost": each.lost}
                for each in self.compared.rows
            ]
            flips = {
                name: [asdict(replace(f, before=_rank(f.before), after=_rank(f.after))) for f in held]
                for name, held in (("won", self.compared.won), ("lost", self.compared.lost))
            }
            body["against"] = {**asdict(replace(self.compared, rows=())), "rows": rows, **flips}
        if self.trust is not None:
            body["reliability"] = {**asdict(self.trust), "looks_perfect": self.trust.looks_perfect}
        return body


def print_figures(figures: Figures, console: Console, *, as_json: bool) -> None:
    """The figures to stdout; to `console` what is not in them."""
    if as_json:
        print(json.dumps(figures.as_json(), ensure_ascii=False, indent=1))
        return
    screen, rows = _screen(), table(figures.scored.marked)
    _show(screen, [evaltables.share_table(rows), evaltables.honest_table(rows)])
    if figures.trust is not None:
        _show(screen, [evaltables.reliability_table(figures.trust)], evaltables.reliability_lines(figures.trust))
    if figures.compared is not None:
        _show(screen, [evaltables.comparison_table(figures.compared)], evaltables.comparison_lines(figures.compared))
    if figures.scored.without_truth:
        console.print(f"{counted(figures.scored.without_truth, 'result')} without a truth: not in the table")
    if figures.scored.without_result:
        console.print(f"{counted(figures.scored.without_result, 'truth')} without a result: not in the table")


def print_ablation(rows: list[AblationRow], cases: int, *, as_json: bool) -> None:
    if as_json:
        held = [
            {
                "parts": row.combination,
                "sources": {name: row_as_json(each) for name, each in row.sources.items()},
                "all": row_as_json(row.pooled),
            }
            for row in rows
        ]
        print(json.dumps({"cases": cases, "combinations": held}, ensure_ascii=False, indent=1))
    else:
        _show(_screen(), [evaltables.ablation_table(rows)])


def _rank(rank: float) -> Any:
    return None if rank == NEVER else int(rank)


def _screen() -> Console:
    """A file is as wide as its longest row; rich would take it for a terminal of 80 columns."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=WIDEST, file=screen.file)


def _show(screen: Console, tables: Iterable[Group], lines: Iterable[str] = ()) -> None:
    for each in tables:
        screen.print(each)
    for line in lines:
        screen.print(line, markup=False, highlight=False, soft_wrap=not screen.is_terminal)
