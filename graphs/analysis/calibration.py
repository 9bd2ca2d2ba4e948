"""From odds to probability: what odds of a given size turned out to be worth on recorded incidents.

Two numbers are fitted, an intercept and a slope in the logit (Platt, 1999): the order of causes never changes, and nothing about
one system can be learnt by heart. `calibration.json` beside this file holds those in use, and what they were fitted on;
`firstmate calibrate` writes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from app.domain.value import Value


class Calibration(Value):
    """A stored format: fields may only be added, with defaults. `slope` > 0, so a better score is never a lesser probability."""

    schema_: Literal["calibration/1"] = Field(default="calibration/1", alias="schema")
    intercept: float
    slope: float = Field(gt=0)
    reserve: float = Field(default=0.0, ge=0, lt=1)
    provenance: dict[str, Any] = Field(default_factory=dict)

    def probability(self, odds: float) -> float:
        """What `odds` (nats) are worth, 0..1: never more than 1 - `reserve`, the share of answers that are expected to be
        wrong, however sure, on systems and faults never seen: a fit on what the method was built on flatters it by as much."""
        return (1.0 - self.reserve) * _sigmoid(self.intercept + self.slope * odds)


AS_IT_IS = Calibration(intercept=0.0, slope=1.0)
"""Odds taken at their word."""


@dataclass(frozen=True)
class Forecast:
    """One incident looked back on: the first hypothesis' odds (nats), and whether it was right. `group`: what must not be on
    both sides of a fold; `source`: where the incident is from; `case`: which one it is, as several answers may be about one."""

    odds: float
    right: bool
    group: str
    source: str
    case: str = ""


_FURTHEST = 8.0
"""Odds beyond this say nothing more; without a bound one certain mistake would decide the fit."""
_STEADY = 1.0
"""Strength of the pull towards `AS_IT_IS`, as that many incidents' worth of curvature."""


def fit(forecasts: Sequence[Forecast]) -> Calibration:
    """The likeliest intercept and slope, by Newton's method. Raises ValueError on none at all."""
    if not forecasts:
        raise ValueError("no forecast to fit to")
    points = [(max(-_FURTHEST, min(_FURTHEST, each.odds)), 1.0 if each.right else 0.0) for each in forecasts]
    intercept, slope = 0.0, 1.0
    for _ in range(50):
        g0, g1 = -_STEADY * intercept, -_STEADY * (slope - 1.0)
        h00, h01, h11 = _STEADY, 0.0, _STEADY
        for odds, wanted in points:
            p = _sigmoid(intercept + slope * odds)
            spread = p * (1.0 - p)
            g0 += wanted - p
            g1 += (wanted - p) * odds
            h00, h01, h11 = h00 + spread, h01 + spread * odds, h11 + spread * odds * odds
        det = h00 * h11 - h01 * h01
        step0, step1 = (h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det
        intercept, slope = intercept + step0, max(0.05, slope + step1)
        if abs(step0) + abs(step1) < 1e-9:
            break
    return Calibration(intercept=round(intercept, 3), slope=round(slope, 3))


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
