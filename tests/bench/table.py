"""The figures as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("what", "ours", "theirs", "ratio", "target", "")


@dataclass(frozen=True)
class Row:
    """`met` is None where there is no target, or nobody to compare with."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        return self.what, self.ours, self.theirs, self.ratio, self.target, {True: "met", False: "NOT MET", None: ""}[self.met]


def lines_of(rows: Sequence[Row]) -> list[str]:
    """The table's lines, columns aligned."""
    cells = [HEAD, *(row.cells for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [shown[0], "  ".join("-" * width for width in widths), *shown[1:]]


def steady(sizes: Sequence[float], amounts: Sequence[float]) -> float:
    """How much dearer the dearest step from one size to the next is than the cheapest, per unit: 1.0 for a straight line,
    whatever it starts from. Sizes ascending, at least three."""
    steps = [
        (b - a) / (larger - smaller) for smaller, larger, a, b in zip(sizes[:-1], sizes[1:], amounts[:-1], amounts[1:], strict=True)
    ]
    return max(steps) / min(steps) if min(steps) > 0 else float("inf")
