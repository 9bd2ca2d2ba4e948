"""Faults of nodes, policies, webhooks, evictions and companions, as the cluster itself tells of them: the first word is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.graphs.analysis.objects import kubectl_says as says
from tests.unit.graphs.analysis.objects.test_fault_kinds import judged

Bend = Callable[[Any], Any]


def evicted(shop: Any, why: str) -> Any:
    told = says.event("Evicted", "kubelet", why, age="20s")
    return shop.bend("ledger", status="Evicted", ready=False, state="Terminated", events=(told,))


def journal(shop: Any, said: str, *nodes: str, times: int = 3) -> Any:
    """The kubelets of these nodes complain of it."""
    told = []
    for node in nodes:
        command, status = says.daemon(node, "kubelet")
        lines = [f"May 04 11:59:0{at} {node} kubelet[34]: E0504 11:59:00.1 34 x.go:1] {said}" for at in range(times)]
        told.append((command, "\n".join([status, "", *lines])))
    return shop.also(*says.daemons(*told))


def renewed(shop: Any, **at: str) -> Any:
    """Each node's lease, renewed at this time of day by the node's own clock."""
    told = []
    for node in ("c1", "n1", "n2"):
        lines = [f"Name:               {node}", "Roles:              <none>", "Unschedulable:      false", "Lease:"]
        lines += [f"  HolderIdentity:  {node}", f"  RenewTime:       Mon, 04 May 2026 {at.get(node, '11:59:58')} +0800"]
        lines += ["Conditions:", "  Type   Status  LastHeartbeatTime  LastTransitionTime  Reason        Message"]
        lines += ["  Ready  True    x                  x                   KubeletReady  kubelet is posting ready status"]
        told.append((f"kubectl describe nodes {node} -n shop", "\n".join(lines)))
    return shop.also(*told)


def policy(shop: Any, *spec: str, pods: str = "app=ledger") -> Any:
    text = ["Name:         some", "Namespace:    shop", "Spec:", f"  PodSelector:     {pods}", *(f"  {line}" for line in spec)]
    return shop.also(("kubectl describe networkpolicies some -n shop", "\n".join(text)))


def lets_in(shop: Any, *rule: str) -> Any:
    return policy(
        shop, "Allowing ingress traffic:", *(f"  {line}" for line in rule), "Not affecting egress traffic", "Policy Types: Ingress"
    )


def lets_out(shop: Any, *rule: str) -> Any:
    return policy(
        shop, "Not affecting ingress traffic", "Allowing egress traffic:", *(f"  {line}" for line in rule), "Policy Types: Egress"
    )


def hook(why: str) -> str:
    asked = 'failed to call webhook: Post "https://check.tools.svc:443/m"'
    return f'Internal error occurred: failed calling webhook "check.shop.test": {asked}: {why}'


def accompanied(shop: Any, *, well: bool) -> Any:
    """Ledger's pod has a second container that keeps ending, while the first is well or not."""
    pod = next(entry for entry in shop.recorded() if entry.command.startswith("kubectl describe pods ledger"))
    second = "  shipper:\n    Image:      registry.test/shipper:1\n    Port:       <none>\n    State:          Waiting\n"
    second += (
        "      Reason:       CrashLoopBackOff\n    Last State:     Terminated\n      Reason:       Error\n      Exit Code:    1\n"
    )
    second += "    Ready:          False\n    Restart Count:  4\nConditions:"
    text = pod.output.replace("Conditions:", second).replace("Ready             True", "Ready             False")
    return shop.bend("ledger", ready=False).also(
        (pod.command, text if well else text.replace("Ready:          True", "Ready:          False"))
    )


