from __future__ import annotations

import numpy as np

from app.domain.telemetry import SeriesName
from graphs.analysis.metrics.patterns import climbs, pool_clues
from graphs.analysis.metrics.picture import Picture
from graphs.analysis.metrics.shift import measure


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


def waits(*, wait_s: float, latency_s: float, metric: str = "db_pool_wait_seconds_mean") -> float:
    """How strongly a pool is suspected whose wait rose from 40 µs to `wait_s` while the front page lost `latency_s`."""
    times = np.arange(60.0)
    after = (times >= 40)[:, None]
    noise = np.random.default_rng(5).normal(1.0, 0.02, (60, 2))
    values = np.where(after, [wait_s, 0.1 + latency_s], [40e-6, 0.1]) * noise
    shifts = measure(times, times >= 30, values, 40.0)
    clues = pool_clues(Picture.of((SeriesName("cart", metric), SeriesName("front", "latency_p95_s")), shifts))
    return max((clue.strength for clue in clues), default=0.0)


def test_a_wait_for_connections_that_nobody_feels_is_no_suspect_however_many_times_longer() -> None:
    assert waits(wait_s=0.4, latency_s=2.0) > 0.65
    assert waits(wait_s=0.003, latency_s=2.0) < 0.1
    assert waits(wait_s=0.003, latency_s=0.003) > 0.65


def test_a_wait_that_tells_no_time_is_taken_as_it_is() -> None:
    assert waits(wait_s=0.003, latency_s=2.0, metric="db_pool_waiting") > 0.3
