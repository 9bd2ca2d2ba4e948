"""PromQL, built from parts: what goes into a query as a value can't become a part of its grammar.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import re2

Op = Literal["=", "!=", "=~", "!~"]

_LABEL = re2.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re2.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_META = frozenset("\\.+*?()|[]{}^$")


def is_label(name: str) -> bool:
    """Whether `name` can be written without quotes, as servers of every version read it."""
    return _LABEL.fullmatch(name) is not None


def literal(text: str) -> str:
    """`text` as a double-quoted PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def pattern(text: str) -> str:
    """A regular expression (RE2, anchored by PromQL) that matches exactly `text`."""
    return "".join("\\" + sign if sign in _META else sign for sign in text)


def any_of(texts: Iterable[str]) -> str:
    """A regular expression that matches exactly one of `texts`."""
    return "|".join(pattern(text) for text in sorted(set(texts)))


@dataclass(frozen=True)
class Matcher:
    """One label condition. Raises ValueError for a label that is not a plain name."""

    label: str
    op: Op
    value: str

    def __post_init__(self) -> None:
        if not is_label(self.label):
            raise ValueError(f"{self.label[:60]!r} is not a label name")

    def __str__(self) -> str:
        return f"{self.label}{self.op}{literal(self.value)}"


@dataclass(frozen=True)
class Selector:
    """The series of `metric` (any, when empty) that meet every matcher."""

    metric: str = ""
    matchers: tuple[Matcher, ...] = ()

    def where(self, *more: Matcher) -> Selector:
        return Selector(self.metric, (*self.matchers, *more))

    def __str__(self) -> str:
        bare = _METRIC.fullmatch(self.metric) is not None
        inside = self.matchers if bare or not self.metric else (Matcher("__name__", "=", self.metric), *self.matchers)
        braces = "{" + ",".join(map(str, inside)) + "}" if inside else ""
        return (self.metric if bare else "") + braces


def rate(selector: Selector, window_s: float) -> str:
    """Per second, over the last `window_s`; counter resets are taken care of by the server."""
    return f"rate({selector}[{duration(window_s)}])"


def aggregated(how: Literal["sum", "avg", "max", "min"], by: Sequence[str], inner: str) -> str:
    return f"{how} by ({', '.join(by)}) ({inner})"


def quantile(q: float, inner: str) -> str:
    return f"histogram_quantile({q:g}, {inner})"


def duration(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{int(seconds * 1000)}ms"
