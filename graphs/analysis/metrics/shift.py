"""How far each series moved between a reference and the incident, and when. Pure and vectorised over series.

Everything is free of units: scaling a series by a positive number changes neither its `z` nor its `log_ratio`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_RELATIVE_FLOOR = 0.05
"""A spread below 5% of the level is not believed: short references look calmer than the world is."""
_RANGE_FLOOR = 0.01
"""Nor one below 1% of the largest magnitude seen: a constant zero would make the first sample infinite."""
_BEFORE = 3
"""Samples before the onset from which on their middle is trusted; of fewer, the one nearest to normal."""
_FAIR_PART = 0.1
"""Fewer than that count where they are this share of the window: an onset is known less exactly than a small part of it."""
_DAY_S = 86400.0
_SAME_HOUR_S = 600.0
"""How far from the incident's time of day another day's sample may lie to be held against it."""
_DAYS = 2
"""Other days it takes to call something daily."""
_BLOCK = 256
"""Series that are worked on together: their numbers stay in the processor's cache, and memory does not grow with the series."""


@dataclass(frozen=True)
class Shifts:
    """One entry per series. `z` is the shift in floored robust spreads, signed; `rise` level minus base without what was there
    before the onset already; `log_ratio` the natural logarithm of level over base, damped near zero; NaN-free, 0 where nothing
    can be said (`usable` False). `n_base`, `n_level`: samples."""

    base: Floats
    spread: Floats
    level: Floats
    z: Floats
    rise: Floats
    log_ratio: Floats
    n_base: NDArray[np.int64]
    n_level: NDArray[np.int64]
    usable: Bools
    coverage: Floats
    own_before: Bools  # the base is the incident window's own part before the onset


