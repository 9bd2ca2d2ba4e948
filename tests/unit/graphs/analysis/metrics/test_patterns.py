from __future__ import annotations

import numpy as np

from graphs.analysis.metrics.patterns import climbs


def test_a_climb_is_steady_and_neither_step_nor_saw_nor_noise() -> None:
    n = 60
    noise = np.random.default_rng(3).normal(0, 0.5, n)
    climb = 100 + np.arange(n) + noise
    step = np.where(np.arange(n) > 30, 160.0, 100.0) + noise
    saw = 100 + (np.arange(n) % 15) * 4 + noise
    flat = 100 + noise
    assert climbs(np.array([climb, step, saw, flat])).tolist() == [True, False, False, False]


def test_too_few_samples_are_no_climb() -> None:
    assert climbs(np.array([[1.0, 2.0, 3.0]])).tolist() == [False]
