"""Services held against the pods behind them: selectors against labels, target ports against container ports, and sidecars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, matches, near, tied
from graphs.analysis.objects.model import Container, Reach, Service, ServicePort

_ANNOTATED_PORT = re2.compile(r"(?i)port\"?\s*[:=]?\s*\"?(\d{2,5})\b")
_MESH = ("istio-proxy", "linkerd-proxy", "envoy", "consul-dataplane")
_MESH_PORTS = {
    "istio-proxy": {15000, 15001, 15002, 15004, 15006, 15008, 15020, 15021, 15053, 15090},
    "linkerd-proxy": {4140, 4143, 4190, 4191},
}


def check(look: Look) -> Iterator[ObjectFault]:
    for service in look.cluster.services.values():
        if service.type == "ExternalName":
            yield from _elsewhere(look, service)
        elif service.selector:
            yield from _selector(look, service)
            yield from _target_ports(look, service)
            yield from _headless(look, service)
            yield from _empty(look, service)
        else:
            yield from _unselective(look, service)
    yield from _missing(look)
    yield from _unreachable(look)
    yield from _sidecars(look)


def behind(look: Look, service: Service) -> list[Unit]:
    return [
        unit
        for unit in look.units
        if matches(service.selector, unit.template.labels) or any(matches(service.selector, pod.labels) for pod in unit.pods)
    ]


def _selector(look: Look, service: Service) -> Iterator[ObjectFault]:
    selected, target = behind(look, service), look.service_target(service)
    if selected:
        yield from _strangers(look, service, selected, target)
        return
    own = [unit for unit in look.unit_of_target.get(target or "", ()) if (unit.desired or 0) > 0 or unit.pods]
    if not own:
        return
    unit = _closest(service, own)
    labels = unit.template.labels
    wrong = {key: value for key, value in service.selector.items() if labels.get(key) != value}
    has = tied({key: labels[key] for key in wrong if key in labels}) or "none of these keys"
    why = f"service {service.name} selects {tied(wrong)}, the pods of {unit.kind} {unit.name} carry {has}"
    # A subset picked out by role (leader, canary) may rightly be empty for a while; a whole application may not.
    weight = 6.0 if len(service.selector) == len(wrong) or not set(service.selector) - set(labels) else 4.0
    excerpt = f"Selector: {tied(service.selector)}"
    kind = "service_role_unassigned" if _roles(look, service, wrong) else "service_selector_mismatch"
    yield from look.fault(target, kind, weight, why, query=service.query, excerpt=excerpt)


def _roles(look: Look, service: Service, wrong: Mapping[str, str]) -> bool:
    """Whether another service tells the same pods apart by another value of the key that fits none: values that pods are given
    as they run (leader, follower), not by who wrote the selector."""
    if len(wrong) != 1 or len(service.selector) < 2:
        return False
    ((key, value),) = wrong.items()
    rest = {**service.selector, key: ""}
    return any(
        {**other.selector, key: ""} == rest and other.selector.get(key, value) != value for other in look.cluster.services.values()
    )


def _unselective(look: Look, service: Service) -> Iterator[ObjectFault]:
    """No selector, nobody who wrote addresses by hand, and an application of that name that runs: it was meant."""
    own = [unit for unit in look.unit_of_target.get(look.service_target(service) or "", ()) if unit.name == service.name]
    if service.endpoints == () and not service.unready and own and own[0].pods:
        why = f"service {service.name} selects nobody, though {own[0].kind} {own[0].name} has pods"
        yield from look.fault(
            look.service_target(service), "service_selector_mismatch", 4.5, why, query=service.query, excerpt="Selector: <none>"
        )


def _elsewhere(look: Look, service: Service) -> Iterator[ObjectFault]:
    """An alias for a name elsewhere that hides an application of its own name."""
    own = [unit for unit in look.unit_of_target.get(look.service_target(service) or "", ()) if unit.name == service.name]
    if own and own[0].pods:
        aim = service.external_name or "a name outside"
        why = f"service {service.name} is an alias for {aim} and does not lead to the pods of {own[0].kind} {own[0].name}"
        yield from look.fault(
            look.service_target(service),
            "service_external_name_mismatch",
            4.5,
            why,
            query=service.query,
            excerpt="Type: ExternalName",
        )


def _closest(service: Service, units: list[Unit]) -> Unit:
    return max(
        units, key=lambda unit: (unit.name == service.name, len(set(service.selector) & set(unit.template.labels)), unit.name)
    )


def _strangers(look: Look, service: Service, selected: list[Unit], target: str | None) -> Iterator[ObjectFault]:
    """A service that leads to another application's pods while its own stand idle."""
    if target is None or any(unit.target == target for unit in selected):
        return
    own = [unit for unit in look.unit_of_target.get(target, ()) if unit.name == service.name]
    if own:
        whose = f"the pods of {selected[0].name} ({tied(service.selector)})"
        why = f"service {service.name} selects {whose}, not those of {own[0].kind} {own[0].name}"
        excerpt = f"Selector: {tied(service.selector)}"
        yield from look.fault(target, "service_selector_mismatch", 5.5, why, query=service.query, excerpt=excerpt)


