from __future__ import annotations

from app.domain.telemetry import Topology


def test_what_several_sources_know_of_calls_and_places_is_one_topology() -> None:
    first = Topology("traces", (("web", "orders"), ("orders", "db")), {"orders": "n1", "web": "n1"}, truncated="the first hour")
    second = Topology("mesh", (("web", "stock"), ("web", "orders")), {"orders": "n2"})
    joined = Topology.joined([first, second])
    assert joined.source == "traces, mesh"
    assert joined.edges == (("web", "orders"), ("orders", "db"), ("web", "stock"))
    assert joined.placement == {"orders": "n2", "web": "n1"}
    assert joined.truncated == "the first hour"


def test_where_no_source_knows_a_topology_nobody_calls_anybody() -> None:
    assert Topology.joined([]) == Topology("")
