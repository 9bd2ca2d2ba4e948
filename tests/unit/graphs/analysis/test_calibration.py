from __future__ import annotations

import math
import random
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.analysis.calibration import AS_IT_IS, Calibration, Forecast, fit


def drawn(intercept: float, slope: float, *, many: int) -> list[Forecast]:
    """Forecasts of one whose odds are really worth that much."""
    dice = random.Random(7)
    found = []
    for n in range(many):
        odds = dice.uniform(-4, 5)
        chance = 1 / (1 + math.exp(-(intercept + slope * odds)))
        found.append(Forecast(odds=odds, right=dice.random() < chance, group=str(n), source="made"))
    return found


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (1.5, 0.5), (-1.0, 2.0)])
def test_what_odds_are_worth_is_found_again(intercept: float, slope: float) -> None:
    found = fit(drawn(intercept, slope, many=6000))
    assert found.intercept == pytest.approx(intercept, abs=0.2)
    assert found.slope == pytest.approx(slope, abs=0.2)


@pytest.mark.parametrize("right", [True, False])
def test_a_handful_that_all_went_one_way_makes_nothing_certain(right: bool) -> None:
    found = fit([Forecast(odds=3.0, right=right, group=str(n), source="made") for n in range(5)])
    assert 0.02 < found.probability(0.0) < 0.98
    assert found.slope > 0


def test_with_nothing_to_fit_to_there_is_no_fit() -> None:
    with pytest.raises(ValueError, match="no forecast"):
        fit([])


@given(st.floats(-5, 5), st.floats(0.05, 5), st.floats(0, 0.5), st.floats(-2000, 2000), st.floats(0, 2000))
def test_better_odds_are_never_a_lesser_probability_and_none_passes_the_reserve(
    intercept: float, slope: float, reserve: float, odds: float, more: float
) -> None:
    made = Calibration(intercept=intercept, slope=slope, reserve=reserve)
    assert 0 <= made.probability(odds) <= made.probability(odds + more) <= 1 - reserve


def test_as_it_is_takes_odds_at_their_word() -> None:
    assert AS_IT_IS.probability(math.log(3)) == pytest.approx(0.75)


def test_the_calibration_in_use_says_what_it_was_fitted_on() -> None:
    stored = resources.files("graphs.analysis").joinpath("calibration.json").read_text(encoding="utf-8")
    used = Calibration.model_validate_json(stored)
    assert used.provenance["answers"] == sum(used.provenance["sources"].values())
    assert used.provenance["incidents"] <= used.provenance["answers"]
    assert used.reserve > 0
