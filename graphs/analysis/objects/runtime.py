"""Containers that start and do not last, workloads told not to run, and resources at their limits."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from app.domain.quantity import counted
from graphs.analysis.label_words import MADE_OF
from graphs.analysis.labels import tokens
from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, matches
from graphs.analysis.objects.model import Container, Event, Pod
from graphs.analysis.objects.text import amount

_NOT_STARTED = (
    "executable file not found",
    "no such file or directory",
    "permission denied",
    "is a directory",
    "not found in $path",
)
_READ_ONLY = re2.compile(
    r"(?i)\b(?:super[_-])?read[_-]only\s*[:=]?\s*(?:1|on|true|yes)\b|--read[_-]only(?:\s|$|=1|=on|=true)|\breplica-read-only\s+yes\b.*\bmin-replicas"
)
_CONNECTIONS = re2.compile(r"(?i)\bmax[_-]?(?:user[_-])?(?:connections|clients)\s*[:=]?\s*(\d+)")
_FEW = 10
_LOW = re2.compile(r"(?i)node (?:was low on|had condition)[^:]*: *\[?([A-Za-z-]+)")
_SHORT = {
    "memory": "node_memory_pressure",
    "disk": "node_disk_pressure",
    "storage": "node_disk_pressure",
    "inodes": "node_disk_pressure",
    "fs": "node_disk_pressure",
    "pid": "node_pid_pressure",
}
_HOOK = re2.compile(r"failed calling webhook \"([^\"]+)\"")
_HOOK_HOST = re2.compile(r"https://([a-z0-9-]+)\.[a-z0-9-]+\.svc")
_ROLES = {"broker": "message_broker_unavailable", "cache": "cache_unavailable", "db": "db_unavailable"}


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        yield from _wanted(look, unit)
        for pod in unit.pods:
            yield from _pod(look, unit, pod)
        yield from _stalled(look, unit)
        yield from _settings(look, unit)
    yield from _usage(look)
    yield from _starved(look)
    for scaler in look.cluster.scalers.values():
        if scaler.high is not None and scaler.current is not None and scaler.current >= scaler.high > 0:
            target = look.app(scaler.target.rpartition("/")[2], scaler.name)
            why = f"autoscaler {scaler.name} is at its maximum of {scaler.high}"
            yield from look.fault(target, "autoscaler_maximum_reached", 2.0, why, query=scaler.query, excerpt=scaler.line)
        if scaler.blind:
            target = look.app(scaler.target.rpartition("/")[2], scaler.name)
            why = f"autoscaler {scaler.name} cannot read what it scales by"
            yield from look.fault(target, "hpa_metrics_unavailable", 3.0, why, query=scaler.query, excerpt=scaler.blind)


def _wanted(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    live = unit.live.desired if unit.live is not None else None
    if unit.kind in {"Deployment", "StatefulSet", "ReplicaSet"} and live == 0 and not (unit.live and unit.live.owner):
        asked = unit.declared.desired if unit.declared is not None else None
        why = f"{unit.kind} {unit.name} is scaled to zero" + (f", its manifest asks for {asked}" if asked else "")
        others = any(other.target == unit.target and other.pods for other in look.units if other.name != unit.name)
        query = unit.live.query if unit.live else unit.query
        kind = f"{unit.kind.lower()}_zero_replicas"
        yield from look.fault(unit.target, kind, 2.0 if others else 6.0, why, query=query, excerpt="Replicas: 0 desired")
    told = next((line for line in (unit.live.conditions if unit.live else ()) if line[2] == "DeploymentPaused"), None)
    if told or (unit.live is not None and unit.live.paused) or (unit.declared is not None and unit.declared.paused):
        why = f"{unit.kind} {unit.name} is paused: changes to it are not rolled out"
        weight = 5.0 if not unit.pods and unit.desired else 2.5
        yield from look.fault(
            unit.target, "deployment_paused", weight, why, query=unit.query, excerpt=" ".join(told) if told else None
        )


def _pod(look: Look, unit: Unit, pod: Pod) -> Iterator[ObjectFault]:
    evicted = next((event for event in pod.events if event.reason == "Evicted"), None)
    if evicted is not None or pod.status == "Evicted":
        yield from _evicted(look, unit, pod, evicted.message if evicted else pod.message, evicted.line if evicted else pod.line)
        return
    for container in pod.template.containers:
        yield from _container(look, unit, pod, container)
    told = next((event for event in pod.events if event.warning and "oom-killed" in event.message.lower()), None)
    if told is not None:
        why = f"pod {pod.name} is killed for memory before it has started: its limit is too small"
        yield from look.fault(unit.target, "oom_killed", 6.0, why, query=pod.query, excerpt=told.line)
    for event in pod.events:
        if event.reason == "Preempted":
            why = f"pod {pod.name} was preempted by one of higher priority"
            # That there is no room left for it afterwards is what preemption is.
            weight = 3.0 if unit.healthy else 6.0
            yield from look.fault(unit.target, "pod_preempted", weight, why, query=pod.query, excerpt=event.line)
            break


def _evicted(look: Look, unit: Unit, pod: Pod, said: str, line: str) -> Iterator[ObjectFault]:
    """A pod is evicted for what it used beyond its own limit, or because its node ran short of something: then it is the node."""
    low = _LOW.search(said)
    short = next((kind for word, kind in _SHORT.items() if low is not None and word in low.group(1).lower()), None)
    if short is not None:
        why = f"pod {pod.name} was evicted: node {pod.node} ran low on {low.group(1) if low else ''}"
        yield from look.fault(look.node(pod.node), short, 4.5, why, query=pod.query, excerpt=line)
        yield from look.fault(unit.target, "pod_evicted", 1.0, f"pod {pod.name} was evicted", query=pod.query, excerpt=line)
        return
    own = any(word in said.lower() for word in ("ephemeral", "emptydir"))
    why = f"pod {pod.name} was evicted" + (": it used more local storage than it may" if own else "")
    weight = 3.0 if unit.healthy or not own else 5.5
    yield from look.fault(
        unit.target, "ephemeral_storage_exceeded" if own else "pod_evicted", weight, why, query=pod.query, excerpt=line
    )


def _aside(look: Look, unit: Unit, pod: Pod, container: Container) -> bool:
    """Whether a container only accompanies the one that does the pod's work: services lead to another one, or, where they lead
    to none, another one stands first; and that one is well."""
    main = [one for one in pod.template.containers if not one.init]
    aims = {
        port.target
        for service in look.cluster.services.values()
        if matches(service.selector, {**unit.template.labels, **pod.labels})
        for port in service.ports
    }
    serving = [one for one in main if any(port.number in aims or port.name in aims for port in one.ports if aims)] or main[:1]
    return container not in serving and any(one.ready for one in serving)


def _crash_kind(look: Look, unit: Unit, pod: Pod, container: Container) -> str:
    """What to call a container that keeps ending: by its part in the pod, else by what it runs."""
    if container.init:
        return "init_container_failed"
    if _aside(look, unit, pod, container):
        return "sidecar_crash_loop"
    words = tokens(container.image.rpartition("/")[2].partition(":")[0].partition("@")[0].replace(".", "_"))
    return next((kind for role, kind in _ROLES.items() if words & MADE_OF[role]), "container_crash_loop")


def _container(look: Look, unit: Unit, pod: Pod, container: Container) -> Iterator[ObjectFault]:
    who = f"container {container.name} of pod {pod.name}"
    recent = pod.restarted_s is None or pod.restarted_s <= max(look.window_s, 900.0)
    numbers = {"restarts": float(container.restarts)}
    if "OOMKilled" in {container.reason, container.last_reason} and recent:
        limit = container.limits.get("memory")
        why = f"{who} was killed for memory" + (f" at its limit of {amount('memory', limit)}" if limit else "")
        weight = 6.0 if not pod.ready or container.restarts > 1 else 4.5
        yield from look.fault(unit.target, "oom_killed", weight, why, query=pod.query, excerpt=pod.line or None, numbers=numbers)
        return
    said = " ".join((container.message, *(event.message for event in pod.events if event.warning))).lower()
    if {container.reason, container.last_reason} & {
        "RunContainerError",
        "CreateContainerError",
        "StartError",
        "ContainerCannotRun",
    } or (container.exit_code in (126, 127) and not pod.ready):
        kind, weight = _start_kind(said, container)
        yield from look.fault(
            unit.target, kind, weight, f"{who} cannot be started", query=pod.query, excerpt=pod.line or None, numbers=numbers
        )
    elif container.reason == "CreateContainerConfigError":
        root = "runasnonroot" in said
        kind, weight = ("security_context_mismatch", 5.5) if root else ("container_config_incorrect", 2.0)
        yield from look.fault(unit.target, kind, weight, f"{who} cannot be configured", query=pod.query, excerpt=pod.line or None)
    elif container.reason == "CrashLoopBackOff" or (
        container.state == "Terminated" and not container.init and container.exit_code not in (0, None)
    ):
        if "read-only file system" in said:
            why = f"{who} wants to write where its file system is read-only"
            yield from look.fault(unit.target, "read_only_file_system", 5.0, why, query=pod.query, excerpt=pod.line or None)
        why = f"{who} keeps ending (exit code {container.exit_code}, {counted(container.restarts, 'restart')})"
        kind = _crash_kind(look, unit, pod, container)
        weight = 3.0 if kind == "sidecar_crash_loop" else 1.8
        yield from look.fault(unit.target, kind, weight, why, query=pod.query, excerpt=pod.line or None, numbers=numbers)
    elif container.restarts and recent and pod.age_s is not None and not container.init:
        why = f"{who} has restarted {counted(container.restarts, 'time')}"
        weight = 0.6 if container.ready else 1.0
        yield from look.fault(
            unit.target, "container_restarts", weight, why, query=pod.query, excerpt=pod.line or None, numbers=numbers
        )
    elif container.init and container.state == "Running" and not pod.ready:
        why = f"{who} has not finished, and the others wait for it"
        yield from look.fault(unit.target, "init_container_failed", 1.2, why, query=pod.query, excerpt=pod.line or None)
    elif container.ready is False and container.state == "Running":
        why = f"{who} runs and is not ready"
        yield from look.fault(unit.target, "container_not_ready", 0.9, why, query=pod.query, excerpt=pod.line or None)


def _start_kind(said: str, container: Container) -> tuple[str, float]:
    if "exec format error" in said:
        return "image_architecture_mismatch", 5.5
    if "read-only file system" in said:
        return "read_only_file_system", 5.5
    if any(word in said for word in _NOT_STARTED) or container.exit_code in (126, 127):
        return "container_command_incorrect", 5.5
    return "container_start_failed", 3.5


def _stalled(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    """Too few pods, whatever the reason: a symptom, worth little next to any reason."""
    live = unit.live
    if live is None or live.desired is None or live.available is None:
        return
    if live.available < live.desired:
        why = f"{unit.kind} {unit.name} has {live.available} of {live.desired} pods available"
        numbers = {"available": float(live.available), "desired": float(live.desired)}
        yield from look.fault(unit.target, "pods_unavailable", 0.8, why, query=live.query, numbers=numbers)
    creation = next((event for event in unit.events if event.reason == "FailedCreate" and not unit.pods), None)
    if creation is not None and (hook := _HOOK.search(creation.message)) is not None:
        yield from _webhook(look, unit, creation, hook.group(1))
    elif creation is not None and "quota" not in creation.message and "serviceaccount" not in creation.message:
        why = f"no pod of {unit.kind} {unit.name} can be created"
        kind = _refusal(creation.message.lower())
        yield from look.fault(unit.target, kind, 4.5, why, query=live.query, excerpt=creation.line)


def _webhook(look: Look, unit: Unit, event: Event, name: str) -> Iterator[ObjectFault]:
    """A webhook that cannot be asked keeps everybody's pods out: it is not about who asked. Its server answers for it where that
    is a candidate, else the namespace does."""
    said = event.message.lower()
    kind = "webhook_unavailable"
    if "x509" in said or "certificate" in said:
        kind = "webhook_certificate_expired" if "has expired" in said else "webhook_certificate_invalid"
    host = _HOOK_HOST.search(event.message)
    target = (look.app(host.group(1)) if host is not None and look.scope.candidates else None) or look.namespace(None)
    what = kind.removeprefix("webhook_").replace("_", " ")
    why = f"no pod of {unit.kind} {unit.name} can be created: webhook {name} cannot be asked ({what})"
    query = unit.live.query if unit.live else unit.query
    yield from look.fault(target, kind, 5.5, why, query=query, excerpt=event.line, concerns=[unit.name])
    if target != unit.target:
        less = f"{unit.kind} {unit.name} is short of pods because a webhook that is asked first does not answer"
        yield from look.fault(unit.target, "pod_creation_refused", 1.0, less, query=query, excerpt=event.line)


def _refusal(said: str) -> str:
    """Why the API server refuses to make a pod."""
    if "violates podsecurity" in said:
        return "pod_security_violation"
    if "must be less than or equal to" in said and "limit" in said:
        return "resource_requests_exceed_limits"
    if "no priorityclass with name" in said:
        return "priority_class_not_found"
    return "admission_denied" if "denied" in said or "webhook" in said or "violates" in said else "pod_creation_failed"


def _settings(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    """Settings of a store that let nobody write, or hardly anybody in."""
    mounted = [source.name for source in unit.template.volumes if source.kind == "configmap"]
    texts = [(unit.query, " ".join(container.command)) for container in unit.main]
    texts += [(unit.query, f"{key}={value}") for container in unit.main for key, value in container.env.items()]
    texts += [
        (config.query, value) for name in mounted if (config := look.cluster.configs.get(name)) for value in config.values.values()
    ]
    for query, text in texts:
        if (match := _READ_ONLY.search(text)) is not None:
            why = f"{unit.kind} {unit.name} is set to read-only"
            yield from look.fault(unit.target, "db_read_only", 4.0, why, query=query, excerpt=match.group(0))
        limit = _CONNECTIONS.search(text)
        if limit is not None and 0 < int(limit.group(1)) <= _FEW:
            why = f"{unit.kind} {unit.name} admits only {limit.group(1)} connections"
            yield from look.fault(unit.target, "db_connection_exhaustion", 4.5, why, query=query, excerpt=limit.group(0))


def _starved(look: Look) -> Iterator[ObjectFault]:
    """Limits far below what the siblings have: slow for want of a share."""
    for resource, floor, kind in (("cpu", 0.05, "pod_cpu_overload"), ("memory", 32 * 2**20, "oom_killed")):
        limits = [container.limits[resource] for unit in look.units for container in unit.main[:1] if resource in container.limits]
        if len(limits) < _FEW // 2:
            continue
        usual = sorted(limits)[len(limits) // 2]
        for unit in look.units:
            for container in unit.main[:1]:
                limit = container.limits.get(resource)
                if limit is not None and limit <= min(floor, usual / 4):
                    own, others = amount(resource, limit), amount(resource, usual)
                    why = f"{unit.kind} {unit.name} may use {own} of {resource}, its siblings usually {others}"
                    numbers = {"limit": limit, "usual": usual}
                    yield from look.fault(unit.target, kind, 2.5, why, query=unit.query, numbers=numbers)


def _usage(look: Look) -> Iterator[ObjectFault]:
    """What `kubectl top` shows against limits and room."""
    for usage in look.cluster.usages:
        if usage.kind == "nodes":
            node = look.cluster.nodes.get(usage.name)
            for resource, value in (("cpu", usage.cpu), ("memory", usage.memory)):
                room = node.allocatable.get(resource) if node else None
                if room and value >= 0.9 * room:
                    why = f"node {usage.name} uses {value / room:.0%} of its {resource}"
                    yield from look.fault(
                        look.node(usage.name), f"node_{resource}_overload", 4.0, why, query=usage.query, excerpt=usage.line
                    )
            continue
        unit, pod = next(((unit, pod) for unit in look.units for pod in unit.pods if pod.name == usage.name), (None, None))
        if unit is None or pod is None:
            continue
        for resource, value in (("cpu", usage.cpu), ("memory", usage.memory)):
            limit = sum(container.limits.get(resource, 0.0) for container in pod.template.containers if not container.init)
            if limit and value >= 0.9 * limit:
                why = f"pod {usage.name} uses {value / limit:.0%} of its {resource} limit"
                yield from look.fault(unit.target, f"pod_{resource}_overload", 4.0, why, query=usage.query, excerpt=usage.line)
