"""What changed in the logs: templates that are new, gone, or come at another rate than in the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from graphs.analysis.logs import error_words

FAILING = 0.4  # severity from which a text tells of a failure
ENOUGH = 5
"""Distinct moments in which anything was said, from which on a stretch can be compared with."""

Change = Literal["new", "more", "fewer", "vanished", "steady", "unreferenced"]


@dataclass(frozen=True)
class Lengths:
    """Seconds each stretch was watched; 0 for one that does not exist."""

    reference_s: float = 0.0
    before_s: float = 0.0
    after_s: float = 0.0


@dataclass(frozen=True)
class Shift:
    """One template's change.

    `expected` is how many distinct moments the baseline leads one to expect after the onset; `z` the change in standard
    deviations of such a count, `log2_ratio` its size. `novelty` is 0..1: how surely and how much it changed upwards
    (negative: downwards); `severity` 0..1: how bad the text sounds; `strength` their product, at least as long as the
    template is not steady.
    """

    service: str
    level: str
    status: str
    template: str
    exemplar: str
    change: Change
    n_reference: int
    n_before: int
    n_after: int
    seen: int  # distinct moments after the onset
    expected: float
    z: float
    log2_ratio: float
    novelty: float
    severity: float
    kind: str | None
    first_s: float | None
    last_s: float | None

    @property
    def strength(self) -> float:
        return self.novelty * self.severity

    @property
    def failing(self) -> bool:
        """Whether its text or level tells of a failure at all."""
        return self.severity >= FAILING


def shifts(mined: pl.DataFrame, *, lengths: Lengths) -> tuple[Shift, ...]:
    """Every template's change, the strongest first. `mined` comes from `templates.mine`.

    The baseline is the reference where it holds lines, else what came before the onset; without either every template is
    `unreferenced` and its novelty rests on how long it lasts. Expected counts use the more careful of two scales: the
    lengths of the stretches, and the median ratio of the templates that occur in both (which follows traffic and sampling).
    """
    if mined.is_empty():
        return ()
    texts = [str(text)[: error_words.HEAD] for text in mined["exemplar"].to_list()]
    severities: list[float] = []
    kinds: list[error_words.Kind | None] = []
    for level, status, text in zip(mined["level"].to_list(), mined["status"].to_list(), texts, strict=True):
        severities.append(error_words.severity(level, text, status=status))
        kinds.append(error_words.kind_of(text))  # the same text at once: it is still remembered
    moments = _moments(mined, lengths)
    services = [str(s) for s in mined["service"].to_list()]
    baseline = _baseline(moments, services, np.array([s < FAILING for s in severities]), lengths)
    span = _span(mined)
    found = []
    for i, row in enumerate(mined.iter_rows(named=True)):
        was, early, now = float(moments.base[i]), float(moments.early[i]), float(moments.now[i])
        if now == 0 and (baseline is None or was == early == 0):
            continue
        kind = kinds[i]
        if baseline is not None:
            lasted = _lasts_to_onset(row["last_before_s"], span, lengths)
            measure = baseline.measure(services[i], was=was, early=early, now=now, kind=kind, lasted=lasted)
        else:
            measure = _alone(now, row["first_s"], row["last_s"], span, level=str(row["level"]), again=bool(row["n_history"]))
            measure = _by_content(measure, kind)
        found.append(_shift(row, measure, severity=severities[i], kind=kind))
    return tuple(sorted(found, key=lambda s: (-abs(s.strength), -s.seen, s.service, s.level, s.status, s.template)))


def _shift(row: Mapping[str, Any], measure: _Measure, *, severity: float, kind: error_words.Kind | None) -> Shift:
    return Shift(
        service=str(row["service"]),
        level=str(row["level"]),
        status=str(row["status"]),
        template=str(row["template"]),
        exemplar=str(row["exemplar"]),
        change=measure.change,
        n_reference=int(row["n_reference"]),
        n_before=int(row["n_before"]),
        n_after=int(row["n_after"]),
        seen=int(measure.seen),
        expected=measure.expected,
        z=measure.z,
        log2_ratio=measure.log2_ratio,
        novelty=measure.novelty,
        severity=severity,
        kind=kind.name if kind else None,
        first_s=row["first_s"],
        last_s=row["last_s"],
    )


@dataclass(frozen=True)
class _Moments:
    """How often each template spoke, in distinct moments, row for row: in the baseline, before the onset, and now."""

    base: np.ndarray
    early: np.ndarray
    now: np.ndarray
    base_s: float
    now_s: float
    referenced: bool  # the baseline is the reference, not what came before the onset
    preceded: bool  # enough was said before the onset to compare with


def _moments(mined: pl.DataFrame, lengths: Lengths) -> _Moments:
    reference, early, now = (mined[f"e_{name}"].to_numpy().astype(np.float64) for name in ("reference", "before", "after"))
    if now.sum() + early.sum() == 0:  # every line is older than the window: better read those than none
        now = mined["e_history"].to_numpy().astype(np.float64)
    referenced, preceded, now_s = bool(reference.sum() >= ENOUGH), bool(early.sum() >= ENOUGH), lengths.after_s
    if now.sum() == 0:  # the lines end before the onset: those are the present, and nothing precedes them
        now, early, preceded, now_s = early, np.zeros_like(early), False, lengths.before_s
    return _Moments(
        base=reference if referenced else early,
        early=early,
        now=now,
        base_s=lengths.reference_s if referenced else lengths.before_s,
        now_s=now_s,
        referenced=referenced,
        preceded=preceded,
    )


@dataclass(frozen=True)
class _Baseline:
    """What today's counts are held against. Scales are (smallest, largest) believable factors from a baseline count to one now."""

    scales: tuple[float, float]
    whole_scales: tuple[float, float]  # to a count of the whole window, the minutes before the onset included
    before_scale: float  # from a count before the onset to one after it; 0 where there is none
    own_scales: dict[str, float]
    witnesses: dict[str, float]  # how much each service said in the baseline
    referenced: bool

    def measure(
        self, service: str, *, was: float, early: float, now: float, kind: error_words.Kind | None, lasted: float
    ) -> _Measure:
        """`lasted` is 0..1: how surely what came before the onset (`early`) went on until it."""
        witnesses, own = self.witnesses[service], self.own_scales.get(service)
        scales = self.scales if own is None else (min(self.scales[0], own), max(self.scales[1], own))
        since = _against(was, now, scales=scales, witnesses=witnesses)
        if self.referenced and self.before_scale and since.novelty > 0:
            since = since.damped(_also_before(since, early, now, self.before_scale))
        if since.change == "unreferenced":
            since = _by_content(since, kind)
        if not self.referenced or early == 0:
            return since
        # The onset may be told late (when the alert fired): what was new shortly before it counts too.
        whole = _against(was, now + early, scales=self.whole_scales, witnesses=witnesses).damped(0.8 * lasted)
        return whole if whole.novelty > max(since.novelty, 0.0) else since


