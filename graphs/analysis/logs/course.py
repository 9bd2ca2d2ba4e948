"""The course a request takes within one service: which statements it logs, which steps it runs and whom it calls.

A fault in code need not be slow, nor say that it failed. It shows as a break of what held in every request before: a line
that always came after another one no longer comes, a call is no longer made, a statement is reached that never was. Which
requests are made varies from hour to hour; what one request does from beginning to end hardly does, so that only what holds
*within* a request counts. Of the services on a request's way the deepest that left its course is the one to ask: those above
follow from what they were answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphs.analysis.logs.shift import FAILING

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
What = Literal["gone", "new"]
Sort = Literal["line", "step", "call"]

LEAST_BEFORE, LEAST_NOW = 4, 3
"""Requests of one kind on each side before they can be compared."""
SELDOM = 0.1
"""The share of an operation's requests that may end before their handler without that being a way of theirs."""
MOST_REQUESTS = 400  # of one operation and stretch
MOST_TRAITS = 48  # of one operation
QUIET = 0.4
"""What a trait that never was before is worth when nothing in its words tells of a failure: new data reaches new code too."""
AGAIN = " (again)"
_FAILED_STEP = r"(?i)error|exception|fail"

REFERENCE, BEFORE, AFTER = 0, 1, 2


@dataclass(frozen=True)
class Departure:
    """One trait of an operation's course. `share_before` and `share_now`: of the requests that lead one to expect it those that
    lack it (for what is gone), or of all those that show it (for what is new), 0..1."""

    op: str
    what: What
    sort: Sort
    text: str
    share_before: float
    share_now: float
    n_before: int
    n_now: int


@dataclass(frozen=True)
class Course:
    """A service at which requests leave their course. `requests` is how many did so there and no deeper, in expectation,
    weighed by the root of the share of their operation that does; `share` is its part of all of them."""

    service: str
    requests: float
    share: float
    departure: Departure

    @property
    def strength(self) -> float:
        """0..1: two requests are half a proof."""
        return float(self.requests / (self.requests + 2.0) * np.sqrt(self.share))


def courses(spans: pl.DataFrame, lines: pl.DataFrame, onset_s: float) -> tuple[Course, ...]:
    """Every service at which requests leave their course, the clearest first.

    `spans` as SPAN_SCHEMA. `lines` has incident, trace, span, service, statement (equal for lines of one place in the code),
    severity (0..1) and blames (0..1: how surely it speaks of another service). Without a reference what came before the onset
    is it.
    """
    if spans.is_empty():
        return ()
    units = _units(spans, onset_s)
    if units["stretch"].n_unique() < 2:
        return ()
    placed = _placed(units, lines)
    traits = _Traits.of(_traits(units, placed))
    n = units["unit"].max()
    worth = np.zeros(int(n) + 1 if isinstance(n, int) else 0)
    size, presumed = worth.copy(), worth.copy()
    told: dict[int, Departure] = {}
    requests = units.filter(pl.col("entry"))
    for (_, op), part in requests.group_by("service", "handled", maintain_order=True):
        compared = _sampled(part)
        _compare(str(op), compared, traits, worth, size, told)
        _presume(part, compared, worth, presumed)
    worth *= 1 - _blaming(placed, len(worth))
    return _attributed(requests, worth, size, presumed, told)


# requests


