from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs.analysis.metrics.shift import change_points, consensus_onset, measure, quantiles


def series(seed: int, k: int = 6, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    noise = np.random.default_rng(seed)
    values = noise.lognormal(1, 0.3, (n, k))
    values[n // 2 :, 0] *= 4
    values[n // 2 :, 1] *= 0.2
    return np.arange(n) * 10.0, np.arange(n) >= n // 2, values


def test_a_shift_up_and_one_down_stand_out_with_their_signs() -> None:
    times, incident, values = series(1)
    found = measure(times, incident, values, 300.0)
    assert found.z[0] > 5
    assert found.z[1] < -2
    assert np.all(np.abs(found.z[2:]) < 2)
    assert found.log_ratio[0] > 0.7 > 0 > found.log_ratio[1]


def test_one_spike_is_no_sustained_shift() -> None:
    times, incident, values = series(2)
    values[45, 3] = 1e6
    assert abs(measure(times, incident, values, 300.0).z[3]) < 2


def test_a_constant_series_has_a_floor_under_its_spread() -> None:
    times = np.arange(40.0)
    values = np.column_stack([np.full(40, 7.0), np.where(times >= 20, 7.01, 7.0), np.where(times >= 20, 14.0, 7.0), np.zeros(40)])
    z = measure(times, times >= 20, values, 20.0).z
    assert z[0] == 0
    assert abs(z[1]) < 0.2
    assert 5 < z[2] < 100
    assert z[3] == 0


def test_a_series_without_samples_is_unusable_and_says_nothing() -> None:
    times, incident, values = series(3)
    values[:, 2] = np.nan
    values[incident, 4] = np.nan
    found = measure(times, incident, values, 300.0)
    assert not found.usable[2]
    assert not found.usable[4]
    assert found.z[2] == found.z[4] == 0
    assert not np.isnan(found.base).any()


def test_without_a_reference_the_part_before_the_onset_is_one() -> None:
    times, _, values = series(4)
    found = measure(times, np.ones(60, np.bool_), values, 300.0)
    assert found.own_before.all()
    assert found.z[0] > 5


def test_what_was_so_before_the_onset_is_no_shift() -> None:
    times = np.arange(90.0)
    incident = times >= 30
    already = np.where(incident, 5.0, 1.0)
    fresh = np.where(times >= 60, 5.0, 1.0)
    found = measure(times, incident, np.column_stack([already, fresh]), 60.0)
    assert abs(found.z[0]) < 1 < found.z[1]
    assert found.rise.tolist() == [0.0, 4.0]


def test_few_samples_before_the_onset_count_where_the_window_holds_few() -> None:
    times = np.arange(45.0)
    incident = times >= 40
    already = np.where(incident, 5.0, 1.0)
    half_late = np.where(times >= 41, 5.0, 1.0)  # the second of the two before the onset is bad: the onset is late
    z = measure(times, incident, np.column_stack([already, half_late]), 42.0).z
    assert abs(z[0]) < 1
    assert z[1] > 10


def test_a_sample_or_two_before_the_onset_don_t_count_in_a_long_window() -> None:
    times = np.arange(200.0)
    values = np.where(times >= 100, 5.0, 1.0)[:, None]
    assert measure(times, times >= 100, values, 102.0).z[0] > 10


def test_a_step_that_holds_the_onset_is_not_before_it() -> None:
    times = np.arange(45) * 300.0
    incident = times >= 40 * 300.0
    values = np.where(times >= 41 * 300.0, 5.0, 1.0)[:, None]
    values[40] = np.nan
    assert measure(times, incident, values, 41 * 300.0 + 10).z[0] > 10


def test_only_the_rows_asked_for_are_measured() -> None:
    times = np.arange(50.0)
    incident = times >= 40
    values = np.where((times >= 43) & (times < 45), 5.0, 1.0)[:, None]
    assert abs(measure(times, incident, values, 43.0).z[0]) < 1
    assert measure(times, incident, values, 43.0, during=(times >= 43) & (times < 45)).z[0] > 10


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6), by=st.floats(-1e8, 1e8), order=st.permutations(range(6)))
def test_units_time_and_the_order_of_columns_change_nothing(seed: int, scale: float, by: float, order: list[int]) -> None:
    times, incident, values = series(seed)
    by = float(round(by))
    plain = measure(times, incident, values, 300.0)
    moved = measure(times + by, incident, values[:, order] * scale, 300.0 + by)
    assert moved.z == pytest.approx(plain.z[order], rel=1e-6, abs=1e-9)
    assert moved.log_ratio == pytest.approx(plain.log_ratio[order], rel=1e-6, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1, max_size=30), st.floats(0, 1))
