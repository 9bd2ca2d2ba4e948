"""Numbers with their units."""

from __future__ import annotations

import sys

from graphs.analysis.changes.reading.measures import Measure, measure, measures_in


def test_measures_of_a_sentence_keep_their_units() -> None:
    found = measures_in("waited 220ms of 5.2 s, 10 slots, 34% busy, 512MiB held")
    assert [(round(one.value, 3), one.unit) for one in found] == [
        (0.22, "s"),
        (5.2, "s"),
        (10.0, ""),
        (0.34, "ratio"),
        (536870912.0, "B"),
    ]


def test_a_number_too_large_to_hold_is_the_largest_there_is() -> None:
    largest = measure("1" * 401)
    hours = measure("1e308h")
    assert largest is not None
    assert hours is not None
    assert largest == measure("1e400")
    assert largest.value == hours.value == sys.float_info.max
    assert measure("-1e400") == Measure(-sys.float_info.max, "")
