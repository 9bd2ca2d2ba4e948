"""What a finding says in words that are not ours: what was quoted, whom it is about, and what was measured."""

from __future__ import annotations

from app.domain.finding import Finding
from graphs.analysis.changes.reading.measures import Measure, measure
from graphs.analysis.metrics.words import read


def metric_of(one: Finding) -> str:
    """The name of the series that was measured; empty where it was no series."""
    return one.query.rpartition("|")[2] if one.signal == "metrics" else ""


def names_of(one: Finding) -> str:
    return f"{one.entity or ''} {metric_of(one)}"


def words_of(one: Finding) -> str:
    return f"{one.excerpt or ''} {names_of(one)}"


def measured(one: Finding, value: float) -> Measure:
    """A value of the series in its base unit, as far as its name says one."""
    unit = read(metric_of(one)).unit if metric_of(one) else ""
    return measure(str(value), [] if unit.startswith("1/") else [unit]) or Measure(value, "")