def _units(spans: pl.DataFrame, onset_s: float) -> pl.DataFrame:
    """Spans with `unit`: the row of the span by which their service was entered; `entry`; `stretch`; `handled`: what is asked
    of the service; `above`: the caller's unit, -1 where nobody called; `depth` in calls."""
    frame = (
        spans.unique(maintain_order=True)
        .with_columns(
            stretch=pl.when(~pl.col("incident"))
            .then(REFERENCE)
            .when(pl.col("start").min().over("trace", "incident") >= onset_s)
            .then(AFTER)
            .otherwise(BEFORE if not spans["incident"].all() else REFERENCE)
            .cast(pl.Int8)
        )
        .with_row_index("row")
    )
    known = frame.select("incident", "trace", pl.col("span").alias("parent"), pl.col("row").alias("up")).unique(
        ["incident", "trace", "parent"], keep="first", maintain_order=True
    )
    frame = frame.join(known, on=["incident", "trace", "parent"], how="left", maintain_order="left")
    n = frame.height
    row = np.arange(n)
    up = frame["up"].fill_null(-1).to_numpy().astype(np.int64)
    up = np.where(up == row, -1, up)
    service = frame["service"].cast(pl.Categorical).to_physical().to_numpy()
    entry = (up < 0) | (service != service[up])
    unit = np.where(entry, row, up)
    for _ in range(int(np.ceil(np.log2(max(2, n)))) + 1):
        unit = unit[unit]
    above = np.where(up[unit] >= 0, unit[up[unit]], -1)
    depth = np.zeros(n, dtype=np.int64)
    for _ in range(64):  # a chain of calls longer than this, or one that bites its tail, stays where it is
        deeper = np.where(above >= 0, depth[above] + 1, 0)
        if (deeper == depth).all():
            break
        depth = deeper
    frame = frame.with_columns(
        unit=pl.Series(unit), entry=pl.Series(entry), above=pl.Series(above), depth=pl.Series(depth), up=pl.Series(up)
    )
    return frame.join(_handlers(frame), on="unit", how="left", maintain_order="left").with_columns(
        handled=pl.concat_str(pl.col("op").gather(pl.col("unit")), pl.col("handler").fill_null(""), separator=" ").str.strip_chars()
    )


def _handlers(frame: pl.DataFrame) -> pl.DataFrame:
    """`handler` of each unit: the first step under its entry that is no call to another service. One route may lead to several.
    Where nearly all requests reached one, a request that ends before any is held against those of the most frequent."""
    calling = frame.filter(pl.col("entry") & (pl.col("up") >= 0)).select(pl.col("up").alias("row").cast(pl.UInt32)).unique()
    steps = frame.filter(~pl.col("entry") & (pl.col("up") == pl.col("unit")))
    first = steps.sort("start", "row").group_by("unit", maintain_order=True).agg(pl.col("row").first(), pl.col("op").first())
    reached = first.join(calling, on="row", how="anti").select("unit", pl.col("op").alias("handler"))
    entries = frame.filter("entry").select("unit", "service", "op", "stretch").join(reached, on="unit", how="left")
    was = entries.filter(pl.col("stretch") == pl.col("stretch").min())
    seldom = was.group_by("service", "op").agg(pl.col("handler").is_null().mean()).filter(pl.col("handler") < SELDOM)
    often = was.drop_nulls("handler").group_by("service", "op", "handler").len().sort("len", "handler", descending=[True, False])
    usual = often.group_by("service", "op", maintain_order=True).agg(pl.col("handler").first().alias("usual"))
    usual = usual.join(seldom, on=["service", "op"], how="semi")
    return entries.join(usual, on=["service", "op"], how="left").select("unit", handler=pl.coalesce("handler", "usual"))


