"""Each kind of contradiction, made in a small healthy cluster, is found, named and laid at the right door."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.incident import Alert, Scope
from app.domain.telemetry import ObjectTable, Recorded
from app.domain.window import Window
from graphs.analysis.objects import ObjectFault, examine

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PENDING = {"status": "Pending", "ready": False, "node": "", "state": "Waiting"}
WAITING = {"ready": False, "state": "Waiting"}
GRPC = "grpc <pod>:{} delay=5s timeout=1s period=10s #success=1 #failure=3"
HTTP = "http-get http://:{}/healthz delay=5s timeout=1s period=10s #success=1 #failure=3"


def scope(candidates: tuple[str, ...]) -> Scope:
    alert = Alert(**{name: value for name, value in _alert().items() if name in Alert.model_fields})
    return Scope(alert=alert, window=Window(start=AT - timedelta(minutes=10), end=AT), candidates=candidates)


def _alert() -> dict[str, Any]:
    return {
        "source": "test",
        "fingerprint": "f",
        "id": "a1",
        "monitor": "probe",
        "summary": "the shop is down",
        "fired_at": AT,
        "service": None,
        "namespace": "shop",
    }


def found(shop: Any, recorded: tuple[Recorded, ...] | None = None) -> list[ObjectFault]:
    return examine(ObjectTable("test", 0.0, recorded or shop.recorded()), scope(shop.candidates))


def unschedulable(clause: str) -> str:
    return f"Warning  FailedScheduling  60s   default-scheduler  0/3 nodes are available: {clause}. preemption: 0/3 nodes."


def unhealthy(role: str, said: str) -> str:
    return f"Warning  Unhealthy  5s (x9 over 2m)  kubelet  {role} probe failed: {said}"


def refused(why: str) -> str:
    return f'Warning  FailedCreate  9s (x7 over 2m)  replicaset-controller  Error creating: pods "x" is forbidden: {why}'


def claim(name: str, **fields: str) -> tuple[str, str]:
    shown = {"StorageClass": "", "Status": "Pending", "Volume": "", "Capacity": "", "Access Modes": "", **fields}
    return f"kubectl describe pvc {name}", "\n".join([f"Name:  {name}", *(f"{key}:  {value}" for key, value in shown.items())])


def volume(name: str, **fields: str) -> tuple[str, str]:
    shown = {"StorageClass": "", "Status": "Available", "Claim": "", "Access Modes": "RWO", "Capacity": "1Gi", **fields}
    return f"kubectl describe pv {name}", "\n".join([f"Name:  {name}", *(f"{key}:  {value}" for key, value in shown.items())])


def asks(name: str, spec: str) -> tuple[str, str]:
    return "manifest store-claim", f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: {name}\nspec:\n{spec}"


def daemon(node: str, unit: str, active: str) -> tuple[str, str]:
    text = f"Node: {node}\n● {unit}.service - daemon\n     Active: {active} since Mon 2026-05-04 11:58:00 UTC; 1min 51s ago"
    return f"systemctl status {unit} on {node}", text


MEM = "    resources:\n      requests:\n        storage: {}"
CASES: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("app/basket", "service_selector_mismatch", lambda s: s.bend("basket", selector="app=baskett")),
    (
        "app/basket",
        "service_port_mapping_mismatch",
        lambda s: s.bend("basket", target="9999").also(("nc basket:8080", "connection refused")),
    ),
    ("app/basket", "service_protocol_mismatch", lambda s: s.bend("basket", protocol="UDP")),
    (
        "app/basket",
        "service_target_port_name_missing",
        lambda s: s.bend("basket", target="nameless").also(named_port("basket", 8080)),
    ),
    ("app/web", "service_env_var_address_mismatch", lambda s: s.bend("web", env={"BASKET_ADDR": "baskt:8080"})),
    ("app/web", "service_env_var_address_mismatch", lambda s: s.bend("web", env={"BASKET_ADDR": "basket:8088"})),
    ("app/basket", "service_missing", lambda s: replace(s, absent_services=("basket",))),
    ("app/web", "service_env_var_address_mismatch", lambda s: s.bend("web", env={"BASKET_ADDR": "basket.other.svc:8080"})),
    ("app/store", "service_port_mapping_mismatch", lambda s: s.bend("store", port=5433, container_port=5432, target="5432")),
    (
        "app/ledger",
        "readiness_probe_incorrect_port",
        lambda s: probe(s, "readiness", HTTP.format(9), "dial tcp: connection refused"),
    ),
    ("app/ledger", "liveness_probe_incorrect_port", lambda s: probe(s, "liveness", HTTP.format(9), "dial tcp: connection refused")),
    (
        "app/ledger",
        "liveness_probe_incorrect_protocol",
        lambda s: probe(s, "liveness", HTTP.format(8081), "malformed HTTP response"),
    ),
    (
        "app/ledger",
        "readiness_probe_incorrect_protocol",
        lambda s: probe(s, "readiness", GRPC.format(8081), "error reading server preface: EOF"),
    ),
    (
        "app/ledger",
        "readiness_probe_incorrect_path",
        lambda s: probe(s, "readiness", HTTP.format(8081), "HTTP probe failed with statuscode: 404"),
    ),
    (
        "app/ledger",
        "liveness_probe_incorrect_command",
        lambda s: probe(s, "liveness", "exec [check] delay=5s", 'exec: "check": executable file not found in $PATH'),
    ),
    ("app/ledger", "liveness_probe_incorrect_timing", lambda s: hasty(s)),
    (
        "app/ledger",
        "readiness_probe_incorrect_timing",
        lambda s: s.bend("ledger", ready=False, readiness="tcp-socket :8081 delay=900s timeout=1s period=10s #failure=3"),
    ),
    (
        "app/ledger",
        "incorrect_image_reference",
        lambda s: pull(s, "rpc error: code = NotFound desc = failed to resolve: not found"),
    ),
    ("app/ledger", "missing_image_pull_secret", lambda s: pull(s, "failed to authorize: 401 Unauthorized")),
    ("app/ledger", "image_pull_secret_invalid", lambda s: pull(s, "401 Unauthorized", spec="imagePullSecrets:\n- name: ledger-pg")),
    ("app/ledger", "image_registry_dns_failure", lambda s: pull(s, "dial tcp: lookup registry.test: no such host")),
    ("app/ledger", "image_registry_unreachable", lambda s: pull(s, "dial tcp 203.0.113.9:443: i/o timeout")),
    (
        "app/ledger",
        "incorrect_image_reference",
        lambda s: s.bend("ledger", **WAITING, reason="InvalidImageName", status="InvalidImageName"),
    ),
    (
        "app/ledger",
        "image_pull_policy_mismatch",
        lambda s: s.bend("ledger", **WAITING, reason="ErrImageNeverPull", status="ErrImageNeverPull"),
    ),
    (
        "app/ledger",
        "missing_secret_binding",
        lambda s: s.bend(
            "ledger",
            secret="ledger-gp",
            **WAITING,
            reason="CreateContainerConfigError",
            events=('Warning  Failed  4s (x9 over 2m)  kubelet  Error: secret "ledger-gp" not found',),
        ),
    ),
    (
        "app/ledger",
        "missing_config_map",
        lambda s: s.bend(
            "ledger",
            config="none",
            **WAITING,
            reason="CreateContainerConfigError",
            events=('Warning  Failed  4s (x9 over 2m)  kubelet  Error: configmap "none" not found',),
        ),
    ),
    (
        "app/ledger",
        "missing_secret_key",
        lambda s: s.bend("ledger", env={"P": "<set to the key 'nope' in secret 'ledger-pg'>  Optional: false"}, **WAITING),
    ),
    ("app/ledger", "pg_invalid_credentials", lambda s: odd_password(s)),
    (
        "app/ledger",
        "missing_service_account",
        lambda s: s.bend(
            "ledger",
            account="gone",
            pods=0,
            set_events=(refused('error looking up service account shop/gone: serviceaccount "gone" not found'),),
        ),
    ),
    (
        "namespace/shop",
        "namespace_memory_quota_exceeded",
        lambda s: s.bend(
            "ledger",
            pods=0,
            set_events=(
                refused(
                    "exceeded quota: q, requested: requests.memory=1Gi, used: requests.memory=1Gi, limited: requests.memory=1Gi"
                ),
            ),
        ),
    ),
    (
        "namespace/shop",
        "namespace_pod_quota_exceeded",
        lambda s: s.bend(
            "ledger", pods=0, set_events=(refused("exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5"),)
        ),
    ),
    ("namespace/shop", "namespace_service_quota_exceeded", lambda s: no_service(s).also(quota("services  5  5"))),
    (
        "namespace/shop",
        "namespace_storage_quota_exceeded",
        lambda s: s.bend("store", **PENDING).also(
            quota("requests.storage  0  1Gi"), asks("store-claim", MEM.format("2Gi")), ("kubectl get pvc -n shop", "")
        ),
    ),
    (
        "app/ledger",
        "resource_quota_unspecified_requests",
        lambda s: s.bend("ledger", pods=0, set_events=(refused("failed quota: q: must specify limits.cpu"),)),
    ),
    (
        "app/ledger",
        "limit_range_violation",
        lambda s: s.bend("ledger", pods=0, set_events=(refused("maximum cpu usage per Container is 1, but limit is 2"),)),
    ),
    (
        "app/ledger",
        "pod_security_violation",
        lambda s: s.bend("ledger", pods=0, set_events=(refused('violates PodSecurity "restricted:latest"'),)),
    ),
    (
        "app/ledger",
        "cpu_capacity_mismatch",
        lambda s: s.bend(
            "ledger", requests="cpu: 64", **PENDING, events=(unschedulable("1 node(s) were unschedulable, 2 Insufficient cpu"),)
        ),
    ),
    (
        "app/ledger",
        "memory_capacity_mismatch",
        lambda s: s.bend(
            "ledger",
            requests="memory: 99Gi",
            **PENDING,
            events=(unschedulable("1 node(s) were unschedulable, 2 Insufficient memory"),),
        ),
    ),
    (
        "app/ledger",
        "node_selector_mismatch",
        lambda s: s.bend(
            "ledger",
            node_selector="disk=tape",
            **PENDING,
            events=(unschedulable("1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector"),),
        ),
    ),
    (
        "app/ledger",
        "node_affinity_mismatch",
        lambda s: s.bend(
            "ledger",
            spec=affinity("zone", "mars"),
            **PENDING,
            events=(unschedulable("1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector"),),
        ),
    ),
    ("app/ledger", "node_cordon_mismatch", lambda s: cordoned(s)),
    (
        "app/ledger",
        "node_taint_mismatch",
        lambda s: s.bend(
            "ledger",
            **PENDING,
            events=(unschedulable("1 node(s) were unschedulable, 2 node(s) had untolerated taint {team: red}"),),
        ),
    ),
    (
        "app/ledger",
        "pod_anti_affinity_conflict",
        lambda s: s.bend(
            "ledger",
            **PENDING,
            events=(unschedulable("1 node(s) were unschedulable, 2 node(s) didn't match pod anti-affinity rules"),),
        ),
    ),
    (
        "app/ledger",
        "pod_affinity_mismatch",
        lambda s: s.bend("ledger", **PENDING, events=(unschedulable("3 node(s) didn't match pod affinity rules"),)),
    ),
    (
        "app/ledger",
        "topology_spread_conflict",
        lambda s: s.bend("ledger", **PENDING, events=(unschedulable("2 node(s) didn't match pod topology spread constraints"),)),
    ),
    (
        "app/ledger",
        "host_port_conflict",
        lambda s: s.bend(
            "ledger", **PENDING, events=(unschedulable("2 node(s) didn't have free ports for the requested pod ports"),)
        ),
    ),
    ("app/ledger", "scheduler_name_mismatch", lambda s: s.bend("ledger", spec="schedulerName: mine", **PENDING)),
    (
        "app/store",
        "pvc_storage_class_mismatch",
        lambda s: unbound(s, asks("store-claim", "  storageClassName: fast\n  resources: {}"), volume("v1")),
    ),
    (
        "app/store",
        "pvc_capacity_mismatch",
        lambda s: unbound(s, asks("store-claim", MEM.format("5Gi")[2:].replace("\n  ", "\n")), volume("v1")),
    ),
    (
        "app/store",
        "pvc_access_mode_mismatch",
        lambda s: unbound(s, asks("store-claim", "  accessModes: [ReadWriteMany]"), volume("v1")),
    ),
    (
        "app/store",
        "pvc_selector_mismatch",
        lambda s: unbound(s, asks("store-claim", "  selector:\n    matchLabels:\n      kind: gold"), volume("v1")),
    ),
    (
        "app/store",
        "persistent_volume_binding_occupied",
        lambda s: unbound(s, asks("store-claim", "  volumeName: v1"), volume("v1", Status="Bound", Claim="shop/other")),
    ),
    (
        "app/store",
        "missing_persistent_volume_claim",
        lambda s: s.bend("store", claim="stor-claim", **PENDING).also(("kubectl get pvc -n shop", "")),
    ),
    ("app/store", "volume_mount_permission_denied", lambda s: mount(s, "MountVolume.SetUp failed: permission denied")),
    ("app/store", "volume_multi_attach", lambda s: mount(s, 'Multi-Attach error for volume "v1"')),
    (
        "app/ledger",
        "oom_killed",
        lambda s: s.bend("ledger", restarts=3, last="OOMKilled 137", **WAITING, reason="CrashLoopBackOff"),
    ),
    ("app/ledger", "deployment_zero_replicas", lambda s: s.bend("ledger", live_replicas=0, pods=0)),
    (
        "app/ledger",
        "container_command_incorrect",
        lambda s: s.bend(
            "ledger", **WAITING, reason="RunContainerError", message='exec: "srv": executable file not found in $PATH'
        ),
    ),
    (
        "app/ledger",
        "image_architecture_mismatch",
        lambda s: s.bend("ledger", **WAITING, reason="CrashLoopBackOff", message="exec format error", restarts=4),
    ),
    (
        "app/ledger",
        "security_context_mismatch",
        lambda s: s.bend(
            "ledger",
            **WAITING,
            reason="CreateContainerConfigError",
            message="container has runAsNonRoot and image will run as root",
        ),
    ),
    (
        "app/ledger",
        "service_dns_resolution_failure",
        lambda s: s.bend("ledger", ready=False, spec='dnsPolicy: "None"\ndnsConfig:\n  nameservers: [10.255.0.1]'),
    ),
    (
        "app/ledger",
        "service_dns_resolution_failure",
        lambda s: s.bend("ledger", ready=False, spec="hostAliases:\n- ip: 10.0.0.9\n  hostnames: [store]"),
    ),
    (
        "app/ledger",
        "service_sidecar_port_conflict",
        lambda s: s.bend("ledger", ready=False, annotations={"proxy.test/config": '{ "statusPort": 8081 }'}),
    ),
    ("app/store", "db_read_only", lambda s: s.bend("store", command="dbserver --read-only")),
    ("app/store", "db_connection_exhaustion", lambda s: s.bend("store", command="dbserver max_connections=2")),
    (
        "app/ledger",
        "network_policy_blocked",
        lambda s: s.also(
            (
                "kubectl describe netpol shut",
                "Name:  shut\nSpec:\n  PodSelector:     app=ledger\n  Allowing ingress traffic:\n    <none> (isolated)",
            )
        ),
    ),
    ("node/n2", "kubelet_unavailable", lambda s: s.also(daemon("n2", "kubelet", "inactive (dead)"))),
    ("node/n2", "kube_proxy_unavailable", lambda s: s.also(daemon("n2", "kube-proxy", "failed (Result: exit-code)"))),
    (
        "node/c1",
        "kube_controller_manager_unavailable",
        lambda s: s.also(daemon("c1", "kube-controller-manager", "inactive (dead)")),
    ),
    ("node/n2", "node_memory_pressure", lambda s: with_node(s, node_condition={"n2": "MemoryPressure"})),
    ("node/n2", "kubelet_unavailable", lambda s: with_node(s, node_ready={"n2": "Unknown"})),
    ("node/n2", "node_network_packet_loss", lambda s: s.also(("ping n2", "20 packets transmitted, 31% packet loss, time 9s"))),
    ("node/n2", "node_network_delay", lambda s: s.also(("tc qdisc show on n2", "qdisc netem 8001: root delay 300ms"))),
    (
        "node/n2",
        "node_cpu_overload",
        lambda s: s.also(("kubectl top nodes", "NAME   CPU(cores)   CPU%   MEMORY(bytes)\nn2     3900m        97%    100Mi")),
    ),
    (
        "app/ledger",
        "pod_cpu_overload",
        lambda s: s.also(
            ("kubectl top pods", "NAME                CPU(cores)   MEMORY(bytes)\nledger-7c9d-ax0     199m         20Mi")
        ),
    ),
]


def probe(shop: Any, role: str, text: str, said: str) -> Any:
    told = (unhealthy(role.capitalize(), said),)
    return shop.bend("ledger", **{role: text}, ready=False, events=told, restarts=2 if role == "liveness" else 0)


def hasty(shop: Any) -> Any:
    killed = "Normal   Killing  5s (x3 over 1m)  kubelet  Container ledger-main failed liveness probe, will be restarted"
    text = "tcp-socket :8081 delay=1s timeout=1s period=1s #success=1 #failure=1"
    return shop.bend(
        "ledger", liveness=text, ready=False, restarts=3, events=(unhealthy("Liveness", "dial tcp: connection refused"), killed)
    )


def pull(shop: Any, said: str, **changes: Any) -> Any:
    told = (f'Warning  Failed  9s (x4 over 2m)  kubelet  Failed to pull image "registry.test/ledger:1.4": {said}',)
    return shop.bend("ledger", **WAITING, reason="ImagePullBackOff", status="ImagePullBackOff", events=told, **changes)


def odd_password(shop: Any) -> Any:
    secrets = {
        name: {key: 17 if name == "ledger-pg" and "PASS" in key else size for key, size in keys.items()}
        for name, keys in shop.secrets.items()
    }
    return replace(shop, secrets=secrets).bend("ledger", **WAITING, reason="CrashLoopBackOff", last="Error 1", restarts=4)


def no_service(shop: Any) -> Any:
    return replace(shop, absent_services=("basket",))


def cordoned(shop: Any) -> Any:
    told = (unschedulable("3 node(s) were unschedulable"),)
    return replace(shop, cordoned=("n1", "n2")).bend("ledger", **PENDING, events=told)


def with_node(shop: Any, **changes: Any) -> Any:
    return replace(shop, **changes)


def quota(row: str) -> tuple[str, str]:
    return "kubectl describe quota q", f"Name:       q\nNamespace:  shop\nResource    Used  Hard\n--------    ----  ----\n{row}"


def named_port(name: str, port: int) -> tuple[str, str]:
    ports = f"[{{containerPort: {port}, name: plain}}]"
    inner = f"{{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: {name}-main, ports: {ports}}}]}}}}"
    return f"manifest zz/{name}", f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template: {inner}"


def affinity(key: str, value: str) -> str:
    rule = f"{{key: {key}, operator: In, values: [{value}]}}"
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    return f"affinity: {{nodeAffinity: {{{required}: {{nodeSelectorTerms: [{{matchExpressions: [{rule}]}}]}}}}}}"


def unbound(shop: Any, *recorded: tuple[str, str]) -> Any:
    told = (unschedulable("pod has unbound immediate PersistentVolumeClaims"),)
    return shop.bend("store", **PENDING, events=told).also(claim("store-claim"), *recorded)


def mount(shop: Any, said: str) -> Any:
    return shop.bend(
        "store",
        **WAITING,
        reason="ContainerCreating",
        status="ContainerCreating",
        events=(f"Warning  FailedMount  4s (x7 over 2m)  kubelet  {said}",),
    )


def test_a_healthy_cluster_has_no_heavy_fault(shop: Any) -> None:
    assert [fault for fault in found(shop) if fault.weight >= 1.0] == []


@pytest.mark.parametrize(("target", "kind", "bend"), CASES, ids=[f"{i}-{kind}" for i, (_, kind, _) in enumerate(CASES)])
def test_the_contradiction_is_found_first(shop: Any, target: str, kind: str, bend: Callable[[Any], Any]) -> None:
    faults = found(bend(shop))
    assert faults, "nothing found"
    assert (faults[0].target, faults[0].kind) == (target, kind), [(fault.target, fault.kind, fault.weight) for fault in faults[:4]]
    assert faults[0].weight >= 2.0
    assert faults[0].query in {entry.command for entry in bend(shop).recorded()}
    assert len(faults) == 1 or faults[0].weight > faults[1].weight or faults[1].target == target


@pytest.mark.parametrize(("target", "kind", "bend"), CASES[::6], ids=lambda value: value if isinstance(value, str) else "")
def test_the_order_of_the_commands_does_not_matter(shop: Any, target: str, kind: str, bend: Callable[[Any], Any]) -> None:
    recorded = list(bend(shop).recorded())
    straight = found(shop, tuple(recorded))
    random.Random(7).shuffle(recorded)
    assert found(shop, tuple(recorded)) == straight


@pytest.mark.parametrize(("target", "kind", "bend"), CASES, ids=[f"{i}-{kind}" for i, (_, kind, _) in enumerate(CASES)])
def test_renaming_every_object_renames_the_answer(shop: Any, target: str, kind: str, bend: Callable[[Any], Any]) -> None:
    names = {
        "web": "kiosk",
        "basket": "hamper",
        "baskt": "hampr",
        "ledger": "quillbook",
        "mailer": "courier",
        "search": "seeker",
        "store": "vault",
        "shop": "bazaar",
    }

    def renamed(text: str) -> str:
        for old, new in names.items():
            text = text.replace(old, new).replace(old.upper(), new.upper())
        return text

    bent = bend(shop)
    straight = found(bent)
    recorded = tuple(Recorded(renamed(entry.command), renamed(entry.output)) for entry in bent.recorded())
    other = examine(ObjectTable("test", 0.0, recorded), scope(tuple(renamed(one) for one in bent.candidates)))
    assert [(renamed(fault.target), fault.kind, fault.weight) for fault in straight[:1]] == [
        (f.target, f.kind, f.weight) for f in other[:1]
    ]


def test_a_probe_that_failed_once_at_the_start_weighs_nothing(shop: Any) -> None:
    early = "Warning  Unhealthy  4m58s  kubelet  Readiness probe failed: dial tcp: connection refused"
    assert [fault for fault in found(shop.bend("ledger", events=(early,))) if fault.weight >= 0.5] == []


def test_an_account_that_came_a_moment_late_weighs_nothing(shop: Any) -> None:
    late = refused('error looking up service account shop/default: serviceaccount "default" not found')
    assert [fault for fault in found(shop.bend("ledger", set_events=(late,))) if fault.weight >= 0.5] == []


def test_callers_of_a_broken_service_are_not_blamed(shop: Any) -> None:
    faults = found(shop.bend("store", live_replicas=0, pods=0).bend("ledger", ready=False))
    blamed = {fault.target: fault.weight for fault in reversed(faults)}
    assert blamed["app/store"] >= 4.0 + blamed.get("app/ledger", 0.0)


def test_a_policy_much_older_than_the_incident_weighs_less_than_a_fresh_one(shop: Any) -> None:
    shut = "Name:  shut\nSpec:\n  PodSelector:     app=ledger\n  Allowing ingress traffic:\n    <none> (isolated)"
    listing = "NAME   POD-SELECTOR   AGE\nshut   app=ledger     {}"
    weights = [
        found(shop.also(("kubectl describe netpol shut", shut), ("kubectl get netpol", listing.format(age))))[0].weight
        for age in ("9d", "3m")
    ]
    assert weights[0] < weights[1]


def test_only_what_an_application_says_of_itself_is_text_that_outsiders_can_write(shop: Any) -> None:
    (declared, *_) = found(shop.bend("store", command="dbserver --read-only"))
    assert (declared.kind, bool(declared.excerpt), declared.outsider_text) == ("db_read_only", True, False)
    ended = shop.bend("ledger", **WAITING, reason="CrashLoopBackOff", message="lookup store: no such host", restarts=4)
    told = next(fault for fault in found(ended) if fault.kind == "service_dns_resolution_failure")
    assert told.outsider_text


def test_objects_without_a_candidate_are_left_out(shop: Any) -> None:
    bent = shop.bend("basket", selector="app=other")
    faults = examine(ObjectTable("test", 0.0, bent.recorded()), scope(("app/web", "node/n1")))
    assert all(fault.target in {"app/web", "node/n1"} for fault in faults)


def test_without_candidates_the_telemetry_names_the_targets(shop: Any) -> None:
    bent = shop.bend("basket", selector="app=other")
    faults = examine(ObjectTable("test", 0.0, bent.recorded()), scope(()))
    assert (faults[0].target, faults[0].kind) == ("app/basket", "service_selector_mismatch")


@pytest.mark.parametrize(
    "text",
    ["", "No resources found", "Error from server (NotFound)", "\x00\xff: :::", "Name:", "NAME\nx", "apiVersion: [", "{" * 50],
)
def test_unreadable_output_raises_nothing(shop: Any, text: str) -> None:
    kinds = ("pods", "services", "deployments", "nodes", "pvc", "quota", "secrets", "endpoints", "netpol", "events")
    recorded = [Recorded(f"kubectl {verb} {kind} x", text) for verb in ("get", "describe", "top") for kind in kinds]
    recorded += [Recorded(command, text) for command in ("manifest x", "systemctl status kubelet", "nc basket:80", "", "kubectl")]
    assert found(shop, tuple(recorded)) == []