NODES: list[tuple[str, str, Bend]] = [
    ("node/n1", "node_memory_pressure", lambda s: evicted(s, "The node was low on resource: memory. Threshold quantity: 100Mi.")),
    ("node/n1", "node_disk_pressure", lambda s: evicted(s, "The node was low on resource: ephemeral-storage. Threshold: 1Gi.")),
    ("node/n1", "node_disk_pressure", lambda s: evicted(s, "The node had condition: [DiskPressure]. ")),
    ("node/n1", "node_clock_skew", lambda s: renewed(s, n1="09:30:00")),
    ("node/n1", "node_clock_skew", lambda s: renewed(s, n1="12:20:00")),
    ("node/n1", "node_conntrack_exhausted", lambda s: journal(s, "nf_conntrack: table full, dropping packet", "n1")),
    ("node/n1", "container_runtime_unavailable", lambda s: journal(s, '"Skipping" err="PLEG is not healthy"', "n1")),
    ("node/n1", "kubelet_certificate_expired", lambda s: journal(s, "x509: certificate has expired or is not yet valid", "n1")),
    ("node/n1", "node_dns_unavailable", lambda s: journal(s, 'err="CrashLoopBackOff" pod="kube-system/nodelocaldns-x8k2l"', "n1")),
    (
        "node/n1",
        "node_network_plugin_unavailable",
        lambda s: journal(s, 'err="CrashLoopBackOff" pod="kube-system/calico-node-x8k2l"', "n1"),
    ),
    (
        "node/c1",
        "kube_controller_manager_unavailable",
        lambda s: s.also(
            (
                "kubectl get pods -n kube-system -o wide",
                (
                    "NAME                         READY   STATUS             RESTARTS   AGE   IP         NODE\n"
                    "kube-controller-manager-c1   0/1     CrashLoopBackOff   9          5m    10.0.0.1   c1"
                ),
            )
        ),
    ),
]

ADMITTED: list[tuple[str, str, Bend]] = [
    (
        "namespace/shop",
        "webhook_certificate_expired",
        lambda s: says.refused(s, "ledger", hook("tls: failed to verify certificate: x509: certificate has expired")),
    ),
    (
        "namespace/shop",
        "webhook_certificate_invalid",
        lambda s: says.refused(s, "ledger", hook("x509: certificate signed by unknown authority")),
    ),
    ("namespace/shop", "webhook_unavailable", lambda s: says.refused(s, "ledger", hook("connect: connection refused"))),
    (
        "app/ledger",
        "admission_denied",
        lambda s: says.refused(s, "ledger", 'admission webhook "check.shop.test" denied the request: no such team'),
    ),
]

PODS: list[tuple[str, str, Bend]] = [
    (
        "app/ledger",
        "ephemeral_storage_exceeded",
        lambda s: evicted(s, "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. "),
    ),
    ("app/ledger", "ephemeral_storage_exceeded", lambda s: evicted(s, 'Usage of EmptyDir volume "tmp" exceeds the limit "9Mi". ')),
    ("app/ledger", "sidecar_crash_loop", lambda s: accompanied(s, well=True)),
    ("app/ledger", "message_broker_unavailable", lambda s: says.crashing(s, "ledger", image="registry.test/team/kafka:3.7")),
    ("app/store", "db_unavailable", lambda s: says.crashing(s, "store", image="postgres:15")),
    (
        "app/ledger",
        "image_rate_limited",
        lambda s: says.unpulled(s, "429 Too Many Requests - toomanyrequests: pull rate limit", "registry.test/ledger:1.4"),
    ),
    (
        "app/ledger",
        "disruption_budget_blocks",
        lambda s: s.bend(
            "ledger",
            events=(says.event("FailedEviction", "x", "Cannot evict pod as it would violate the pod's disruption budget."),),
        ),
    ),
    ("app/ledger", "service_target_port_name_missing", lambda s: s.bend("ledger", target="rpc").also(empty("ledger"))),
]

PASSED: list[tuple[str, str, Bend]] = [
    ("app/ledger", "network_policy_blocked", lambda s: lets_in(s, "To Port: <any> (all)", "From:", "  PodSelector: role=auditor")),
    ("app/ledger", "network_policy_blocked", lambda s: lets_in(s, "To Port: 9090/TCP", "From: <any> (anybody)")),
    (
        "app/ledger",
        "network_policy_blocked",
        lambda s: lets_in(s, "To Port: <any> (all)", "From:", "  NamespaceSelector: kubernetes.io/metadata.name=other"),
    ),
    ("app/ledger", "network_policy_blocked", lambda s: lets_out(s, "To Port: 5432/TCP", "To:", "  PodSelector: app=store")),
    (
        "app/ledger",
        "network_policy_blocked",
        lambda s: lets_out(s, "To Port: <any> (all)", "To:", "  PodSelector: app=mailer"),
    ),
    (
        "app/ledger",
        "network_policy_blocked",
        lambda s: s.also(
            (
                "kubectl get networkpolicies some -n shop -o yaml",
                (
                    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: some, namespace: shop}\nspec:\n"
                    "  podSelector: {matchLabels: {app: ledger}}\n  policyTypes: [Ingress]\n"
                    "  ingress: [{from: [{podSelector: {matchLabels: {role: auditor}}}]}]"
                ),
            )
        ),
    ),
]


