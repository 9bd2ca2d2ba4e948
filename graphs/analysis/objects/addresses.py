"""Addresses that containers are given, held against the services that exist and the ports these listen on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, near
from graphs.analysis.objects.model import Bundle, Service

_ADDRESS = re2.compile(r"(?:^|//|@|,|\s|=)([A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*):(\d{2,5})(?:$|[/,;?\s])")
_URL = re2.compile(r"//([A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*):(\d{2,5})")
_MOST = 20_000  # characters of one file
_BARE_HOST = re2.compile(r"^[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9.-]+)?$")
_SCHEME = re2.compile(r"^[a-z][a-z0-9+]{1,9}://([A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)(?:/|$)")
_HOST_KEY = ("HOST", "HOSTNAME", "SERVER", "ADDR", "ADDRESS", "ENDPOINT", "URL", "URI")


@dataclass(frozen=True)
class _Mention:
    """Where a unit is told to find something: the variable, the host, and the port where one is given."""

    unit: Unit
    key: str
    host: str
    port: int | None
    excerpt: str
    maker: str | None = None  # what kind of system a HOST and PORT pair is for

    @property
    def kind(self) -> str:
        if "ROUTE" in self.key.upper():
            return "gateway_route_mismatch"
        return "service_env_var_address_mismatch" if self.maker is None else f"{self.maker}_invalid_address"

    @property
    def port_kind(self) -> str:
        return "service_env_var_address_mismatch" if self.maker is None else f"{self.maker}_invalid_port"


def check(look: Look) -> Iterator[ObjectFault]:
    mentions = [mention for unit in look.units for mention in (*_mentions(look, unit), *_mounted(look, unit))]
    known = sorted(look.cluster.services)
    if not known:
        return
    calls: dict[tuple[str, int], list[_Mention]] = {}
    for mention in mentions:
        service = look.service_called(mention.host)
        if service is None:
            yield from _unknown_host(look, mention, known)
            continue
        if mention.port is not None:
            calls.setdefault((service.name, mention.port), []).append(mention)
        yield from _another(look, mention, service)
    yield from _ports(look, calls)
    yield from _own_port(look)


def services_told(look: Look, unit: Unit) -> list[Service]:
    """The services that exist and that the unit is told the address of, by name."""
    mentions = (*_mentions(look, unit), *_mounted(look, unit))
    found = {service.name: service for one in mentions if (service := look.service_called(one.host)) is not None}
    return [found[name] for name in sorted(found)]


def _mentions(look: Look, unit: Unit) -> Iterator[_Mention]:
    for container in unit.main:
        values = dict(container.env)
        for reference in container.references:
            held = look.cluster.declared_secrets if reference.kind == "Secret" else look.cluster.configs
            bundle = held.get(reference.name)
            if bundle is not None and reference.key is None:
                values |= _short(bundle)
            elif bundle is not None and reference.key is not None and reference.key in bundle.values:
                values[reference.key] = bundle.values[reference.key]
        for key, value in sorted(values.items()):
            found = _ADDRESS.findall(value)
            for host, port in found:
                yield _Mention(unit, key, host, int(port), f"{key}: {value}"[:200])
            if not found and (bare := _SCHEME.match(value)) is not None:
                yield _Mention(unit, key, bare.group(1), None, f"{key}: {value}"[:200])
            elif not found and _names_host(key) and _BARE_HOST.match(value):
                port_text = values.get(_port_key(key), "")
                port = int(port_text) if port_text.isdigit() else None
                yield _Mention(unit, key, value, port, f"{key}: {value}", _maker(key) if port is not None else None)


def _mounted(look: Look, unit: Unit) -> Iterator[_Mention]:
    """URLs in configuration files that the unit mounts."""
    for source in unit.template.volumes:
        config = look.cluster.configs.get(source.name) if source.kind == "configmap" else None
        for key, text in sorted(config.values.items()) if config is not None else ():
            for host, port in _URL.findall(text[:_MOST]):
                yield _Mention(unit, key, host, int(port), f"{key}: {host}:{port}")


def _maker(key: str) -> str:
    """`ORDERS_MYSQL_HOST` is about mysql."""
    words = key.lower().split("_")
    return words[-2] if len(words) > 1 else "service"


def _short(bundle: Bundle) -> dict[str, str]:
    return {key: value for key, value in bundle.values.items() if len(value) < 400 and not value.startswith("<masked")}


def _names_host(key: str) -> bool:
    return key.upper().rpartition("_")[2] in _HOST_KEY


def _port_key(key: str) -> str:
    return (key.rpartition("_")[0] + "_PORT").lstrip("_")


def _unknown_host(look: Look, mention: _Mention, known: list[str]) -> Iterator[ObjectFault]:
    """Only names close to one that exists: others may well live outside the cluster, or be optional."""
    first = mention.host.partition(".")[0]
    bare = next((unit for unit in look.units if unit.name == first and unit.target != mention.unit.target), None)
    if bare is not None:
        why = f"{bare.kind} {bare.name} has no service of its name, which {mention.unit.name} calls as {mention.key}"
        weight = 1.5 if look.services_full else 5.0
        yield from look.fault(bare.target, "service_missing", weight, why, query=mention.unit.query, excerpt=mention.excerpt)
        return
    other, weight = near(first, known), 5.5
    if other is None:
        other, weight = _meant(look, mention, known), 4.5
    if other is None or look.cluster.services[other] in _own(look, mention.unit):
        return
    why = f"{mention.unit.kind} {mention.unit.name}: {mention.key} names {mention.host}, no such service exists; {other} does"
    yield from look.fault(mention.unit.target, mention.kind, weight, why, query=mention.unit.query, excerpt=mention.excerpt)


def _meant(look: Look, mention: _Mention, known: list[str]) -> str | None:
    """The service that the variable is named after, where the host is a plain name."""
    if "." in mention.host:
        return None
    squashed = _squash(mention.key)
    return max((name for name in known if len(name) > 5 and _squash(name) in squashed), key=len, default=None)


def _own(look: Look, unit: Unit) -> list[Service]:
    return [service for service in look.cluster.services.values() if look.service_target(service) == unit.target]


def _squash(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _another(look: Look, mention: _Mention, service: Service) -> Iterator[ObjectFault]:
    """A variable named after one service that holds another's address; many begin with the name of whom they are for."""
    squashed = _squash(mention.key)
    own = {other.name for other in _own(look, mention.unit)}
    named = [name for name in look.cluster.services if len(name) > 5 and name not in own and _squash(name) in squashed]
    why = ""
    if (
        named
        and service.name not in named
        and not any(name.startswith(service.name) or service.name.startswith(name) for name in named)
    ):
        why = f"{mention.key} speaks of {max(named, key=len)} and points to {service.name}"
    elif (space := _namespace(mention.host)) and service.namespace and space != service.namespace:
        why = f"{mention.key} looks for {service.name} in namespace {space}, it is in {service.namespace}"
    if why:
        who = f"{mention.unit.kind} {mention.unit.name}: "
        yield from look.fault(mention.unit.target, mention.kind, 4.5, who + why, query=mention.unit.query, excerpt=mention.excerpt)


