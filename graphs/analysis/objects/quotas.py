"""What a namespace allows, held against what its objects ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import re2

from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit
from graphs.analysis.objects.model import Event, Quota
from graphs.analysis.objects.text import amount, pairs, quantity

_EXCEEDED = re2.compile(r"exceeded quota: ([^,\s]+), requested: (.+?), used: (.+?), limited: (.+)$")
_UNSPECIFIED = re2.compile(r"failed quota: ([^:\s]+): must specify ([a-z0-9.,: ]+)")
_LIMIT_RANGE = re2.compile(
    r"(?:(maximum|minimum) )?(cpu|memory|storage|ephemeral-storage)( max limit to request ratio)?[^.]*"
    r" per (?:Container|Pod|PersistentVolumeClaim) is"
)
_WORDS = (
    ("requests.storage", "storage"),
    ("persistentvolumeclaims", "persistent_volume_claim"),
    ("ephemeral-storage", "ephemeral_storage"),
    ("storage", "storage"),
    ("services", "service"),
    ("pods", "pod"),
    ("memory", "memory"),
    ("cpu", "cpu"),
)


def check(look: Look) -> Iterator[ObjectFault]:
    for unit in look.units:
        for event in unit.events:
            if event.warning and "forbidden" in event.message:
                yield from _refused(look, unit, event)
    for quota in look.cluster.quotas.values():
        yield from _full(look, quota)
    for claim in look.cluster.claims.values():
        for event in claim.events:
            if "exceeded quota" in event.message:
                yield from _exceeded(look, event, claim.query, None, claim.name)


def word_of(resource: str) -> str:
    """The plain word for a quota's resource: `requests.cpu` is cpu, `count/pods` is pod."""
    for part, word in _WORDS:
        if part in resource:
            return word
    return resource.rpartition("/")[2].replace(".", "_").replace("-", "_").rstrip("s")


def _refused(look: Look, unit: Unit, event: Event) -> Iterator[ObjectFault]:
    query = unit.live.query if unit.live else unit.query
    if "exceeded quota" in event.message:
        yield from _exceeded(look, event, query, unit, unit.name)
    elif (match := _UNSPECIFIED.search(event.message)) is not None and not unit.pods:
        why = f"quota {match.group(1)} wants {match.group(2)} stated, and {unit.kind} {unit.name} does not state it"
        yield from look.fault(unit.target, "resource_quota_unspecified_requests", 5.0, why, query=query, excerpt=event.line)
    elif (match := _LIMIT_RANGE.search(event.message)) is not None and not unit.pods:
        bound = match.group(1) or "ratio"
        why = f"{unit.kind} {unit.name} asks for {match.group(2)} beyond the {bound} of the namespace's limit range"
        yield from look.fault(unit.target, "limit_range_violation", 5.5, why, query=query, excerpt=event.line)


def _exceeded(look: Look, event: Event, query: str, unit: Unit | None, name: str) -> Iterator[ObjectFault]:
    match = _EXCEEDED.search(event.message)
    if match is None:
        return
    resource = _overrun(*(pairs([match.group(number)]) for number in (2, 3, 4)))
    lacking = unit is None or len(unit.pods) < (unit.desired or 1)
    why = f"quota {match.group(1)} refuses {name}: {match.group(2)} on top of {match.group(3)}, limited to {match.group(4)}"
    kind = f"namespace_{word_of(resource)}_quota_exceeded"
    yield from look.fault(
        look.namespace(None), kind, 6.0 if lacking else 2.0, why, query=query, excerpt=event.line, concerns=[name]
    )
    if unit is not None and lacking:
        less = f"{unit.kind} {unit.name} is short of pods because a quota refuses them"
        yield from look.fault(unit.target, "pod_creation_refused", 1.0, less, query=query, excerpt=event.line)


def _overrun(requested: Mapping[str, str], used: Mapping[str, str], limited: Mapping[str, str]) -> str:
    """Of several resources that one refusal names, the first that really goes over; the first of all where none can be told."""
    for resource, asked in requested.items():
        amounts = [quantity(text) for text in (asked, used.get(resource, ""), limited.get(resource, ""))]
        if None not in amounts and (amounts[0] or 0.0) + (amounts[1] or 0.0) > (amounts[2] or 0.0):
            return resource
    return next(iter(requested), "")


def _full(look: Look, quota: Quota) -> Iterator[ObjectFault]:
    """Quotas with no room for something that is declared and does not exist."""
    for resource, (used, hard) in quota.rows.items():
        word = word_of(resource)
        lacking = _lacking(look, word, used, hard)
        weight = 5.5 if lacking else 0.7 if used >= hard else 0.0
        what = f"and {', '.join(lacking[:3])} is declared and missing" if lacking else "and is full"
        why = f"quota {quota.name} allows {amount(resource, hard)} of {resource}, {amount(resource, used)} is used, {what}"
        numbers = {"used": used, "hard": hard}
        yield from look.fault(
            look.namespace(quota.namespace),
            f"namespace_{word}_quota_exceeded",
            weight,
            why,
            query=quota.query,
            excerpt=quota.lines.get(resource),
            numbers=numbers,
            concerns=lacking,
        )


def _lacking(look: Look, word: str, used: float, hard: float) -> list[str]:
    cluster = look.cluster
    if word == "service" and used >= hard and "services" in cluster.listed:
        return [name for name in cluster.declared_services if name not in cluster.services]
    if word in {"storage", "persistent_volume_claim"} and "persistentvolumeclaims" in cluster.listed:
        missing = [claim for name, claim in cluster.declared_claims.items() if name not in cluster.claims]
        return [claim.name for claim in missing if used + (1 if word != "storage" else claim.size or 0.0) > hard]
    if word == "pod" and used >= hard:
        return [unit.name for unit in look.units if len(unit.pods) < (unit.desired or 0)]
    if word in {"cpu", "memory"}:
        short = [unit for unit in look.units if len(unit.pods) < (unit.desired or 0)]
        return [unit.name for unit in short if used + sum(container.requests.get(word, 0.0) for container in unit.main) > hard > 0]
    return []
