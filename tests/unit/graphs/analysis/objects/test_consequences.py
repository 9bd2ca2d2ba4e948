from __future__ import annotations

from typing import Any

from tests.unit.graphs.analysis.objects.test_examine import daemon, found, refused

REFUSED = refused("exceeded quota: cap, requested: pods=1, used: pods=3, limited: pods=3")


def short(shop: Any, name: str, **fields: Any) -> Any:
    return shop.bend(name, **{"replicas": 1, "ready": False, **fields})


def seen(shop: Any, target: str) -> list[str]:
    return [fault.statement for fault in found(shop) if fault.seen and fault.target == target]


def test_an_effect_is_told_from_the_contradiction_that_brought_it_about(shop: Any) -> None:
    faults = [fault for fault in found(shop.bend("basket", selector="app=baskett")) if fault.target == "app/basket"]
    assert {fault.kind: fault.seen for fault in faults}["service_selector_mismatch"] is False
    bent = shop.bend("ledger", ready=False, readiness="tcp-socket :9 delay=5s timeout=1s period=10s #failure=3")
    assert any(fault.seen for fault in found(bent) if fault.target == "app/ledger")


def test_a_quota_that_refuses_a_workload_is_borne_out_by_that_workload(shop: Any) -> None:
    bent = shop.bend("ledger", set_events=(REFUSED,), pods=0)
    (told,) = seen(bent, "namespace/shop")
    assert told.startswith("1 workload of it suffer")
    assert "ledger" in told


def test_a_dead_daemon_is_borne_out_by_the_pods_on_its_node_and_by_no_others(shop: Any) -> None:
    dead = daemon("n1", "kubelet", "inactive (dead)")
    here = short(shop, "ledger", node="n1").also(dead)
    elsewhere = short(shop, "ledger", node="n2").also(dead)
    assert len(seen(here, "node/n1")) == 1
    assert seen(elsewhere, "node/n1") == []


def test_without_a_grave_fault_nothing_is_a_consequence(shop: Any) -> None:
    assert seen(short(shop, "ledger", node="n1"), "node/n1") == []
