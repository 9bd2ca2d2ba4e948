"""Patterns that take time out of all proportion, told by their parts."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.reading.patterns import exponential, quadratic


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"^(\w+\s?)*$",
        r"^([a-z0-9]+[._-]?)+@$",
        r"(\w|\d)+x",
        r"^(([a-z])+.)+[A-Z]$",
        r"^(\d{1,3}\.?)+$",
        r"([A-Za-z0-9])(([\-.]|[_]+)?([A-Za-z0-9]+))*(@)",
    ],
)
def test_a_repeated_group_that_can_be_cut_up_in_several_ways_is_told(pattern: str) -> None:
    assert exponential(pattern)


@pytest.mark.parametrize("pattern", [r".*.*=", r"(?:.*(?:.*=.*))", r"\d*\w+\d*;", r"x\s*\s+y"])
def test_two_unbounded_repetitions_of_the_same_side_by_side_are_told(pattern: str) -> None:
    assert quadratic(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z0-9._+-]+@[a-z0-9.-]+\.[a-z]{2,}$",
        r"^(\w+\.)*\w+$",
        r"^([a-z]+-)+[a-z]+$",
        r"(,\d+)*",
        r"(?>a+)+b",
        r"(a++b?)+c",
        r"^(?:[A-Z]{2}|\d{3})+$",
        r'"(?:[^"\\]|\\.)*"',
        r"(?P<key>\w+)=(?P<value>[^;]*)",
        r"(\S+)\s+(\S+)",
        r"(?=.*\d)[a-z]+",
        r"(unfinished",
        r"[unfinished",
        r"a{,",
        "\\",
        ")",
    ],
)
def test_a_pattern_with_one_way_to_be_read_is_not(pattern: str) -> None:
    assert not exponential(pattern)
    assert not quadratic(pattern)


def test_a_pattern_of_any_length_is_parsed_in_time() -> None:
    assert not exponential("(a+)+" * 500)
