from __future__ import annotations

from app.domain.telemetry import Recorded
from graphs.analysis.naming import addresses
from graphs.analysis.objects.look import Look
from graphs.analysis.objects.owners import owners
from graphs.analysis.objects.parse import read
from tests.unit.graphs.said import SCOPE

SERVICES = """\
NAME    TYPE        CLUSTER-IP    EXTERNAL-IP   PORT(S)    AGE   SELECTOR
till    ClusterIP   10.3.0.17     <none>        8080/TCP   94s   app=till
purse   ClusterIP   10.3.0.171    <none>        8080/TCP   94s   app=purse
store   ClusterIP   None          <none>        6379/TCP   94s   app=store
"""
PODS = """\
NAMESPACE   NAME                     READY   STATUS    RESTARTS      AGE   IP           NODE
shop        till-5f9c7d8b6-x2k4p     1/1     Running   2 (94s ago)   3d    10.8.1.4     one
shop        store-0                  1/1     Running   0             3d    10.8.1.5     one
shop        agent-x2k4p              1/1     Running   0             3d    192.168.0.9  one
shop        proxy-q7w2e              1/1     Running   0             3d    192.168.0.9  one
"""
ENDPOINTS = "NAME    ENDPOINTS                       AGE\npurse   10.8.1.7:8080,10.8.1.8:8080   3d\nstore   <none>    3d\n"


def test_the_cluster_says_whose_an_address_is() -> None:
    found = owners(
        [
            Recorded("kubectl get services -n shop -o wide", SERVICES),
            Recorded("kubectl get pods -A -o wide", PODS),
            Recorded("kubectl get endpoints", ENDPOINTS),
        ]
    )
    assert found == {
        "10.3.0.17": "till",
        "10.3.0.171": "purse",
        "10.8.1.4": "till",
        "10.8.1.5": "store",
        "10.8.1.7": "purse",
        "10.8.1.8": "purse",
    }


def test_an_address_that_two_have_is_nobodys() -> None:
    assert "192.168.0.9" not in owners([Recorded("kubectl get pods -o wide", PODS)])


def test_other_commands_and_tables_without_addresses_say_nothing() -> None:
    nodes = "NAME   STATUS   ROLES    AGE   VERSION   INTERNAL-IP\none    Ready    worker   3d    v1.30     192.168.0.9\n"
    assert owners([Recorded("kubectl get nodes -o wide", nodes)]) == {}
    assert owners([Recorded("kubectl describe service till", SERVICES)]) == {}
    assert owners([Recorded("kubectl get pods", "NAME   READY   STATUS\ntill-5f9c7d8b6-x2k4p   1/1   Running 10.8.1.4\n")]) == {}


def test_only_whole_addresses_are_read() -> None:
    assert addresses("dial tcp 10.3.0.17:8080: refused, not 1.2.3.4.5 nor v1.2.3") == ["10.3.0.17"]


def test_a_pod_of_a_workload_with_a_longer_name_is_not_one_of_the_shorter() -> None:
    rows = """\
NAME                    READY   STATUS    RESTARTS   AGE
store-db-x2k4p          1/1     Running   0          3d
store-5f9c7d8b6-q7w2e   1/1     Running   0          3d
"""
    workloads = "NAME    READY   UP-TO-DATE   AVAILABLE   AGE\nstore   1/1     1            1           3d\n"
    cluster = read([Recorded("kubectl get deployments", workloads), Recorded("kubectl get pods", rows)])
    held = {unit.name: [pod.name for pod in unit.pods] for unit in Look(cluster, SCOPE).units}
    assert held["store"] == ["store-5f9c7d8b6-q7w2e"]


def test_a_row_that_was_cut_short_is_passed_over() -> None:
    assert "10.8.1.4" in owners(
        [Recorded("kubectl get pods -A -o wide", PODS.replace("shop        agent", "shop\nshop        agent"))]
    )