def _target_ports(look: Look, service: Service) -> Iterator[ObjectFault]:
    units = behind(look, service)
    containers = [container for unit in units for container in unit.main]
    numbers = {port.number for container in containers for port in container.ports}
    if not numbers:
        return
    # `describe` prints no port's name: that there is none is told by a manifest, or by pods that are ready and not behind it.
    named = not service.endpoints and (all(unit.declared is not None for unit in units) or service.endpoints == ())
    for port in service.ports:
        names = {one.name for container in containers for one in container.ports if one.name}
        if isinstance(port.target, str) and not names and named and any(unit.healthy for unit in units):
            listed = ", ".join(str(number) for number in sorted(numbers))
            why = (
                f"service {service.name} sends port {port.port} to a port named {port.target}; the containers name none ({listed})"
            )
            yield from _misdirected(look, service, port, why, 6.0, kind="service_target_port_name_missing")
        elif isinstance(port.target, str) and names and port.target not in names:
            why = f"service {service.name} sends port {port.port} to container port {port.target}, which no container names"
            yield from _misdirected(look, service, port, why, 6.0, kind="service_target_port_name_missing")
        elif isinstance(port.target, int) and port.target not in numbers:
            listed = ", ".join(str(number) for number in sorted(numbers))
            why = f"service {service.name} sends port {port.port} to {port.target}, the containers listen on {listed}"
            yield from _misdirected(look, service, port, why, 5.5)
        else:
            yield from _protocol(look, service, port, containers)


def _misdirected(
    look: Look, service: Service, port: ServicePort, why: str, weight: float, *, kind: str = "service_port_mapping_mismatch"
) -> Iterator[ObjectFault]:
    attempts = [reach for reach in look.cluster.reaches if reach.host.partition(".")[0] == service.name and reach.port == port.port]
    if attempts:
        weight = weight + 0.3 if any(not reach.ok for reach in attempts) else 1.5  # a port need not be declared to be open
    excerpt = f"TargetPort: {port.target}/{port.protocol}"
    yield from look.fault(look.service_target(service), kind, weight, why, query=service.query, excerpt=excerpt)


def _protocol(look: Look, service: Service, port: ServicePort, containers: list[Container]) -> Iterator[ObjectFault]:
    there = {
        one.protocol for container in containers for one in container.ports if one.number == port.target or one.name == port.target
    }
    if there and port.protocol not in there:
        listens = "/".join(sorted(there))
        why = f"service {service.name} carries port {port.port} over {port.protocol}, the container listens on {listens}"
        yield from look.fault(look.service_target(service), "service_protocol_mismatch", 5.5, why, query=service.query)
        return
    spoken = {
        probe.kind for container in containers for probe in container.probes if probe.port == port.target and probe.kind != "exec"
    }
    told = (port.app_protocol or port.name or "").lower().partition("-")[0]
    if told in {"http", "grpc"} and spoken and not spoken & {told, "tcp"} and not (told == "http" and "https" in spoken):
        why = f"service {service.name} calls port {port.port} {told}, its containers are probed with {'/'.join(sorted(spoken))}"
        yield from look.fault(look.service_target(service), "service_protocol_mismatch", 2.2, why, query=service.query)


