"""Pods that no node takes: the scheduler's last word held against taints, labels, room and claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, holds, latest, tied
from graphs.analysis.objects.model import Event, Node, Pod, Template
from graphs.analysis.objects.text import amount


@dataclass(frozen=True)
class _Said:
    """What a scheduler's words (any of `words`, lower case) mean, where they need not be held against anything."""

    words: tuple[str, ...]
    kind: str
    weight: float
    why: str


_CLAUSE = re2.compile(r"(\d+) (Insufficient [a-z0-9./-]+|Too many pods|node\(s\) [^,]*(?:\{[^}]*\})?[^,.]*)")
_INSUFFICIENT = re2.compile(r"Insufficient ([a-z0-9./-]+)")
_TAINT = re2.compile(r"untolerated taints? \{([^:}]+)")
_SAID: tuple[_Said, ...] = (
    _Said(("too many pods",), "node_pod_capacity_exceeded", 4.5, "the nodes hold as many pods as they may"),
    _Said(("anti-affinity",), "pod_anti_affinity_conflict", 5.5, "its own or another pod's anti-affinity leaves no node for it"),
    _Said(("match pod affinity rules",), "pod_affinity_mismatch", 5.5, "required pod affinity matches no running pod's node"),
    _Said(("topology spread",), "topology_spread_conflict", 5.0, "a hard topology spread constraint leaves no node for it"),
    _Said(("free ports",), "host_port_conflict", 5.0, "the host port it asks for is taken on every node"),
    _Said(
        ("volume node affinity conflict",),
        "volume_node_affinity_conflict",
        5.0,
        "its volume lives on a node that it may not run on",
    ),
    _Said(
        ("persistentvolumeclaim", "persistent volumes to bind"),
        "persistent_volume_claim_unbound",
        2.5,
        "waits for a claim that is missing or not bound",
    ),
)
_LIFECYCLE = "node.kubernetes.io/"


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        stuck = [pod for pod in unit.pods if pod.status == "Pending" and pod.node is None]
        if stuck:
            yield from _stuck(look, unit, stuck[0], len(stuck))
    yield from _budgets(look)
    yield from _too_large(look)
    yield from _pinned(look)


def _stuck(look: Look, unit: Unit, pod: Pod, count: int) -> Iterator[ObjectFault]:
    event = latest(pod.events, "FailedScheduling")
    if event is None:
        yield from _untouched(look, unit, pod)
        return
    said = event.message.partition("preemption:")[0]
    partly = 0.0 if len(unit.pods) == count else -0.7  # some of its pods run, so callers are still answered
    for kind, weight, why in _reasons(look, unit, said):
        numbers = {"pending_pods": float(count)}
        yield from look.fault(
            unit.target,
            kind,
            weight + partly,
            f"{unit.kind} {unit.name}: {why}",
            query=pod.query,
            excerpt=event.line,
            numbers=numbers,
        )
    yield from _blame_nodes(look, unit, event, said)


def _untouched(look: Look, unit: Unit, pod: Pod) -> Iterator[ObjectFault]:
    """Pending, and no scheduler ever said why."""
    wanted = unit.template.scheduler
    if wanted and wanted != "default-scheduler":
        why = f"{unit.kind} {unit.name} asks for scheduler {wanted}, which has left pod {pod.name} untouched"
        yield from look.fault(unit.target, "scheduler_name_mismatch", 5.0, why, query=pod.query, excerpt=pod.line)
        return
    for node in look.cluster.nodes.values():
        if node.control_plane:
            why = f"pod {pod.name} is pending and no scheduler has recorded a decision about it"
            yield from look.fault(look.node(node.name), "kube_scheduler_unavailable", 2.0, why, query=pod.query, excerpt=pod.line)
    why = f"pod {pod.name} is pending without a scheduling decision"
    yield from look.fault(unit.target, "pod_not_scheduled", 1.0, why, query=pod.query, excerpt=pod.line)


def _reasons(look: Look, unit: Unit, said: str) -> Iterator[tuple[str, float, str]]:
    """(kind, weight, why), the most specific ones first; more than one where the scheduler names several."""
    template = unit.template
    if (short := _INSUFFICIENT.search(said)) is not None:
        resource = short.group(1).rstrip(".")
        most = max((node.allocatable.get(resource, 0.0) for node in look.cluster.nodes.values()), default=0.0)
        asked = sum(container.requests.get(resource, 0.0) for container in unit.main)
        too_much = bool(most) and asked > most
        beyond = (
            f"asks for {amount(resource, asked)} of {resource}, the largest node has {amount(resource, most)}"
            if too_much
            else f"no node has enough {resource} left"
        )
        # Where a node has dropped out, the others lack room because of it.
        weight = 3.0 if not too_much and _dropped_out(look, said) else 5.5
        yield f"{resource.replace('.', '_').replace('-', '_').replace('/', '_')}_capacity_mismatch", weight, beyond
    low = said.lower()
    yield from ((told.kind, told.weight, told.why) for told in _SAID if any(word in low for word in told.words))
    taint = _foreign_taint(said)
    if "affinity/selector" in said or taint or "unschedulable" in said:
        yield from _placement(look, template, said, taint)


