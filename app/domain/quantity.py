"""How a number is said to a person: `946 ms`, `58.4 MB`, `64%`, `1 finding`. The digits are a reader's, not a register's."""

from __future__ import annotations

import math

_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_MANY = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
_SECONDS = ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (1e-6, 1e6, "µs"))


def said(value: float, unit: str) -> str:
    """`value` in its `unit` (`s`, `bytes`, `ratio`, `1/s`, …; empty: a plain number), with three digits, in the size that fits."""
    size = abs(value)
    if not math.isfinite(value):
        return "no number"
    if unit == "s" and value:
        _, times, name = next((step for step in _SECONDS if size >= step[0]), (0.0, 1e6, "µs"))
        return f"{_digits(value * times)} {name}"
    if unit == "bytes":
        by, name = next(((by, name) for by, name in _BYTES if size >= by), (1.0, "bytes"))
        return f"{_digits(value / by)} {name}"
    if unit == "ratio" and size <= 1.0:
        return f"{_digits(100 * value)}%"
    if unit == "1/s":
        return f"{_digits(value)}/s"
    if unit == "%":
        return f"{_digits(value)}%"
    return _digits(value) + (f" {unit}" if unit and unit != "ratio" else "")


def counted(count: int, one: str, many: str = "") -> str:
    """`1 finding`, `2 findings`; `many` where it is more than one by another ending (`2 queries`)."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) < 1e-3:
        return f"{float(f'{value:.3g}'):g}"
    if abs(value) >= 999_999.5:
        by, name = next((step for step in _MANY if abs(value) >= step[0]), _MANY[-1])
        return f"{_digits(value / by)} {name}" if abs(value) < 1e18 else f"{value:.2e}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{float(f'{value:.3g}'):g}"
