"""Our words for faults find the word of a closed list that means the same, and none when there is none."""

from __future__ import annotations

import pytest

from graphs.analysis.labels import choose_label

LIST = (
    "container_runtime_down",
    "cpu_capacity_mismatch",
    "db_read_only",
    "image_pull_secret_missing",
    "liveness_probe_incorrect_port",
    "liveness_probe_incorrect_protocol",
    "memory_capacity_mismatch",
    "namespace_cpu_quota_exceeded",
    "namespace_memory_quota_exceeded",
    "node_network_delay",
    "pod_network_delay",
    "pv_binding_occupied",
    "pvc_access_mode_mismatch",
    "pvc_selector_mismatch",
    "readiness_probe_incorrect_port",
    "service_account_missing",
    "service_selector_mismatch",
    "taint_toleration_mismatch",
)


@pytest.mark.parametrize("label", LIST)
def test_a_word_of_the_list_is_itself(label: str) -> None:
    assert choose_label(label, LIST) == label


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("containerd_unavailable", "container_runtime_down"),
        ("missing_image_pull_secret", "image_pull_secret_missing"),
        ("missing_service_account", "service_account_missing"),
        ("node_taint_mismatch", "taint_toleration_mismatch"),
        ("persistent_volume_binding_occupied", "pv_binding_occupied"),
        ("database_read_only", "db_read_only"),
        ("namespace_memory_quota_exhausted", "namespace_memory_quota_exceeded"),
        ("readiness_probe_wrong_port", "readiness_probe_incorrect_port"),
        ("pod_network_latency", "pod_network_delay"),
        ("node_network_latency", "node_network_delay"),
        ("persistent_volume_claim_selector_mismatch", "pvc_selector_mismatch"),
    ],
)
def test_another_word_for_the_same_thing_is_found(kind: str, label: str) -> None:
    assert choose_label(kind, LIST) == label


def test_a_word_that_the_list_does_not_know_tells_little_against_a_label() -> None:
    assert choose_label("missing_secret_key", ("missing_secret_binding", "missing_service_account")) == "missing_secret_binding"


@pytest.mark.parametrize("kind", ["container_restarts", "pods_unavailable", "certificate_expired", "x", ""])
def test_nothing_close_is_nothing(kind: str) -> None:
    assert choose_label(kind, LIST) is None


@pytest.mark.parametrize(
    ("target", "label"), [("app/web", "pod_network_delay"), ("node/a", "node_network_delay"), ("web", None), ("namespace/x", None)]
)
def test_what_the_target_is_tells_a_label_about_workloads_from_one_about_machines(target: str, label: str | None) -> None:
    assert choose_label("delay", LIST, target=target) == label


def test_no_kind_or_no_list_is_nothing() -> None:
    assert choose_label(None, LIST) is None
    assert choose_label("oom_killed", ()) is None


def test_the_order_of_the_list_does_not_matter() -> None:
    for kind in ("containerd_unavailable", "node_taint_mismatch", "pod_network_latency"):
        assert choose_label(kind, LIST) == choose_label(kind, LIST[::-1])
