from __future__ import annotations

import polars as pl

from graphs.analysis.logs.traced import traced


def lines(traces: int, each: int) -> pl.DataFrame:
    return pl.DataFrame({"trace": [f"t{i}" for i in range(traces) for _ in range(each)]})


def test_of_too_many_lines_whole_traces_are_kept() -> None:
    kept = traced(lines(2000, 5), most=2000)
    assert 1500 < kept.height < 2500
    assert set(kept["trace"].value_counts()["count"]) == {5}


def test_the_same_traces_are_kept_whatever_the_order_of_lines() -> None:
    frame = lines(300, 4)
    assert set(traced(frame, most=200)["trace"]) == set(traced(frame.reverse(), most=200)["trace"])


def test_lines_without_a_trace_are_none() -> None:
    assert traced(pl.DataFrame({"trace": ["", None, "a"]}))["trace"].to_list() == ["a"]