def _namespace(host: str) -> str | None:
    parts = host.split(".")
    return parts[1] if len(parts) > 2 and parts[2] == "svc" else None


def _ports(look: Look, calls: dict[tuple[str, int], list[_Mention]]) -> Iterator[ObjectFault]:
    per_service: dict[str, Counter[int]] = {}
    for (name, port), mentions in calls.items():
        per_service.setdefault(name, Counter())[port] += len({mention.unit.name for mention in mentions})
    for (name, port), mentions in sorted(calls.items()):
        service = look.cluster.services[name]
        served = {one.port for one in service.ports}
        if not served or port in served or (not service.selector) or _headless_port(look, service, port):
            continue
        agreed = sum(count for other, count in per_service[name].items() if other in served)
        listed = ", ".join(str(number) for number in sorted(served))
        if agreed == 0 and len(mentions) > 1:
            why = f"service {name} offers port {listed}, all {len(mentions)} callers ask for {port}"
            yield from look.fault(
                look.service_target(service),
                "service_port_mapping_mismatch",
                5.5,
                why,
                query=service.query,
                excerpt=mentions[0].excerpt,
            )
            continue
        for mention in mentions:
            why = f"{mention.unit.kind} {mention.unit.name}: {mention.key} asks {name} for port {port}, which offers {listed}"
            yield from look.fault(
                mention.unit.target, mention.port_kind, 5.5, why, query=mention.unit.query, excerpt=mention.excerpt
            )


def _headless_port(look: Look, service: Service, port: int) -> bool:
    """A name without a cluster address leads straight to the pods, on whatever port they listen."""
    from_pods = {
        number for unit in look.units if unit.target == look.service_target(service) for number in unit.template.port_numbers()
    }
    return service.headless and port in from_pods


def _no_number(value: str) -> bool:
    """Neither a number nor an address nor a reference: `eighty`, `80a`."""
    return bool(value) and not value.isdigit() and not set(value) & set(":/<$({,") and not value.lower().startswith("unix")


def _own_port(look: Look) -> Iterator[ObjectFault]:
    """A container told to listen on one port and declared with another, or on what is no port at all."""
    for unit in look.units:
        for container in unit.main:
            for key, value in sorted(container.env.items()):
                if key.upper().endswith("PORT") and _no_number(value) and not unit.healthy:
                    why = f"{unit.kind} {unit.name}: {key} of container {container.name} is no number"
                    excerpt = f"{key}: {value}"[:100]
                    yield from look.fault(unit.target, "env_variable_value_incorrect", 5.0, why, query=unit.query, excerpt=excerpt)
            told = container.env.get("PORT") or container.env.get("SERVER_PORT") or container.env.get("LISTEN_PORT") or ""
            numbers = {port.number for port in container.ports}
            if told.isdigit() and numbers and int(told) not in numbers:
                why = f"{unit.kind} {unit.name}: container {container.name} is told to listen on {told} and declares {min(numbers)}"
                weight = 1.5 if unit.healthy else 4.5
                yield from look.fault(
                    unit.target, "container_port_mismatch", weight, why, query=unit.query, excerpt=f"PORT: {told}"
                )
