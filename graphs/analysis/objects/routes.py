"""Where gateways send requests: backends of ingresses and route tables in configuration, held against the services."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, near
from graphs.analysis.objects.model import Backend

_ROUTE = re2.compile(r"(?m)^[\s-]*id:\s*[\"']?([\w.-]+)[\"']?\s*\n\s*uri:\s*[\"']?\w+://([A-Za-z][\w.-]*)")
_MOST = 20_000  # characters of one file


def check(look: Look) -> Iterator[ObjectFault]:
    for backend in look.cluster.backends:
        yield from _backend(look, backend)
    for unit in look.units:
        yield from _table(look, unit)


def _backend(look: Look, backend: Backend) -> Iterator[ObjectFault]:
    service = look.cluster.services.get(backend.service)
    if service is None:
        meant = near(backend.service, sorted(look.cluster.services)) if look.cluster.services else None
        if meant is not None:
            why = f"ingress {backend.ingress} sends to {backend.service}, no such service exists; {meant} does"
            target = look.service_target(look.cluster.services[meant])
            yield from look.fault(target, "gateway_route_mismatch", 5.0, why, query=backend.query, excerpt=backend.line)
        return
    offered = {str(port.port) for port in service.ports} | {port.name for port in service.ports if port.name}
    if offered and backend.port not in offered:
        why = f"ingress {backend.ingress} sends to port {backend.port} of {service.name}, which offers {', '.join(sorted(offered))}"
        yield from look.fault(
            look.service_target(service), "gateway_route_mismatch", 5.0, why, query=backend.query, excerpt=backend.line
        )


def _table(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    """A route that bears one service's name and leads to another's."""
    named = {source.name for source in unit.template.volumes if source.kind == "configmap"}
    named |= {one.name for container in unit.main for one in container.references if one.kind == "ConfigMap"}
    services = look.cluster.services
    for config in (look.cluster.configs[name] for name in sorted(named) if name in look.cluster.configs):
        for text in config.values.values():
            for route, host in _ROUTE.findall(text[:_MOST]):
                aim = host.partition(".")[0]
                if route in services and aim in services and route != aim:
                    why = f"{unit.kind} {unit.name}: route {route} leads to service {aim}"
                    excerpt = f"id: {route}, uri: {host}"
                    yield from look.fault(unit.target, "gateway_route_mismatch", 4.5, why, query=config.query, excerpt=excerpt)
