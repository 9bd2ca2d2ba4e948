"""Where the time of a request goes: each span's own time, the gap between two services' clocks of one call, and which calls
an operation makes. Pure; compares the incident with its reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import re2
from numpy.typing import NDArray

_FLOOR_SHARE = 0.05
"""A mean is not believed better than 5% of itself."""
_FEW_CALLS, _FEW_SERVICES = 10, 4
"""Calls on each side before an operation tells of the drift, and services before there is a crowd to tell it."""
_REFERENCE, _BEFORE, _LATE = 0, 1, 2
_MARKS = r"(?i)\[?\b(error|exception|failed|timeout)\b\]?"
_MARKED = re2.compile(_MARKS)
_Moments = tuple[int, float, float, float, float]
"""How many; mean and deviation; mean and deviation of log(1 + value)."""


@dataclass(frozen=True)
class OpShift:
    """Own time of one operation, milliseconds per call. `mass` is its extra time per trace, milliseconds. `callee` is set
    where it is not own time but the gap between caller's and callee's span of one call. `felt`, 0..1: how much its extra time in
    a request that makes it counts next to what such requests usually take."""

    service: str
    op: str
    callee: str | None
    n_inc: int
    ref_ms: float
    inc_ms: float
    z: float
    mass: float
    felt: float = 1.0

    @property
    def ratio(self) -> float:
        return (self.inc_ms + 0.01) / (self.ref_ms + 0.01)


@dataclass(frozen=True)
class CallShift:
    """How often `op` of `service` calls `child_op` of `child_service`, per call of its own. `z` signed."""

    service: str
    op: str
    child_service: str
    child_op: str
    n_inc: int
    ref: float
    inc: float
    z: float


@dataclass(frozen=True)
class ErrorMark:
    """Spans whose operation's name says that they failed: shares of this service's spans. `deepest` counts failing spans
    without a failing child; `op` is what most of the failing ones did."""

    service: str
    ref: float
    inc: float
    n_inc: int
    deepest: int
    z: float
    op: str


@dataclass(frozen=True)
class SpanShifts:
    own: tuple[OpShift, ...] = ()
    gaps: tuple[OpShift, ...] = ()
    calls: tuple[CallShift, ...] = ()
    marks: tuple[ErrorMark, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    traces_ref: int = 0
    traces_inc: int = 0


def failed(op: str) -> bool:
    """Whether an operation's name says that it failed, or that it handles a failure."""
    return _MARKED.search(op) is not None


