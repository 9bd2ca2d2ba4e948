"""A service's own numbers, written out in Prometheus' text format."""

from __future__ import annotations

import resource
import sys
from bisect import bisect_left
from collections.abc import Callable

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)
LabelValues = tuple[tuple[str, str], ...]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _line(name: str, labels: LabelValues, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {value:.12g}" if inside else f"{name} {value:.12g}"


class Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(BUCKETS_S, value)] += 1
        self.sum += value

    def lines(self, name: str, labels: LabelValues) -> list[str]:
        lines, total = [], 0
        for bound, count in zip((*BUCKETS_S, float("inf")), self.counts, strict=True):
            total += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(_line(f"{name}_bucket", (*labels, ("le", edge)), total))
        return [*lines, _line(f"{name}_sum", labels, self.sum), _line(f"{name}_count", labels, total)]


class Registry:
    """Counters, gauges (read when asked for) and histograms, by name and labels."""

    def __init__(self) -> None:
        self._help: dict[str, tuple[str, str]] = {}
        self._counters: dict[str, dict[LabelValues, float]] = {}
        self._gauges: dict[str, dict[LabelValues, Callable[[], float]]] = {}
        self._histograms: dict[str, dict[LabelValues, Histogram]] = {}

    def describe(self, name: str, kind: str, text: str) -> None:
        self._help[name] = (kind, text)

    def count(self, name: str, by: float = 1.0, **labels: str) -> None:
        series = self._counters.setdefault(name, {})
        key = tuple(labels.items())
        series[key] = series.get(key, 0.0) + by

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        self._gauges.setdefault(name, {})[tuple(labels.items())] = read

    def observe(self, name: str, value: float, **labels: str) -> None:
        series = self._histograms.setdefault(name, {})
        key = tuple(labels.items())
        if key not in series:
            series[key] = Histogram()
        series[key].observe(value)

    def text(self) -> str:
        lines: list[str] = []
        for name in sorted({*self._counters, *self._gauges, *self._histograms}):
            kind, text = self._help.get(name, ("untyped", name))
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            lines += [_line(name, labels, value) for labels, value in self._counters.get(name, {}).items()]
            lines += [_line(name, labels, read()) for labels, read in self._gauges.get(name, {}).items()]
            for labels, histogram in self._histograms.get(name, {}).items():
                lines += histogram.lines(name, labels)
        return "\n".join(lines) + "\n"


def resident_bytes() -> float:
    """This process' resident memory; its peak where the system does not tell the present."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return float(int(file.read().split()[1]) * resource.getpagesize())
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(peak if sys.platform == "darwin" else peak * 1024)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
