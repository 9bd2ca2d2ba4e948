"""How numbers, durations and verdicts are said, the same everywhere."""

from __future__ import annotations

from datetime import timedelta

from app.domain.action import Tier
from app.domain.hypothesis import Word

VERDICTS: dict[Word, str] = {"conclusive": "Conclusive", "likely": "Likely", "inconclusive": "Inconclusive"}
TIERS: dict[Tier, str] = {0: "0, read-only", 1: "1, reversible", 2: "2, seen outside", 3: "3, irreversible or high risk"}


def percent(share: float) -> str:
    return f"{round(100 * share)}%"


def duration(length: timedelta | float) -> str:
    """`45 s`, `6 min`, `2 h 5 min`: the precision a person uses."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def clipped(text: str, most: int) -> str:
    """`text` in at most `most` characters, cut at a word and marked as cut."""
    if len(text) <= most:
        return text
    return text[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
