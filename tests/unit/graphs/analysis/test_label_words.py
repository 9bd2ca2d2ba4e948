"""One fault is called many ways: whoever wrote the closed list, the word that means what was found is taken, and no near miss."""

from __future__ import annotations

import pytest

from graphs.analysis.labels import choose_first, choose_label, tokens

FAULTS: tuple[tuple[str, str, tuple[str, str, str]], ...] = (
    ("liveness_probe_incorrect_port", "app", ("liveness_probe_wrong_port", "liveness_port_mismatch", "wrong_liveness_probe_port")),
    (
        "liveness_probe_incorrect_timing",
        "app",
        ("liveness_probe_too_aggressive", "liveness_timing_wrong", "liveness_probe_timeout"),
    ),
    ("readiness_probe_incorrect_timing", "app", ("readiness_probe_delay_too_long", "readiness_timing_off", "readiness_probe_slow")),
    ("startup_probe_incorrect_timing", "app", ("startup_probe_too_short", "startup_probe_period_wrong", "startup_probe_hasty")),
    ("incorrect_image_reference", "app", ("image_tag_not_found", "wrong_image_tag", "nonexistent_image_tag")),
    ("missing_image_pull_secret", "app", ("image_pull_secret_absent", "imagepullsecret_missing", "registry_pull_secret_missing")),
    ("image_registry_dns_failure", "app", ("registry_dns_failure", "image_registry_lookup_failed", "image_registry_dns_error")),
    ("image_architecture_mismatch", "app", ("exec_format_error", "wrong_image_architecture", "image_platform_mismatch")),
    ("missing_config_map_key", "app", ("configmap_key_missing", "config_map_key_not_found", "missing_configmap_key")),
    ("missing_config_map", "app", ("configmap_not_found", "config_map_missing", "configmap_deleted")),
    ("rbac_permission_denied", "app", ("rbac_forbidden", "missing_role_binding", "service_account_rbac_denied")),
    ("mysql_invalid_credentials", "app", ("database_wrong_password", "db_auth_failure", "mysql_wrong_credentials")),
    ("mysql_invalid_database", "app", ("database_name_wrong", "db_name_mismatch", "mysql_unknown_database")),
    ("mysql_invalid_port", "app", ("database_wrong_port", "db_port_mismatch", "mysql_wrong_port")),
    ("mysql_invalid_address", "app", ("database_wrong_host", "db_host_mismatch", "mysql_wrong_host")),
    ("sidecar_crash_loop", "app", ("sidecar_container_crash", "sidecar_failure", "sidecar_not_ready")),
    ("init_container_failed", "app", ("init_container_crash", "initcontainer_failed", "init_container_stuck")),
    ("container_command_incorrect", "app", ("wrong_command", "invalid_entrypoint", "container_command_not_found")),
    ("ephemeral_storage_exceeded", "app", ("ephemeral_storage_evicted", "pod_ephemeral_storage_limit", "local_storage_exhausted")),
    ("service_selector_mismatch", "app", ("wrong_service_selector", "service_label_mismatch", "service_selector_misconfigured")),
    ("service_port_mapping_mismatch", "app", ("service_wrong_target_port", "service_port_mismatch", "wrong_service_targetport")),
    ("service_target_port_name_missing", "app", ("service_named_port_missing", "service_port_name_wrong", "port_name_mismatch")),
    ("network_policy_blocked", "app", ("network_policy_deny", "networkpolicy_too_strict", "netpol_blocking_traffic")),
    ("autoscaler_maximum_reached", "app", ("hpa_maxed_out", "hpa_max_replicas_reached", "autoscaler_at_max")),
    ("node_affinity_mismatch", "app", ("wrong_node_affinity", "nodeaffinity_mismatch", "node_affinity_unsatisfiable")),
    ("pod_anti_affinity_conflict", "app", ("anti_affinity_violation", "pod_antiaffinity_conflict", "anti_affinity_too_strict")),
    ("node_selector_mismatch", "app", ("wrong_node_selector", "nodeselector_mismatch", "node_selector_unsatisfiable")),
    ("node_taint_mismatch", "app", ("missing_toleration", "untolerated_taint", "taint_not_tolerated")),
    ("cpu_capacity_mismatch", "app", ("insufficient_cpu", "cpu_request_too_high", "not_enough_cpu")),
    ("pvc_capacity_mismatch", "app", ("pvc_size_mismatch", "claim_too_large", "pvc_insufficient_capacity")),
    ("persistent_volume_binding_occupied", "app", ("pv_already_claimed", "pv_already_bound", "volume_in_use")),
    ("volume_mount_permission_denied", "app", ("volume_permission_denied", "mount_permission_denied", "volume_fs_group_wrong")),
    ("webhook_certificate_expired", "namespace", ("webhook_cert_expired", "webhook_tls_expired", "expired_webhook_certificate")),
    ("namespace_pod_quota_exceeded", "namespace", ("pod_quota_exceeded", "quota_pods_full", "namespace_pods_quota_exhausted")),
    ("namespace_cpu_quota_exceeded", "namespace", ("cpu_quota_exceeded", "quota_cpu_full", "namespace_cpu_quota_exhausted")),
    ("node_clock_skew", "node", ("node_time_drift", "clock_drift", "ntp_out_of_sync")),
    ("node_dns_unavailable", "node", ("node_local_dns_down", "node_dns_failure", "node_dns_cache_down")),
    ("coredns_unavailable", "namespace", ("coredns_down", "cluster_dns_down", "coredns_crash")),
    ("node_memory_pressure", "node", ("node_memory_exhausted", "node_out_of_memory", "memory_pressure")),
    ("kube_proxy_unavailable", "node", ("kube_proxy_down", "kubeproxy_failure", "kube_proxy_stopped")),
    ("containerd_unavailable", "node", ("container_runtime_down", "containerd_stopped", "container_runtime_failure")),
    ("node_network_delay", "node", ("node_network_latency", "node_latency", "slow_node_network")),
    ("pod_network_delay", "app", ("pod_network_latency", "slow_pod_network", "network_delay_pod")),
    ("node_cordon_mismatch", "node", ("node_cordoned", "cordoned_node", "node_unschedulable")),
)