def _dropped_out(look: Look, said: str) -> bool:
    ill = _LIFECYCLE in said.replace(f"{_LIFECYCLE}unschedulable", "")
    return ill or any(node.cordoned or node.ready != "True" for node in look.workers)


def _placement(look: Look, template: Template, said: str, taint: str | None) -> Iterator[tuple[str, float, str]]:
    """Selector, affinity, taint or cordon: which of them, asked of the nodes themselves."""
    clauses = [clause for _, clause in _CLAUSE.findall(said)]
    if any("Insufficient" in clause or "pod affinity" in clause or "anti-affinity" in clause for clause in clauses):
        return
    # The control plane takes no ordinary pods: that it alone fits is as good as no node.
    willing = [node for node in look.workers or tuple(look.cluster.nodes.values()) if fits(template, node)]
    if "affinity/selector" in said and not willing:
        if template.node_selector:
            yield "node_selector_mismatch", 5.5, f"node selector {tied(template.node_selector)} matches no node"
        else:
            rules = "; ".join(
                f"{key} {operator} {'/'.join(values)}" for term in template.affinity for key, operator, values in term
            )
            yield (
                "node_affinity_mismatch",
                5.5 if rules else 4.5,
                f"required node affinity ({rules or 'as described'}) matches no node",
            )
        return
    if willing and all(node.cordoned for node in willing):
        names = ", ".join(node.name for node in willing[:4])
        yield "node_cordon_mismatch", 5.5, f"every node it may run on is cordoned ({names})"
    elif taint:
        yield "node_taint_mismatch", 5.5, f"does not tolerate taint {taint} of the nodes it may run on"
    elif "affinity/selector" in said:
        # Where the node that fits is ill, its own fault says so and this is only how it shows.
        ill = _LIFECYCLE in said or any(node.ready != "True" for node in willing)
        kind = "node_selector_mismatch" if template.node_selector else "node_affinity_mismatch"
        yield kind, 1.0 if ill else 3.0, "its placement rules leave too few nodes"


def _foreign_taint(said: str) -> str | None:
    """A taint that people set; those of the node's own life cycle say that the node is ill instead."""
    for key in _TAINT.findall(said):
        if not key.strip().startswith((_LIFECYCLE, "node-role.kubernetes.io/")):
            return str(key.strip())
    return None


def _blame_nodes(look: Look, unit: Unit, event: Event, said: str) -> Iterator[ObjectFault]:
    for node in look.workers:
        if node.cordoned and fits(unit.template, node) and "unschedulable" in said:
            why = f"node {node.name} is cordoned while {unit.kind} {unit.name} waits for a place"
            yield from look.fault(look.node(node.name), "node_cordon_mismatch", 2.0, why, query=node.query, excerpt=event.line)


def _budgets(look: Look) -> Iterator[ObjectFault]:
    """Pods that may not be moved, because their disruption budget leaves no room: whoever drains a node waits."""
    for unit in look.units:
        named = {pod.name for pod in unit.pods}
        loose = (event for kind, name, event in look.cluster.loose_events if kind == "pods" and name in named)
        told = next((e for e in chain(*(pod.events for pod in unit.pods), loose) if "disruption budget" in e.message.lower()), None)
        if told is not None:
            why = f"{unit.kind} {unit.name}: its disruption budget lets no pod of it be moved"
            yield from look.fault(unit.target, "disruption_budget_blocks", 4.0, why, query=unit.query, excerpt=told.line)


def _too_large(look: Look) -> Iterator[ObjectFault]:
    """Requests that no node could ever hold, whether or not the scheduler has said so."""
    for unit in look.units:
        for resource in ("cpu", "memory", "ephemeral-storage"):
            most = max((node.allocatable.get(resource, 0.0) for node in look.cluster.nodes.values()), default=0.0)
            asked = sum(container.requests.get(resource, 0.0) for container in unit.main)
            if most and asked > most:
                wanted, largest = amount(resource, asked), amount(resource, most)
                why = f"{unit.kind} {unit.name} requests {wanted} of {resource}, more than the largest node's {largest}"
                kind = f"{resource.replace('-', '_')}_capacity_mismatch"
                numbers = {"requested": asked, "largest_node": most}
                yield from look.fault(unit.target, kind, 4.5, why, query=unit.query, numbers=numbers)


def _pinned(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        name = unit.template.node_name
        if name and look.cluster.nodes and name not in look.cluster.nodes:
            why = f"{unit.kind} {unit.name} is pinned to node {name}, which does not exist"
            yield from look.fault(unit.target, "node_name_mismatch", 5.0, why, query=unit.query)


def fits(template: Template, node: Node) -> bool:
    """Whether the labels of a node satisfy the node selector and the required node affinity."""
    labels = {"kubernetes.io/hostname": node.name, "metadata.name": node.name, **node.labels}
    if any(labels.get(key) != value for key, value in template.node_selector.items()):
        return False
    terms = template.affinity
    return not terms or any(all(holds(labels, *rule) for rule in term) for term in terms)
