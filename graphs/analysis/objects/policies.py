"""Network policies that let some pass and not those who must: who calls whom, held against who may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphs.analysis.objects.addresses import services_told
from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, matches, tied
from graphs.analysis.objects.model import Passage, Peer, Policy, Service

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
_NAMES = "53"
"""The port that names are asked for on."""


def check(look: Look) -> Iterator[ObjectFault]:
    policies = list(look.cluster.policies.values())
    if not any(policy.ingress is not None or policy.egress is not None for policy in policies):
        return
    calls = [(unit, service) for unit in look.units for service in services_told(look, unit)]
    for unit in look.units:
        mine = [policy for policy in policies if _selects(policy, unit)]
        if any(policy.ingress is not None for policy in mine):
            yield from _in(look, unit, mine, calls)
        if any(policy.egress is not None for policy in mine):
            yield from _out(look, unit, mine, calls)


def _selects(policy: Policy, unit: Unit) -> bool:
    return not policy.selector or matches(policy.selector, unit.template.labels)


def _in(look: Look, unit: Unit, policies: list[Policy], calls: list[tuple[Unit, Service]]) -> Iterator[ObjectFault]:
    """Policies add up: who is let in by one is in."""
    rules = [rule for policy in policies for rule in policy.ingress or ()]
    callers = {
        caller.name: (caller, service) for caller, service in calls if _leads(look, service, unit) and caller.name != unit.name
    }
    shut = sorted(name for name, (caller, service) in callers.items() if not _passes(rules, policies, caller, _ports(service)))
    if shut:
        why = f"lets in {_told(rules)} and not {', '.join(shut[:3])}, which {'calls' if len(shut) == 1 else 'call'} it"
        yield from _fault(look, unit, next(p for p in policies if p.ingress is not None), why)
    elif not callers and not any(_passes(rules, policies, other, frozenset()) for other in look.units):
        why = f"lets in {_told(rules)}, and nobody here is one of them"
        yield from _fault(look, unit, next(p for p in policies if p.ingress is not None), why, less=1.5)


def _out(look: Look, unit: Unit, policies: list[Policy], calls: list[tuple[Unit, Service]]) -> Iterator[ObjectFault]:
    rules = [rule for policy in policies for rule in policy.egress or ()]
    policy = next(p for p in policies if p.egress is not None)
    shut = []
    for caller, service in calls:
        called = [other for other in look.units if _leads(look, service, other)]
        if caller.name == unit.name and called and not any(_passes(rules, policies, one, _ports(service)) for one in called):
            shut.append(service.name)
    if shut:
        yield from _fault(
            look, unit, policy, f"lets {unit.name} out to {_told(rules)} and not to {', '.join(sorted(set(shut))[:3])}"
        )
    elif any(caller.name == unit.name for caller, _ in calls) and not any(not one.ports or _NAMES in one.ports for one in rules):
        yield from _fault(look, unit, policy, f"lets {unit.name} ask nobody for names (port {_NAMES})")


def _fault(look: Look, unit: Unit, policy: Policy, why: str, *, less: float = 0.0) -> Iterator[ObjectFault]:
    names = {service.name for service in look.cluster.services.values() if look.service_target(service) == unit.target}
    failed = any(not reach.ok and reach.host.partition(".")[0] in names for reach in look.cluster.reaches)
    old = policy.age_s is not None and policy.age_s > 4 * max(look.window_s, 900.0)  # lived with until now
    weight = 0.6 if old else 4.5 + (0.8 if failed else 0.0) - less
    statement = f"network policy {policy.name} of {unit.kind} {unit.name} {why}"
    yield from look.fault(
        unit.target,
        "network_policy_blocked",
        weight,
        statement,
        query=policy.query,
        excerpt=f"PodSelector: {tied(policy.selector)}",
    )


def _leads(look: Look, service: Service, unit: Unit) -> bool:
    if service.selector:
        return matches(service.selector, unit.template.labels)
    return unit.target is not None and look.service_target(service) == unit.target


def _ports(service: Service) -> frozenset[str]:
    """Policies speak of the pods' ports, not of the service's."""
    return frozenset(str(port.target if port.target is not None else port.port) for port in service.ports)


def _passes(rules: list[Passage], policies: list[Policy], unit: Unit, ports: frozenset[str]) -> bool:
    """Whether one rule lets the pods of `unit` pass. What cannot be told from here (another namespace's labels, a range of
    addresses, a port by name where the service tells its number) is taken to let them pass."""
    space = next((policy.namespace for policy in policies if policy.namespace), None)
    for rule in rules:
        known = [port for port in rule.ports if port.isdigit()]
        if (
            rule.ports
            and ports
            and len(known) == len(rule.ports)
            and all(port.isdigit() for port in ports)
            and not ports & set(known)
        ):
            continue
        if not rule.peers or any(_is(peer, unit, space) for peer in rule.peers):
            return True
    return False


def _is(peer: Peer, unit: Unit, space: str | None) -> bool:
    if peer.block:
        return True
    if peer.spaces is not None and not _here(peer.spaces, space):
        return False
    return not peer.pods or matches(peer.pods, unit.template.labels)


def _here(spaces: Mapping[str, str], space: str | None) -> bool:
    named = spaces.get(_NAMESPACE_LABEL)
    return named is None or space is None or named == space


def _told(rules: list[Passage]) -> str:
    peers = [peer for rule in rules for peer in rule.peers]
    named = [tied(peer.pods) for peer in peers if peer.pods] + [f"namespaces {tied(peer.spaces)}" for peer in peers if peer.spaces]
    ports = sorted({port for rule in rules for port in rule.ports})
    return f"only {' or '.join(named[:2]) or 'everybody'}" + (f" on port {', '.join(ports[:3])}" if ports else "")