@pytest.mark.parametrize("hand", [0, 1, 2])
@pytest.mark.parametrize(("kind", "level", "words"), FAULTS, ids=[kind for kind, _, _ in FAULTS])
def test_the_word_that_means_the_fault_is_taken_from_everybody_s_list(
    kind: str, level: str, words: tuple[str, str, str], hand: int
) -> None:
    everything = [each[hand] for _, _, each in FAULTS]
    assert choose_first([kind], everything, target=f"{level}/x") == words[hand]


@pytest.mark.parametrize(
    ("kind", "near_miss"),
    [
        ("liveness_probe_incorrect_timing", "liveness_probe_incorrect_port"),
        ("startup_probe_incorrect_timing", "readiness_probe_timing_misconfigured"),
        ("mysql_invalid_database", "mysql_invalid_credentials"),
        ("pvc_selector_mismatch", "pvc_capacity_mismatch"),
        ("kubelet_unavailable", "etcd_unavailable"),
        ("redis_invalid_credentials", "mysql_invalid_credentials"),
        ("namespace_pod_quota_exceeded", "namespace_service_quota_exceeded"),
    ],
)
def test_a_word_about_something_else_of_the_same_family_never_fits(kind: str, near_miss: str) -> None:
    assert choose_label(kind, (near_miss,)) is None
    assert choose_first([kind], (near_miss,)) is None


def test_a_workload_s_fault_is_not_called_a_machine_s() -> None:
    assert choose_first(["oom_killed"], ("node_out_of_memory", "container_memory_limit_too_low"), target="app/x") == (
        "container_memory_limit_too_low"
    )
    assert choose_first(["service_dns_resolution_failure"], ("coredns_down", "node_dns_failure"), target="app/x") is None


def test_what_the_registry_refuses_is_told_from_what_was_never_given() -> None:
    both = ("image_registry_auth_failure", "missing_image_pull_secret")
    assert choose_first(["image_pull_secret_invalid"], both) == "image_registry_auth_failure"
    assert choose_first(["missing_image_pull_secret"], both) == "missing_image_pull_secret"
    assert choose_first(["image_pull_secret_invalid"], both[1:]) == "missing_image_pull_secret"


def test_another_fault_is_named_only_where_the_list_has_no_word_for_this_one() -> None:
    labels = ("mysql_invalid_credentials", "database_user_unknown", "mysql_invalid_port")
    assert choose_first(["mysql_invalid_user"], labels) == "database_user_unknown"
    assert choose_first(["mysql_invalid_user", "mysql_invalid_port"], labels[::2]) == "mysql_invalid_credentials"


def test_the_only_label_about_a_thing_is_taken_however_it_says_that_it_fails() -> None:
    assert choose_first(["etcd_unavailable"], ("etcd_quorum_lost", "kubelet_down"), target="node/x") == "etcd_quorum_lost"


def test_of_many_things_one_is_spoken_of_and_a_make_keeps_its_name() -> None:
    assert tokens("pods_quota") == tokens("pod_quota")
    assert {"redis", "cache"} <= tokens("redis_down")
