from __future__ import annotations

from app.domain.telemetry import Topology
from graphs.analysis.changes.suspects.place import Places
from graphs.analysis.naming import Names
from tests.unit.graphs.said import SCOPE, finding


def places(*edges: tuple[str, str]) -> Places:
    return Places({}, True, Names.of(SCOPE.candidates), frozenset(), edges)


def test_beside_a_service_is_what_it_calls_and_what_calls_it() -> None:
    held = places(("front", "back"), ("back", "store"), ("front", "side"))
    assert held.beside("back", ["front", "store", "side", "back"]) == ("front", "store")


def test_where_nobody_knows_who_calls_whom_anything_may_be_beside_anything() -> None:
    assert places().beside("back", ["front", "side", "back"]) == ("front", "side")
    assert places().beside(None, ["front"]) == ()


def test_what_moved_is_the_service_that_has_the_name_or_the_pod() -> None:
    asked = SCOPE.model_copy(update={"candidates": ("app/cart", "app/cart-db", "app/front")})

    def close(entity: str) -> set[str]:
        return Places.of(asked, [finding("waits", entity=entity)], Topology.joined([])).closeness.keys() - {"front"}

    assert close("cart-db") == {"cart-db"}
    assert close("cart-7d9f8c6b5-x2x9z") == {"cart"}
    assert close("cart>cart-db") == {"cart", "cart-db"}


def test_who_feeds_what_the_failing_one_reads_from_is_near_it_and_who_is_further_away_is_not() -> None:
    calls = Topology(
        source="t", edges=(("buyer", "events"), ("points", "events"), ("app", "points"), ("far", "buyer"), ("elsewhere", "far"))
    )
    asked = SCOPE.model_copy(update={"alert": SCOPE.alert.model_copy(update={"service": "points"}), "candidates": ()})
    found = Places.of(asked, [], calls)
    assert found.nats("events") > found.nats("app") > found.nats("buyer") > 0
    assert found.nats("elsewhere") == -2.0


def test_ground_is_near_what_its_text_names_with_or_without_the_sort_of_thing_it_is() -> None:
    calls = Topology(source="t", edges=(("points", "orders-queue"),))
    asked = SCOPE.model_copy(update={"alert": SCOPE.alert.model_copy(update={"service": "points"}), "candidates": ()})
    found = Places.of(asked, [], calls)
    assert found.nats_of("terraform", 'name = "shop-orders"') > 0.4
    assert found.nats_of("terraform", 'name = "shop-mails"') < -1


def test_what_nobody_calls_is_ground_even_where_it_is_on_the_list_of_candidates() -> None:
    calls = Topology(source="t", edges=(("points", "orders"), ("mails", "users")))
    alert = SCOPE.alert.model_copy(update={"service": "points"})
    asked = SCOPE.model_copy(update={"alert": alert, "candidates": ("points", "orders", "mails", "rights")})
    found = Places.of(asked, [], calls)
    assert found.nats_of("rights", "resource points_may_read") > 0.4
    assert found.nats_of("mails", "resource points_may_read") == -2.0
