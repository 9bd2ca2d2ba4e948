"""Numbers with their units, in base units."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import re2

from graphs.analysis.changes.reading.words import listed

_QUANTITY = re2.compile(r"^([+-]?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-zµ%]*)$")
_IN_TEXT = re2.compile(
    r"([+-]?\d+(?:\.\d+)?)\s?%"
    r"|([+-]?\d+(?:\.\d+)?)\s?(ms|msec|seconds?|secs?|s|minutes?|mins?|m|hours?|h|us|µs|KiB|MiB|GiB|KB|MB|GB|Ki|Mi|Gi)?\b"
)
SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "microsecond": 1e-6, "microseconds": 1e-6, "nanosecond": 1e-9, "nanoseconds": 1e-9,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
BYTES = {
    "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "k": 1e3, "g": 1e9,
    "ki": 1024.0, "mi": 1024.0**2, "gi": 1024.0**3, "kib": 1024.0, "mib": 1024.0**2, "gib": 1024.0**3,
    "bytes": 1.0, "kilobytes": 1e3, "megabytes": 1e6, "gigabytes": 1e9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measure:
    """A number in its base unit. `unit` is `s`, `B`, `ratio`, or empty for a bare number."""

    value: float
    unit: Literal["s", "B", "ratio", ""]


def measure(number: str, unit_words: Iterable[str] = ()) -> Measure | None:
    """A number token (`15m`, `512Mi`, `0.25`) with its unit, from its suffix, or else from `unit_words` near it. One that no float
    holds is the largest that one does."""
    match = _QUANTITY.match(number.strip())
    if match is None:
        return None
    try:
        value = float(match.group(1).replace("_", ""))
    except ValueError:
        return None
    suffix = match.group(2)
    for word in (suffix, *unit_words):
        found = _in_unit(value, word, of_suffix=word == suffix)
        if found is not None:
            return Measure(_held(found.value), found.unit)
    return Measure(_held(value), "") if not suffix or suffix.lower() in _BARE else None


def _held(value: float) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, value))


_BARE = listed("l u f ul ll i n x j d lf")


def _in_unit(value: float, word: str, *, of_suffix: bool) -> Measure | None:
    if word == "%":
        return Measure(value / 100.0, "ratio")
    low = word.lower()
    if not low or (not of_suffix and len(low) < 2):
        return None
    if low in SECONDS and word not in {"M", "D"}:
        return Measure(value * SECONDS[low], "s")
    if low in BYTES or word == "M":
        return Measure(value * BYTES.get(low, 1e6), "B")
    return Measure(value / 100.0, "ratio") if low in {"percent", "pct"} else None


def measures_in(text: str) -> list[Measure]:
    """Every number of a sentence or log line, with its unit where one follows."""
    found: list[Measure] = []
    for percent, number, unit in _IN_TEXT.findall(text):
        one = measure(percent + "%" if percent else number + unit)
        if one is not None:
            found.append(one)
    return found
