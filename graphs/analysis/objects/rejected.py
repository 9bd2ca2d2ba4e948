"""Declared workloads that are not there, and the rules of the API by which they were turned away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look
from graphs.analysis.objects.model import Workload
from graphs.analysis.objects.text import amount

_LISTS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}


def check(look: Look) -> Iterator[ObjectFault]:
    if look.emptied:
        return
    for (kind, name), asked in look.cluster.declared_workloads.items():
        if _LISTS.get(kind) not in look.cluster.listed or (kind, name) in look.cluster.workloads:
            continue
        target = look.app(name, labels=asked.template.labels)
        why = f"{kind} {name} is declared and does not exist"
        yield from look.fault(target, "workload_missing", 2.5, why, query=asked.query)
        for fault, reason in _against(asked):
            yield from look.fault(target, fault, 5.5, f"{why}: {reason}", query=asked.query)


def _against(asked: Workload) -> Iterator[tuple[str, str]]:
    for container in asked.template.containers:
        for resource, wanted in sorted(container.requests.items()):
            limit = container.limits.get(resource)
            if limit is not None and wanted > limit:
                most = amount(resource, limit)
                reason = f"container {container.name} requests {amount(resource, wanted)} of {resource} and is limited to {most}"
                yield "resource_requests_exceed_limits", reason
    names = Counter(container.name for container in asked.template.containers)
    if twice := [name for name, count in names.items() if count > 1]:
        yield "duplicate_container_name", f"two containers are called {twice[0]}"
    wrong = {key: value for key, value in asked.selector.items() if asked.template.labels.get(key) != value}
    if wrong and asked.template.labels:
        yield f"{asked.kind.lower()}_selector_mismatch", "its selector does not match the labels of its own pods"
