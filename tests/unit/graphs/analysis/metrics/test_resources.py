"""orders, stock and mail each report what they use; web is called by users."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.domain.telemetry import SeriesName
from graphs.analysis.metrics.picture import Clue, Picture
from graphs.analysis.metrics.resources import resource_clues
from graphs.analysis.metrics.shift import measure

TIMES = np.arange(60) * 60.0
INCIDENT = TIMES >= 40 * 60.0
EDGES = [("web", "orders"), ("orders", "stock"), ("web", "mail")]
NOISE = np.random.default_rng(4)


def series(before: float, now: float) -> np.ndarray:
    return np.where(INCIDENT, now, before) * NOISE.lognormal(0, 0.03, 60)


def found(columns: Mapping[tuple[str, str], np.ndarray]) -> dict[str, Clue]:
    names = [SeriesName(*key) for key in sorted(columns)]
    values = np.column_stack([columns[name.entity, name.metric] for name in names])
    picture = Picture.of(names, measure(TIMES, INCIDENT, values, 40 * 60.0))
    return {clue.target: clue for clue in resource_clues(picture, EDGES)}


def test_each_is_short_of_what_it_reports_itself() -> None:
    clues = found({("orders", "cpu_usage"): series(0.2, 0.9), ("stock", "memory_usage"): series(2e8, 9e8)})
    assert {target: clue.kind for target, clue in clues.items()} == {"orders": "cpu", "stock": "memory"}


def test_less_of_a_resource_is_no_shortage_but_a_lower_limit_is() -> None:
    clues = found({("orders", "cpu_usage"): series(0.9, 0.2), ("stock", "pool_size"): series(50.0, 5.0)})
    assert {target: clue.kind for target, clue in clues.items()} == {"orders": "anomaly", "stock": "connection_pool"}
    assert found({("stock", "pool_size"): series(5.0, 50.0)})["stock"].kind == "connection_pool"


def test_less_of_a_resource_tells_less_than_more_of_it() -> None:
    more = found({("orders", "cpu_usage"): series(0.2, 0.6), ("stock", "cpu_usage"): series(0.2, 0.2)})
    less = found({("orders", "cpu_usage"): series(0.6, 0.2), ("stock", "cpu_usage"): series(0.2, 0.2)})
    assert more["orders"].strength > 1.3 * less["orders"].strength


def test_a_fraction_of_one_thing_waiting_is_nobodys_trouble_but_a_fraction_of_a_second_is_waited() -> None:
    strength = {
        metric: found({("orders", metric): series(before, now)})["orders"].strength
        for metric, before, now in (
            ("queue_length", 0.01, 0.1),
            ("queue_length_all", 1.0, 10.0),
            ("queue_wait_s", 0.01, 0.1),
            ("queue_utilization", 0.01, 0.1),
        )
    }
    assert strength["queue_length"] < 0.3 * strength["queue_length_all"]
    assert strength["queue_wait_s"] > 0.9 * strength["queue_length_all"]
    assert strength["queue_utilization"] > 0.9 * strength["queue_length_all"]


def test_traffic_that_is_next_to_nothing_beside_the_busiest_tells_little() -> None:
    grown = ("orders", "requests"), series(1.0, 3.0)
    alone, beside = (found(dict([grown, *more]))["orders"] for more in ([], [(("web", "requests"), series(600.0, 600.0))]))
    assert beside.strength < 0.3 * alone.strength
