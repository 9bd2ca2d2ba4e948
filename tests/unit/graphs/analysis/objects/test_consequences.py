from __future__ import annotations

from typing import Any

from graphs.analysis.objects.text import amount
from tests.unit.graphs.analysis.objects.test_examine import PENDING, asks, daemon, found, quota, refused

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
    assert told.startswith("1 workload of it suffers")
    assert "ledger" in told


def test_a_dead_daemon_is_borne_out_by_the_pods_on_its_node_and_by_no_others(shop: Any) -> None:
    dead = daemon("n1", "kubelet", "inactive (dead)")
    here = short(shop, "ledger", node="n1").also(dead)
    elsewhere = short(shop, "ledger", node="n2").also(dead)
    (told,) = seen(here, "node/n1")
    assert told.startswith("1 workload on it suffers")
    assert seen(elsewhere, "node/n1") == []


def test_without_a_grave_fault_nothing_is_a_consequence(shop: Any) -> None:
    assert seen(short(shop, "ledger", node="n1"), "node/n1") == []


def test_a_claim_that_a_quota_refuses_is_borne_out_by_who_mounts_it_and_by_nobody_of_a_similar_name(shop: Any) -> None:
    wants = asks("ledger-data", "    resources:\n      requests:\n        storage: 2Gi")
    full = (quota("requests.storage  0  1Gi"), wants, ("kubectl get pvc -n shop", ""))
    mounts = shop.bend("basket", claim="ledger-data", **PENDING).also(*full)
    (told,) = seen(mounts, "namespace/shop")
    assert "basket" in told
    assert seen(short(shop, "ledger").also(*full), "namespace/shop") == []


def test_amounts_are_said_as_people_write_them() -> None:
    said = [
        amount(*each)
        for each in (("memory", 2.0**31), ("requests.storage", 1.5 * 2**20), ("cpu", 0.25), ("cpu", 14.0), ("pods", 3.0))
    ]
    assert said == ["2 GiB", "1.5 MiB", "250m", "14", "3"]