def test_quantiles_are_numpys_without_the_gaps(row: list[float], share: float) -> None:
    (found,) = quantiles(np.array([row]), (share,))[:, 0:1]
    kept = [value for value in row if not np.isnan(value)]
    if kept:
        assert found[0] == pytest.approx(np.quantile(kept, share), abs=1e-9)
    else:
        assert np.isnan(found[0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.integers(8, 50), scale=st.floats(1e-4, 1e4))
def test_the_change_point_is_found_where_it_is(seed: int, at: int, scale: float) -> None:
    noise = np.random.default_rng(seed)
    rows = noise.normal(10, 0.5, (2, 60))
    rows[0, at:] += 8
    found = change_points(rows * scale)
    assert abs(int(found.at[0]) - at) <= 1
    assert found.score[0] > 10
    assert found.score[1] < 6


def test_series_agree_on_one_onset_against_noise_and_older_changes() -> None:
    noise = np.random.default_rng(8)
    rows = noise.normal(0, 1, (40, 120)) + 20
    rows[:6, 70:] += 15
    rows[6, 20:] += 15
    times = 1e9 + np.arange(120) * 15.0
    onset = consensus_onset(times, change_points(rows))
    assert onset is not None
    assert onset[0] == pytest.approx(times[70], abs=30)


def test_nothing_moved_means_no_onset() -> None:
    rows = np.random.default_rng(9).normal(5, 1, (20, 60))
    assert consensus_onset(np.arange(60.0), change_points(rows)) is None


DAY_S = 86400.0


def daily(*, days: int, extra: float) -> float:
    """The `z` of load that peaks every day from 12:00 to 13:00, at whose peak `extra` is added on the last day."""
    times = np.arange(0.0, days * DAY_S + 13 * 3600, 300.0)
    noon = (times % DAY_S >= 12 * 3600) & (times % DAY_S < 13 * 3600)
    incident = times >= days * DAY_S + 11.5 * 3600
    onset = days * DAY_S + 12 * 3600
    noise = np.random.default_rng(3).normal(0, 1, len(times))
    values = 100 + noise + 60 * noon + np.where(times >= onset, extra, 0.0)
    return float(measure(times, incident, values[:, None], onset).z[0])


def test_what_comes_at_that_hour_every_day_is_no_shift() -> None:
    assert abs(daily(days=3, extra=0.0)) < 2
    assert daily(days=1, extra=0.0) > 5  # one other day is no season: the twin without history is taken in


def test_what_comes_on_top_of_the_daily_peak_still_is_one() -> None:
    assert daily(days=3, extra=80.0) > 5
    assert daily(days=3, extra=-120.0) < -5


SIDES = np.arange(60) * 10.0, np.arange(60) >= 30
STEP = np.where(SIDES[1], 5.0, 1.0)


def test_of_what_says_nothing_every_figure_is_nothing() -> None:
    found = measure(*SIDES, np.full((60, 1), np.nan), 300.0)
    figures = (found.base, found.level, found.z, found.rise, found.log_ratio, found.coverage)
    assert [float(figure[0]) for figure in figures] == [0.0] * 6
    assert found.spread[0] == 1.0


def test_one_sample_is_enough_to_say_something_and_says_less_than_many() -> None:
    last = np.where((np.arange(60) >= 30) & (np.arange(60) < 59), np.nan, STEP)
    found = measure(*SIDES, np.column_stack([STEP, last]), 300.0)
    assert found.usable.all()
    assert 0 < found.z[1] < 0.8 * found.z[0]


def test_as_many_series_come_out_as_went_in() -> None:
    many = measure(*SIDES, np.column_stack([STEP] * 300), 300.0)
    assert many.z.shape == (300,)
    assert (many.z == many.z[0]).all()
    assert measure(*SIDES, np.empty((60, 0)), 300.0).z.shape == (0,)


def test_quantiles_of_nothing_are_unknown() -> None:
    assert np.isnan(quantiles(np.empty((3, 0)), (0.25, 0.5))).all()
    assert quantiles(np.empty((3, 0)), (0.5,)).shape == (1, 3)
    assert quantiles(np.empty((0, 4)), (0.5,)).shape == (1, 0)
