"""Kubernetes objects checked against each other: what their specs, states and events say that cannot all be right."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import chain

from app.domain.incident import Scope
from app.domain.telemetry import ObjectTable
from graphs.analysis.objects import (
    addresses,
    answers,
    images,
    network,
    nodes,
    policies,
    probes,
    quotas,
    rejected,
    routes,
    runtime,
    scheduling,
    secrets,
    services,
    storage,
    writes,
)
from graphs.analysis.objects.consequences import consequences
from graphs.analysis.objects.fault import EFFECTS, ObjectFault
from graphs.analysis.objects.look import Look
from graphs.analysis.objects.parse import read

__all__ = ["ObjectFault", "examine"]

_FAMILIES = (
    scheduling,
    images,
    probes,
    services,
    addresses,
    storage,
    quotas,
    secrets,
    nodes,
    network,
    policies,
    routes,
    runtime,
    answers,
    rejected,
)


def examine(
    table: ObjectTable, scope: Scope, *, requests: Collection[writes.Failing] = (), edges: Collection[tuple[str, str]] = ()
) -> list[ObjectFault]:
    """Faults of the scope's candidates and what became of them, heaviest first; of several of one target and kind the heaviest.

    `requests` are those known to fail, `edges` who calls whom. The order of the recorded commands does not matter.
    Faults of objects that no candidate answers for are left out.
    """
    look = Look(read(table.recorded), scope)
    heaviest: dict[tuple[str, str], ObjectFault] = {}
    found = chain(chain.from_iterable(family.check(look) for family in _FAMILIES), writes.check(look, requests, edges))
    for fault in found:
        held = heaviest.get((fault.target, fault.kind))
        if held is None or (fault.weight, held.statement) > (held.weight, fault.statement):
            heaviest[(fault.target, fault.kind)] = fault
    faults = [replace(fault, seen=fault.kind in EFFECTS) for fault in heaviest.values()]
    faults += consequences(look, faults)
    return sorted(faults, key=lambda fault: (-fault.weight, fault.target, fault.kind))
