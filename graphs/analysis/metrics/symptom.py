"""When the alert's own series is out of range: what is wrong then is wrong because of the same thing. Pure.

A window holds more than the fault: minutes before it, minutes after it ended. Coarse series have so few samples in it that each
one counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphs.analysis.metrics.shift import Bools, Floats, usual_and_spread, usual_step

_OUT = 2.0
"""Spreads from which on a sample is out of range, once the alert's series as a whole is clearly so."""


@dataclass(frozen=True)
class Stretch:
    """Steps from each of `begins` (seconds since the epoch, ascending) on, `step_s` long each; empty: never."""

    begins: Floats
    step_s: float

    def holds(self, times: Floats) -> Bools:
        if len(self.begins) == 0:
            return np.zeros(len(times), np.bool_)
        last = np.searchsorted(self.begins, times, side="right") - 1
        return (last >= 0) & (times < self.begins[np.maximum(last, 0)] + self.step_s)


NEVER = Stretch(np.empty(0), 0.0)


def while_it_shows(times: Floats, incident: Bools, row: Floats, onset_s: float) -> Stretch:
    """The steps in which `row` (more is worse) is out of range: from the onset on, else at any time in the incident, since an
    onset may be stated too late."""
    step_s = usual_step(times[incident])
    here = incident & ~np.isnan(row)
    usual, spread = usual_and_spread(row[~incident] if (~incident).any() else row[here & (times < onset_s)])
    if not here.any():
        return NEVER
    low = min(float(np.quantile(row[here], 0.2)), usual)
    for seen in (here & (times + step_s > onset_s), here):
        peak = float(np.quantile(row[seen], 0.9)) if seen.any() else low
        if peak - low > 3 * spread:
            out = seen & (row >= low + _OUT * spread)
            return Stretch(np.sort(times[out]), max(step_s, 1e-3))
    return NEVER
