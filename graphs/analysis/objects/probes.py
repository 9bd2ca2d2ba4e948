"""Probes held against the ports and the language of the containers they ask, and against what the kubelet heard back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit
from graphs.analysis.objects.model import Container, Event, Probe

_STATUS = re2.compile(r"statuscode: (\d{3})")
_SPOKEN = {
    "malformed http": "http",
    "server gave http response to https client": "https",
    "first record does not look like a tls handshake": "https",
    "error reading server preface": "grpc",
    "http2: frame too large": "grpc",
    "rpc error: code = unimplemented": "grpc",
    'service unhealthy (responded with "unknown")': "grpc",
}
_HASTY_S = 25.0  # hardly a runtime is up by then
_LONG_S = 120.0


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        for container in unit.main:
            for probe in container.probes:
                yield from _probe(look, unit, container, probe)


def _probe(look: Look, unit: Unit, container: Container, probe: Probe) -> Iterator[ObjectFault]:
    told = _heard(unit, probe.role)
    hurt = _hurts(unit, probe.role, told)
    line = told.line if told else None
    for kind, sure, why in _contradictions(look, unit, container, probe, told):
        weight = sure if hurt else min(sure, 2.2)
        statement = f"{unit.kind} {unit.name}: {probe.role} probe of container {container.name} {why}"
        numbers = {"failures": float(told.count if told else 0)}
        yield from look.fault(
            unit.target,
            f"{probe.role}_probe_{kind}",
            weight,
            statement,
            query=unit.query,
            excerpt=line or probe.text,
            numbers=numbers,
        )


def _heard(unit: Unit, role: str) -> Event | None:
    """The weightiest failure of this probe in any of the unit's pods."""
    start = f"{role} probe"
    found = [
        event
        for pod in unit.pods
        for event in pod.events
        if event.reason in {"Unhealthy", "ProbeError"} and event.message.lower().startswith(start)
    ]
    return max(found, key=lambda event: (event.count, -(event.age_s or 0.0), event.line), default=None)


def _hurts(unit: Unit, role: str, told: Event | None) -> bool:
    """Whether the probe's failures last: containers killed, or pods that stay unready."""
    if told is None:
        return role == "readiness" and any(pod.status == "Running" for pod in unit.unready)
    killed = any(event.reason == "Killing" for pod in unit.pods for event in pod.events) or any(pod.restarts for pod in unit.pods)
    if role == "readiness":
        return bool(unit.unready)
    return killed or bool(unit.unready) or told.count >= 3


def _contradictions(
    look: Look, unit: Unit, container: Container, probe: Probe, told: Event | None
) -> Iterator[tuple[str, float, str]]:
    said = told.message.lower() if told else ""
    numbers = {port.number for port in container.ports}
    everywhere = unit.template.port_numbers()
    names = {port.name for port in container.ports if port.name}
    if probe.kind == "exec":
        if "executable file not found" in said or "no such file or directory" in said or "not found in $path" in said:
            yield "incorrect_command", 5.5, "runs a command that the container does not have"
        return
    if isinstance(probe.port, str) and not probe.port.isdigit() and names and probe.port not in names:
        yield "incorrect_port", 6.0, f"asks for port {probe.port}, which the container does not name"
        return
    if isinstance(probe.port, int) and numbers and probe.port not in everywhere:
        yield "incorrect_port", 6.0, f"asks port {probe.port}, the container listens on {_listed(numbers)}"
        return
    yield from _language(look, unit, container, probe, said)
    yield from _path(look, probe, said)
    yield from _patience(unit, probe, told, said)


def _language(look: Look, unit: Unit, container: Container, probe: Probe, said: str) -> Iterator[tuple[str, float, str]]:
    misheard = next((kind for words, kind in _SPOKEN.items() if words in said), None)
    if misheard is not None and misheard in {probe.kind, "http" if probe.kind == "https" else probe.kind}:
        yield "incorrect_protocol", 6.0, f"speaks {probe.kind} to a port that answers in another protocol"
        return
    other = _expected(look, unit, container, probe)
    if other is not None and "tcp" not in {other, probe.kind} and other != probe.kind:
        yield "incorrect_protocol", 3.5, f"speaks {probe.kind}, everything else about port {probe.port} says {other}"


def _expected(look: Look, unit: Unit, container: Container, probe: Probe) -> str | None:
    """How the port is spoken to elsewhere: by the container's other probes, or by the name of the service's port."""
    others = Counter(
        one.kind for one in container.probes if one.role != probe.role and one.port == probe.port and one.kind != "exec"
    )
    if others:
        return others.most_common(1)[0][0]
    for service in look.cluster.services.values():
        for port in service.ports:
            if look.service_target(service) == unit.target and port.target == probe.port:
                label = (port.app_protocol or port.name or "").lower()
                for kind in ("grpc", "https", "http"):
                    if label == kind or label.startswith(kind + "-"):
                        return kind
    return None


def _path(look: Look, probe: Probe, said: str) -> Iterator[tuple[str, float, str]]:
    status = _STATUS.search(said)
    if status is None:
        return
    code = int(status.group(1))
    if code in (404, 405, 410):
        yield "incorrect_path", 5.5, f"asks for {probe.path}, which answers {code}"
    elif code in (401, 403):
        yield "incorrect_path", 4.0, f"asks for {probe.path}, which wants credentials ({code})"
    elif code >= 500:
        yield "failing", 1.2, f"is answered {code}"


def _patience(unit: Unit, probe: Probe, told: Event | None, said: str) -> Iterator[tuple[str, float, str]]:
    grace_s = probe.delay_s + probe.period_s * probe.failures
    if probe.role == "readiness" and (late := _late(unit, probe, told)):
        yield "incorrect_timing", 5.0, late
    if told is None:
        return
    killed = any(
        event.reason == "Killing" and f"failed {probe.role} probe" in event.message for pod in unit.pods for event in pod.events
    )
    if probe.role in {"liveness", "startup"} and killed:
        if grace_s <= _HASTY_S:
            yield "incorrect_timing", 4.0, f"gives up {grace_s:g} s after the start, and the container is killed before it is up"
        else:
            yield "failing", 1.5, f"fails after {grace_s:g} s, and the container is killed for it"
    if "context deadline exceeded" in said or "timeout" in said:
        if told.count >= 3:
            yield "timeout", 1.0, f"is not answered within {probe.timeout_s:g} s"
    elif "connection refused" in said and told.count >= 3:
        yield "failing", 1.0, f"finds nobody listening on port {probe.port}"


def _late(unit: Unit, probe: Probe, told: Event | None) -> str | None:
    """How a probe that nothing speaks against keeps pods unready by its own schedule alone; None where it does not."""
    waiting = [pod.age_s for pod in unit.unready if pod.status == "Running" and pod.age_s is not None]
    if not waiting or (told is not None and told.count > 2):
        return None
    pace_s = probe.period_s * max(probe.successes, 2 if told is not None else 1)
    if min(waiting) >= probe.delay_s + pace_s:
        return None
    if probe.delay_s >= _LONG_S:
        return f"waits {probe.delay_s:g} s before it first asks"
    return f"asks every {probe.period_s:g} s and wants {probe.successes} answers in a row" if pace_s >= _LONG_S else None


def _listed(numbers: set[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