def empty(service: str) -> tuple[str, str]:
    return f"kubectl describe endpoints {service}", f"Name:         {service}\nNamespace:    shop\nSubsets:\nEvents:  <none>"


@pytest.mark.parametrize(("target", "kind", "bend"), [*NODES, *ADMITTED, *PODS, *PASSED])
async def test_the_first_word_names_the_object_and_the_fault(shop: Any, target: str, kind: str, bend: Bend) -> None:
    diagnosis = await judged(bend(shop), labels=(kind,))
    first = diagnosis.hypotheses[0]
    assert (first.target, first.label) == (target, kind), (first.kind, first.statement)


@pytest.mark.parametrize(
    "bend",
    [
        lambda s: lets_in(s, "To Port: 8081/TCP", "From:", "  PodSelector: app=web"),
        lambda s: lets_in(s, "To Port: <any> (all)", "From:", "  PodSelector: app=x", "From: <any> (anybody)"),
        lambda s: lets_in(s, "To Port: <any> (all)", "From:", "  NamespaceSelector: team=any"),
        lambda s: lets_in(
            s, "To Port: 1/TCP", "From:", "  PodSelector: app=x", "----------", "To Port: 8081/TCP", "From:", "  IPBlock:"
        ),
        lambda s: lets_out(s, "To Port: <any> (all)", "To: <any> (everybody)"),
        lambda s: lets_out(
            s, "To Port: 5432/TCP", "To:", "  PodSelector: app=store", "----------", "To Port: 53/UDP", "To: <any> (everybody)"
        ),
        lambda s: renewed(s, n1="11:59:20"),
        lambda s: journal(s, "x509: certificate has expired or is not yet valid", "n1", "n2"),
        lambda s: journal(s, '"SyncLoop (probe)" probe="readiness" pod="kube-system/nodelocaldns-x8k2l"', "n1"),
        lambda s: s.bend("ledger", target="rpc").also(
            (
                "kubectl get deployments ledger -o yaml",
                (
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ledger, namespace: shop}\nspec:\n  replicas: 1\n"
                    "  selector: {matchLabels: {app: ledger}}\n  template:\n    metadata: {labels: {app: ledger}}\n    spec:\n"
                    "      containers: [{name: ledger-main, image: 'registry.test/ledger:1.4', "
                    "ports: [{containerPort: 8081, name: rpc}]}]\nstatus: {availableReplicas: 1}"
                ),
            )
        ),
    ],
)
async def test_who_must_pass_and_may_and_clocks_that_agree_are_no_fault(shop: Any, bend: Bend) -> None:
    assert not (await judged(bend(shop))).hypotheses


async def test_a_variable_that_begins_with_its_owner_s_name_is_not_about_the_owner(shop: Any) -> None:
    first = (await judged(says.databases(shop, DATABASE="shopp"), labels=())).hypotheses[0]
    assert (first.target, first.kind) == ("app/ledger", "mysql_invalid_database")


async def test_of_services_that_tell_pods_apart_by_role_none_is_said_to_select_wrongly(shop: Any) -> None:
    led = shop.bend("ledger", selector="app=ledger,role=leader").also(
        (
            "kubectl describe services ledger-follower",
            "Name:  ledger-follower\nNamespace:  shop\nSelector:  app=ledger,role=follower\nType:  ClusterIP\nIP:  10.9.0.8",
        )
    )
    kinds = [h.kind for h in (await judged(led, labels=())).hypotheses if h.target == "app/ledger"]
    assert kinds == ["service_role_unassigned"]


async def test_a_companion_is_only_one_beside_a_container_that_is_well(shop: Any) -> None:
    first = (await judged(accompanied(shop, well=False), labels=("sidecar_container_crash",))).hypotheses[0]
    assert (first.target, first.label) == ("app/ledger", None)


async def test_a_make_in_the_target_s_name_is_the_last_word(shop: Any) -> None:
    renamed = replace(shop, apps=tuple(replace(app, name="kafka", secret="") if app.name == "mailer" else app for app in shop.apps))
    first = (await judged(renamed.bend("kafka", ready=False), labels=("message_broker_unavailable", "oom_killed"))).hypotheses[0]
    assert (first.target, first.label) == ("app/kafka", "message_broker_unavailable")
