"""web is called by users, basket and ledger keep their rows in one store; whose requests fail is told from outside."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.telemetry import ObjectTable
from graphs.analysis.objects import ObjectFault, examine
from graphs.analysis.objects.placement import pods_on_nodes
from graphs.analysis.objects.writes import failing
from tests.unit.graphs.analysis.objects.test_examine import scope

EDGES = (("web", "basket"), ("web", "ledger"))


def told(*requests: tuple[str, str, str]) -> list[dict[str, object]]:
    return [{"doc": "detector_alert", "request_method": m, "entry_service": s, "raw_error": e} for m, s, e in requests]


def found(shop: Any, *requests: tuple[str, str, str]) -> list[ObjectFault]:
    table = ObjectTable("test", 0.0, shop.recorded())
    return examine(table, scope(shop.candidates), requests=failing(told(*requests)), edges=EDGES)


def test_writes_that_fail_at_two_services_with_one_store_are_the_stores_fault(shop: Any) -> None:
    fault = found(shop, ("POST", "basket", "500 error"), ("PUT", "ledger", "500 error"))[0]
    assert (fault.target, fault.kind) == ("app/store", "db_read_only")
    assert fault.weight >= 2.0
    assert fault.outsider_text


def test_an_error_that_says_read_only_weighs_more(shop: Any) -> None:
    plain = found(shop, ("POST", "basket", "500"), ("POST", "ledger", "500"))[0]
    named = found(shop, ("POST", "basket", "500: running with the read-only option"), ("POST", "ledger", "500"))[0]
    assert named.weight > plain.weight


@pytest.mark.parametrize(
    "requests",
    [
        (("POST", "basket", "500"),),
        (("POST", "basket", "500"), ("GET", "ledger", "500")),
        (("POST", "basket", "500"), ("POST", "ledger", "503 unavailable")),
        (("POST", "basket", "500"), ("POST", "mailer", "500")),
    ],
    ids=["one service", "a read fails too", "nobody answers", "no store in common"],
)
def test_anything_less_is_not(shop: Any, requests: tuple[tuple[str, str, str], ...]) -> None:
    assert "db_read_only" not in {fault.kind for fault in found(shop, *requests)}


def test_of_two_stores_in_common_each_is_suspected_less_than_one_alone(shop: Any) -> None:
    def weights(bent: Any) -> list[float]:
        told = found(bent, ("POST", "basket", "500"), ("POST", "ledger", "500"))
        return [fault.weight for fault in told if fault.kind == "db_read_only"]

    both = {"STORE_ADDR": "store:5432", "SEARCH_ADDR": "search:8083"}
    (alone,) = weights(shop)
    shared = weights(shop.bend("search", claim="search-claim").bend("basket", env=both).bend("ledger", env=both))
    assert shared == pytest.approx([alone / 2**0.5] * 2, abs=0.01)


def test_a_request_of_which_nobody_knows_where_it_entered_is_not_counted() -> None:
    assert failing([{"request_method": "POST", "raw_error": "500"}, {"entry_service": "basket", "raw_error": "500"}]) == ()


def test_a_service_that_is_down_on_the_way_explains_it_better(shop: Any) -> None:
    bent = shop.bend("ledger", ready=False, state="Waiting", reason="CrashLoopBackOff")
    assert "db_read_only" not in {fault.kind for fault in found(bent, ("POST", "basket", "500"), ("POST", "ledger", "500"))}


def test_which_pod_runs_where_is_read_from_the_wide_list(shop: Any) -> None:
    where = pods_on_nodes([ObjectTable("test", 0.0, shop.recorded())])
    assert {pod.partition("-")[0]: node for pod, node in where.items()}["search"] == "n2"
    assert len(where) == len(shop.apps)


def test_a_pod_that_was_put_nowhere_is_on_no_node_and_only_wide_lists_are_read(shop: Any) -> None:
    where = pods_on_nodes([ObjectTable("test", 0.0, shop.bend("search", node="", ready=False).recorded())])
    assert len(where) == len(shop.apps) - 1
    assert "" not in where.values()
    described = tuple(one for one in shop.recorded() if "-o wide" not in one.command or "pods" not in one.command)
    assert pods_on_nodes([ObjectTable("test", 0.0, described)]) == {}
