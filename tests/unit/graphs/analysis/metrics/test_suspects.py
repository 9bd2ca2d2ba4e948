from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.telemetry import SeriesName
from graphs.analysis.metrics.picture import Picture, combine
from graphs.analysis.metrics.selftime import OpShift, SpanShifts
from graphs.analysis.metrics.shift import measure
from graphs.analysis.metrics.suspects import metric_clues, span_clues

TIMES = np.arange(60) * 60.0
INCIDENT = TIMES >= 40 * 60.0
LATE = TIMES >= 43 * 60.0
EDGES = [("web", "lb-7"), ("web", "orders"), ("orders", "stock"), ("web", "rare")]

Columns = dict[tuple[str, str], np.ndarray]


def quiet(seed: int = 5) -> Columns:
    noise = np.random.default_rng(seed)
    usual = {"web": (0.2, 600.0), "lb-7": (0.03, 60.0), "orders": (0.02, 700.0), "stock": (0.005, 900.0)}
    out: Columns = {}
    for entity, (latency_s, calls) in usual.items():
        out[entity, "latency"] = latency_s * noise.lognormal(0, 0.05, 60)
        out[entity, "requests"] = calls * noise.lognormal(0, 0.05, 60)
    out["rare", "requests"] = np.zeros(60)
    return out


def picture_of(columns: Columns) -> Picture:
    names = [SeriesName(*key) for key in sorted(columns)]
    values = np.column_stack([columns[name.entity, name.metric] for name in names])
    return Picture.of(names, measure(TIMES, INCIDENT, values, 43 * 60.0))


def weights(columns: Columns, metric: str = "latency") -> dict[str, float]:
    return {target: weight for target, (weight, _) in combine(metric_clues(picture_of(columns), EDGES, "web", metric)).items()}


def slow_orders(columns: Columns) -> None:
    columns["web", "latency"] = columns["web", "latency"] + LATE * 0.06
    columns["orders", "latency"] = columns["orders", "latency"] + LATE * 0.05
    columns["lb-7", "latency"] = columns["lb-7", "latency"] + LATE * 0.5


def test_the_service_is_blamed_before_the_address_its_callers_dial() -> None:
    columns = quiet()
    slow_orders(columns)
    found = weights(columns)
    assert found["orders"] > 3
    assert found.get("lb-7", 0.0) < 0.3


def test_an_address_that_is_slow_alone_is_blamed_itself() -> None:
    columns = quiet()
    columns["web", "latency"] = columns["web", "latency"] + LATE * 0.05
    columns["lb-7", "latency"] = columns["lb-7", "latency"] + LATE * 0.5
    found = weights(columns)
    assert max(found, key=lambda target: found[target]) == "lb-7"


def test_a_service_without_traffic_series_is_taken_for_as_busy_as_its_neighbours() -> None:
    columns = quiet()
    slow_orders(columns)
    del columns["orders", "requests"]
    found = weights(columns)
    assert max(found, key=lambda target: found[target]) == "orders"


def test_what_is_hardly_ever_used_is_no_suspect_when_it_is() -> None:
    columns = quiet()
    slow_orders(columns)
    columns["rare", "requests"] = np.where(LATE, 1.0, 0.0)
    assert weights(columns).get("rare", 0.0) < 0.2


def test_traffic_that_falls_silent_where_there_was_much_still_counts() -> None:
    columns = quiet()
    columns["stock", "requests"] = np.where(LATE, 0.0, columns["stock", "requests"])
    assert weights(columns)["stock"] > 0.3


def test_a_callers_milliseconds_and_a_callees_seconds_are_one_time() -> None:
    noise = np.random.default_rng(3)
    served = 0.02 * noise.lognormal(0, 0.05, 60) + LATE * 0.2
    line = 0.001 * noise.lognormal(0, 0.05, 60)
    seen = {unit: {("web>orders", f"client_latency_{unit}"): (served + line) * many} for unit, many in (("s", 1.0), ("ms", 1000.0))}
    columns: Columns = {("orders", "server_latency_s"): served, ("stock", "server_latency_s"): np.roll(line, 7)}
    found = {unit: between(columns | its) for unit, its in seen.items()}
    assert found["ms"] == pytest.approx(found["s"])
    assert max(found["ms"].values(), default=0.0) < 0.1


def between(columns: Columns) -> dict[str, float]:
    return {clue.target: clue.strength for clue in metric_clues(picture_of(columns), EDGES, "web") if clue.channel == "between"}


def test_milliseconds_that_nobody_feels_are_little_against_a_service_however_sure() -> None:
    sure = OpShift("stock", "SELECT", None, 900, 1.0, 3.0, 40.0, 2.0)
    (loud,), (quiet,) = (span_clues(SpanShifts((replace(sure, felt=felt),))) for felt in (1.0, 0.05))
    assert loud.strength > 0.8
    assert quiet.strength < 0.05


def test_time_that_may_be_chance_takes_nothing_from_a_service_that_is_slow_for_sure() -> None:
    sure = OpShift("stock", "SELECT", None, 900, 1.0, 21.0, 15.0, 20.0)
    chance = tuple(replace(sure, service=name, z=2.0) for name in ("web", "orders", "billing"))
    strength = {clue.target: clue.strength for clue in span_clues(SpanShifts((sure, *chance)))}
    assert strength["stock"] > 0.6
    assert max(strength[name] for name in ("web", "orders", "billing")) < 0.05