def _baseline(moments: _Moments, services: Sequence[str], calm: np.ndarray, lengths: Lengths) -> _Baseline | None:
    """None where nothing was recorded that today could be compared with."""
    if not (moments.referenced or moments.preceded):
        return None
    base, now, base_s, now_s = moments.base, moments.now, moments.base_s, moments.now_s
    whole_scales, before_scale = (0.0, 0.0), 0.0
    if moments.preceded:
        whole_scales = scales_of(base, now + moments.early, base_s=base_s, now_s=now_s + lengths.before_s)
        if lengths.before_s > 0 and lengths.after_s > 0:
            before_scale = lengths.after_s / lengths.before_s
    return _Baseline(
        scales=scales_of(base, now, base_s=base_s, now_s=now_s),
        whole_scales=whole_scales,
        before_scale=before_scale,
        own_scales=_own_scales(services, base, now, calm),
        witnesses=_per_service(services, base),
        referenced=moments.referenced,
    )


def _own_scales(services: Sequence[str], base: np.ndarray, now: np.ndarray, calm: np.ndarray) -> dict[str, float]:
    """How much more each service says in lines that tell of no failure: its traffic."""
    was = _per_service(services, base * calm)
    here = _per_service(services, now * calm)
    return {service: here[service] / count for service, count in was.items() if count >= 10 and here[service] >= 10}


def _lasts_to_onset(last_before_s: float | None, span: tuple[float, float] | None, lengths: Lengths) -> float:
    """1 for what went on until the onset, towards 0 for what ended long before it: the tail of an earlier incident."""
    if last_before_s is None or span is None or lengths.before_s <= 0:
        return 0.5
    onset_s = span[1] - lengths.after_s
    return float(math.exp(-max(0.0, onset_s - last_before_s) / (0.15 * lengths.before_s)))


def scales_of(base: np.ndarray, now: np.ndarray, *, base_s: float, now_s: float) -> tuple[float, float]:
    """(smallest, largest) believable factor from a baseline count to an expected count now; (0, 0) without a baseline."""
    both = (base >= 4) & (now >= 4)
    factors = []
    if base_s > 0 and now_s > 0:
        factors.append(now_s / base_s)
    if both.sum() >= 5:
        factors.append(float(np.median(now[both] / base[both])))
    if not factors and base.sum() > 0:
        factors.append(float(max(now.sum(), 1.0) / base.sum()))
    return (min(factors), max(factors)) if factors else (0.0, 0.0)


