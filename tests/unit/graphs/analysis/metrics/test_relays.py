from __future__ import annotations

import pytest

from graphs.analysis.metrics.relays import Relay, handed_over, passed_to, relays

EDGES = [("web", "lb-7"), ("web", "orders"), ("orders", "stock"), ("orders", "db"), ("web", "mail")]


def test_an_address_hands_its_time_to_the_service_that_slowed_down_beside_it() -> None:
    own = {"web": 0.0, "lb-7": 4.0, "orders": 4.0, "stock": 0.0}
    found = relays(own, EDGES)
    assert handed_over(own, found) == {"web": 0.0, "lb-7": 0.0, "orders": 8.0, "stock": 0.0}
    assert passed_to("orders", found) == ["lb-7"]


def test_the_time_goes_to_whoever_has_it_of_its_own_behind_that_service() -> None:
    own = {"lb-7": 4.0, "orders": 1.0, "stock": 3.0}
    assert handed_over(own, relays(own, EDGES)) == {"lb-7": 0.0, "orders": 2.0, "stock": 6.0}


def test_a_leaf_that_is_slow_alone_keeps_its_time() -> None:
    own = {"web": 1.0, "lb-7": 4.0, "orders": 0.0}
    assert relays(own, EDGES) == {}
    assert handed_over(own, {}) == own


def test_more_than_the_others_account_for_stays_with_the_leaf() -> None:
    own = {"lb-7": 4.0, "orders": 1.0}
    assert handed_over(own, relays(own, EDGES))["lb-7"] == pytest.approx(3.0)


def test_a_store_keeps_its_time_from_those_that_use_it() -> None:
    edges = [("web", "db"), ("web", "orders"), ("orders", "db")]
    assert relays({"db": 4.0, "orders": 1.0}, edges) == {}


def test_what_reports_a_processor_is_a_program_and_no_address() -> None:
    own = {"lb-7": 4.0, "orders": 4.0}
    assert relays(own, EDGES, programs={"lb-7"}) == {}


def test_a_leaf_of_other_callers_passes_nothing_on() -> None:
    edges = [("web", "orders"), ("orders", "stock"), ("batch", "api")]
    assert relays({"api": 4.0, "orders": 4.0}, edges) == {}


def test_who_calls_nobody_and_is_called_by_nobody_passes_nothing_on() -> None:
    assert relays({"alone": 4.0, "orders": 4.0}, EDGES) == {}


def test_a_relay_is_counted_to_whom_most_of_its_time_belongs() -> None:
    found = relays({"lb-7": 4.0, "orders": 1.0, "stock": 3.0}, EDGES)
    assert {node: passed_to(node, found) for node in ("orders", "stock", "mail")} == {"orders": [], "stock": ["lb-7"], "mail": []}


def test_who_had_nothing_gets_exactly_what_is_handed_over() -> None:
    assert handed_over({"lb-7": 4.0}, {"lb-7": Relay(0.5, {"orders": 1.0})}) == {"lb-7": 2.0, "orders": 2.0}
