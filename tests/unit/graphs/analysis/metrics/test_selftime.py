from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.telemetry import SPAN_SCHEMA
from graphs.analysis.metrics.selftime import compare, own_times

Row = tuple[bool, str, str, str, str, str, float, float]


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SPAN_SCHEMA, orient="row")


def test_own_time_is_what_no_child_covers_even_where_children_overlap() -> None:
    spans = own_times(
        frame(
            [
                (True, "t", "a", "", "web", "GET", 100.0, 100.0),
                (True, "t", "b", "a", "web", "x", 100.01, 30.0),
                (True, "t", "c", "a", "web", "y", 100.02, 40.0),
                (True, "t", "d", "a", "web", "z", 100.09, 50.0),  # outlives its parent
            ]
        )
    )
    assert spans["own_ms"].to_list() == pytest.approx([40.0, 30.0, 40.0, 50.0], abs=1e-3)


def test_a_span_beside_its_own_services_call_only_waits_for_it() -> None:
    spans = own_times(
        frame(
            [
                (True, "t", "a", "", "web", "root", 0.0, 100.0),
                (True, "t", "b", "a", "web", "handler", 0.0, 100.0),
                (True, "t", "c", "a", "web", "call", 0.005, 90.0),
                (True, "t", "d", "c", "stock", "GET", 0.01, 80.0),
            ]
        )
    )
    by = dict(zip(spans["span"], spans["own_ms"], strict=True))
    assert by["b"] == pytest.approx(10.0, abs=1e-6)
    assert spans.filter(pl.col("span") == "c")["gap_ms"][0] == pytest.approx(10.0)


def test_the_same_span_id_in_two_traces_is_two_spans() -> None:
    spans = own_times(
        frame(
            [
                (True, "t1", "a", "", "web", "GET", 0.0, 10.0),
                (True, "t1", "b", "a", "web", "x", 0.0, 4.0),
                (True, "t2", "a", "", "web", "GET", 0.0, 10.0),
                (True, "t2", "c", "c", "web", "names itself its parent", 0.0, 1.0),
            ]
        )
    )
    assert spans["own_ms"].to_list() == pytest.approx([6.0, 4.0, 10.0, 1.0])


def traces(seed: int = 0, late_calls: int = 3) -> pl.DataFrame:
    noise = np.random.default_rng(seed)
    rows: list[Row] = []
    for index in range(80):
        late = index >= 40
        start = 1000.0 + index
        rows.append((late, f"t{index}", "a", "", "web", "GET", start, 100.0 + float(noise.normal(0, 2))))
        for call in range(late_calls if late else 3):
            dur = float(noise.uniform(3, 5))
            rows.append((late, f"t{index}", f"c{call}", "a", "web", "query", start + 0.01 * call, dur))
    return frame(rows)


def test_a_call_that_is_no_longer_made_is_told() -> None:
    shifts = compare(traces(late_calls=0), 1040.0)
    (gone,) = shifts.calls
    assert (gone.ref, gone.inc) == (3.0, 0.0)
    assert gone.z < -8


def test_nothing_changed_means_small_scores() -> None:
    shifts = compare(traces(), 1040.0)
    assert all(abs(one.z) < 3 for one in (*shifts.own, *shifts.calls))


def test_no_spans_and_no_late_spans_are_no_error() -> None:
    empty = frame([])
    assert compare(empty, 0.0).own == ()
    assert compare(traces(), 1e9).traces_inc == 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), by=st.integers(-(10**8), 10**8), order=st.randoms(use_true_random=False))
def test_time_and_the_order_of_rows_change_nothing(seed: int, by: int, order: object) -> None:
    spans = traces(seed, late_calls=5)
    shuffled = spans.sample(fraction=1.0, shuffle=True, seed=seed).with_columns(start=pl.col("start") + by)
    plain, moved = compare(spans, 1040.0), compare(shuffled, 1040.0 + by)
    assert [(one.service, one.op) for one in plain.own] == [(one.service, one.op) for one in moved.own]
    assert [one.z for one in moved.own] == pytest.approx([one.z for one in plain.own], rel=1e-2, abs=1e-2)
    assert [one.z for one in moved.calls] == pytest.approx([one.z for one in plain.calls])
