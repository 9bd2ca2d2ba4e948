from __future__ import annotations

import pytest

from app.domain.quantity import counted, said


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.946, "s", "946 ms"),
        (1.47, "s", "1.47 s"),
        (3.88e-05, "s", "38.8 µs"),
        (0.0, "s", "0 s"),
        (5.839e7, "bytes", "58.4 MB"),
        (12, "bytes", "12 bytes"),
        (0.642, "ratio", "64.2%"),
        (0.0, "ratio", "0%"),
        (1.5, "ratio", "1.5"),
        (52.3, "1/s", "52.3/s"),
        (12, "", "12"),
        (1234.5, "", "1234"),
        (999_999, "", "999999"),
        (999_999.7, "", "1 M"),
        (8_040_450, "", "8.04 M"),
        (1.75e7, "", "17.5 M"),
        (-3.43e8, "", "-343 M"),
        (2.28e9, "ms", "2.28 G ms"),
        (4.2e20, "", "4.20e+20"),
        (0.0005, "", "0.0005"),
        (2.5e-7, "", "2.5e-07"),
        (5.7e6, "1/s", "5.7 M/s"),
        (250, "ms", "250 ms"),
        (float("nan"), "s", "no number"),
        (-0.25, "s", "-250 ms"),
    ],
)
def test_a_number_is_said_in_the_size_that_fits(value: float, unit: str, text: str) -> None:
    assert said(value, unit) == text


def test_one_is_said_as_one() -> None:
    assert [counted(n, "finding") for n in (0, 1, 2)] == ["0 findings", "1 finding", "2 findings"]
    assert [counted(n, "query", "queries") for n in (1, 2)] == ["1 query", "2 queries"]
