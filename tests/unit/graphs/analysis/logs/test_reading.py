from __future__ import annotations

import polars as pl
import pytest

from graphs.analysis.logs import complaints
from graphs.analysis.logs.exceptions import Blame
from graphs.analysis.logs.reading import first_in_trace
from graphs.analysis.logs.shift import Shift

COUNTS = {"n_reference": 0, "n_before": 0, "n_after": 20, "seen": 20, "expected": 0.0, "z": 4.0, "log2_ratio": 5.0, "novelty": 1.0}


def broke(service: str) -> complaints.Testimony:
    said = {"service": service, "level": "ERROR", "status": "", "template": "it broke", "exemplar": "it broke", "change": "new"}
    shift = Shift(**said, **COUNTS, severity=1.0, kind=None, first_s=0.0, last_s=17.0)
    return complaints.Testimony(shift, Blame(), own=1.0, about=0.0)


def firsts(*services: str, callees: dict[str, tuple[str, ...]] | None = None) -> dict[str, float]:
    """Of eighteen traces, in each of which all of them fail in the same moment."""
    rows = [(f"t{n}", float(n), service, "it broke") for n in range(18) for service in services]
    lines = pl.DataFrame(rows, schema=["trace", "time", "service", "template"], orient="row")
    return first_in_trace(lines, [broke(service) for service in services], callees=callees or {})


def test_who_fails_in_the_same_moment_shares_being_first_whatever_they_are_called() -> None:
    assert firsts("a", "b") == {"a": pytest.approx(0.45), "b": pytest.approx(0.45)}


def test_of_those_that_fail_in_the_same_moment_the_callee_was_first() -> None:
    assert firsts("a", "b", callees={"a": ("b",)}) == {"b": pytest.approx(0.9)}
    assert firsts("a", "b", callees={"b": ("a",)}) == {"a": pytest.approx(0.9)}
    assert set(firsts("a", "b", callees={"a": ("b",), "b": ("a",)})) == {"a", "b"}
