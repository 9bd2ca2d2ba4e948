"""Faults as Kubernetes itself reports them, from the recorded commands to the judge's first word out of a closed list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.hypothesis import Diagnosis
from app.domain.incident import Alert, Scope
from app.domain.telemetry import NoData, ObjectTable, Recorded
from app.domain.window import Window
from graphs.analysis.calibration import AS_IT_IS
from graphs.contract import Question, Sources, View
from graphs.investigators.deploys import INVESTIGATOR
from graphs.judge import weigh
from tests.unit.graphs.analysis.objects import kubectl_says as says

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LABELS = (
    "container_command_incorrect",
    "containerd_unavailable",
    "coredns_unavailable",
    "cpu_capacity_mismatch",
    "db_connection_exhaustion",
    "db_read_only",
    "deployment_zero_replicas",
    "etcd_unavailable",
    "gateway_misrouted",
    "host_port_conflict",
    "image_pull_policy_mismatch",
    "image_registry_dns_failure",
    "incorrect_image_reference",
    "init_container_failure",
    "kube_apiserver_unavailable",
    "kube_controller_manager_unavailable",
    "kube_proxy_unavailable",
    "kube_scheduler_unavailable",
    "kubelet_unavailable",
    "limit_range_violation",
    "liveness_probe_incorrect_path",
    "liveness_probe_incorrect_port",
    "liveness_probe_incorrect_protocol",
    "liveness_probe_incorrect_timing",
    "memory_capacity_mismatch",
    "missing_config_map",
    "missing_image_pull_secret",
    "missing_secret_binding",
    "missing_service_account",
    "mysql_invalid_credentials",
    "mysql_invalid_database",
    "mysql_invalid_host",
    "mysql_invalid_port",
    "namespace_cpu_quota_exceeded",
    "namespace_memory_quota_exceeded",
    "namespace_pod_quota_exceeded",
    "namespace_service_quota_exceeded",
    "namespace_storage_quota_exceeded",
    "network_policy_blocked",
    "node_affinity_mismatch",
    "node_cordon_mismatch",
    "node_disk_pressure",
    "node_memory_pressure",
    "node_network_delay",
    "node_network_packet_loss",
    "node_pid_pressure",
    "node_selector_mismatch",
    "oom_killed",
    "pod_anti_affinity_conflict",
    "pod_cpu_overload",
    "pod_network_delay",
    "pv_binding_occupied",
    "pvc_access_mode_mismatch",
    "pvc_capacity_mismatch",
    "pvc_selector_mismatch",
    "pvc_storage_class_mismatch",
    "read_only_filesystem",
    "readiness_probe_incorrect_path",
    "readiness_probe_incorrect_port",
    "readiness_probe_incorrect_protocol",
    "readiness_probe_incorrect_timing",
    "security_context_mismatch",
    "service_dns_resolution_failure",
    "service_env_var_address_mismatch",
    "service_port_mapping_mismatch",
    "service_protocol_mismatch",
    "service_selector_mismatch",
    "service_sidecar_port_conflict",
    "taint_toleration_mismatch",
    "volume_mount_permission_denied",
)

Bend = Callable[[Any], Any]
IMAGE = "registry.nowhere.test/ledger:1.4"
HEAD = f'failed to resolve reference "{IMAGE}": failed to do request: Head "https://registry.nowhere.test/v2/ledger/manifests/1.4"'
HTTP = "http-get http://:{}{} delay={}s timeout={}s period={}s #success=1 #failure={}"
TCP = "tcp-socket :8081 delay={}s timeout=1s period={}s #success={} #failure={}"
ASKED = 'Get "http://10.1.0.6:8081/healthz"'
CREATED = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed"
SHUT = ("tcp-probe basket:8080", "Connection Failed")


@dataclass(frozen=True)
class _Recording:
    entries: tuple[Recorded, ...]
    name: str = "cluster"

    async def objects(self, scope: Scope) -> ObjectTable | NoData:
        return ObjectTable(self.name, AT.timestamp(), self.entries)


async def judged(shop: Any, labels: Sequence[str] = LABELS) -> Diagnosis:
    scope = Scope(
        alert=Alert(fired_at=AT, summary="the shop is down", namespace="shop"),
        window=Window(start=AT - timedelta(minutes=10), end=AT),
        candidates=shop.candidates,
        labels=tuple(labels),
    )

    async def say(_: str) -> None:
        return None

    view = View(scope=scope, sources=Sources(objects=(_Recording(shop.recorded()),)), say=say)
    report = await INVESTIGATOR.investigate(Question(investigator="deploys", text="what is wrong?", onset=AT), view)
    return weigh(scope, [report], calibration=AS_IT_IS, round=1)


SCHEDULING: list[tuple[str, str, Bend]] = [
    (
        "app/ledger",
        "taint_toleration_mismatch",
        lambda s: says.pending(s, "ledger", "1 node(s) were unschedulable, 2 node(s) had untolerated taint {dedicated: gpu}"),
    ),
    (
        "app/ledger",
        "taint_toleration_mismatch",
        lambda s: says.pending(
            s,
            "ledger",
            "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint {dedicated: gpu}, "
            "1 node(s) were unschedulable",
            node_selector="disk=ssd",
        ),
    ),
    (
        "app/ledger",
        "taint_toleration_mismatch",
        lambda s: says.pending(
            s,
            "ledger",
            "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
            "2 node(s) had untolerated taint {dedicated: gpu}",
            spec="tolerations:\n- {key: dedicated, operator: Equal, value: cpu, effect: NoSchedule}",
        ),
    ),
    (
        "app/ledger",
        "memory_capacity_mismatch",
        lambda s: says.pending(s, "ledger", "1 node(s) were unschedulable, 2 Insufficient memory", requests="memory: 99Gi"),
    ),
    (
        "app/ledger",
        "host_port_conflict",
        lambda s: says.pending(
            s, "ledger", "1 node(s) were unschedulable, 2 node(s) didn't have free ports for the requested pod ports"
        ),
    ),
]

STORAGE: list[tuple[str, str, Bend]] = [
    ("app/store", "pvc_capacity_mismatch", lambda s: says.unbound(s, says.volume(), says.asks("50Gi"))),
    ("app/store", "pvc_access_mode_mismatch", lambda s: says.unbound(s, says.volume(), says.asks(modes="[ReadWriteMany]"))),
    (
        "app/store",
        "pvc_storage_class_mismatch",
        lambda s: says.unbound(
            s,
            says.volume(),
            says.asks(of_class="fast"),
            of_class="fast",
            told=says.event("ProvisioningFailed", "persistentvolume-controller", 'storageclass.storage.k8s.io "fast" not found'),
        ),
    ),
    (
        "app/store",
        "pvc_storage_class_mismatch",
        lambda s: says.unbound(s, says.volume(StorageClass="standard"), says.asks()),
    ),
    (
        "app/store",
        "pvc_selector_mismatch",
        lambda s: says.unbound(s, says.volume(Labels="tier=silver"), says.asks(more="  selector: {matchLabels: {tier: gold}}")),
    ),
    (
        "app/store",
        "pvc_selector_mismatch",
        lambda s: says.unbound(s, says.volume(), says.asks(more="  selector: {matchLabels: {tier: gold}}")),
    ),
    (
        "app/store",
        "pvc_selector_mismatch",
        lambda s: says.unbound(
            s,
            says.volume(Labels="tier=silver"),
            says.asks(more="  selector: {matchExpressions: [{key: tier, operator: In, values: [gold]}]}"),
        ),
    ),
    (
        "app/store",
        "pv_binding_occupied",
        lambda s: says.unbound(
            s,
            says.volume(Status="Bound", Claim="shop/old-claim"),
            says.asks(more="  volumeName: store-pv"),
            told=says.event(
                "FailedBinding", "persistentvolume-controller", 'volume "store-pv" already bound to a different claim.'
            ),
        ),
    ),
    ("app/store", "pv_binding_occupied", lambda s: says.unbound(s, says.volume(Status="Bound", Claim="shop/other"), says.asks())),
    (
        "app/store",
        "pv_binding_occupied",
        lambda s: says.unbound(s, says.volume(Status="Bound", Claim="attic/store-claim"), says.asks()),
    ),
    (
        "app/store",
        "pv_binding_occupied",
        lambda s: says.unbound(s, says.volume(Status="Released", Claim="shop/store-claim"), says.asks()),
    ),
    (
        "app/store",
        "volume_mount_permission_denied",
        lambda s: says.creating(
            s,
            "store",
            says.event(
                "FailedMount",
                "kubelet",
                'MountVolume.SetUp failed for volume "store-pv" : mount failed: exit status 32 Output: '
                "mount.nfs: access denied by server while mounting 10.0.0.9:/data",
            ),
        ),
    ),
    (
        "app/store",
        "volume_mount_permission_denied",
        lambda s: says.crashing(s, "store", message="chown: /data/db: Operation not permitted"),
    ),
    (
        "app/store",
        "volume_mount_permission_denied",
        lambda s: says.crashing(s, "store", spec="securityContext: {runAsUser: 1000}"),
    ),
]

ADMISSION: list[tuple[str, str, Bend]] = [
    (
        "namespace/shop",
        "namespace_memory_quota_exceeded",
        lambda s: says.over_quota(
            s, "requests.memory=1Gi", "requests.memory=900Mi", "requests.memory=1Gi", "requests.memory  900Mi  1Gi"
        ),
    ),
    (
        "namespace/shop",
        "namespace_memory_quota_exceeded",
        lambda s: says.over_quota(
            s, "limits.memory=1Gi", "limits.memory=900Mi", "limits.memory=1Gi", "limits.memory  900Mi  1Gi", "requests.cpu  1  8"
        ),
    ),
    (
        "namespace/shop",
        "namespace_memory_quota_exceeded",
        lambda s: says.over_quota(
            s,
            "requests.cpu=100m,requests.memory=1Gi",
            "requests.cpu=1,requests.memory=900Mi",
            "requests.cpu=8,requests.memory=1Gi",
        ),
    ),
    (
        "namespace/shop",
        "namespace_memory_quota_exceeded",
        lambda s: s.bend("ledger", pods=0).also(says.quota("requests.memory  1000Mi  1Gi")),
    ),
    (
        "namespace/shop",
        "namespace_memory_quota_exceeded",
        lambda s: s.bend("ledger", pods=0).also(says.quota("limits.memory  1000Mi  1Gi")),
    ),
    (
        "app/ledger",
        "limit_range_violation",
        lambda s: says.refused(
            s,
            "ledger",
            'pods "ledger-7c9d-" is forbidden: [maximum memory usage per Container is 64Mi, but limit is 128Mi, '
            "maximum cpu usage per Container is 100m, but limit is 200m]",
        ),
    ),
    (
        "app/ledger",
        "limit_range_violation",
        lambda s: says.refused(
            s,
            "ledger",
            'pods "ledger-7c9d-" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 10.000000',
        ),
    ),
    (
        "app/ledger",
        "missing_service_account",
        lambda s: says.refused(
            s,
            "ledger",
            'pods "ledger-7c9d-" is forbidden: error looking up service account shop/ghost: serviceaccount "ghost" not found',
            account="ghost",
        ),
    ),
]

STARTUP: list[tuple[str, str, Bend]] = [
    ("app/ledger", "missing_config_map", lambda s: says.misconfigured(s, "ledger", 'configmap "gone" not found', config="gone")),
    (
        "app/ledger",
        "missing_config_map",
        lambda s: says.creating(
            s,
            "ledger",
            says.event("FailedMount", "kubelet", 'MountVolume.SetUp failed for volume "conf" : configmap "gone" not found'),
        ),
    ),
    (
        "app/ledger",
        "missing_config_map",
        lambda s: says.misconfigured(s, "ledger", "couldn't find key MODE in ConfigMap shop/ledger-cm"),
    ),
    (
        "app/ledger",
        "missing_secret_binding",
        lambda s: says.misconfigured(s, "ledger", "couldn't find key MODE in Secret shop/ledger-pg"),
    ),
    (
        "app/ledger",
        "missing_secret_binding",
        lambda s: says.creating(
            s,
            "ledger",
            says.event("FailedMount", "kubelet", 'MountVolume.SetUp failed for volume "tls" : secret "ledger-tls" not found'),
            says.event(
                "FailedMount",
                "kubelet",
                "Unable to attach or mount volumes: unmounted volumes=[tls], unattached volumes=[tls]: "
                "timed out waiting for the condition",
                age="1s",
            ),
        ),
    ),
    (
        "app/ledger",
        "image_registry_dns_failure",
        lambda s: says.unpulled(s, f"{HEAD}: dial tcp: lookup registry.nowhere.test on 127.0.0.53:53: no such host", IMAGE),
    ),
    (
        "app/ledger",
        "image_registry_dns_failure",
        lambda s: says.unpulled(
            s, f"rpc error: {HEAD}: dial tcp: lookup registry.nowhere.test on 10.0.0.2:53: server misbehaving", IMAGE
        ),
    ),
    (
        "app/ledger",
        "image_registry_dns_failure",
        lambda s: says.unpulled(
            s, f"{HEAD}: dial tcp: lookup registry.nowhere.test on 10.0.0.2:53: read udp 10.0.0.4:40: i/o timeout", IMAGE
        ),
    ),
    (
        "app/ledger",
        "incorrect_image_reference",
        lambda s: says.unpulled(
            s,
            'failed to resolve reference "registry.test/ledgerr:1.4": pull access denied, repository does not exist or may '
            "require authorization: server message: insufficient_scope: authorization failed",
            "registry.test/ledgerr:1.4",
        ),
    ),
    (
        "app/ledger",
        "image_pull_policy_mismatch",
        lambda s: says.creating(
            s,
            "ledger",
            says.event("ErrImageNeverPull", "kubelet", f'Container image "{IMAGE}" is not present with pull policy of Never'),
            says.event("Failed", "kubelet", "Error: ErrImageNeverPull"),
            reason="ErrImageNeverPull",
        ),
    ),
    ("app/ledger", "init_container_failure", lambda s: init_fails(s)),
]

RUNTIME: list[tuple[str, str, Bend]] = [
    ("app/ledger", "container_command_incorrect", lambda s: says.crashing(s, "ledger", "Error 127")),
    (
        "app/ledger",
        "container_command_incorrect",
        lambda s: says.crashing(
            s,
            "ledger",
            "StartError 128",
            message=f'{CREATED}: unable to start container process: exec: "/bin/srv": stat /bin/srv: no such file or directory',
        ),
    ),
    (
        "app/ledger",
        "container_command_incorrect",
        lambda s: says.creating(
            s,
            "ledger",
            says.event("Failed", "kubelet", f'Error: {CREATED}: exec: "srvv": executable file not found in $PATH: unknown'),
            reason="RunContainerError",
            restarts=3,
        ),
    ),
    (
        "app/ledger",
        "read_only_filesystem",
        lambda s: says.crashing(s, "ledger", message="open /var/run/app.pid: read-only file system"),
    ),
    (
        "app/ledger",
        "security_context_mismatch",
        lambda s: says.misconfigured(
            s, "ledger", 'container has runAsNonRoot and image will run as root (pod: "ledger-7c9d-ax0_shop(b1)")'
        ),
    ),
    ("app/ledger", "mysql_invalid_port", lambda s: says.crashing(says.databases(s, PORT="5433"), "ledger")),
    ("app/ledger", "mysql_invalid_port", lambda s: says.databases(s, PORT="5433")),
    ("app/ledger", "mysql_invalid_host", lambda s: says.crashing(says.databases(s, HOST="storre"), "ledger")),
    ("app/ledger", "mysql_invalid_host", lambda s: says.crashing(says.databases(s, HOST="10.99.9.9"), "ledger")),
    ("app/ledger", "mysql_invalid_database", lambda s: says.crashing(says.databases(s, DATABASE="shopx"), "ledger")),
    ("app/ledger", "mysql_invalid_credentials", lambda s: says.crashing(says.databases(s, USER="nobody"), "ledger")),
    ("app/ledger", "mysql_invalid_credentials", lambda s: says.crashing(says.databases(s, PASSWORD="<masked:bb>"), "ledger")),
]

PROBES: list[tuple[str, str, Bend]] = [
    (
        "app/ledger",
        "liveness_probe_incorrect_timing",
        lambda s: says.probed(s, "liveness", HTTP.format(8081, "/healthz", 0, 1, 1, 1), f"{ASKED}: {says.REFUSED}"),
    ),
    ("app/ledger", "liveness_probe_incorrect_timing", lambda s: says.probed(s, "liveness", TCP.format(1, 2, 1, 2), says.REFUSED)),
    ("app/ledger", "liveness_probe_incorrect_timing", lambda s: says.probed(s, "liveness", TCP.format(5, 5, 1, 3), says.REFUSED)),
    (
        "app/ledger",
        "liveness_probe_incorrect_timing",
        lambda s: says.probed(
            s,
            "liveness",
            "grpc <pod>:8081 delay=0s timeout=1s period=1s #success=1 #failure=1",
            'timeout: failed to connect service "10.1.0.6:8081" within 1s: context deadline exceeded',
        ),
    ),
    (
        "app/ledger",
        "liveness_probe_incorrect_timing",
        lambda s: says.probed(
            s,
            "liveness",
            HTTP.format(8081, "/healthz", 5, 1, 2, 1),
            f"{ASKED}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        ),
    ),
    (
        "app/ledger",
        "readiness_probe_incorrect_timing",
        lambda s: s.bend("ledger", ready=False, readiness=TCP.format(3600, 10, 1, 3)),
    ),
    (
        "app/ledger",
        "readiness_probe_incorrect_timing",
        lambda s: s.bend("ledger", ready=False, readiness=TCP.format(5, 600, 3, 3)),
    ),
    (
        "app/ledger",
        "readiness_probe_incorrect_timing",
        lambda s: s.bend("ledger", ready=False, readiness=TCP.format(5, 10, 100, 3)),
    ),
    (
        "app/ledger",
        "liveness_probe_incorrect_path",
        lambda s: says.probed(s, "liveness", HTTP.format(8081, "/nope", 5, 1, 10, 3), "HTTP probe failed with statuscode: 404"),
    ),
    (
        "app/ledger",
        "liveness_probe_incorrect_port",
        lambda s: says.probed(
            s, "liveness", HTTP.format(9999, "/", 5, 1, 10, 3), 'Get "http://10.1.0.6:9999/": connect: connection refused'
        ),
    ),
]

SERVICES: list[tuple[str, str, Bend]] = [
    ("app/basket", "service_protocol_mismatch", lambda s: s.bend("basket", protocol="UDP").also(SHUT)),
    (
        "app/basket",
        "service_selector_mismatch",
        lambda s: says.rewritten(
            s.also(SHUT), "describe services basket", Selector="Selector:  <none>", Endpoints="Endpoints:  <none>"
        ),
    ),
    ("app/basket", "service_selector_mismatch", lambda s: s.bend("basket", selector="app=basket,version=v2").also(SHUT)),
    (
        "app/ledger",
        "network_policy_blocked",
        lambda s: s.also(*says.policy("app=ledger"), ("tcp-probe ledger:8081", "Connection Failed")),
    ),
    (
        "app/web",
        "gateway_misrouted",
        lambda s: s.bend("web", config="routes").also(
            *says.config(
                "routes",
                "routes.yml",
                "routes:\n- id: ledger\n  uri: http://basket:8080\n  predicates:\n  - Path=/api/ledger/**\n"
                "- id: basket\n  uri: http://basket:8080\n  predicates:\n  - Path=/api/basket/**",
            )
        ),
    ),
    ("app/web", "gateway_misrouted", lambda s: s.also(says.ingress('webb:8000 (<error: endpoints "webb" not found>)'))),
    ("app/web", "gateway_misrouted", lambda s: s.also(says.ingress("web:8009 ()"))),
]

NODES: list[tuple[str, str, Bend]] = [
    *(
        (
            f"node/{node}",
            label,
            lambda s, node=node, unit=unit, active=active: s.also(*says.daemons(says.daemon(node, unit, active))),
        )
        for node, unit, label in (
            ("n2", "kube-proxy", "kube_proxy_unavailable"),
            ("n2", "kubelet", "kubelet_unavailable"),
            ("n2", "containerd", "containerd_unavailable"),
            ("c1", "kube-controller-manager", "kube_controller_manager_unavailable"),
            ("c1", "kube-apiserver", "kube_apiserver_unavailable"),
            ("c1", "etcd", "etcd_unavailable"),
            ("c1", "kube-scheduler", "kube_scheduler_unavailable"),
        )
        for active in ("inactive (dead)", "activating (auto-restart) (Result: exit-code)")
    ),
    (
        "node/n2",
        "kube_proxy_unavailable",
        lambda s: s.also(
            *says.daemons(says.daemon("n2", "kube-proxy", "inactive (dead)")), SHUT, ("tcp-probe search:8083", "Connection Failed")
        ),
    ),
    ("node/n2", "kubelet_unavailable", lambda s: replace(s, node_ready={"n2": "Unknown"}).bend("search", ready=False)),
    (
        "node/n2",
        "node_disk_pressure",
        lambda s: says.pending(
            replace(s, node_condition={"n2": "DiskPressure"}),
            "search",
            "1 node(s) were unschedulable, 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }, "
            "1 Insufficient cpu",
        ),
    ),
    (
        "node/n2",
        "node_memory_pressure",
        lambda s: replace(s, node_condition={"n2": "MemoryPressure"}).bend(
            "search",
            ready=False,
            status="Evicted",
            events=(says.event("Evicted", "kubelet", "The node was low on resource: memory. Threshold quantity: 100Mi."),),
        ),
    ),
    (
        "node/n2",
        "node_pid_pressure",
        lambda s: s.also(
            says.nodes_condition("n2", "PIDPressure", "KubeletHasInsufficientPID", "node.kubernetes.io/pid-pressure:NoSchedule")
        ),
    ),
]


def init_fails(shop: Any) -> Any:
    back_off = says.event("BackOff", "kubelet", "Back-off restarting failed container init-db in pod ledger-7c9d-ax0_shop(b1)")
    stuck = shop.bend(
        "ledger", ready=False, status="Init:CrashLoopBackOff", state="Waiting", reason="PodInitializing", events=(back_off,)
    )
    text = "Init Containers:\n  init-db:\n    Image:  tools:1\n    State:  Waiting\n      Reason:  CrashLoopBackOff\n"
    text += "    Last State:  Terminated\n      Reason:  Error\n      Exit Code:  1\n"
    text += "    Ready:  False\n    Restart Count:  5\nContainers:"
    return says.rewritten(stuck, "describe pods ledger", Containers=text)


ALL = [*SCHEDULING, *STORAGE, *ADMISSION, *STARTUP, *RUNTIME, *PROBES, *SERVICES, *NODES]


@pytest.mark.parametrize(("target", "label", "bend"), ALL, ids=[f"{i}-{label}" for i, (_, label, _) in enumerate(ALL)])
async def test_the_guilty_object_and_its_fault_come_first(shop: Any, target: str, label: str, bend: Bend) -> None:
    first = (await judged(bend(shop))).hypotheses[0]
    assert (first.target, first.label) == (target, label), (first.target, first.kind, first.label, first.confidence)


HARMLESS: list[Bend] = [
    lambda s: s,
    lambda s: s.also(*says.daemons()),
    lambda s: s.also(says.claim("spare"), says.claims(("spare", "Pending", ""))),
    lambda s: s.also(says.claim("store-old"), says.claims(("store-old", "Lost", "gone")), says.volume()),
    lambda s: s.also(says.volume(Status="Released", Claim="shop/old-claim")),
    lambda s: s.also(says.quota("services   6  6", "pods  6  10")),
    lambda s: s.also(
        (
            "kubectl get pods -n shop",
            "NAME         READY   STATUS      RESTARTS   AGE\ninit-abcde   0/1     Completed   0          4d",
        )
    ),
    lambda s: s.also(
        (
            "kubectl get pods -n shop",
            "NAME                 READY   STATUS   RESTARTS   AGE\nbackup-29100-abcde   0/1     Error    0          4d",
        )
    ),
    lambda s: s.bend("ledger", events=(says.event("Unhealthy", "kubelet", "Liveness probe failed: EOF", age="4m50s"),)),
    lambda s: s.bend(
        "ledger", restarts=1, events=(says.event("BackOff", "kubelet", "Back-off restarting failed container", age="4m"),)
    ),
    lambda s: s.also(says.ingress("web:8000 (10.1.0.3:8000)")),
    lambda s: s.also(says.ingress("outside:443 (<error>)")),
    lambda s: s.also(("kubectl describe nodes n3", "Name: n3\nRoles: <none>\nTaints: gpu=true:NoSchedule\nUnschedulable: false")),
    lambda s: s.also(
        (
            "kubectl get hpa -n shop",
            "NAME   REFERENCE        MINPODS   MAXPODS   REPLICAS\nweb    Deployment/web   1         3         1",
        )
    ),
]


@pytest.mark.parametrize("bend", HARMLESS, ids=range(len(HARMLESS)))
async def test_oddities_of_a_healthy_system_accuse_nobody(shop: Any, bend: Bend) -> None:
    diagnosis = await judged(bend(shop))
    assert diagnosis.verdict == "inconclusive"
    assert not diagnosis.hypotheses or diagnosis.hypotheses[0].confidence < 0.4


async def test_a_gateway_whose_routes_bear_the_names_of_where_they_lead_is_not_blamed(shop: Any) -> None:
    routes = "routes:\n- id: ledger\n  uri: http://ledger:8081\n- id: basket\n  uri: http://basket:8080"
    other = "\n- id: everything\n  uri: http://basket:8080\n- id: ledger\n  uri: http://elsewhere.test:8080"
    for text in (routes, routes + other):
        diagnosis = await judged(shop.bend("web", config="routes").also(*says.config("routes", "routes.yml", text)))
        assert diagnosis.hypotheses == ()


async def test_a_volume_that_fits_is_not_held_against_a_claim_because_another_does_not(shop: Any) -> None:
    both = says.unbound(shop, says.volume("a-pv", Capacity="1Gi"), says.volume("b-pv"), says.asks())
    assert (await judged(both)).hypotheses[0].kind != "pvc_capacity_mismatch"


async def test_pods_that_do_not_fit_since_a_node_dropped_out_lack_no_capacity_of_their_own(shop: Any) -> None:
    left = says.pending(replace(shop, node_ready={"n2": "Unknown"}), "search", "2 node(s) were unschedulable, 1 Insufficient cpu")
    assert (await judged(left)).hypotheses[0].target == "node/n2"