def _traits(units: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """unit, sort, text, severity (0..1), n: everything that a request does within a service."""
    steps = units.filter(~pl.col("entry")).select(
        "unit",
        pl.lit("step").alias("sort"),
        pl.col("op").alias("text"),
        pl.col("op").str.contains(_FAILED_STEP).alias("bad"),
    )
    called = units.filter(pl.col("entry") & (pl.col("above") >= 0)).select(
        pl.col("above").alias("unit"),
        pl.lit("call").alias("sort"),
        pl.concat_str("service", "op", separator=" ").alias("text"),
        pl.lit(False).alias("bad"),
    )
    acts = pl.concat([steps, called]).with_columns(severity=pl.col("bad").cast(pl.Float64)).drop("bad")
    said = _compared(placed).select("unit", pl.lit("line").alias("sort"), pl.col("statement").alias("text"), "severity")
    each = pl.concat([acts, said]).group_by("unit", "sort", "text").agg(pl.len().alias("n"), pl.col("severity").max())
    # what always came twice and comes once is gone as well
    again = each.filter(pl.col("n") > 1).with_columns(pl.col("text") + AGAIN, n=pl.col("n") - 1)
    return pl.concat([each, again]).sort("unit", "sort", "text")


def _compared(lines: pl.DataFrame) -> pl.DataFrame:
    """Without lines of services that say nothing in the reference: there nobody recorded what they say."""
    if lines["incident"].all():
        return lines
    return lines.filter((~pl.col("incident")).any().over("service"))


def _placed(units: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Lines with their `unit`: by span, else where their service was asked only once in their trace."""
    key = ["incident", "trace", "span"]
    by_span = lines.join(units.select(*key, "unit").unique(key, keep="first", maintain_order=True), on=key, how="left")
    once = (
        units.filter(pl.col("entry"))
        .group_by("incident", "trace", "service")
        .agg(pl.col("unit").first().alias("only"), pl.len().alias("times"))
        .filter(pl.col("times") == 1)
        .drop("times")
    )
    return (
        by_span.join(once, on=["incident", "trace", "service"], how="left")
        .with_columns(unit=pl.coalesce("unit", "only"))
        .drop_nulls("unit")
    )


def _blaming(placed: pl.DataFrame, n: int) -> Floats:
    """By unit: how surely it says itself that another service failed it."""
    out = np.zeros(n)
    said = placed.filter(pl.col("blames") > 0).group_by("unit").agg(pl.col("blames").max())
    out[said["unit"].to_numpy()] = said["blames"].to_numpy()
    return out


@dataclass(frozen=True)
class _Traits:
    """Every request's traits as numbers: row by row in the order of `unit`, which trait (`kind`) and how often (`n`)."""

    unit: NDArray[np.int64]
    kind: NDArray[np.int64]
    n: Floats
    names: tuple[tuple[Sort, str], ...]  # by kind, in order
    severity: Floats  # by kind

    @classmethod
    def of(cls, traits: pl.DataFrame) -> _Traits:
        """`traits` as `_traits` gives them."""
        kinds = traits.group_by("sort", "text").agg(pl.col("severity").max()).sort("sort", "text").with_row_index("kind")
        rows = traits.join(kinds.select("sort", "text", "kind"), on=["sort", "text"], how="left").sort("unit", "kind")
        return cls(
            rows["unit"].to_numpy().astype(np.int64),
            rows["kind"].to_numpy().astype(np.int64),
            rows["n"].to_numpy().astype(np.float64),
            tuple(kinds.select("sort", "text").iter_rows()),
            kinds["severity"].to_numpy(),
        )

    def counts(self, units: NDArray[np.int64]) -> tuple[Floats, list[tuple[Sort, str]], Floats]:
        """requests × traits, how often each occurs, with the traits' names and severity; the most frequent traits only."""
        first, last = np.searchsorted(self.unit, units), np.searchsorted(self.unit, units, side="right")
        length = last - first
        at = np.repeat(np.arange(len(units)), length)
        rows = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length) + np.repeat(first, length)
        seen = np.bincount(self.kind[rows], minlength=len(self.names))
        kept = np.sort(np.argsort(-seen, kind="stable")[:MOST_TRAITS])
        kept = kept[seen[kept] > 0]
        column = np.full(len(self.names), -1)
        column[kept] = np.arange(len(kept))
        own = column[self.kind[rows]]
        counts = np.zeros((len(units), len(kept)))
        counts[at[own >= 0], own[own >= 0]] = self.n[rows[own >= 0]]
        return counts, [self.names[k] for k in kept], self.severity[kept]


# what held before, and no longer does


def _sampled(part: pl.DataFrame) -> pl.DataFrame:
    """At most `MOST_REQUESTS` of each stretch, chosen by their trace: the same ones whatever the order."""
    return part.sort(pl.col("trace").hash(seed=7), "trace", "row").group_by("stretch", maintain_order=True).head(MOST_REQUESTS)


def _presume(part: pl.DataFrame, compared: pl.DataFrame, worth: Floats, presumed: Floats) -> None:
    """A request that was not looked at leaves its course as surely as those of its kind do on average: its caller, which may
    have been looked at, must not be blamed for that."""
    late = compared.filter(pl.col("stretch") == AFTER)["unit"].to_numpy()
    if len(late) == MOST_REQUESTS:
        others = part.filter(pl.col("stretch") == AFTER).join(compared, on="unit", how="anti")["unit"].to_numpy()
        presumed[others] = worth[late].mean()


def _compare(op: str, part: pl.DataFrame, traits: _Traits, worth: Floats, size: Floats, told: dict[int, Departure]) -> None:
    """How surely each request of one operation left its course (`worth`), and how much that tells (`size`): how many of its
    kind did, and how steady the course was."""
    stretch = part["stretch"].to_numpy()
    was, early, now = stretch == REFERENCE, stretch == BEFORE, stretch == AFTER
    if was.sum() < LEAST_BEFORE or now.sum() < LEAST_NOW:
        return
    units = part["unit"].to_numpy().astype(np.int64)
    counts, names, severity = traits.counts(units)
    if not names:
        return
    has = counts > 0
    weight, usual, part_of, pairs = _gone(counts, was, early, now, severity)
    new_weight = _new(has, was, early, now, severity)
    steady = 1 - 2 * usual  # what half of them always lacked belonged to no course
    telling, part_new = weight * part_of * steady, has[now].mean(axis=0)
    n_was, n_now = int(was.sum()), int(now.sum())
    for row in np.flatnonzero(now):
        held = pairs.counts[row]
        broken = np.where((held[:, None] > held[None, :]) & pairs.free[row][None, :], telling, 0.0)
        i, j = np.unravel_index(int(np.argmax(broken)), broken.shape)
        shown = new_weight * part_new * has[row]
        k, unit = int(np.argmax(shown)), int(units[row])
        if max(broken[i, j], shown[k]) <= 0.0:
            continue
        if broken[i, j] >= shown[k]:
            worth[unit], size[unit] = weight[i, j], part_of[i, j] * steady[i, j] ** 2
            told[unit] = Departure(op, "gone", *names[j - 1], float(usual[i, j]), float(usual[i, j] + part_of[i, j]), n_was, n_now)
        else:
            worth[unit], size[unit] = new_weight[k], part_new[k]
            told[unit] = Departure(op, "new", *names[k], float(has[was, k].mean()), float(part_new[k]), n_was, n_now)


@dataclass(frozen=True)
class _Pairs:
    """Where request r shows trait i (column 0 of `counts`: it was made at all), trait j is due as often, unless another trait
    of it goes without j as a rule (`free[r, j]` false)."""

    counts: Floats  # with column 0
    free: Bools

    def due(self, rows: Bools) -> Floats:
        led = (self.counts[rows] > 0).astype(float)
        return np.asarray(led.T @ self.free[rows].astype(float), dtype=np.float64)

    def missed(self, rows: Bools) -> Floats:
        counts, free = self.counts[rows], self.free[rows]
        return np.asarray(((counts[:, :, None] > counts[:, None, :]) & free[:, None, :]).sum(axis=0), dtype=np.float64)


def _gone(counts: Floats, was: Bools, early: Bools, now: Bools, severity: Floats) -> tuple[Floats, Floats, Floats, _Pairs]:
    """For each pair (i, j): how surely a request with i and too few j owes that to the incident, which share of them had too few
    before, and which share more has now."""
    whole = np.hstack((np.ones((len(counts), 1)), counts))
    has = whole > 0
    supported = has[was].sum(axis=0)
    without = has[was].T.astype(float) @ (~has[was]).astype(float)
    excludes = (supported[:, None] >= 3) & (without >= 0.5 * supported[:, None])
    pairs = _Pairs(whole, (has.astype(float) @ excludes.astype(float)) == 0)
    due, missed = {}, {}
    for name, rows in (("was", was), ("early", early), ("now", now)):
        due[name], missed[name] = pairs.due(rows), pairs.missed(rows)
    usual = missed["was"] / np.maximum(due["was"], 1.0)
    weight = _attributable(missed["was"], due["was"], missed["now"], due["now"])
    since = _attributable(missed["early"], due["early"], missed["now"], due["now"])
    weight = np.where(due["early"] >= LEAST_BEFORE, np.minimum(weight, 0.5 * weight + 0.5 * since), weight)
    enough = (due["was"] >= LEAST_BEFORE) & (due["now"] >= LEAST_NOW)
    welcome = np.concatenate(([True], severity >= FAILING))  # that a failure no longer comes is none
    weight = np.where(enough & ~welcome[None, :], weight, 0.0)
    np.fill_diagonal(weight, 0.0)
    return np.where(usual < 0.5, weight, 0.0), usual, np.maximum(0.0, missed["now"] / np.maximum(due["now"], 1.0) - usual), pairs


def _new(has: Bools, was: Bools, early: Bools, now: Bools, severity: Floats) -> Floats:
    """How surely a request with a trait that was (nearly) never there owes it to the incident."""
    n_was, n_early, n_now = (np.full(has.shape[1], float(rows.sum())) for rows in (was, early, now))
    seen_was, seen_early, seen_now = (has[rows].sum(axis=0).astype(float) for rows in (was, early, now))
    # Once may be an accident; what was seen three times is a course like another.
    weight = np.where(seen_was < 3, _attributable(seen_was, n_was, seen_now, n_now) / (1 + seen_was) ** 2, 0.0)
    if early.sum() >= LEAST_BEFORE:
        weight = np.minimum(weight, 0.5 * weight + 0.5 * _attributable(seen_early, n_early, seen_now, n_now))
    return np.asarray(weight * np.maximum(QUIET, severity), dtype=np.float64)


def _attributable(k: Floats, n: Floats, k_now: Floats, n_now: Floats) -> Floats:
    """Of those counted now, the share that is not explained by how often it happened before, doubted where numbers are small."""
    share = k_now / np.maximum(n_now, 1.0)
    usual = (k + 0.5) / (n + 1.0)
    pooled = (k + k_now + 1) / (n + n_now + 2)
    error = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(n, 1.0) + 1 / np.maximum(n_now, 1.0)))
    z = np.maximum((share - k / np.maximum(n, 1.0)) / np.maximum(error, 1e-9) - 0.5, 0.0)
    fraction = np.where(share > usual, 1 - usual / np.maximum(share, 1e-9), 0.0)
    return np.asarray(fraction * z**2 / (z**2 + 6.25), dtype=np.float64)


