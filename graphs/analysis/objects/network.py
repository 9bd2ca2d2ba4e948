"""Names that do not resolve, policies that block, links that are slow or lossy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, matches, tied
from graphs.analysis.objects.model import Event, Pod

_SLOW = ("context deadline exceeded", "client.timeout", "i/o timeout", "did not complete within")
_PATIENT = frozenset({"ClusterFirst", "ClusterFirstWithHostNet", ""})


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        yield from _names(look, unit)
        yield from _told(look, unit)
    yield from _policies(look)
    yield from _slow(look)
    yield from _links(look)


def _names(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    template = unit.template
    weight = 3.0 if unit.healthy else 5.8
    if template.dns_policy == "None":
        others = Counter(server for other in look.units if other.name != unit.name for server in other.template.nameservers)
        strange = [server for server in template.nameservers if server not in others]
        if strange or not template.nameservers:
            asked = ", ".join(strange) or "nobody"
            why = f"{unit.kind} {unit.name} has DNS policy None and asks {asked} for names, not the cluster's DNS"
            yield from look.fault(
                unit.target, "service_dns_resolution_failure", weight, why, query=_asked(unit), excerpt="dnsPolicy: None"
            )
    elif template.dns_policy not in _PATIENT or (template.host_network and template.dns_policy == "ClusterFirst"):
        why = f"{unit.kind} {unit.name} has DNS policy {template.dns_policy}, which does not know the cluster's services"
        excerpt = f"dnsPolicy: {template.dns_policy}"
        yield from look.fault(unit.target, "dns_policy_incorrect", weight - 1.0, why, query=_asked(unit), excerpt=excerpt)
    for address, names in template.host_aliases:
        hidden = [name for name in names if look.service_called(name) is not None]
        if hidden:
            why = f"{unit.kind} {unit.name} resolves service {hidden[0]} to the fixed address {address}"
            yield from look.fault(
                unit.target, "service_dns_resolution_failure", weight, why, query=_asked(unit), excerpt=f"{address} {hidden[0]}"
            )


def _asked(unit: Unit) -> str:
    return unit.declared.query if unit.declared is not None else unit.query


def _told(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    for pod in unit.pods:
        for container in pod.template.containers:
            said = container.message.lower()
            if "no such host" in said or "name or service not known" in said or "temporary failure in name resolution" in said:
                why = f"container {container.name} of pod {pod.name} ends because a name does not resolve"
                yield from look.fault(
                    unit.target,
                    "service_dns_resolution_failure",
                    4.0,
                    why,
                    query=pod.query,
                    excerpt=container.message,
                    outsider_text=True,
                )


def _policies(look: Look) -> Iterator[ObjectFault]:
    for policy in look.cluster.policies.values():
        if not policy.denies:
            continue
        # One that is much older than the incident has been lived with until now.
        weight = 0.6 if policy.age_s is not None and policy.age_s > 4 * max(look.window_s, 900.0) else 4.5
        hit = [unit for unit in look.units if not policy.selector or matches(policy.selector, unit.template.labels)]
        way = " and ".join(policy.denies)
        for unit in hit if policy.selector else []:
            why = f"network policy {policy.name} lets no {way} traffic pass for {unit.kind} {unit.name} ({tied(policy.selector)})"
            yield from look.fault(
                unit.target, "network_policy_blocked", weight, why, query=policy.query, excerpt=policy.line or None
            )
        if not policy.selector:
            why = f"network policy {policy.name} lets no {way} traffic pass in the whole namespace"
            yield from look.fault(look.namespace(policy.namespace), "network_policy_blocked", weight, why, query=policy.query)


def _slow(look: Look) -> Iterator[ObjectFault]:
    """Probes that time out after the first seconds: of one node's pods only, or of one application only."""
    hits: dict[str, list[tuple[Unit, Pod, Event]]] = defaultdict(list)
    for unit in look.units:
        for pod in unit.pods:
            event = next((event for event in pod.events if _late(pod, event)), None)
            if event is not None and pod.node is not None:
                hits[pod.node].append((unit, pod, event))
    if len(hits) == 1:
        ((node, found),) = hits.items()
        apps = {unit.name for unit, _, _ in found}
        _, pod, event = found[0]
        if len(apps) > 1:
            why = f"probes of {len(apps)} applications time out, all of them on node {node}"
            yield from look.fault(look.node(node), "node_network_delay", 2.0, why, query=pod.query, excerpt=event.line)
    for found in hits.values():
        for unit, pod, event in found:
            why = f"probes of pod {pod.name} time out"
            yield from look.fault(unit.target, "pod_network_delay", 0.7, why, query=pod.query, excerpt=event.line)


def _late(pod: Pod, event: Event) -> bool:
    if event.reason != "Unhealthy" or not any(word in event.message.lower() for word in _SLOW) or event.age_s is None:
        return False
    started = pod.age_s if pod.age_s is not None else event.first_s or 0.0
    return started - event.age_s > 45.0 or event.count >= 4


def _links(look: Look) -> Iterator[ObjectFault]:
    """Measured links: one that loses packets or is far slower than the usual one, and rules that make it so."""
    usual_ms = sorted(link.delay_ms for link in look.cluster.links)[len(look.cluster.links) // 2] if look.cluster.links else 0.0
    for link in look.cluster.links:
        slow = link.delay_ms >= max(20.0, 5 * usual_ms) or (link.shaped and link.delay_ms > 0)
        if link.loss < 0.02 and not slow:
            continue
        what = "network_packet_loss" if link.loss >= 0.02 else "network_delay"
        why = f"loses {link.loss:.0%} of its packets" if link.loss >= 0.02 else f"takes {link.delay_ms:g} ms"
        weight, numbers = 5.5 if link.shaped else 3.5, {"loss": link.loss, "delay_ms": link.delay_ms}
        for name in dict.fromkeys(link.names):
            if name in look.cluster.nodes:
                kind, target = f"node_{what}", look.node(name)
            else:
                kind, target = f"pod_{what}", look.app(name) if name in look.cluster.services or name in look.cluster.pods else None
            yield from look.fault(
                target, kind, weight, f"the link of {name} {why}", query=link.query, excerpt=link.line, numbers=numbers
            )
