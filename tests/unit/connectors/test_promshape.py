from __future__ import annotations

import numpy as np
import pytest

from app.connectors.promshape import Errors, Frame, asks, callee, derive, error_rule, families

ORDER = ("service", "app", "job")


def row(name: str, **labels: str) -> dict[str, str]:
    return {"__name__": name, **labels}


def only_family(*rows: dict[str, str], types: dict[str, str] | None = None):
    found = families(rows, types=types or {}, service_labels=ORDER)
    assert len(found) == 1, [family.name for family in found]
    return found[0]


def test_a_counter_with_outcomes_measures_requests_per_service_and_route() -> None:
    family = only_family(
        row("http_requests_total", job="pay", route="/a", code="200"), row("http_requests_total", job="pay", route="/b", code="503")
    )
    assert (family.kind, family.by, family.route, family.requests) == ("counter", "job", "route", True)
    query, _ = asks(family, window_s=60)["requests"]
    assert query == "sum by (job, route, code) (rate(http_requests_total[60s]))"
    frame = Frame(
        (("pay", "/a", "200"), ("pay", "/a", "503"), ("pay", "/b", "200")), np.array([[6.0, 2.0, np.nan], [8.0, np.nan, 0.0]])
    )
    told = {str(item.name): item for item in derive(family, {"requests": frame}, window_s=60, services=["pay"])}
    assert told["pay|error_ratio"].values.tolist() == [0.25, 0.0]
    assert told["pay|request_rate"].values.tolist() == [8.0, 8.0]
    assert told['pay|error_ratio{route="/a"}'].values.tolist() == [0.25, 0.0]
    assert np.isnan(told['pay|error_ratio{route="/b"}'].values).all(), "no requests: no share"
    assert told['pay|error_ratio{route="/a"}'].query == (
        'sum by (job) (rate(http_requests_total{job="pay",route="/a",code=~"5.."}[60s]))'
        ' / sum by (job) (rate(http_requests_total{job="pay",route="/a"}[60s]))'
    )


def test_a_peer_label_makes_a_call_edge_of_its_known_service() -> None:
    family = only_family(row("http_client_requests_total", job="shop", upstream="pay.ns.svc:80", code="200"))
    frame = Frame((("shop", "pay.ns.svc:80", "200"),), np.array([[1.0]]))
    names = [str(item.name) for item in derive(family, {"requests": frame}, window_s=5, services=["pay", "shop"])]
    assert names == ["shop>pay|error_ratio", "shop>pay|request_rate"]


@pytest.mark.parametrize(
    ("peer", "meant"),
    [
        ("pay", "pay"),
        ("pay:80", "pay"),
        ("http://pay:80/x", "pay"),
        ("pay.ns.svc.cluster.local", "pay"),
        ("api.bank.example", "api.bank.example"),
    ],
)
def test_a_peer_is_the_known_service_its_address_names(peer: str, meant: str) -> None:
    assert callee(peer, ["pay", "shop"]) == meant


def test_parts_of_a_histogram_are_one_family_with_mean_and_p95() -> None:
    rows = [row(f"rpc_duration_seconds{part}", app="pay", route="/a") for part in ("_sum", "_count")]
    family = only_family(*rows, row("rpc_duration_seconds_bucket", app="pay", route="/a", le="+Inf"))
    assert (family.kind, family.by, family.timed) == ("histogram", "app", True)
    asked = asks(family, window_s=60)
    assert asked["p95"][0] == "histogram_quantile(0.95, sum by (app, le) (rate(rpc_duration_seconds_bucket[60s])))"
    assert asked["p95_routed"][1] == ("app", "route")
    frames = {"sum": Frame((("pay", "/a"),), np.array([[1.0]])), "count": Frame((("pay", "/a"),), np.array([[4.0]]))}
    told = {str(item.name): item.values.tolist() for item in derive(family, frames, window_s=60, services=["pay"])}
    assert told["pay|latency_mean_s"] == [0.25]


def test_milliseconds_become_seconds_in_values_and_query() -> None:
    family = only_family(*(row(f"request_duration_milliseconds{part}", job="pay", route="/") for part in ("_sum", "_count")))
    frames = {"sum": Frame((("pay", "/"),), np.array([[500.0]])), "count": Frame((("pay", "/"),), np.array([[2.0]]))}
    told = {str(item.name): item for item in derive(family, frames, window_s=60, services=[])}
    assert told["pay|latency_mean_s"].values.tolist() == [0.25]
    assert told["pay|latency_mean_s"].query.endswith(" / 1000")


def test_a_time_that_is_no_request_keeps_its_own_name() -> None:
    family = only_family(*(row(f"db_pool_wait_seconds{part}", job="pay") for part in ("_sum", "_count")))
    assert not family.requests
    frames = {"sum": Frame((("pay",),), np.array([[1.0]])), "count": Frame((("pay",),), np.array([[2.0]]))}
    assert [str(item.name) for item in derive(family, frames, window_s=60, services=[])] == ["pay|db_pool_wait_seconds_mean"]


def test_a_histogram_that_counts_outcomes_gives_error_ratios() -> None:
    rows = [
        row(f"http_request_duration_seconds{part}", job="pay", code=code) for part in ("_sum", "_count") for code in ("200", "500")
    ]
    family = only_family(*rows, row("http_request_duration_seconds_bucket", job="pay", le="+Inf", code="200"))
    assert asks(family, window_s=60)["requests"][0] == "sum by (job, code) (rate(http_request_duration_seconds_count[60s]))"


def test_gauges_show_the_worst_instance_and_up_the_lowest() -> None:
    assert asks(only_family(row("queue_length", job="pay")), window_s=60)["plain"][0] == "max by (job) (queue_length)"
    assert asks(only_family(row("up", job="pay")), window_s=60)["plain"][0] == "min by (job) (up)"


def test_metadata_tells_a_counter_whose_name_does_not() -> None:
    family = only_family(row("cpu_seconds", job="pay"), types={"cpu_seconds": "counter"})
    assert asks(family, window_s=60)["plain"][0] == "sum by (job) (rate(cpu_seconds[60s]))"


def test_few_values_of_one_more_label_split_a_gauge_and_places_do_not() -> None:
    rows = [row("pool_connections", job="pay", state=state, instance=f"i{n}") for state in ("idle", "used") for n in range(3)]
    assert only_family(*rows).extra == "state"


def test_the_first_service_label_that_covers_a_family_is_used() -> None:
    found = families([row("a", service="x", job="j"), row("b", job="j"), row("c", pod="p")], types={}, service_labels=ORDER)
    assert {family.name: family.by for family in found} == {"a": "service", "b": "job"}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"200", "404", "503"}, Errors("code", "=~", "5..")),
        ({"2xx", "5xx"}, Errors("code", "=~", "5..")),
        ({"200", "timeout"}, Errors("code", "=~", "5..|timeout")),
        ({"OK", "Unavailable"}, Errors("code", "!~", "0|OK")),
        ({"success", "declined"}, Errors("code", "!~", "success")),
        ({"failed"}, Errors("code", "=~", "failed")),
        ({"hit", "miss"}, None),
        ({""}, None),
    ],
)
def test_failures_are_told_by_the_label_values(values: set[str], rule: Errors | None) -> None:
    assert error_rule("code", values) == rule


def test_client_mistakes_are_no_failures_and_failures_are() -> None:
    rule = error_rule("code", {"200", "404"})
    assert rule is not None
    assert [rule.holds(code) for code in ("200", "404", "499", "500", "503", "5xx")] == [False, False, False, True, True, True]
