"""What the engine answers to a case of this folder, and the little of it that a change of the engine must not make worse.

`python -m tests.cases.answers` writes `expected.json` anew, after somebody has looked at what has changed and why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.connectors.case import find_cases
from app.evaluation import runner
from app.evaluation.score import Row, read_truth, table
from app.main import run_case_by_name
from tests.cases import alike

HERE = Path(__file__).resolve().parent
EXPECTED = HERE / "expected.json"
TRUTH = HERE / "truth"
NEVER = 0
"""The rank of what is not among the hypotheses."""


@cache
def line(folder: Path) -> str:
    """The case's `triage-result/1` line. Of a case of this folder: nothing changes it while a test runs."""
    return run_case_by_name(str(folder))


def cases() -> list[Path]:
    return find_cases(HERE)


def rank(result: Mapping[str, Any], truth: Mapping[str, Any]) -> int:
    """Where the hypothesis stands that names the guilty service (if one is guilty) and the guilty change or that none is."""
    right = (
        number
        for number, one in enumerate(result["hypotheses"], 1)
        if one["target"] in (truth["service"] or [one["target"]]) and one["change"] == truth["change_id"]
    )
    return next(right, NEVER)


def summary(folder: Path) -> dict[str, Any]:
    result, truth = json.loads(line(folder)), read_truth(TRUTH)[folder.name]
    top = result["hypotheses"][0]
    target = top["target"] if truth["service"] else None  # where none is guilty, any may be named as where it shows
    return {"target": target, "change": top["change"], "label": top["label"], "rank": rank(result, truth)}


def pooled(out: Path) -> Row:
    """The row `all` of the table that `firstmate eval --truth` prints."""
    out.write_text("".join(line(folder) + "\n" for folder in cases()), encoding="utf-8")
    scored = runner.score(out, TRUTH)
    assert scored.without_truth == 0
    return next(row for row in table(scored.marked) if row.name == "all")


@dataclass(frozen=True)
class Said:
    """An answer without what it calls the case and how long it took."""

    verdict: str
    hypotheses: tuple[tuple[str, str | None, str | None, str | None, float], ...]

    @classmethod
    def of(cls, line: str, *, names: dict[str, str] | None = None) -> Said:
        """`names`: what each target is called in the end; itself, unless it is among them."""
        result, names = json.loads(line), names or {}
        keys = ("target", "change", "label", "remediation", "confidence")
        told = [{**each, "target": names.get(each["target"], each["target"])} for each in result["hypotheses"]]
        return cls(result["verdict"], tuple(tuple(each[key] for key in keys) for each in told))

    @property
    def order(self) -> list[tuple[str, str | None]]:
        return [(target, change) for target, change, *_ in self.hypotheses]

    def confidence(self, target: str) -> float:
        """Of all that is said of it together."""
        return sum(confidence for named, *_, confidence in self.hypotheses if named == target)


def told(files: alike.Files, folder: Path, **how: Any) -> Said:
    return Said.of(run_case_by_name(str(alike.write(files, folder / "told-otherwise"))), **how)


if __name__ == "__main__":
    EXPECTED.write_text(json.dumps({folder.name: summary(folder) for folder in cases()}, indent=1) + "\n", encoding="utf-8")