def own_times(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` (SPAN_SCHEMA) with `own_ms` (duration minus the union of its children's intervals), `kids` (children),
    `callee` (the one other service it calls, where its only child is there and its service made it: a client's span) and the
    parent's `parent_service`, `parent_op`."""
    spans = frame.with_row_index("row").with_columns(end=pl.col("start") + pl.col("dur_ms") / 1000)
    parents = spans.select(
        "trace",
        pl.col("span").alias("parent"),
        pl.col("row").alias("parent_row"),
        pl.col("service").alias("parent_service"),
        pl.col("op").alias("parent_op"),
        pl.col("start").alias("parent_start"),
        pl.col("end").alias("parent_end"),
    ).unique(["trace", "parent"], keep="first", maintain_order=True)
    spans = spans.join(parents, on=["trace", "parent"], how="left", maintain_order="left").with_columns(
        # a span that names itself as its parent is a root
        parent_row=pl.when(pl.col("parent_row") == pl.col("row")).then(None).otherwise(pl.col("parent_row"))
    )
    n = spans.height
    kids = spans.filter(pl.col("parent_row").is_not_null())
    start = np.maximum(kids["start"].to_numpy(), kids["parent_start"].to_numpy())
    end = np.minimum(kids["end"].to_numpy(), kids["parent_end"].to_numpy())
    parent = kids["parent_row"].to_numpy().astype(np.int64)
    count = np.bincount(parent, minlength=n)
    across = kids.filter(pl.col("service") != pl.col("parent_service"))
    callee = (
        across.group_by("parent_row")
        .agg(pl.len().alias("crossings"), pl.col("service").first().alias("callee"), pl.col("dur_ms").max().alias("callee_ms"))
        .filter(pl.col("crossings") == 1)
        .select(pl.col("parent_row").alias("row"), "callee", "callee_ms")
    )
    beside = _beside(kids, callee)
    covered = _union(
        np.concatenate((parent, beside["row"].to_numpy().astype(np.int64))),
        np.concatenate((start, beside["start"].to_numpy())),
        np.concatenate((end, beside["end"].to_numpy())),
        n,
    )
    return (
        spans.with_columns(
            own_ms=pl.Series(np.maximum(spans["dur_ms"].to_numpy() - covered * 1000, 0.0)), kids=pl.Series(count.astype(np.int64))
        )
        .join(callee, on="row", how="left", maintain_order="left")
        .with_columns(
            # a span that came over the network (or nobody knows how) serves a request, however little else it seems to do
            callee=pl.when((pl.col("kids") == 1) & (pl.col("parent_service") == pl.col("service"))).then(pl.col("callee")),
            # client span minus server span needs no common clock
            gap_ms=(pl.col("dur_ms") - pl.col("callee_ms")).clip(lower_bound=0.0),
        )
    )


def _beside(kids: pl.DataFrame, callee: pl.DataFrame) -> pl.DataFrame:
    """(row, start, end): where a span's sibling of the same service is a call to another one, the span only waits for it, as
    handlers of event loops do. Families of more than 32 are left as they are."""
    alike = ["parent_row", "service"]
    kids = kids.filter(pl.len().over("parent_row") <= 32).select("row", *alike, "start", "end")
    calling = kids.join(callee.select("row"), on="row", how="semi")
    waiting = kids.join(callee.select("row"), on="row", how="anti")
    both = waiting.join(calling, on=alike, how="inner", suffix="_call")
    return both.select("row", start=pl.max_horizontal("start", "start_call"), end=pl.min_horizontal("end", "end_call")).filter(
        pl.col("end") > pl.col("start")
    )


def _union(group: NDArray[np.int64], start: NDArray[np.float64], end: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Seconds covered by the union of the intervals of each group 0..n-1."""
    if len(group) == 0:
        return np.zeros(n)
    order = np.lexsort((start, group))
    group, start, end = group[order], start[order], np.maximum(end[order], start[order])
    first = np.concatenate(([True], group[1:] != group[:-1]))
    rank = np.cumsum(first) - 1
    # relative to the group's first start: seconds since 1970 would cost the microseconds
    origin = start[first][rank]
    start, end = start - origin, end - origin
    # one running maximum over all groups: each group is lifted above the one before it
    lift = rank * (float(end.max()) + 1.0)
    reached = np.maximum.accumulate(end + lift)
    before = np.concatenate(([-np.inf], reached[:-1]))
    fresh = end + lift - np.maximum(before, start + lift)
    covered: NDArray[np.float64] = np.bincount(group, weights=np.maximum(fresh, 0.0), minlength=n).astype(np.float64)
    return covered


def compare(frame: pl.DataFrame, onset_s: float) -> SpanShifts:
    """Everything that shifted between the reference spans and the incident's spans from `onset_s` on (by the trace's first
    span). Without reference spans the incident's part before the onset is the reference."""
    if frame.height == 0:
        return SpanShifts()
    begun = frame.group_by("trace", "incident").agg(pl.col("start").min().alias("begun"))
    frame = frame.join(begun, on=["trace", "incident"], how="left", maintain_order="left")
    has_reference = not frame["incident"].all()
    phase = (
        pl.when(~pl.col("incident"))
        .then(_REFERENCE)
        .when(pl.col("begun") >= onset_s)
        .then(_LATE)
        .otherwise(_BEFORE if has_reference else _REFERENCE)
    )
    spans = own_times(frame).with_columns(
        phase=phase, request_ms=(pl.col("end").max() - pl.col("start").min()).over("trace", "incident") * 1000
    )
    edges = tuple(
        (str(a), str(b))
        for a, b in spans.filter(pl.col("parent_service").is_not_null() & (pl.col("parent_service") != pl.col("service")))
        .select("parent_service", "service")
        .unique()
        .sort("parent_service", "service")
        .iter_rows()
    )
    traces = spans.group_by("phase").agg(pl.col("trace").n_unique())
    count = {int(part): int(number) for part, number in traces.iter_rows()}
    n_ref, n_inc = count.get(_REFERENCE, 0), count.get(_LATE, 0)
    marks = _marks(spans)
    if n_ref == 0 or n_inc == 0:
        return SpanShifts(marks=marks, edges=edges, traces_ref=n_ref, traces_inc=n_inc)
    own = _op_shifts(spans.filter(pl.col("callee").is_null()).with_columns(callee=pl.lit("")), "own_ms", n_inc)
    gaps = _op_shifts(spans.filter(pl.col("callee").is_not_null()), "gap_ms", n_inc)
    return SpanShifts(own, gaps, _call_shifts(spans), marks, edges, n_ref, n_inc)


def _held(z: float, control: float | None) -> float:
    """What was already so shortly before the onset is no shift."""
    if control is None:
        return z
    return float(np.sign(z) * min(abs(z), abs(control))) if z * control > 0 else 0.0


def _op_shifts(spans: pl.DataFrame, column: str, traces: int) -> tuple[OpShift, ...]:
    keys = ["service", "op", "callee"]
    capped = pl.min_horizontal(pl.col(column), pl.col(column).quantile(0.95).over([*keys, "phase"]))
    table = (
        spans.with_columns(capped=capped)
        .group_by([*keys, "phase"])
        .agg(
            pl.len().alias("n"),
            pl.col("capped").mean().alias("mean"),
            pl.col("capped").std(ddof=0).alias("std"),
            pl.col("capped").log1p().mean().alias("log_mean"),
            pl.col("capped").log1p().std(ddof=0).alias("log_std"),
        )
    )
    felt = _felt(spans, keys)
    rows: dict[tuple[str, str, str], dict[int, _Moments]] = {}
    for service, op, callee, phase, *moments in table.iter_rows():
        n, mean, std, log_mean, log_std = moments
        rows.setdefault((service, op, callee), {})[phase] = (n, mean, std, log_mean, log_std)
    drift = _drift(rows)
    shifts = []
    for (service, op, callee), by in sorted(rows.items()):
        if _REFERENCE not in by or _LATE not in by or by[_REFERENCE][0] < 3:
            continue
        before, held = by.get(_BEFORE), None
        if before and before[0] >= 5:
            held = _z_means(before, by[_LATE], drift)
        z = _held(_z_means(by[_REFERENCE], by[_LATE], drift), held)
        mean, (n_inc, mean_inc) = by[_REFERENCE][1], by[_LATE][:2]
        extra, (calls, usual_ms) = max(mean_inc - mean, 0.0), felt[service, op, callee]
        # next to what such requests are used to take, a small rise is no cause, however sure
        heard = extra * calls / (extra * calls + 0.1 * usual_ms) if extra > 0 else 0.0
        shifts.append(OpShift(service, op, callee or None, n_inc, mean, mean_inc, z, (mean_inc - mean) * n_inc / traces, heard))
    return tuple(shifts)


def _felt(spans: pl.DataFrame, keys: list[str]) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Per operation (and callee) how often a request that makes it at all does so now, and how long such requests usually take,
    milliseconds."""
    late, usual = pl.col("phase") == _LATE, pl.col("phase") == _REFERENCE
    table = spans.group_by(keys).agg(
        (late.sum() / pl.max_horizontal(pl.col("trace").filter(late).n_unique(), 1)).alias("calls"),
        pl.col("request_ms").filter(usual).median().fill_null(0.0).alias("usual_ms"),
    )
    return {(service, op, callee): (calls, usual_ms) for service, op, callee, calls, usual_ms in table.iter_rows()}


def _drift(rows: Mapping[tuple[str, str, str], Mapping[int, _Moments]]) -> float:
    """By how much, as a share of itself, an operation's mean moves between two stretches without being at fault, beyond what so
    few calls differ by anyway: the standard deviation that fits the middle one of the services, or of the pairs of them. What
    all of them did is no service's own."""
    by: dict[tuple[str, str], list[float]] = {}
    for (service, _, callee), phases in rows.items():
        if _REFERENCE not in phases or _LATE not in phases:
            continue
        (n, _, _, mean, std), (n_inc, _, _, mean_inc, std_inc) = phases[_REFERENCE], phases[_LATE]
        if min(n, n_inc) >= _FEW_CALLS:
            moved = (mean_inc - mean) ** 2 - std**2 / n - std_inc**2 / n_inc
            by.setdefault((service, callee), []).append(float(np.sqrt(max(moved, 0.0))) / _as_share(max(mean, mean_inc)))
    return float(np.median([np.median(moved) for moved in by.values()])) / 0.6745 if len(by) >= _FEW_SERVICES else 0.0


def _as_share(log_mean: float) -> float:
    """By how much log(1 + x) moves for a change of x by a small share of itself."""
    return max(1 - float(np.exp(-log_mean)), 1e-6)


def _z_means(ref: _Moments, inc: _Moments, drift: float = 0.0) -> float:
    """Welch's t of the means or of the logarithms' means, whichever says more: where only some calls are a hundred times
    slower, the plain one drowns in their own spread. `drift` is what means move by without a fault, as a share."""
    found = [0.0, 0.0]
    for index, at in enumerate((1, 3)):
        mean, std, mean_inc, std_inc = ref[at], ref[at + 1], inc[at], inc[at + 1]
        level = max(mean, mean_inc)
        floor = _FLOOR_SHARE * level + 0.02 * std
        wander = drift * (level if at == 1 else _as_share(level))
        error = float(np.sqrt(std**2 / ref[0] + std_inc**2 / inc[0] + floor**2 + wander**2))
        found[index] = (mean_inc - mean) / error if error > 0 else 0.0
    return max(found, key=abs) if found[0] * found[1] >= 0 else 0.0


def _z_shares(ref: tuple[int, int], inc: tuple[int, int]) -> float:
    """Of two shares (how many, of how many), signed."""
    (k, n), (k_inc, n_inc) = ref, inc
    pooled = (k + k_inc + 1) / (n + n_inc + 2)
    return (k_inc / n_inc - k / n) / float(np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n_inc)))


def _call_shifts(spans: pl.DataFrame) -> tuple[CallShift, ...]:
    parents = spans.group_by("service", "op", "phase").agg(pl.len().alias("n"))
    per = {(s, o, phase): n for s, o, phase, n in parents.iter_rows()}
    pairs = (
        spans.filter(pl.col("parent_row").is_not_null())
        .group_by("parent_service", "parent_op", "service", "op", "phase")
        .agg(pl.len().alias("n"), pl.col("parent_row").n_unique().alias("having"))
    )
    seen: dict[tuple[str, str, str, str], dict[int, tuple[int, int]]] = {}
    for a, b, c, d, phase, n, having in pairs.iter_rows():
        seen.setdefault((a, b, c, d), {})[phase] = (n, having)
    shifts = []
    for (service, op, child, child_op), by in sorted(seen.items()):
        n_ref, n_before, n_inc = (per.get((service, op, phase), 0) for phase in (_REFERENCE, _BEFORE, _LATE))
        if n_ref < 3 or n_inc < 3:
            continue
        (calls, having), (calls_inc, having_inc) = by.get(_REFERENCE, (0, 0)), by.get(_LATE, (0, 0))
        late = (having_inc, n_inc)
        control = _z_shares((by.get(_BEFORE, (0, 0))[1], n_before), late) if n_before >= 5 else None
        z = _held(_z_shares((having, n_ref), late), control)
        shifts.append(CallShift(service, op, child, child_op, n_inc, calls / n_ref, calls_inc / n_inc, z))
    return tuple(shifts)


def _marks(spans: pl.DataFrame) -> tuple[ErrorMark, ...]:
    marked = spans.with_columns(bad=pl.col("op").str.contains(_MARKS))
    if not marked["bad"].any():
        return ()
    failing = marked.filter(pl.col("bad") & pl.col("parent_row").is_not_null()).select(pl.col("parent_row").alias("row")).unique()
    marked = marked.join(failing.with_columns(above=pl.lit(True)), on="row", how="left")
    late, early = pl.col("phase") == _LATE, pl.col("phase") != _LATE
    table = (
        marked.group_by("service")
        .agg(
            (pl.col("bad") & early).sum().alias("bad_ref"),
            early.sum().alias("n_ref"),
            (pl.col("bad") & late).sum().alias("bad_inc"),
            late.sum().alias("n_inc"),
            (pl.col("bad") & late & pl.col("above").is_null()).sum().alias("deepest"),
            pl.col("op").filter(pl.col("bad") & late).mode().sort().first().alias("op"),
        )
        .sort("service")
    )
    marks = []
    for service, bad_ref, n_ref, bad_inc, n_inc, deepest, op in table.iter_rows():
        if bad_inc:
            # a service that the reference lacks is held against none failing in one
            z = _z_shares((bad_ref, max(n_ref, 1)), (bad_inc, n_inc))
            marks.append(ErrorMark(service, bad_ref / max(n_ref, 1), bad_inc / n_inc, int(n_inc), int(deepest), z, op))
    return tuple(marks)
