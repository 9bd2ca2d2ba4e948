"""Faults that only the cluster as a whole shows, or that the API itself turns away, to the first word of a closed list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.telemetry import Recorded
from tests.unit.graphs.analysis.objects import kubectl_says as says
from tests.unit.graphs.analysis.objects.test_examine import found
from tests.unit.graphs.analysis.objects.test_fault_kinds import LABELS, judged

MORE = (
    *LABELS,
    "cni_plugin_failure",
    "deployment_selector_mismatch",
    "env_variable_type_error",
    "headless_service_misconfigured",
    "hpa_metrics_unavailable",
    "incorrect_dns_policy",
    "incorrect_image_registry",
    "missing_namespace",
    "pod_preempted",
    "pod_security_violation",
    "priority_class_not_found",
    "resource_requests_exceed_limits",
    "topology_spread_constraint_mismatch",
)
WELL = says.daemon("c1", "kube-scheduler")
NAME_SERVERS = (
    "NAME                READY   STATUS             RESTARTS   AGE\ncoredns-5d78-ab1c   0/1     CrashLoopBackOff   6          9d"
)
Bend = Callable[[Any], Any]


def silenced(shop: Any, answer: str) -> says.Bent:
    """Nothing but `answer` came back from the cluster's API; a daemon of the control plane was asked on its machine."""
    asked = [Recorded(f"kubectl get {kind} -n shop", answer) for kind in ("pods", "deployments", "services", "serviceaccounts")]
    declared = [entry for entry in shop.recorded() if entry.command.startswith("manifest")]
    return says.Bent(shop.candidates, (*declared, *asked, Recorded(*WELL)))


def batch(resources: str = "", selects: str = "ledger-batch") -> tuple[tuple[str, str], ...]:
    """A second workload of the ledger that is declared, and that the list of workloads does not know."""
    asked = f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: ledger-batch, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: {selects}}}}}
  template:
    metadata: {{labels: {{app: ledger-batch}}}}
    spec:
      containers:
      - name: main
        image: registry.test/ledger:1.4
        resources: {{{resources}}}
