"""`left` runs web, orders and mail, `right` runs stock, pay and notes. Every one reports its median and its tail."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from app.domain.telemetry import SeriesName
from graphs.analysis.metrics.machines import machine_clues, placed
from graphs.analysis.metrics.picture import Clue, Picture
from graphs.analysis.metrics.shift import measure
from graphs.analysis.naming import Names

TIMES = np.arange(60) * 60.0
INCIDENT = TIMES >= 40 * 60.0
EDGES = [
    ("web", "orders"),
    ("web", "stock"),
    ("web", "pay"),
    ("orders", "pay"),
    ("orders", "mail"),
    ("stock", "notes"),
    ("mail", "notes"),
]
RUNS = {"web": "left", "orders": "left", "mail": "left", "stock": "right", "pay": "right", "notes": "right"}
WHERE = {name: {node: 1.0} for name, node in RUNS.items()}
ACROSS = {"web", "orders", "mail", "pay", "notes"}
"""Who suffers when calls between the two machines do."""


def clues(
    slow: set[str],
    *,
    medians: Mapping[str, float] | None = None,
    nodes: Mapping[tuple[str, str], tuple[float, float]] | None = None,
    before: tuple[Clue, ...] = (),
    shown_by: str = "latency_p95_s",
) -> list[Clue]:
    """`medians`: by how many times a median grew; `nodes`: (node, metric) -> before and now."""
    columns: dict[tuple[str, str], tuple[float, float]] = {}
    for name in RUNS:
        columns[name, "latency_p50_s"] = (0.01, 0.01 * (medians or {}).get(name, 1.0))
        columns[name, shown_by] = (0.02, 0.4 if name in slow else 0.02)
    columns |= {(f"node/{node}", metric): levels for (node, metric), levels in (nodes or {}).items()}
    names = [SeriesName(*key) for key in sorted(columns)]
    steady = np.random.default_rng(6).lognormal(0, 0.03, (60, len(names)))
    levels = np.array([columns[name.entity, name.metric] for name in names])
    values = np.where(INCIDENT[:, None], levels[:, 1], levels[:, 0]) * steady
    picture = Picture.of(names, measure(TIMES, INCIDENT, values, 40 * 60.0))
    return machine_clues(picture, EDGES, WHERE, before)


def resent(right: float, left: float | None) -> dict[tuple[str, str], tuple[float, float]]:
    both = {("right", "tcp_retransmits"): (0.05, 0.05 + right)}
    return both if left is None else {**both, ("left", "tcp_retransmits"): (0.05, 0.05 + left)}


def line(found: list[Clue], node: str) -> Clue:
    return next(clue for clue in found if (clue.target, clue.channel) == (f"node/{node}", "boundary"))


def test_a_machines_network_takes_the_suspicion_from_those_that_wait_and_not_from_what_has_its_own_reason() -> None:
    before = (
        Clue("web", "latency", "latency", 0.9),
        Clue("web", "resource", "cpu", 0.4),
        Clue("node/left", "errors", "errors", 0.3),
    )
    found = clues(ACROSS, nodes=resent(8.0, 0.5), before=before)
    strength = {(clue.target, clue.channel): clue.strength for clue in found}
    assert strength["web", "latency"] < 0.3
    assert (strength["web", "resource"], strength["node/left", "errors"]) == (0.4, 0.3)
    assert strength["node/right", "boundary"] > 2 * strength["node/left", "boundary"]


def test_where_one_service_explains_it_every_reason_stays_as_it_is() -> None:
    before = (Clue("pay", "latency", "latency", 0.9), Clue("web", "latency", "latency", 0.2))
    assert clues({"pay", "orders", "web"}, before=before) == list(before)


@pytest.mark.parametrize(
    ("right", "left", "kind"), [(8.0, 0.5, "packet_loss"), (0.4, 0.2, "network_delay")], ids=["one end loses", "both send again"]
)
def test_the_end_that_sends_far_more_again_loses_packets(right: float, left: float, kind: str) -> None:
    found = line(clues(ACROSS, nodes=resent(right, left)), "right")
    assert found.kind == kind


def test_where_nobody_counts_what_is_sent_again_both_ends_may_be_slow() -> None:
    found = clues(ACROSS)
    assert {line(found, node).kind for node in ("left", "right")} == {"network_delay"}
    assert line(found, "left").strength == pytest.approx(line(found, "right").strength)


def test_a_node_that_sends_no_more_again_than_before_is_not_said_to_lose() -> None:
    assert line(clues(ACROSS, nodes=resent(0.0, None)), "right").kind == "network_delay"


def test_of_one_node_alone_medians_tell_delay_from_loss() -> None:
    late = {"web": 40.0, "orders": 1.5}
    assert line(clues(ACROSS, nodes=resent(8.0, None), medians=late), "right").kind == "network_delay"
    assert line(clues(ACROSS, nodes=resent(8.0, None), medians={"web": 1.5}), "right").kind == "packet_loss"


def test_the_more_surely_and_the_more_a_node_sends_again_the_more_it_is_the_one() -> None:
    even = clues(ACROSS, nodes=resent(8.0, 8.0))
    assert line(even, "left").strength == pytest.approx(line(even, "right").strength, rel=0.1)
    found = clues(ACROSS, nodes=resent(8.0, 4.0))
    assert line(found, "right").strength > 1.3 * line(found, "left").strength


def test_a_machine_that_is_short_of_something_is_named_for_what_it_is_short_of() -> None:
    everybody = set(RUNS)
    short = Clue("node/right", "resource", "cpu", 0.5)

    def host(cpu: float, *before: Clue) -> Clue | None:
        nodes = {("right", "cpu_usage"): (0.2, cpu), ("left", "cpu_usage"): (0.2, 0.2)}
        found = clues(everybody, nodes=nodes, before=before)
        return next((clue for clue in found if (clue.target, clue.channel) == ("node/right", "host")), None)

    strained, calm = host(0.9, short), host(0.2)
    assert strained is not None
    assert strained.kind == "cpu"
    assert strained.strength > 10 * (calm.strength if calm is not None else 0.0)
    unnamed = host(0.9)
    assert unnamed is not None
    assert unnamed.kind == "overload"


def test_a_service_is_where_its_pods_are() -> None:
    pods = {"pay-0": "left", "pay-1": "left", "pay-2": "right", "stranger-0": "left"}
    found = placed(pods, {"pay", "web"}, Names.of(("pay", "web")))
    assert found == {"pay": {"left": pytest.approx(2 / 3), "right": pytest.approx(1 / 3)}}


@pytest.mark.parametrize("metric", ["latency_p95_s", "error_ratio", "success_ratio"])
def test_who_suffers_is_told_by_times_and_by_failures(metric: str) -> None:
    """More is worse in every series of a picture: shares of success are turned before."""
    found = clues(ACROSS, nodes=resent(8.0, 0.5), shown_by=metric)
    assert line(found, "right").strength > 0.5
