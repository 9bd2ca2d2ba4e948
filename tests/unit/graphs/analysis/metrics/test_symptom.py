from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphs.analysis.metrics.symptom import NEVER, Stretch, while_it_shows

TIMES = np.arange(46) * 300.0
INCIDENT = TIMES >= 40 * 300.0


def window(*samples: float) -> np.ndarray:
    usual = 1 + 0.05 * np.sin(np.arange(40))
    return np.concatenate((usual, samples))


def rows(row: np.ndarray, onset_s: float) -> list[int]:
    found = while_it_shows(TIMES, INCIDENT, row, onset_s)
    return np.flatnonzero(INCIDENT & found.holds(TIMES)).tolist()


def test_only_the_steps_in_which_the_alerts_series_is_out_of_range_count() -> None:
    assert rows(window(1, 1, 3, 3, 1, 1), 42 * 300.0) == [42, 43]


def test_a_step_that_is_stamped_with_its_beginning_may_hold_the_onset() -> None:
    assert rows(window(1, 1, 3, 3, 1, 1), 42 * 300.0 + 100) == [42, 43]


def test_an_onset_stated_too_late_does_not_hide_the_symptom() -> None:
    assert rows(window(1, 3, 3, 1, 1, 1), 44 * 300.0) == [41, 42]


def test_a_mild_symptom_counts_beside_a_strong_one() -> None:
    assert rows(window(1, 1, 1.4, 1.4, 5, 1), 42 * 300.0) == [42, 43, 44]


def test_where_the_series_stays_in_range_no_step_is_picked() -> None:
    assert while_it_shows(TIMES, INCIDENT, window(1, 1.02, 1, 0.98, 1, 1.03), 42 * 300.0) is NEVER
    assert while_it_shows(TIMES, INCIDENT, np.full(46, np.nan), 42 * 300.0) is NEVER
    assert not NEVER.holds(TIMES).any()


def test_a_stretch_of_one_step_holds_its_beginning_and_not_its_end() -> None:
    assert Stretch(np.array([10.0]), 5.0).holds(np.array([9.0, 10.0, 14.0, 15.0])).tolist() == [False, True, True, False]
    assert rows(window(1, 1, 3, 1, 1, 1), 42 * 300.0) == [42]


def test_a_symptom_all_through_the_window_is_one_against_what_is_usual() -> None:
    assert rows(window(3, 3, 3, 3, 3, 3), 40 * 300.0) == [40, 41, 42, 43, 44, 45]


def test_without_a_reference_what_came_before_the_onset_is_usual() -> None:
    found = while_it_shows(TIMES, np.ones(46, np.bool_), window(2, 9, 3, 8, 4, 7), 40 * 300.0)
    assert np.flatnonzero(found.holds(TIMES)).tolist() == [40, 41, 42, 43, 44, 45]


@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_units_and_the_clock_change_nothing(scale: float, by: float) -> None:
    row = window(1, 1, 3, 2, 1, 1)
    found = while_it_shows(TIMES + by, INCIDENT, row * scale, 42 * 300.0 + by)
    assert np.flatnonzero(INCIDENT & found.holds(TIMES + by)).tolist() == rows(row, 42 * 300.0)
