"""Our words for faults find the word of a closed list that means the same, and none when there is none."""

from __future__ import annotations

import pytest

from graphs.analysis.labels import choose_first, choose_label

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


def test_that_two_words_both_say_down_does_not_make_them_one() -> None:
    assert choose_label("crash", ("node_not_ready", "kubelet_unavailable"), target="app/web") is None


def test_the_only_label_about_the_same_things_is_taken_however_it_says_they_fail() -> None:
    labels = ("topology_spread_constraint_mismatch", "node_affinity_mismatch")
    assert choose_label("topology_spread_conflict", labels) == "topology_spread_constraint_mismatch"


def test_of_two_labels_about_the_same_things_none_is_guessed() -> None:
    assert (
        choose_label("topology_spread_conflict", ("topology_spread_zone_unset_wrong", "topology_spread_host_unset_wrong")) is None
    )


def test_one_make_of_store_is_not_another() -> None:
    labels = ("mysql_invalid_credentials", "redis_invalid_credentials")
    assert (
        choose_label("redis_invalid_credentials", ("mysql_invalid_credentials", "redis_wrong_password")) == "redis_wrong_password"
    )
    assert choose_label("db_invalid_credentials", labels[:1]) == "mysql_invalid_credentials"


def test_the_next_word_counts_where_the_list_has_none_for_the_first() -> None:
    assert (
        choose_first(("memory_leak", None, "missing_config_map_key"), ("missing_config_map", "oom_killed")) == "missing_config_map"
    )
    assert choose_first((), ("oom_killed",)) is None


def test_a_label_that_only_says_how_is_met_by_a_word_that_says_so_too() -> None:
    assert choose_label("error", ("exception", "network_delay")) == "exception"


@pytest.mark.parametrize(
    "how",
    [
        "unavailable",
        "incorrect",
        "missing",
        "exceeded",
        "overload",
        "conflict",
        "denied",
        "exception",
        "already",
        "violation",
        "constraint",
    ],
)
def test_a_word_that_only_says_how_names_no_thing(how: str) -> None:
    assert choose_label(how, (f"volume_{how}", "node_network_delay")) is None
    assert choose_label(how, (how, "node_network_delay")) == how


def test_what_few_labels_speak_of_tells_more_than_what_many_do() -> None:
    labels = ("common_queue", "rare_queue", "common_one_thing", "common_other_thing", "common_last_thing")
    assert choose_label("common_rare_queue", labels) == "rare_queue"
