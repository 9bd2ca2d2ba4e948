from __future__ import annotations

import pytest

from graphs.analysis.metrics.wording import _times


@pytest.mark.parametrize(
    ("base", "level", "said"),
    [
        (1.0, 1.1, ""),
        (0.0, 5.0, ""),
        (2.0, 5.0, " (2.5 times)"),
        (1.0, 163.4, " (163 times)"),
        (5e-5, 1.1, " (more than 1000 times)"),
        (12.0, 1.0, " (to 8% of it)"),
    ],
)
def test_a_factor_has_the_digits_that_mean_something(base: float, level: float, said: str) -> None:
    assert _times(base, level) == said
