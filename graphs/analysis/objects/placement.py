"""Which pods run on which machine, as the cluster shows it."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.telemetry import ObjectTable
from graphs.analysis.objects.parse import read


def pods_on_nodes(tables: Iterable[ObjectTable]) -> dict[str, str]:
    """Pod -> node, of every pod that was listed with its node. Only wide lists are read: they are short and name all."""
    found: dict[str, str] = {}
    for table in tables:
        lists = [one for one in table.recorded if " get " in one.command and "pod" in one.command and "wide" in one.command]
        found |= {pod.name: pod.node for pod in read(lists).pods.values() if pod.node}
    return found
