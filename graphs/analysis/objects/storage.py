"""Claims against volumes and classes, and volumes that cannot be mounted or written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit, holds, latest, matches, tied
from graphs.analysis.objects.model import Claim, Event, Volume
from graphs.analysis.objects.text import amount

_MOUNT = ("FailedMount", "FailedAttachVolume", "FailedMapVolume", "VolumeResizeFailed")
_IDLE = 0.4  # nats: what is wrong with a claim that nobody waits for
_DENIED = ("permission denied", "operation not permitted", "eacces")


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        for source in unit.template.volumes:
            if source.kind == "claim":
                yield from _used(look, unit, source.name)
        yield from _mounts(look, unit)
    for claim in look.cluster.claims.values():
        if claim.status and claim.status != "Bound":
            yield from _unbound(look, claim)


def _target(look: Look, claim: Claim) -> str | None:
    for unit in look.units:
        if any(source.kind == "claim" and source.name == claim.name for source in unit.template.volumes):
            return unit.target
    for pod in look.cluster.pods.values():
        if pod.name in claim.used_by:
            return look.app(pod.name, labels=pod.labels)
    return look.app(claim.name.removeprefix("data-"), claim.name)


def _used(look: Look, unit: Unit, name: str) -> Iterator[ObjectFault]:
    if name in look.cluster.claims or "persistentvolumeclaims" not in look.cluster.listed or unit.healthy:
        return
    others = list(look.cluster.claims)
    why = f"{unit.kind} {unit.name} mounts claim {name}, which does not exist" + (
        f" ({', '.join(others[:3])} do)" if others else ""
    )
    declared = name in look.cluster.declared_claims  # then something kept it from being made, which other checks name
    yield from look.fault(unit.target, "missing_persistent_volume_claim", 2.5 if declared else 5.5, why, query=unit.query)


def _unbound(look: Look, claim: Claim) -> Iterator[ObjectFault]:
    cluster = look.cluster
    wanted = cluster.declared_claims.get(claim.name, claim)
    storage_class = claim.storage_class or wanted.storage_class
    event = latest(claim.events, "ProvisioningFailed", "FailedBinding", "VolumeMismatch", "ClaimMisbound", "WaitForFirstConsumer")
    line = event.line if event else f"Status: {claim.status}"
    target = _target(look, claim)
    idle = not _missed(look, claim)
    if claim.status == "Lost":
        why = f"claim {claim.name} has lost its volume"
        weight = _IDLE if idle else 5.5
        yield from look.fault(target, "persistent_volume_lost", weight, why, query=claim.query, excerpt=line)
        return
    for kind, weight, why in _mismatches(look, wanted, claim, storage_class, event):
        yield from look.fault(target, kind, _IDLE if idle else weight, f"claim {claim.name} {why}", query=claim.query, excerpt=line)


def _missed(look: Look, claim: Claim) -> bool:
    """Whether somebody who is not up waits for it: a claim that nobody mounts may stay unbound for years."""
    for unit in look.units:
        mounts = any(source.kind == "claim" and source.name == claim.name for source in unit.template.volumes)
        if not unit.healthy and (mounts or any(pod.name in claim.used_by for pod in unit.pods) or _templated(unit, claim)):
            return True
    return any(pod.name in claim.used_by and not pod.ready for pod in look.cluster.pods.values())


def _templated(unit: Unit, claim: Claim) -> bool:
    """`data-store-0` is made by StatefulSet store, for its pod store-0."""
    return unit.kind == "StatefulSet" and f"-{unit.name}-" in claim.name


def _mismatches(
    look: Look, wanted: Claim, claim: Claim, storage_class: str | None, event: Event | None
) -> Iterator[tuple[str, float, str]]:
    volumes = {**look.cluster.declared_volumes, **look.cluster.volumes}
    told = event.message.lower() if event else ""
    if name := (wanted.volume or claim.volume):
        volume = volumes.get(name)
        if volume is None:
            yield "persistent_volume_missing", 5.5, f"names volume {name}, which does not exist"
        elif _held_by_another(volume, claim):
            yield "persistent_volume_binding_occupied", 6.0, f"names volume {name}, which is bound to claim {volume.claim}"
        else:
            yield from _against(look, wanted, storage_class, volume, asked_by_name=True)
        return
    known_class = storage_class in {"", None} or storage_class in look.cluster.classes
    served = [volume for volume in volumes.values() if (volume.storage_class or "") == (storage_class or "")]
    if not known_class and not served:
        yield (
            "pvc_storage_class_mismatch",
            6.0,
            f"asks for storage class {storage_class}, which neither a class nor a volume offers",
        )
        return
    free = [volume for volume in volumes.values() if not _held_by_another(volume, claim) and volume.status in ("", "Available")]
    fitting_class = [volume for volume in free if (volume.storage_class or "") == (storage_class or "")]
    if free and not fitting_class:
        offers = sorted({volume.storage_class or "none" for volume in free})
        yield (
            "pvc_storage_class_mismatch",
            5.0,
            f"asks for storage class {storage_class or 'none'}, the free volumes are of {', '.join(offers)}",
        )
        return
    missed_by = [list(_against(look, wanted, storage_class, volume, asked_by_name=False)) for volume in _by_name(fitting_class)]
    if nearest := min(missed_by, key=len, default=[]):
        yield from nearest
        return
    released = [
        volume
        for volume in volumes.values()
        if volume.claim == claim.name and not _held_by_another(volume, claim) and volume.status in {"Released", "Failed"}
    ]
    if released:
        yield (
            "persistent_volume_binding_occupied",
            4.0,
            f"finds only volume {released[0].name}, still {released[0].status.lower()} from its last life",
        )
    elif taken := [volume for volume in _by_name(served) if _held_by_another(volume, claim)]:
        holder = "/".join(filter(None, (taken[0].claim_namespace, taken[0].claim)))
        yield "persistent_volume_binding_occupied", 4.0, f"finds only volumes that other claims hold ({taken[0].name} by {holder})"
    elif "waitforfirstconsumer" not in told:
        yield "persistent_volume_claim_unbound", 3.5, "is not bound, and no free volume fits it"


def _held_by_another(volume: Volume, claim: Claim) -> bool:
    """Claims of one name in two namespaces are two claims."""
    spaces = {volume.claim_namespace, claim.namespace} - {None}
    return bool(volume.claim) and (volume.claim != claim.name or len(spaces) > 1)


def _by_name(volumes: Iterable[Volume]) -> list[Volume]:
    return sorted(volumes, key=lambda volume: volume.name)


def _against(
    look: Look, wanted: Claim, storage_class: str | None, volume: Volume, *, asked_by_name: bool
) -> Iterator[tuple[str, float, str]]:
    full = look.cluster.declared_volumes.get(volume.name)
    size, modes = volume.size or (full.size if full else None), volume.modes or (full.modes if full else ())
    if asked_by_name and storage_class is not None and (volume.storage_class or "") != storage_class:
        yield (
            "pvc_storage_class_mismatch",
            6.0,
            f"is of class {storage_class or 'none'}, volume {volume.name} of {volume.storage_class or 'none'}",
        )
    if wanted.size and size and wanted.size > size:
        yield (
            "pvc_capacity_mismatch",
            6.0,
            f"asks for {amount('storage', wanted.size)}, volume {volume.name} holds {amount('storage', size)}",
        )
    if wanted.modes and modes and not set(wanted.modes) <= set(modes):
        yield "pvc_access_mode_mismatch", 6.0, f"asks for {'/'.join(wanted.modes)}, volume {volume.name} offers {'/'.join(modes)}"
    labels = volume.labels or (full.labels if full else {})
    refused = [rule for rule in wanted.expressions if not holds(labels, *rule)]
    if refused or (wanted.selector and not matches(wanted.selector, labels)):
        asked = tied(wanted.selector) or "; ".join(f"{key} {operator} {'/'.join(values)}" for key, operator, values in refused)
        yield "pvc_selector_mismatch", 6.0, f"selects {asked}, volume {volume.name} carries {tied(labels) or 'no labels'}"


def _mounts(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    for pod in unit.pods:
        event = latest(pod.events, *_MOUNT)
        if event is None or pod.ready:
            continue
        said = event.message.lower()
        kind, weight = _mount_kind(said)
        why = f"pod {pod.name} cannot mount a volume"
        yield from look.fault(unit.target, kind, weight, why, query=pod.query, excerpt=event.line)
    for pod in unit.pods:
        told = " ".join((*(e.message for e in pod.events if e.warning), *(c.message for c in pod.template.containers))).lower()
        if not pod.ready and any(word in told for word in _DENIED) and ("volume" in told or _on_mount(unit, told)):
            why = f"pod {pod.name} may not use its volume"
            yield from look.fault(unit.target, "volume_mount_permission_denied", 5.0, why, query=pod.query)
    yield from _unwritable(look, unit)


def _on_mount(unit: Unit, told: str) -> bool:
    """Whether a path is spoken of under which a claim or a directory of the node is mounted."""
    kept = {source.volume for source in unit.template.volumes if source.kind in {"claim", "host"}}
    paths = {path.rstrip("/") for container in unit.main for path, volume, _ in container.mounts if volume in kept}
    return any(path and path.lower() in told for path in paths)


def _asked(unit: Unit) -> str:
    return unit.declared.query if unit.declared is not None else unit.query


def _mount_kind(said: str) -> tuple[str, float]:
    if "secret" in said and "not found" in said:
        return "missing_secret_binding", 6.0
    if "configmap" in said and "not found" in said:
        return "missing_config_map", 6.0
    if "references non-existent" in said and "key" in said:
        return "missing_secret_key" if "secret" in said else "missing_config_map_key", 5.5
    if any(word in said for word in _DENIED) or "access denied" in said:
        return "volume_mount_permission_denied", 5.5
    if "multi-attach" in said:
        return "volume_multi_attach", 5.5
    if "hostpath type check failed" in said or "no such file or directory" in said or "does not exist" in said:
        return "volume_path_missing", 5.5
    if "timed out waiting for the condition" in said and "cache" in said:
        return "volume_mount_failed", 0.6
    return "volume_mount_failed", 3.5


def _unwritable(look: Look, unit: Unit) -> Iterator[ObjectFault]:
    """A claim that is mounted read-only by the only one who uses it, or by a user without the volume's group."""
    claims = {source.volume: source.name for source in unit.template.volumes if source.kind == "claim"}
    for container in unit.main:
        for path, volume, read_only in container.mounts:
            if volume in claims and read_only:
                why = f"{unit.kind} {unit.name} mounts claim {claims[volume]} read-only at {path}"
                yield from look.fault(unit.target, "volume_mount_read_only", 1.5 if unit.healthy else 3.5, why, query=unit.query)
        crashing = any(c.reason == "CrashLoopBackOff" for pod in unit.pods for c in pod.template.containers)
        if claims and crashing and container.run_as_user:
            group = unit.template.fs_group
            owner = f"group {group}" if group else "no group"
            why = f"{unit.kind} {unit.name} runs as user {container.run_as_user} with {owner} for its volume, and crashes"
            weight = 3.0 if group is None else 2.2
            yield from look.fault(unit.target, "volume_mount_permission_denied", weight, why, query=_asked(unit))
