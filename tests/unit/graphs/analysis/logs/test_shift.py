from __future__ import annotations

import polars as pl
import pytest

from app.domain.telemetry import LOG_SCHEMA
from graphs.analysis.logs.shift import Lengths, Shift, onset_of, shifts
from graphs.analysis.logs.templates import Stretches, mine

REFERENCE_S, INCIDENT_S = 600.0, 600.0


def lines(
    count: int, msg: str, *, incident: bool, level: str = "INFO", service: str = "a", start: float = 0.0
) -> list[tuple[object, ...]]:
    base = (10_000.0 if incident else 0.0) + start
    step = (REFERENCE_S - start) / max(1, count)
    return [(incident, base + i * step, service, level, f"{msg} {i}", "", "", "", "") for i in range(count)]


def read(*groups: list[tuple[object, ...]], onset_s: float | None = None, lengths: Lengths | None = None) -> dict[str, Shift]:
    frame = pl.DataFrame([row for group in groups for row in group], schema=LOG_SCHEMA, orient="row")
    mined = mine(frame, stretches=Stretches(start_s=10_000.0, onset_s=onset_s))
    found = shifts(mined.templates, lengths=lengths or Lengths(REFERENCE_S, 0.0, INCIDENT_S))
    return {shift.template.removesuffix(" <*>"): shift for shift in found}


BUSY = [lines(100, "served", incident=False), lines(100, "served", incident=True)]


def test_a_template_the_reference_lacks_is_new() -> None:
    found = read(*BUSY, lines(20, "could not write", incident=True, level="ERROR"))["could not write"]
    assert found.change == "new"
    assert found.strength > 0.8


def test_errors_as_frequent_in_the_reference_speak_for_nobody() -> None:
    noise = "could not find"
    groups = [lines(30, noise, incident=False, level="ERROR"), lines(32, noise, incident=True, level="ERROR")]
    assert read(*BUSY, *groups)[noise].strength < 0.05


def test_a_heartbeat_that_stopped_has_vanished() -> None:
    found = read(*BUSY, lines(40, "polled queue", incident=False))["polled queue"]
    assert found.change == "vanished"
    assert found.novelty < -0.8


def test_a_rate_is_compared_by_exposure() -> None:
    groups = [lines(10, "retrying", incident=False, level="WARN"), lines(60, "retrying", incident=True, level="WARN")]
    long_now = read(*BUSY, *groups, lengths=Lengths(100.0, 0.0, 600.0))["retrying"]
    same = read(*BUSY, *groups)["retrying"]
    assert long_now.change == "steady"
    assert same.change == "more"
    assert same.log2_ratio == pytest.approx(2.5, abs=0.2)


def test_errors_that_grow_with_the_traffic_are_not_news() -> None:
    calm = [lines(50, "served", incident=False), lines(300, "served", incident=True)]
    noise = [lines(10, "could not find", incident=False, level="ERROR"), lines(60, "could not find", incident=True, level="ERROR")]
    assert read(*calm, *noise)["could not find"].strength < 0.05


def test_a_service_without_lines_in_the_reference_has_nothing_to_compare() -> None:
    found = read(*BUSY, lines(20, "could not write", incident=True, level="ERROR", service="b"))["could not write"]
    assert found.change == "unreferenced"
    assert 0.1 < found.strength < 0.6


def test_without_any_reference_the_specific_outweighs_the_general() -> None:
    found = read(
        lines(100, "served", incident=True),
        lines(20, "exception in handler", incident=True, level="ERROR"),
        lines(2, "out of memory", incident=True, level="ERROR", start=500.0),
        lengths=Lengths(0.0, 0.0, INCIDENT_S),
    )
    assert {shift.change for shift in found.values()} == {"unreferenced"}
    assert found["out of memory"].strength > found["exception in handler"].strength > found["served"].strength


def test_what_went_on_just_as_much_before_the_onset_counts_half() -> None:
    calm = [lines(100, "served", incident=False), lines(100, "served", incident=True)]
    lengths = Lengths(REFERENCE_S, 300.0, 300.0)
    throughout = lines(40, "could not write", incident=True, level="ERROR")
    since = lines(20, "could not read", incident=True, level="ERROR", start=301.0)
    found = read(*calm, throughout, since, onset_s=10_300.0, lengths=lengths)
    assert found["could not read"].strength > 1.2 * found["could not write"].strength


def test_the_tail_of_an_earlier_incident_hardly_counts() -> None:
    tail = lines(30, "could not write", incident=True, level="ERROR")[:8]  # within the first 160 s
    found = read(*BUSY, tail, onset_s=10_400.0, lengths=Lengths(REFERENCE_S, 400.0, 200.0))
    assert found["could not write"].strength < 0.2


def test_an_onset_told_late_does_not_hide_what_began_before_it() -> None:
    burst = lines(12, "could not write", incident=True, level="ERROR", start=330.0)[:6]  # ends 165 s on, at the onset
    found = read(*BUSY, burst, onset_s=10_480.0, lengths=Lengths(REFERENCE_S, 480.0, 120.0))
    assert found["could not write"].strength > 0.4


def test_the_onset_is_when_the_first_strong_new_failure_began() -> None:
    frame = read(*BUSY, lines(20, "could not write", incident=True, level="ERROR", start=120.0))
    assert onset_of(list(frame.values())) == 10_120.0
    assert onset_of(list(read(*BUSY).values())) is None