def _headless(look: Look, service: Service) -> Iterator[ObjectFault]:
    """Without an address of its own a service's name leads straight to the pods: nobody maps its port to theirs."""
    containers = [container for unit in behind(look, service) for container in unit.main]
    numbers = {port.number for container in containers for port in container.ports}
    if not service.headless or not numbers:
        return
    for port in service.ports:
        if port.port in numbers or port.target in (None, port.port):
            continue
        failed = any(not reach.ok and reach.host.partition(".")[0] == service.name for reach in look.cluster.reaches)
        listed = ", ".join(str(number) for number in sorted(numbers))
        why = f"service {service.name} is headless: its port {port.port} is not mapped, and its pods listen on {listed}"
        weight = 5.0 if failed else 1.5
        yield from look.fault(
            look.service_target(service), "headless_service_mismatch", weight, why, query=service.query, excerpt="IP: None"
        )


def _empty(look: Look, service: Service) -> Iterator[ObjectFault]:
    """Ready pods that match, and no address for them: whoever writes the endpoints has stopped."""
    if service.endpoints == () and not service.unready and any(unit.healthy for unit in behind(look, service)):
        why = f"service {service.name} has no endpoints though the pods it selects are ready"
        yield from look.fault(
            look.service_target(service), "service_without_endpoints", 2.5, why, query=service.query, excerpt="Endpoints: <none>"
        )


def _missing(look: Look) -> Iterator[ObjectFault]:
    """Declared services that are not there; the quota's check says whether a quota kept them out."""
    if "services" not in look.cluster.listed or look.emptied:
        return
    for service in look.cluster.declared_services.values():
        if service.name not in look.cluster.services:
            why = f"service {service.name} is declared and does not exist"
            weight = 1.0 if look.services_full else 3.0
            yield from look.fault(look.service_target(service), "service_missing", weight, why, query=service.query)


def _unreachable(look: Look) -> Iterator[ObjectFault]:
    failed: dict[str, Reach] = {}
    for reach in look.cluster.reaches:
        if not reach.ok:
            failed.setdefault(reach.host.partition(".")[0], reach)
    for name, reach in failed.items():
        service = look.cluster.services.get(name)
        if service is None:
            other = near(name, list(look.cluster.services))
            weight, what = 0.3, f"no such service{f'; {other} exists' if other else ''}"
        else:
            weight, what = (
                (1.2, "though its pods are ready")
                if any(u.healthy for u in behind(look, service))
                else (0.8, "and no ready pod stands behind it")
            )
        target = look.service_target(service) if service else look.app(name)
        why = f"nothing answers on {name}:{reach.port}, {what}"
        yield from look.fault(target, "service_unreachable", weight, why, query=reach.query, excerpt=reach.line)


def _sidecars(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        claimed: dict[int, str] = {}
        pods = unit.pods[:1]
        for container in pods[0].template.containers if pods else unit.main:
            if container.init:
                continue
            for port in container.ports:
                if claimed.setdefault(port.number, container.name) != container.name:
                    both = f"containers {claimed[port.number]} and {container.name}"
                    why = f"{unit.kind} {unit.name}: {both} both listen on port {port.number}"
                    yield from look.fault(
                        unit.target, "service_sidecar_port_conflict", 5.5 if not unit.healthy else 2.0, why, query=unit.query
                    )
        yield from _mesh(look, unit)


def _mesh(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    """Ports that a sidecar proxy takes for itself, by annotation or by habit, against the application's own."""
    proxies = {container.name for pod in unit.pods for container in pod.template.containers if container.name in _MESH}
    own = {port.number for container in unit.main if container.name not in _MESH for port in container.ports}
    weight = 2.0 if unit.healthy else 6.0
    for key, value in {**unit.template.annotations, **(unit.pods[0].template.annotations if unit.pods else {})}.items():
        if "config" not in key.lower() and "port" not in key.lower():
            continue
        if key.lower().startswith("prometheus.io") or "exclude" in key.lower() or "include" in key.lower():
            continue
        taken = {int(number) for number in _ANNOTATED_PORT.findall(value)} | ({int(value)} if value.isdigit() else set())
        if clash := taken & own:
            why = f"{unit.kind} {unit.name}: annotation {key} gives the sidecar port {min(clash)}, which the application listens on"
            yield from look.fault(
                unit.target, "service_sidecar_port_conflict", weight, why, query=unit.query, excerpt=f"{key}: {value}"
            )
            return
    for proxy in sorted(proxies):
        if clash := _MESH_PORTS.get(proxy, set()) & own:
            why = f"{unit.kind} {unit.name} listens on {min(clash)}, which its sidecar {proxy} keeps for itself"
            yield from look.fault(unit.target, "service_sidecar_port_conflict", weight - 0.5, why, query=unit.query)