@dataclass(frozen=True)
class _Measure:
    change: Change
    seen: float
    expected: float
    z: float
    log2_ratio: float
    novelty: float

    def damped(self, factor: float) -> _Measure:
        return replace(self, novelty=self.novelty * factor)


def _against(base: float, now: float, *, scales: tuple[float, float], witnesses: float) -> _Measure:
    low, high = scales[0] * base, scales[1] * base
    if low <= now <= high:
        return _Measure("steady", now, (low + high) / 2, 0.0, 0.0, 0.0)
    expected = high if now > high else low
    z = (now - expected) / (math.sqrt(now + expected) + 1.0)
    ratio = math.log2((now + 0.5) / (expected + 0.5))
    if base == 0:
        if witnesses < ENOUGH:  # the service said next to nothing in the baseline: nobody can say that this is new
            return _Measure("unreferenced", now, 0.0, z, ratio, 0.5 * (1 - math.exp(-now / 2)))
        would_have_been = now / max(scales[0], scales[1], 1e-9)  # in the baseline, at today's rate
        adequate = 1 - math.exp(-would_have_been / 1.5)
        return _Measure("new", now, 0.0, z, ratio, (1 - math.exp(-now / 2)) * (0.25 + 0.75 * adequate))
    sure = 1 - math.exp(-abs(z) / 1.5)
    size = min(abs(ratio) / 3.0, 1.0)
    if now > expected:
        return _Measure("more" if sure * size > 0.15 else "steady", now, expected, z, ratio, 0.9 * sure * size)
    gone: Change = "vanished" if now == 0 and expected >= 4 else "fewer"
    return _Measure(gone if sure * size > 0.15 else "steady", now, expected, z, ratio, -sure * size)


def _also_before(measure: _Measure, before: float, after: float, scale: float) -> float:
    """How much of an increase is left when the minutes before the onset are looked at too.

    An onset is often told late (when the alert fired), so that the same rate before it takes no more than half.
    """
    if before == 0:
        return 1.0
    since = _against(before, after, scales=(scale, scale), witnesses=before)
    return 0.5 + 0.5 * min(1.0, max(0.0, since.novelty) / measure.novelty)


def _alone(
    now: float, first_s: float | None, last_s: float | None, span: tuple[float, float] | None, *, level: str, again: bool
) -> _Measure:
    """Without anything to compare with: what lasts to the end counts, what only happened at the start is start-up noise.

    A single line of a service that says nothing of a warning is noise too, and so is what it also said long before.
    """
    lasting = (0.75 if now > 2 or level in ("ERROR", "FATAL") else 0.25) * (0.6 if again else 1.0)
    if span is not None and first_s is not None and last_s is not None and span[1] > span[0]:
        until = (last_s - span[0]) / (span[1] - span[0])
        brief = last_s - first_s < 1.0 and now <= 3  # once, or all at once
        lasting *= (1.3 if until >= 0.6 else 0.5) * (0.5 if brief and level not in ("ERROR", "FATAL") else 1.0)
    return _Measure("unreferenced", now, 0.0, 0.0, 0.0, min(0.6, 0.6 * lasting) * (1 - math.exp(-now / 2)))


def _by_content(measure: _Measure, kind: error_words.Kind | None) -> _Measure:
    """Without a baseline the general (an exception, nothing found) may be everyday life; the specific seldom is, even once."""
    if kind is not None and kind.severity >= 0.88:
        return measure.damped(max(1.0, 0.4 / measure.novelty)) if measure.novelty > 0 else measure
    return measure.damped(0.5)


def _span(mined: pl.DataFrame) -> tuple[float, float] | None:
    first, last = mined["first_s"].drop_nulls().to_list(), mined["last_s"].drop_nulls().to_list()
    return (min(first), max(last)) if first and last else None


def _per_service(services: Sequence[str], counts: np.ndarray) -> dict[str, float]:
    total: dict[str, float] = {}
    for service, count in zip(services, counts, strict=True):
        total[service] = total.get(service, 0.0) + float(count)
    return total


def onset_of(found: Sequence[Shift]) -> float | None:
    """When the first clearly new or much more frequent failure began, epoch seconds; None where nothing tells.

    A template needs three moments and most of the strength of the strongest: one early stray line begins nothing.
    """
    strong = [s for s in found if s.change in ("new", "more") and s.failing and s.seen >= 3 and s.first_s is not None]
    if not strong:
        return None
    most = max(s.strength for s in strong)
    # A template that was there before has no first occurrence that means anything.
    begun = [s.first_s for s in strong if s.change == "new" and s.strength >= 0.6 * most and s.first_s is not None]
    return min(begun) if begun and most >= 0.3 else None
