"""Is what is said as a probability one? Ten bins of confidence against what came, and what a perfect forecaster would show.

So few cases never lie on the diagonal, however honest the confidences are: the error that a perfect forecaster shows on the
very same confidences is what to hold the measured one against. Drawn from a fixed seed: the same results, the same figures.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from app.evaluation.score import Share, bin_of, calibration_error

DRAWS = 2000
SEED = 20240607
ALPHA = 0.05
"""Below this chance a perfect forecaster is ruled out."""


@dataclass(frozen=True)
class Bin:
    """Cases whose confidence was from `low` up to `low` + 0.1; `said` is their mean confidence."""

    low: float
    said: float | None
    right: Share


@dataclass(frozen=True)
class Reliability:
    """`interval`: 95% of the error over cases drawn again (percentiles; drawing adds noise, so it leans upwards). `perfect`: the
    mean error and its 95th percentile where each case is right as often as was said. `p`: how often that is at least as large
    as the measured error."""

    cases: int
    bins: tuple[Bin, ...]
    error: float
    interval: tuple[float, float]
    perfect: float
    perfect_95: float
    p: float

    @property
    def looks_perfect(self) -> bool:
        return self.p >= ALPHA


def reliability(pairs: Sequence[tuple[float, bool]], *, draws: int = DRAWS, seed: int = SEED) -> Reliability | None:
    """`pairs`: (confidence, whether it was right). None without any."""
    error = calibration_error(pairs)
    if error is None:
        return None
    chance = random.Random(seed)
    again = sorted(_error(chance.choices(pairs, k=len(pairs))) for _ in range(draws))
    perfect = sorted(_error([(said, chance.random() < said) for said, _ in pairs]) for _ in range(draws))
    return Reliability(
        cases=len(pairs),
        bins=tuple(_bin(i, [pair for pair in pairs if bin_of(pair[0]) == i]) for i in range(10)),
        error=error,
        interval=(again[int(0.025 * draws)], again[int(0.975 * draws)]),
        perfect=statistics.fmean(perfect),
        perfect_95=perfect[int(0.95 * draws)],
        # One more on both sides: the measured one is a draw too where the forecaster is perfect, so p is never 0.
        p=(1 + sum(each >= error for each in perfect)) / (1 + draws),
    )


def _error(pairs: Sequence[tuple[float, bool]]) -> float:
    return calibration_error(pairs) or 0.0


def _bin(number: int, held: Sequence[tuple[float, bool]]) -> Bin:
    said = statistics.fmean(confidence for confidence, _ in held) if held else None
    return Bin(number / 10, said, Share(sum(right for _, right in held), len(held)))