def _attributed(
    requests: pl.DataFrame, worth: Floats, size: Floats, presumed: Floats, told: dict[int, Departure]
) -> tuple[Course, ...]:
    """Each request's departure goes to the deepest service on its way that left its course."""
    late = requests.filter(pl.col("stretch") == AFTER).sort("depth", descending=True)
    below, spared = np.zeros(len(worth)), np.ones(len(worth))  # the surest departure further down; that none presumed there is one
    totals: dict[str, float] = {}
    best: dict[str, tuple[float, int]] = {}
    for unit, above, service in late.select("unit", "above", "service").iter_rows():
        deeper = max(below[unit], 1 - spared[unit])
        # What is about as sure further down explains this one: the root, as two departures in one request are seldom two faults.
        own = max(0.0, float(worth[unit] - np.sqrt(deeper))) * float(np.sqrt(size[unit]))
        if own > 0:
            totals[service] = totals.get(service, 0.0) + own
            best[service] = max(best.get(service, (0.0, 0)), (own, -unit))
        if above >= 0:
            below[above] = max(below[above], deeper, worth[unit])
            spared[above] *= 1 - presumed[unit]
    whole = sum(totals.values())
    found = [Course(s, total, total / whole, told[-best[s][1]]) for s, total in totals.items() if total >= 0.05]
    return tuple(sorted(found, key=lambda c: (-c.strength, c.service)))


LINES_SCHEMA = {
    "incident": pl.Boolean,
    "trace": pl.String,
    "span": pl.String,
    "service": pl.String,
    "statement": pl.String,
    "severity": pl.Float64,
    "blames": pl.Float64,
}
