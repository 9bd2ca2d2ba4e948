from __future__ import annotations

import polars as pl

from app.domain.telemetry import LOG_SCHEMA
from graphs.analysis.logs.exceptions import Names
from graphs.analysis.logs.places import lines_of
from graphs.analysis.logs.templates import mine

NAMES = Names(("shop", "pay"))


def read(*said: tuple[bool, str]) -> pl.DataFrame:
    rows = [(incident, float(n), "shop", "INFO", msg, f"t{n}", f"s{n}", "", "") for n, (incident, msg) in enumerate(said)]
    frame = pl.DataFrame(rows, schema=LOG_SCHEMA, orient="row")
    return lines_of(frame, mine(frame), NAMES)


def test_the_place_in_the_source_tells_equal_texts_apart() -> None:
    for first, second in (("Cart#17", "Cart#42"), ("cart/add.go:17", "cart/add.go:42"), ("o.s.Cart.java:17", "o.s.Cart.java:42")):
        found = read(
            *((incident, f"{place} added {n}") for n in range(5) for place in (first, second) for incident in (False, True))
        )
        assert found["statement"].n_unique() == 2


def test_one_place_is_one_statement_whatever_it_dumps() -> None:
    found = read(*((incident, f"Cart#17 added {what}") for what in ("a tea pot", "Lamp(on)", "") for incident in (False, True)))
    assert found["statement"].n_unique() == 1


def test_a_number_that_is_data_is_no_place() -> None:
    found = read(*((incident, f"packed order#{n} today") for n in range(40) for incident in (False, True)))
    assert found["statement"].n_unique() == 1


def test_places_that_moved_with_another_version_are_not_compared() -> None:
    was = [(False, f"Cart#{line} {text}") for line, text in ((17, "added"), (42, "paid"), (60, "sent")) for _ in range(3)]
    now = [(True, f"Cart#{line} {text}") for line, text in ((19, "added"), (44, "paid"), (62, "sent")) for _ in range(3)]
    assert read(*was, *now)["statement"].n_unique() == 3


def test_a_line_that_speaks_of_another_service_says_so() -> None:
    found = read((False, "all well"), (True, "connection refused by pay: no instance available"))
    assert found.filter(pl.col("incident"))["blames"].to_list()[0] > 0.5
    assert found.filter(~pl.col("incident"))["blames"].to_list() == [0.0]


def test_lines_without_a_trace_and_copies_are_left_out() -> None:
    row = (True, 1.0, "shop", "INFO", "hello", "t", "s", "", "")
    frame = pl.DataFrame([row, row, (*row[:5], "", "", "", "")], schema=LOG_SCHEMA, orient="row")
    assert lines_of(frame, mine(frame), NAMES).height == 1
    assert lines_of(frame.filter(pl.col("trace") == ""), mine(frame), NAMES).is_empty()


def test_a_line_that_speaks_of_a_host_outside_says_so() -> None:
    found = read((False, "all well"), (True, "timeout calling https://api.cards.example.com/v1"))
    assert found.filter(pl.col("incident"))["blames"].to_list()[0] > 0.5
