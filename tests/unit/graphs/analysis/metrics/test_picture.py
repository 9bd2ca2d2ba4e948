from __future__ import annotations

import numpy as np
import pytest

from app.domain.telemetry import SeriesName
from graphs.analysis.metrics.picture import Clue, Picture, combine, trust
from graphs.analysis.metrics.shift import measure

TIMES = np.arange(60) * 60.0
INCIDENT = TIMES >= 40 * 60.0


def picture(**now: float) -> Picture:
    """For each metric one entity of its name, at 1 before the incident and at the figure given in it."""
    names = [SeriesName(f"has_{metric}", metric) for metric in now]
    steady = np.random.default_rng(2).lognormal(0, 0.03, (60, len(now)))
    values = np.where(INCIDENT[:, None], np.array(list(now.values())), 1.0) * steady
    return Picture.of(names, measure(TIMES, INCIDENT, values, 40 * 60.0))


def test_trust_is_none_in_noise_one_half_at_four_and_nearly_whole_from_twelve() -> None:
    assert [trust(z) for z in (0.0, 1.5, 4.0, -4.0)] == [0.0, 0.0, 0.5, 0.5]
    assert 0.9 < trust(12.0) < 1.0


def test_a_symptom_or_a_strained_resource_makes_sick_and_what_others_send_does_not() -> None:
    sick = picture(latency_s=3.0, cpu_usage=3.0, request_rate=3.0, network_bytes=3.0, pool_size=3.0, widgets=3.0).sick
    assert {name for name, surely in sick.items() if surely > 0.9} == {"has_latency_s", "has_cpu_usage"}
    assert set(sick) == {"has_latency_s", "has_cpu_usage"}


def test_getting_better_makes_nobody_sick_and_a_small_step_only_a_little() -> None:
    assert picture(latency_s=0.3).sick == {}
    a_little, doubled = picture(latency_s=1.25).sick["has_latency_s"], picture(latency_s=2.0).sick["has_latency_s"]
    assert 0 < a_little < 0.4 * doubled


@pytest.mark.parametrize("metric", ["cpu_usage", "memory_usage", "disk_usage", "pool_waiting", "pool_active"])
def test_who_reports_a_resource_is_a_program(metric: str) -> None:
    assert picture(**{metric: 1.0, "latency_s": 1.0}).programs == {f"has_{metric}"}


def test_reasons_of_different_channels_add_up_and_of_one_only_the_strongest_counts() -> None:
    slow, slower, short = Clue("a", "latency", "x", 0.4), Clue("a", "latency", "y", 0.5), Clue("a", "resource", "cpu", 0.5)
    faint, other = Clue("a", "errors", "z", 0.02), Clue("b", "latency", "x", 1.0)
    found = combine([slow, slower, short, faint, other])
    assert found["a"] == (pytest.approx(5.0 * 0.75), (slower, short, slow))
    assert found["b"][0] == pytest.approx(5.0 * 0.97)  # none alone is certain


def test_a_time_is_told_in_seconds_by_its_unit() -> None:
    one = picture(latency_ms=1.0, latency_us=1.0, latency_s=1.0, latency=1.0)
    assert [one.seconds(column) for column in range(4)] == [1e-3, 1e-6, 1.0, 1.0]
    assert [one.tells_time(column) for column in range(4)] == [True, True, True, False]
