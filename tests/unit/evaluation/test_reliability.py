from __future__ import annotations

import random

import pytest

from app.evaluation.reliability import reliability


def forecast(n: int, *, bent: float = 1.0, seed: int = 7) -> list[tuple[float, bool]]:
    """`bent` below 1: things come true more often than is said."""
    chance = random.Random(seed)
    said = [chance.random() for _ in range(n)]
    return [(each, chance.random() < each**bent) for each in said]


def test_a_perfect_forecaster_is_not_told_from_one() -> None:
    ruled_out = 0
    for seed in range(20):
        found = reliability(forecast(200, seed=seed), draws=300)
        assert found is not None
        ruled_out += not found.looks_perfect
    assert ruled_out <= 4  # one in twenty is expected


def test_who_says_too_little_is_told_from_a_perfect_forecaster() -> None:
    found = reliability(forecast(250, bent=0.3), draws=300)
    assert found is not None
    assert not found.looks_perfect
    assert found.perfect < found.perfect_95 < found.error
    assert found.interval[0] < found.error < found.interval[1]


def test_few_cases_lie_off_the_diagonal_however_honest_they_are() -> None:
    few, many = (reliability(forecast(n), draws=200) for n in (20, 2000))
    assert few is not None
    assert many is not None
    assert few.perfect > 0.1 > many.perfect


def test_each_case_is_in_one_bin_and_the_last_holds_certainty() -> None:
    found = reliability([(0.0, False), (0.1, False), (0.55, True), (1.0, True), (0.9, False)], draws=10)
    assert found is not None
    assert [each.right.of for each in found.bins] == [1, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    assert found.bins[9].said == pytest.approx(0.95)
    assert found.bins[9].right.value == 0.5
    assert found.bins[2].said is None


def test_the_same_results_give_the_same_figures_and_none_give_none() -> None:
    assert reliability(forecast(50), draws=50) == reliability(forecast(50), draws=50)
    assert reliability([]) is None
