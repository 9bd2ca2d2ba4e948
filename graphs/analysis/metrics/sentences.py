"""Numbers before and after that somebody's sentences state, as series of two samples on either side. Pure.

"p90 latency: normal 5 ms -> now 900 ms", "rps was 12.1/s, now 3.9/s", "errors rose from 0.1% to 24%": a pair of one unit, one
of which is called usual or comes first in a change. What is measured is named by the words in front of the pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import re2

from app.domain.telemetry import MetricTable, SeriesName, StatusTable
from graphs.analysis.detectors import detected
from graphs.analysis.metrics.words import Words, read
from graphs.analysis.naming import bare

SOURCE_MARK = "said by "
"""Begins the query of a series that was read out of a sentence: what it says is somebody else's word."""

_NUMBER = r"(-?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)"
_UNIT = r"\s?(%|[A-Za-zµ]+(?:/[A-Za-z]+)?)?"
_BEFORE = (
    r"(?:normal(?:ly)?|usual(?:ly)?|typical(?:ly)?|baseline|base|before|was|from|expected|previous(?:ly)?|prior"
    r"|reference|ref|avg|average)"
)
_NOW = r"(?:current(?:ly)?|cur|now|after|observed|actual|is|to|value|val|present|during|incident)"
_GAP = r"\s*[=:]?\s*"
_PAIR = re2.compile(
    rf"(?i)(?:\b{_BEFORE}{_GAP}{_NUMBER}{_UNIT}\s*(?:->|=>|→|,|;|and|/|\||\s)?\s*(?:\b{_NOW}{_GAP}){_NUMBER}{_UNIT}"
    rf"|\b{_NOW}{_GAP}{_NUMBER}{_UNIT}\s*(?:,|;|\(|vs\.?|against|\|)\s*\(?\s*\b{_BEFORE}{_GAP}{_NUMBER}{_UNIT}"
    rf"|{_NUMBER}{_UNIT}\s*(?:->|=>|→)\s*{_NUMBER}{_UNIT})"
)
_PARTS = re2.compile(r"[|;\[\]():]|\s-\s|(?:^|\s)in\s")
_WORD = re2.compile(r"[A-Za-z][A-Za-z0-9]*")
_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "msec": 1.0, "s": 1000.0, "sec": 1000.0, "seconds": 1000.0, "min": 60_000.0}
_MOST = 4000  # characters of one sentence


@dataclass(frozen=True)
class Stated:
    """One pair: what of which entity, before and now, in one unit."""

    entity: str
    metric: str
    before: float
    now: float
    text: str


def stated(entity: str, text: str) -> tuple[Stated, ...]:
    """Every pair in a sentence about `entity`."""
    found, start = [], 0
    text = text[:_MOST]
    for match in _PAIR.finditer(text):
        pair = _pair(match.groups())
        if pair is not None:
            before, now, unit = pair
            metric = _metric(_phrases(text[:start], text[start : match.start()]), entity, unit)
            if metric is not None:
                found.append(Stated(entity, metric, before, now, text[match.start() : match.end()]))
        start = match.end()
    return tuple(found)


def _pair(groups: Sequence[str | None]) -> tuple[float, float, str] | None:
    """(before, now, unit) of the alternative that matched; None where the units differ."""
    for index, swapped in ((0, False), (4, True), (8, False)):
        first, unit, second, other = groups[index : index + 4]
        if first is None or second is None:
            continue
        one, two = _value(first, unit or other), _value(second, other or unit)
        if one is None or two is None or one[1] != two[1]:
            return None
        return (two[0], one[0], one[1]) if swapped else (one[0], two[0], one[1])
    return None


def _value(number: str, unit: str | None) -> tuple[float, str] | None:
    value = float(number.replace(",", "."))
    named = (unit or "").lower()
    if not math.isfinite(value):
        return None
    return (value * _MS[named], "ms") if named in _MS else (value, named)


def _phrases(earlier: str, near: str) -> list[str]:
    """What stands in front of a pair, nearest first: within its own part, then what heads the sentence."""
    return [*reversed(_PARTS.split(near)), *reversed(_PARTS.split(earlier.partition("|")[0]))]


def _metric(phrases: Sequence[str], entity: str, unit: str) -> str | None:
    """The name of the first phrase that says what is measured, else what the unit says."""
    for phrase in phrases:
        bare = re2.sub(rf"\b{re2.escape(entity)}\b", " ", phrase)
        name = "_".join(_WORD.findall(bare)).lower()
        if name and read(name).family != "other":
            return f"{name}_{unit}" if unit == "ms" and read(name).family == "latency" else name
    if unit == "ms":
        return "latency_ms"
    return "request_rate" if unit in {"rps", "qps", "req/s", "requests/s", "reqs/s", "ops/s"} else None


def said_tables(tables: Iterable[StatusTable], *, known: Iterable[SeriesName], since_s: float) -> list[MetricTable]:
    """Detectors' sentences as series. Where a source measures the same of the same entity (`known`), it is believed instead.

    Each stated number is itself a summary of many samples, so it stands twice: one sample alone would be told from noise by
    nothing. `since_s`: a moment within the incident.
    """
    measured = {(bare(name.entity), *_what(read(name.metric))) for name in known}
    out = []
    for table in tables:
        pairs: dict[SeriesName, Stated] = {}
        told = [(alert.entity, line) for alert in detected(table.documents) if alert.name for line in alert.lines]
        for one in (one for entity, line in told for one in stated(entity, line)):
            if (bare(one.entity), *_what(read(one.metric))) not in measured:
                pairs.setdefault(SeriesName(one.entity, one.metric), one)
        if pairs:
            out.append(_as_table(table, dict(sorted(pairs.items(), key=lambda item: str(item[0]))), since_s))
    return out


def _what(words: Words) -> tuple[str, int]:
    return words.family, words.stat


def _as_table(table: StatusTable, pairs: Mapping[SeriesName, Stated], since_s: float) -> MetricTable:
    before = [one.before for one in pairs.values()]
    now = [one.now for one in pairs.values()]
    return MetricTable(
        source=table.source,
        as_of_s=table.as_of_s,
        times=np.array([since_s - 2, since_s - 1, since_s, since_s + 1]),
        incident=np.array([False, False, True, True]),
        names=tuple(pairs),
        values=np.array([before, before, now, now], dtype=np.float64).reshape(4, len(pairs)),
        queries={name: f"{SOURCE_MARK}detector alerts name={name.entity}" for name in pairs},
    )
