"""The scraper's memory: series of samples, as Prometheus keeps them, bounded by age."""

from __future__ import annotations

import math
import re
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs; `__name__` is one of them."""

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Marks where a series ended; the bit pattern is Prometheus' own, and differs from an ordinary NaN."""


def is_stale(value: float) -> bool:
    return math.isnan(value) and struct.pack("<d", value) == struct.pack("<d", STALE)


@dataclass(frozen=True)
class Matcher:
    """One condition on a label; an absent label counts as the empty string, and patterns match the whole value."""

    label: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str
    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, label: str, op: Literal["=", "!=", "=~", "!~"], value: str) -> Matcher:
        """Raises re.error when `value` is not a pattern."""
        return cls(label, op, value, re.compile(value) if op in ("=~", "!~") else None)

    def accepts(self, value: str) -> bool:
        if self.pattern is not None:
            return (self.pattern.fullmatch(value) is not None) == (self.op == "=~")
        return (value == self.value) == (self.op == "=")


@dataclass
class Series:
    labels: Labels
    lookup: dict[str, str]
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def append(self, at_s: float, value: float) -> None:
        if not self.times or at_s > self.times[-1]:
            self.times.append(at_s)
            self.values.append(value)

    def at(self, at_s: float, *, lookback_s: float) -> float | None:
        """The last value within `lookback_s` before `at_s`; None when there is none or the series had ended."""
        index = bisect_right(self.times, at_s) - 1
        if index < 0 or self.times[index] <= at_s - lookback_s or is_stale(self.values[index]):
            return None
        return self.values[index]

    def between(self, start_s: float, end_s: float) -> tuple[list[float], list[float]]:
        """Times and values after `start_s` and up to `end_s`, without the markers of an end."""
        low, high = bisect_right(self.times, start_s), bisect_right(self.times, end_s)
        times, values = list(self.times[low:high]), list(self.values[low:high])
        if any(math.isnan(value) for value in values):
            kept = [(t, v) for t, v in zip(times, values, strict=True) if not is_stale(v)]
            return [t for t, _ in kept], [v for _, v in kept]
        return times, values

    def forget_before(self, at_s: float) -> None:
        cut = bisect_right(self.times, at_s)
        del self.times[:cut]
        del self.values[:cut]


class Store:
    """All series by metric name. Samples older than `retention_s` are dropped; at most `max_series` series are kept."""

    def __init__(self, *, retention_s: float = 900.0, max_series: int = 5000) -> None:
        self._retention_s = retention_s
        self._max_series = max_series
        self._by_name: dict[str, dict[Labels, Series]] = {}
        self._count = 0
        self.refused = 0  # series not taken in because there were too many

    def series(self, labels: dict[str, str]) -> Series | None:
        """The series of these labels, made when new; None when the store is full."""
        key: Labels = tuple(sorted((name, value) for name, value in labels.items() if value))
        named = self._by_name.setdefault(labels["__name__"], {})
        found = named.get(key)
        if found is None:
            if self._count >= self._max_series:
                self.refused += 1
                return None
            found = named[key] = Series(key, dict(key))
            self._count += 1
        return found

    def forget(self, now_s: float) -> None:
        for name, named in list(self._by_name.items()):
            for key, series in list(named.items()):
                series.forget_before(now_s - self._retention_s)
                if not series.times:
                    del named[key]
                    self._count -= 1
            if not named:
                del self._by_name[name]

    def select(self, matchers: Iterable[Matcher]) -> Iterator[Series]:
        conditions = list(matchers)
        for name in self._names(conditions):
            for series in self._by_name[name].values():
                if all(m.accepts(series.lookup.get(m.label, "")) for m in conditions if m.label != "__name__"):
                    yield series

    def _names(self, conditions: list[Matcher]) -> list[str]:
        on_name = [m for m in conditions if m.label == "__name__"]
        return [name for name in self._by_name if all(m.accepts(name) for m in on_name)]