"""
    return ("manifest app/ledger-batch", asked), ("kubectl get deployments -n shop", "NAME   READY\nweb    1/1")


def with_name_servers(shop: Any) -> says.Bent:
    row = Recorded("kubectl get pods -n kube-system", NAME_SERVERS)
    return says.Bent((*shop.candidates, "app/coredns"), (*shop.recorded(), row))


FAULTS: list[tuple[str, str, Bend]] = [
    ("node/c1", "kube_apiserver_unavailable", lambda s: silenced(s, "The connection to the server 10.0.0.1:6443 was refused")),
    ("node/c1", "etcd_unavailable", lambda s: silenced(s, "Error from server: etcdserver: request timed out")),
    ("namespace/shop", "missing_namespace", lambda s: silenced(s, "No resources found in shop namespace.")),
    (
        "namespace/shop",
        "missing_namespace",
        lambda s: silenced(s, 'Error from server (NotFound): namespaces "shop" not found'),
    ),
    ("app/coredns", "coredns_unavailable", with_name_servers),
    ("app/ledger", "resource_requests_exceed_limits", lambda s: s.also(*batch("requests: {cpu: 2}, limits: {cpu: 1}"))),
    ("app/ledger", "deployment_selector_mismatch", lambda s: s.also(*batch(selects="ledger-jobs"))),
    ("app/ledger", "priority_class_not_found", lambda s: says.refused(s, "ledger", "no PriorityClass with name urgent was found")),
    (
        "app/ledger",
        "pod_security_violation",
        lambda s: says.refused(s, "ledger", 'violates PodSecurity "restricted:latest": privileged'),
    ),
    (
        "app/ledger",
        "pod_preempted",
        lambda s: s.bend(
            "ledger",
            **says.PENDING,
            events=(
                says.event("Preempted", "default-scheduler", "Preempted by pod f2c1 on node n1", warning=False),
                says.unschedulable("1 node(s) were unschedulable, 2 Insufficient cpu"),
            ),
        ),
    ),
    (
        "app/ledger",
        "topology_spread_constraint_mismatch",
        lambda s: says.pending(s, "ledger", "3 node(s) didn't match pod topology spread constraints"),
    ),
    (
        "app/ledger",
        "incorrect_image_registry",
        lambda s: says.unpulled(s, "dial tcp: lookup regsitry.test: no such host", "regsitry.test/ledger:1.4"),
    ),
    (
        "app/ledger",
        "headless_service_misconfigured",
        lambda s: says.rewritten(
            s.also(("tcp-probe ledger:80", "Connection Failed")),
            "describe services ledger",
            IP="IP: None",
            Port="Port: main  80/TCP",
        ),
    ),
    (
        "node/n1",
        "cni_plugin_failure",
        lambda s: says.creating(
            s,
            "ledger",
            says.event(
                "FailedCreatePodSandBox",
                "kubelet",
                'failed to setup network for sandbox "a1": plugin type="bridge" failed (add): no address',
            ),
        ),
    ),
    (
        "app/web",
        "hpa_metrics_unavailable",
        lambda s: s.also(
            (
                "kubectl get hpa -n shop",
                (
                    "NAME   REFERENCE        TARGETS              MINPODS   MAXPODS   REPLICAS\n"
                    "web    Deployment/web   cpu: <unknown>/60%   1         4         1"
                ),
            )
        ),
    ),
    ("app/ledger", "env_variable_type_error", lambda s: says.crashing(s, "ledger", env={"HTTP_PORT": "eighty"})),
    ("app/web", "gateway_misrouted", lambda s: s.bend("web", env={"ROUTES_3_URI": "lb://legder"})),
    ("app/ledger", "incorrect_dns_policy", lambda s: says.crashing(s, "ledger", spec="dnsPolicy: Default")),
]


@pytest.mark.parametrize(("target", "label", "bend"), FAULTS, ids=[f"{i}-{label}" for i, (_, label, _) in enumerate(FAULTS)])
async def test_the_first_word_is_right(shop: Any, target: str, label: str, bend: Bend) -> None:
    first = (await judged(bend(shop), MORE)).hypotheses[0]
    assert (first.target, first.label) == (target, label), (first.kind, first.statement)


HARMLESS: list[Bend] = [
    lambda s: s.also(("kubectl get pods -n other", "The connection to the server 10.0.0.1:6443 was refused")),
    lambda s: s.also(("kubectl get namespaces", 'Error from server (Forbidden): namespaces is forbidden: User "reader"')),
    lambda s: s.also(
        ("kubectl get pods -n kube-system", NAME_SERVERS.replace("0/1 ", "1/1 ").replace("CrashLoopBackOff", "Running"))
    ),
    lambda s: s.bend("ledger", env={"STORE_PORT": "tcp://10.9.0.7:5432", "NAMED_PORT": "http"}),
    lambda s: s.bend("web", env={"DOCS_URL": "https://docs.example.test/", "LEDGER_URI": "lb://ledger"}),
    lambda s: says.rewritten(s, "describe services ledger", IP="IP: None"),
]


@pytest.mark.parametrize("bend", HARMLESS, ids=range(len(HARMLESS)))
async def test_what_any_healthy_cluster_may_answer_accuses_nobody(shop: Any, bend: Bend) -> None:
    diagnosis = await judged(bend(shop), MORE)
    assert not diagnosis.hypotheses or diagnosis.hypotheses[0].confidence < 0.4


async def test_where_the_list_has_no_word_for_the_dns_policy_its_effect_is_named(shop: Any) -> None:
    first = (await judged(says.crashing(shop, "ledger", spec="dnsPolicy: Default"))).hypotheses[0]
    assert first.label == "service_dns_resolution_failure"


async def test_a_fault_without_a_word_is_called_by_the_next_one_of_the_same_objects(shop: Any) -> None:
    preempted = FAULTS[[label for _, label, _ in FAULTS].index("pod_preempted")][2]
    first = (await judged(preempted(shop))).hypotheses[0]
    assert (first.kind, first.label) == ("pod_preempted", "cpu_capacity_mismatch")


async def test_one_name_server_that_is_ready_is_enough(shop: Any) -> None:
    row = Recorded(
        "kubectl get pods -n kube-system", f"{NAME_SERVERS}\ncoredns-5d78-cd2e   1/1     Running            0          9d"
    )
    found = await judged(says.Bent((*shop.candidates, "app/coredns"), (*shop.recorded(), row)), MORE)
    assert "coredns_unavailable" not in {each.kind for each in found.hypotheses}


@pytest.mark.parametrize(("many", "silent"), [(4, True), (3, True), (2, False)])
async def test_a_cluster_is_silent_from_three_unanswered_questions_on(shop: Any, many: int, silent: bool) -> None:
    bent = silenced(shop, "The connection to the server 10.0.0.1:6443 was refused")
    asked = [entry for entry in bent.entries if " get " in entry.command]
    kept = tuple(entry for entry in bent.entries if entry not in asked[many:])
    found = await judged(says.Bent(bent.candidates, kept), MORE)
    assert ("kube_apiserver_unavailable" in {each.kind for each in found.hypotheses}) is silent


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize(
    "resources", ["requests: {cpu: 1}, limits: {cpu: 1}", "requests: {cpu: 1}"], ids=["at its limit", "no limit"]
)
def test_a_declared_workload_that_is_not_there_is_missing_and_what_it_may_ask_for_is_no_reason(
    shop: Any, kind: str, resources: str
) -> None:
    (name, asked), (_, listed) = batch(resources)
    declared = (Recorded(name, asked.replace("Deployment", kind)), Recorded(f"kubectl get {kind.lower()}s -n shop", listed))
    bent = says.Bent((*shop.candidates, "app/ledger-batch"), (*shop.recorded(), *declared))
    assert [fault.kind for fault in found(bent) if fault.target == "app/ledger-batch"] == ["workload_missing"]
