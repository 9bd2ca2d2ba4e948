"""Bulk telemetry as tables: what a source answers with. Columns, not objects: a million lines must stay cheap.

Times are float seconds since the UTC epoch. `incident` says which of the two stretches a row belongs to: the incident
(True) or the reference (False); they need not be contiguous, and the reference may lie after the incident.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SeriesName:
    """`entity` is a service, a pod, `entrypoint` (what users see), `a>b` (calls from a to b) or `node/x`; `metric` may carry
    labels in braces: `error_ratio{route="POST /pay"}`."""

    entity: str
    metric: str

    def __str__(self) -> str:
        return f"{self.entity}|{self.metric}"


@dataclass(frozen=True)
class MetricTable:
    """`values[i, j]` is series `names[j]` at `times[i]`; NaN where there is no sample."""

    source: str
    as_of_s: float
    times: NDArray[np.float64]  # (n,)
    incident: NDArray[np.bool_]  # (n,)
    names: tuple[SeriesName, ...]  # (k,)
    values: NDArray[np.float64]  # (n, k)
    queries: dict[SeriesName, str] = field(default_factory=dict)  # repeats one series against the source
    truncated: str | None = None  # what was left out, as a sentence

    def query(self, name: SeriesName) -> str:
        return self.queries.get(name, str(name))


LOG_SCHEMA = {
    "incident": pl.Boolean,
    "time": pl.Float64,
    "service": pl.String,
    "level": pl.String,  # DEBUG INFO WARN ERROR FATAL, upper case; "" where the line names none
    "msg": pl.String,
    "trace": pl.String,
    "span": pl.String,
    "pod": pl.String,
    "fields": pl.String,  # further structured fields as one JSON object, "" where there are none
}

SPAN_SCHEMA = {
    "incident": pl.Boolean,
    "trace": pl.String,
    "span": pl.String,
    "parent": pl.String,
    "service": pl.String,
    "op": pl.String,
    "start": pl.Float64,
    "dur_ms": pl.Float64,
}


@dataclass(frozen=True)
class LogTable:
    """Columns as `LOG_SCHEMA`, in time order."""

    source: str
    as_of_s: float
    frame: pl.DataFrame
    query: str
    truncated: str | None = None


@dataclass(frozen=True)
class SpanTable:
    """Columns as `SPAN_SCHEMA`."""

    source: str
    as_of_s: float
    frame: pl.DataFrame
    query: str
    truncated: str | None = None


@dataclass(frozen=True)
class Topology:
    """Who calls whom, and where it runs."""

    source: str
    edges: tuple[tuple[str, str], ...] = ()  # (caller, callee)
    placement: dict[str, str] = field(default_factory=dict)  # service or pod -> node
    truncated: str | None = None

    @classmethod
    def joined(cls, several: Iterable[Topology]) -> Topology:
        """What all sources know together: each call once, and where two of them place one thing, as the later one says. Of none
        an empty one: nobody is known to call anybody."""
        held = tuple(several)
        return cls(
            source=", ".join(one.source for one in held),
            edges=tuple(dict.fromkeys(edge for one in held for edge in one.edges)),
            placement={name: node for one in held for name, node in one.placement.items()},
            truncated="; ".join(one.truncated for one in held if one.truncated) or None,
        )


@dataclass(frozen=True)
class Recorded:
    """One read-only command and what it printed (`kubectl get pods …`)."""

    command: str
    output: str


@dataclass(frozen=True)
class ObjectTable:
    """Kubernetes objects as a person would see them: commands and their output."""

    source: str
    as_of_s: float
    recorded: tuple[Recorded, ...]
    truncated: str | None = None


@dataclass(frozen=True)
class StatusTable:
    """Documents other systems wrote about the state of things: status feeds, detectors' alerts, pattern counts.

    Each is a JSON object with a `doc` key that says which kind it is. Outsiders write them.
    """

    source: str
    as_of_s: float
    documents: tuple[dict[str, object], ...]
    truncated: str | None = None


@dataclass(frozen=True)
class NoData:
    """The source answered, and holds nothing for this question. Not the same as zero."""

    source: str
    query: str
    reason: str
