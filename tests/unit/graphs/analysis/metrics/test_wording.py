from __future__ import annotations

import pytest

from app.domain.telemetry import SeriesName
from graphs.analysis.metrics.wording import _times, claim


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


@pytest.mark.parametrize(
    ("entity", "target", "moved", "said"),
    [
        ("cart", "cart", "cart: cpu went from 6% to 88%", "cart: cpu went from 6% to 88%; why"),
        ("cart", "app/cart", "cart: cpu went from 6% to 88%", "cart: cpu went from 6% to 88%; why"),
        (
            "web>cart",
            "cart",
            "web>cart: lat is 2 s, as it usually varies",
            "cart: lat of web>cart is 2 s, as it usually varies; why",
        ),
        ("cart-db", "cart", "cart-db: cpu went from 6% to 88%", "cart: cpu of cart-db went from 6% to 88%; why"),
        ("n1", "n2", "a detector says of n1: cpu is 9", "a detector says of n1: cpu is 9; why"),
    ],
)
def test_a_claim_names_its_target_its_series_and_the_reason_once(entity: str, target: str, moved: str, said: str) -> None:
    metric = "lat" if "lat" in moved else "cpu"
    assert claim(moved, SeriesName(entity, metric), target, "why") == said
