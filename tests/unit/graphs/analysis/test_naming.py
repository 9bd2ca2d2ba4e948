from __future__ import annotations

import pytest

from graphs.analysis.naming import Names, workload


def test_bare_names_and_pods_are_mapped_to_candidates() -> None:
    names = Names.of(["app/stock", "app/my-shop", "node/n1", "namespace/shop"])
    assert names.target("stock") == "app/stock"
    assert names.target("stock-7d9f8c6b5-x2x9z") == "app/stock"
    assert names.target("stock-0") == "app/stock"
    assert names.target("my-shop-6b5d9-abcde") == "app/my-shop"
    assert names.target("node/n1") == "node/n1"
    assert names.target("node/stock") is None
    assert names.target("entrypoint") is None
    assert names.target("elsewhere") is None


def test_a_service_is_not_mistaken_for_a_pod_of_another() -> None:
    assert Names.of(["user", "user-db"]).target("user-db") == "user-db"
    assert Names.of(["user"]).target("user-db") is None


def test_without_candidates_the_telemetrys_own_names_are_answers() -> None:
    names = Names.of([], ["stock"])
    assert names.target("anything") == "anything"
    assert names.target("stock-7d9f8c6b5-x2x9z") == "stock"


def test_of_several_with_one_last_part_the_application_is_meant() -> None:
    assert Names.of(["configmap/stock", "deployment/stock", "namespace/stock"]).target("stock") == "deployment/stock"
    assert Names.of(["service/stock", "app/stock"]).target("stock") == "app/stock"


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        ("stock-7d9f8c6b5-x2x9z", "stock"),
        ("stock-db-0", "stock-db"),
        ("log-agent-x2x9z", "log-agent"),
        ("nightly-28391040-x2x9z", "nightly"),
        ("stock", "stock"),
        ("stock-db", "stock-db"),
    ],
)
def test_a_pods_name_says_whose_it_is(pod: str, owner: str) -> None:
    assert workload(pod) == owner
