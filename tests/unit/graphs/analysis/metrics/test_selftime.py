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


def test_only_a_span_that_its_service_made_for_a_call_is_that_call() -> None:
    """What a request that came over the network spends beside its one call is its own time, not the network's."""
    served = own_times(
        frame(
            [
                (True, "t", "a", "", "edge", "GET", 0.0, 100.0),
                (True, "t", "b", "a", "web", "list", 0.0, 90.0),
                (True, "t", "c", "b", "store", "SELECT", 0.0, 10.0),
            ]
        )
    )
    assert served["callee"].to_list() == [None, None, None]
    assert served["own_ms"].to_list() == pytest.approx([10.0, 80.0, 10.0])


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


def crowd(factors: dict[str, float], *, web_ms: float = 5.0) -> pl.DataFrame:
    """Requests of web that call every service in `factors` once, which takes 4 ms, and so many times as long in the incident."""
    noise = np.random.default_rng(3)
    rows: list[Row] = []
    for index in range(80):
        late, trace = index >= 40, f"t{index}"
        start, later = 1000.0 + index, 0.0
        for name, factor in factors.items():
            own = float(noise.uniform(3.8, 4.2)) * (factor if late else 1.0)
            rows.append((late, trace, f"{name}c", "a", "web", f"call {name}", start + later / 1000, own + 1.0))
            rows.append((late, trace, name, f"{name}c", name, "serve", start + (later + 0.5) / 1000, own))
            later += own + 1.0
        rows.append((late, trace, "a", "", "web", "GET", start, later + web_ms))
    return frame(rows)


def test_what_all_services_drift_by_makes_none_of_them_suspect() -> None:
    drifting = {"a1": 1.3, "a2": 0.8, "a3": 1.35, "a4": 0.75, "a5": 1.6}
    alone = {"a1": 1.0, "a2": 1.0, "a3": 1.0, "a4": 1.0, "a5": 1.6}
    among, apart = ({one.service: one.z for one in compare(crowd(some), 1040.0).own} for some in (drifting, alone))
    assert apart["a5"] > 5
    assert 0 < among["a5"] < 2


def test_who_is_many_times_slower_stands_out_of_the_drift() -> None:
    factors = {"a1": 1.3, "a2": 0.8, "a3": 1.35, "a4": 0.75, "a5": 30.0}
    z = {one.service: one.z for one in compare(crowd(factors), 1040.0).own}
    assert z["a5"] > 6
    assert max(value for service, value in z.items() if service != "a5") < 2


def test_a_rise_counts_for_less_in_requests_that_take_long_anyway() -> None:
    factors = {"a1": 1.0, "a2": 1.0, "a3": 1.0, "a4": 2.0}
    quick, long = (
        next(one for one in compare(crowd(factors, web_ms=web_ms), 1040.0).own if one.service == "a4") for web_ms in (5.0, 2000.0)
    )
    assert quick.mass == pytest.approx(long.mass)
    assert quick.felt > 0.5
    assert long.felt < 0.05
