"""Series of which it is known which changed: what a ranking is asked to find again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_S = 15.0
START_S = 1.7e9
SHAPES = ("step", "ramp", "drop to zero", "saturation", "spike", "variance")


@dataclass(frozen=True)
class Known:
    """`values[i, j]`: series j at `times[i]`; `changed[j]` names the shape of its change, from `onset_s` on."""

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    onset_s: float
    changed: dict[int, str]


def known_series(samples: int, count: int, *, each: int, seed: int = 7) -> Known:
    """`count` series of noise, waves, constants, counts and gaps, with an odd outlier here and there; `each` of every shape
    change for the last fifth."""
    dice = np.random.default_rng(seed)
    at = int(samples * 0.8)
    times = START_S + STEP_S * np.arange(samples)
    level = dice.gamma(4.0, 10.0, count)
    noise = dice.standard_normal((samples, count)) * (level * dice.choice([0.02, 0.05, 0.15], count))
    values = level + noise
    kinds = dice.integers(0, 5, count)
    waves = np.sin(2 * np.pi * np.arange(samples)[:, None] / dice.uniform(samples / 12, samples / 4, count))
    values = np.where(kinds == 1, values + 0.3 * level * waves, values)
    values = np.where(kinds == 2, level, values)
    values = np.where(kinds == 3, dice.poisson(np.maximum(level / 10, 0.5), (samples, count)), values)
    changed = {int(j): SHAPES[i % len(SHAPES)] for i, j in enumerate(dice.choice(count, each * len(SHAPES), replace=False))}
    outliers = (dice.random((samples, count)) < 0.001) & (kinds != 2)  # one sample that a scrape or a pause spoilt
    values = np.where(outliers, values + 8 * np.abs(level), values)
    for j, shape in changed.items():
        values[at:, j] = _changed(shape, values[:, j], at, dice)
    values[(dice.random((samples, count)) < 0.05) & (kinds == 4)] = np.nan
    return Known(times, np.ascontiguousarray(values), float(times[at]), changed)


def _changed(shape: str, row: NDArray[np.float64], at: int, dice: np.random.Generator) -> NDArray[np.float64]:
    after, base = row[at:].copy(), float(np.median(row[:at]))
    size = max(abs(base), 1.0) * float(dice.uniform(0.8, 3.0))
    rise = np.linspace(0.0, 1.0, len(after))
    if shape == "step":
        return after + size
    if shape == "ramp":
        return after + 2 * size * rise
    if shape == "drop to zero":
        return np.zeros_like(after)
    if shape == "saturation":  # up to a ceiling, and flat from there on
        return np.minimum(after + 6 * size * rise, base + 1.5 * size)
    if shape == "spike":
        after[: max(2, len(after) // 6)] += 3 * size
        return after
    return base + (after - float(np.median(after))) + size * dice.standard_normal(len(after))
