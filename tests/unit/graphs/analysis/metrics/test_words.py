from __future__ import annotations

import pytest

from graphs.analysis.metrics.words import read, route


@pytest.mark.parametrize(
    ("metric", "family"),
    [
        ("http_server_duration_p99_ms", "latency"),
        ("lat_p50_caller_s", "latency"),
        ("p95latency", "latency"),
        ("response_time", "latency"),
        ("error_rate_5xx_ratio", "error"),
        ("http_5xx_per_sec", "error"),
        ("success_rate", "success"),
        ("cpu_utilization", "cpu"),
        ("process_resident_memory_bytes", "memory"),
        ("net_rx_bytes", "network"),
        ("db_pool_wait_seconds_mean", "pool_wait"),
        ("db_pool_in_use", "pool_use"),
        ("db_pool_size", "limit"),
        ("db_pool_max_conns", "limit"),
        ("queue_oldest_message_age_seconds", "queue"),
        ("request_queue_depth", "queue"),
        ("requests_per_sec", "traffic"),
        ("ops", "traffic"),
        ("disk_used_pct", "disk"),
        ("in_flight_requests", "queue"),
        ("request_p99_ms", "latency"),
        ("p99_ms", "latency"),
        ("lock_wait_seconds", "latency"),
        ("certificate_remaining_seconds", "other"),
        ("http_503_ratio", "error"),
        ("responses_200_per_sec", "success"),
        ("sha512_digests_per_sec", "traffic"),
        ("connection_resets_per_min", "error"),
        ("open_fds", "pool_use"),
        ("flux", "other"),
        ("tcp_retransmits", "loss"),
        ("", "other"),
    ],
)
def test_a_name_tells_its_family(metric: str, family: str) -> None:
    assert read(metric).family == family


def test_a_name_tells_its_statistic_side_and_unit() -> None:
    words = read('lat_p95_callee_ms{route="GET /x"}')
    assert (words.stat, words.side, words.unit, words.labels) == (95, "server", "ms", (("route", "GET /x"),))
    assert read("lat_90").stat == 90
    assert read("latency_mean_s").stat == 0
    assert read("node_cpu_pct").per_node


def test_a_route_is_read_from_the_labels() -> None:
    assert route('error_ratio{instance="a",route="POST /pay"}') == "POST /pay"
    assert route("error_ratio") is None
