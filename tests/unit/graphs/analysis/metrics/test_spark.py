from __future__ import annotations

import numpy as np

from graphs.analysis.metrics.spark import downsample


def test_a_long_series_becomes_forty_points_and_keeps_its_spike() -> None:
    values = np.ones(5000)
    values[1234] = 99.0
    values[10:20] = np.nan
    times, shown = downsample(np.arange(5000.0), values)
    assert len(times) == len(shown) == 40
    assert max(shown) == 99.0
    assert list(times) == sorted(times)


def test_a_short_series_is_shown_as_it_is_in_time_order() -> None:
    assert downsample(np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0, np.nan])) == ((1.0, 3.0), (10.0, 30.0))
    assert downsample(np.array([]), np.array([])) == ((), ())