def quantiles(rows: Floats, shares: tuple[float, ...]) -> Floats:
    """Linear quantiles of each row without its NaNs, (len(shares), rows); NaN for an empty row."""
    out = np.full((len(shares), rows.shape[0]), np.nan)
    if rows.shape[1] == 0 or rows.shape[0] == 0:
        return out
    gaps = np.isnan(rows)
    count = rows.shape[1] - gaps.sum(axis=1)
    if gaps.any():
        ordered = np.sort(rows, axis=1)  # NaNs go last
    else:
        last = rows.shape[1] - 1
        places = sorted(
            {place for share in shares for place in (math.floor(share * last), min(math.floor(share * last) + 1, last))}
        )
        ordered = np.partition(rows, places, axis=1)
    line = np.arange(rows.shape[0])
    some = count > 0
    for index, share in enumerate(shares):
        place = share * np.maximum(count - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        part = place - low
        found = ordered[line, low] * (1 - part) + ordered[line, high] * part
        out[index, some] = np.where(part == 0, ordered[line, low], found)[some]
    return out


def _spread(rows: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Median and floored spread of each row; `scale` is the largest magnitude the series ever showed."""
    low, middle, high, low_tail, high_tail = quantiles(rows, (0.25, 0.5, 0.75, 0.05, 0.95))
    tails = (high_tail - low_tail) / 3.29
    raw = np.maximum((high - low) / 1.349, 0.7 * tails)
    floored = np.maximum(raw, np.maximum(_RELATIVE_FLOOR * np.abs(middle), _RANGE_FLOOR * scale))
    few = (~np.isnan(rows)).sum(axis=1)
    # a spread of a handful of samples is a guess: widened as a t-distribution would
    floored = floored * (1 + 2 / np.maximum(few, 1))
    return middle, floored


def usual_and_spread(row: Floats) -> tuple[float, float]:
    """Median and floored spread of one series; NaN without a sample."""
    scale = float(np.nanmax(np.abs(row))) if np.isfinite(row).any() else 0.0
    middle, spread = _spread(row[None, :], np.array([scale or 1.0]))
    return float(middle[0]), float(spread[0])


def usual_step(times: Floats) -> float:
    """Seconds from sample to sample; 0 where there is but one."""
    distinct = np.unique(times)
    return float(np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0


def _pick_level(rows: Floats, base: Floats, sustained: float) -> Floats:
    """The level that a share of the incident part is beyond, on the side it moved to. One spike of many doesn't move it."""
    down, up = quantiles(rows, (1 - sustained, sustained))
    level: Floats = np.where(np.abs(up - base) >= np.abs(down - base), up, down)
    return level


def joined(parts: Sequence[Shifts]) -> Shifts:
    """The series of all parts, in their order."""
    return Shifts(**{field: np.concatenate([getattr(part, field) for part in parts]) for field in Shifts.__dataclass_fields__})


def measure(
    times: Floats, incident: Bools, values: Floats, onset_s: float, *, sustained: float = 0.6, during: Bools | None = None
) -> Shifts:
    """The shift of each column of `values` from its reference to its part of the incident from `onset_s` on.

    Without reference rows the incident's own part before the onset is the reference. With both, the part before the onset
    is a second control: what was already so before the onset is no shift. A sample whose step holds the onset is not before it:
    some sources stamp a step with its beginning. With a reference of several days their same time of day is a third control:
    what comes every day is no shift either. `during`: the rows to measure in place of all from the onset on.
    """
    blocks = (values[:, start : start + _BLOCK] for start in range(0, max(values.shape[1], 1), _BLOCK))
    return joined([_measured(times, incident, block, onset_s, sustained, during) for block in blocks])


def _measured(times: Floats, incident: Bools, values: Floats, onset_s: float, sustained: float, during: Bools | None) -> Shifts:
    k = values.shape[1]
    rows = np.ascontiguousarray(values.T, dtype=np.float64)
    after = incident & (times >= onset_s if during is None else during)
    before = incident & ~after & (times + usual_step(times[incident]) <= onset_s)
    reference = ~incident if (~incident).any() else before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        scale = np.nan_to_num(np.nanmax(np.abs(rows), axis=1)) if rows.shape[1] else np.zeros(k)
    scale = np.where(scale > 0, scale, 1.0)
    base, spread = _spread(rows[:, reference], scale)
    n_base = (~np.isnan(rows[:, reference])).sum(axis=1)
    n_level = (~np.isnan(rows[:, after])).sum(axis=1)
    own_before = np.full(k, not (~incident).any())
    early = rows[:, before]
    n_early = (~np.isnan(early)).sum(axis=1)
    if (~incident).any():
        # a series the reference lacks, but the window's own earlier part has
        lacking = (n_base < _BEFORE) & (n_early >= _BEFORE)
        if lacking.any():
            middle, width = _spread(early[lacking], scale[lacking])
            base[lacking], spread[lacking], n_base[lacking] = middle, width, n_early[lacking]
            own_before[lacking] = True
    level = _pick_level(rows[:, after], base, sustained)
    usable = (n_base >= 2) & (n_level >= 1) & np.isfinite(base) & np.isfinite(level)
    base, spread, level = (np.where(usable, part, filler) for part, filler in ((base, 0.0), (spread, 1.0), (level, 0.0)))
    enough = (n_early >= _BEFORE) | (n_early >= _FAIR_PART * incident.sum())
    rise = np.where(usable, _beyond(level - base, level, early, enough & (n_early > 0) & ~own_before), 0.0)
    daily = rows[:, _same_hour(times, reference, after)]
    rise = _beyond(rise, level, daily, (~np.isnan(daily)).sum(axis=1) >= _BEFORE)
    z = np.where(usable, rise / spread, 0.0)
    thin = n_level / (n_level + 0.5)  # one sample alone is two thirds of the evidence
    damp = spread
    log_ratio = np.where(usable, np.log((np.abs(level) + damp) / (np.abs(level - rise) + damp)), 0.0)
    rows_after = max(int(after.sum()), 1)
    return Shifts(
        base=base,
        spread=spread,
        level=level,
        z=z * thin,
        rise=rise,
        log_ratio=log_ratio,
        n_base=n_base,
        n_level=n_level,
        usable=usable,
        coverage=np.minimum(n_level / rows_after, 1.0),
        own_before=own_before,
    )


def _same_hour(times: Floats, reference: Bools, after: Bools) -> Bools:
    """The reference's samples at the incident's time of day, on days of which there are at least `_DAYS`; else none."""
    none = np.zeros(len(times), np.bool_)
    if not after.any() or not reference.any():
        return none
    start, end = float(times[after].min()), float(times[after].max())
    # seconds into the stretch of the day that the incident takes, a little wider on either side, whichever day it was
    into = (times - (start - _SAME_HOUR_S)) % _DAY_S
    near: Bools = reference & (into <= end - start + 2 * _SAME_HOUR_S) & (np.abs(times - start) > _DAY_S / 2)
    days = np.unique(np.floor((times[near] - (start - _SAME_HOUR_S)) / _DAY_S))
    return near if len(days) >= _DAYS else none


def _beyond(rise: Floats, level: Floats, control: Floats, checked: Bools) -> Floats:
    """The rise to level without what `control`, samples without the fault (rows by samples), already showed. Of those the half
    nearer to normal counts, of fewer than `_BEFORE` the nearest: an onset stated too late must not hide the fault behind itself."""
    if not checked.any():
        return rise
    low, high = quantiles(control, (0.35, 0.65))
    few = checked & ((~np.isnan(control)).sum(axis=1) < _BEFORE)
    if few.any():
        low[few], high[few] = quantiles(control[few], (0.0, 1.0))
    nearer = np.where(rise >= 0, low, high)
    again = np.where(checked, level - nearer, rise)
    return np.where(np.sign(again) == np.sign(rise), np.sign(rise) * np.minimum(np.abs(rise), np.abs(again)), 0.0)


@dataclass(frozen=True)
class Change:
    """Per series: the index of the first sample after its strongest change, and the change in winsorised spreads times root
    of samples (0 where there is none)."""

    at: NDArray[np.int64]
    score: Floats


def change_points(rows: Floats, *, clip: float = 6.0, ends: int = 2) -> Change:
    """Winsorised CUSUM of each row (series by samples in time order): where the difference of means before and after is
    strongest. `ends` samples on either side are never a change."""
    blocks = (np.ascontiguousarray(rows[start : start + _BLOCK]) for start in range(0, max(len(rows), 1), _BLOCK))
    parts = [_changed(block, clip, ends) for block in blocks]
    return Change(*(np.concatenate([getattr(part, field) for part in parts]) for field in ("at", "score")))


def _changed(rows: Floats, clip: float, ends: int) -> Change:
    k, n = rows.shape
    if n < 2 * ends + 1 or k == 0:
        return Change(np.zeros(k, np.int64), np.zeros(k))
    (middle,) = quantiles(rows, (0.5,))
    # steps from sample to sample tell the noise even where half the window is the fault
    (jump,) = quantiles(np.abs(np.diff(rows, axis=1)), (0.5,))
    with np.errstate(invalid="ignore"):
        largest = np.fmax.reduce(np.abs(rows), axis=1)
    scale = np.fmax(np.nan_to_num(jump) / 0.954, np.fmax(_RELATIVE_FLOOR * np.abs(middle), _RANGE_FLOOR * largest))
    scale = np.where(scale > 0, scale, 1.0)
    with np.errstate(invalid="ignore"):
        z = np.clip((rows - middle[:, None]) / scale[:, None], -clip, clip)
    seen = ~np.isnan(z)
    z = np.where(seen, z, 0.0)
    left_sum = np.cumsum(z, axis=1)[:, :-1]
    left_n = np.cumsum(seen, axis=1)[:, :-1].astype(np.float64)
    total, total_n = z.sum(axis=1, keepdims=True), seen.sum(axis=1, keepdims=True).astype(np.float64)
    right_sum, right_n = total - left_sum, total_n - left_n
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = right_sum / right_n - left_sum / left_n
        score = difference * np.sqrt(left_n * right_n / total_n)
    enough = (left_n >= ends) & (right_n >= ends)
    score = np.where(enough & np.isfinite(score), score, 0.0)
    best = np.argmax(np.abs(score), axis=1)
    line = np.arange(k)
    # what is left within the two parts: a series that jumps about by itself needs a larger step
    between = difference[line, best] ** 2 * (left_n * right_n)[line, best] / total_n[:, 0] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        within = (z**2).sum(axis=1) / total_n[:, 0] - (total[:, 0] / total_n[:, 0]) ** 2 - between
    strength = score[line, best] / np.sqrt(np.maximum(np.nan_to_num(within), 1.0))
    return Change(best.astype(np.int64) + 1, np.abs(strength))


def consensus_onset(times: Floats, change: Change, *, floor: float = 5.0, seam: int | None = None) -> tuple[float, float] | None:
    """The moment most series agree on, and the share of the moved series' strength within two steps of it; None where
    nothing moved. Of two moments alike, the earlier. At `seam` two recordings meet: other things differ between them as well,
    so what changes there counts a third."""
    moved = change.score > floor
    if not moved.any() or len(times) < 2:
        return None
    weight = np.bincount(change.at[moved], weights=np.minimum(change.score[moved], 6 * floor) - floor + 1, minlength=len(times))
    if seam is not None:
        weight[seam] /= 3
    near = np.convolve(weight, np.array([0.5, 1.0, 1.0, 1.0, 0.5]), mode="same")
    peak = int(np.argmax(near >= 0.9 * near.max()))
    window = slice(max(peak - 2, 0), peak + 3)
    first = int(np.arange(len(times))[window][np.argmax(weight[window])])
    return float(times[first]), float(weight[window].sum() / weight.sum())
