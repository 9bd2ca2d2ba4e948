"""A store that answers reads and refuses writes: every pod is well, and yet requests that change something fail, at several
services that keep their rows in the same place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import re2

from graphs.analysis.calls import callees_of, reach
from graphs.analysis.detectors import detected
from graphs.analysis.objects.addresses import services_told
from graphs.analysis.objects.fault import ObjectFault
from graphs.analysis.objects.look import Look, Unit

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE", "INSERT", "UPDATE", "CREATE"})
_UNREACHABLE = re2.compile(r"\b50[234]\b")
_SAYS_SO = re2.compile(r"(?i)read[- _]?only")


@dataclass(frozen=True)
class Failing:
    """Requests that fail where they enter. `unreachable`: nobody answered them (502 to 504); `told`: the error itself says that
    something is read-only."""

    service: str
    writing: bool
    unreachable: bool
    told: bool


def failing(documents: Iterable[Mapping[str, object]]) -> tuple[Failing, ...]:
    """Failing requests of which a detector names the method and the service they entered at."""
    return tuple(
        Failing(
            alert.entry,
            alert.method.upper() in _WRITING,
            bool(_UNREACHABLE.search(alert.error)),
            bool(_SAYS_SO.search(alert.error)),
        )
        for alert in detected(documents)
        if alert.method and alert.entry
    )


def check(look: Look, requests: Collection[Failing], edges: Collection[tuple[str, str]]) -> Iterator[ObjectFault]:
    entries = sorted({one.service for one in requests})
    told = any(one.told for one in requests)
    if len(entries) < 2 or any(not one.writing or one.unreachable for one in requests):
        return
    units = {unit.name: unit for unit in look.units}
    down = callees_of(edges)
    behind = [reach(entry, down).keys() & set(units) for entry in entries]
    if any(not units[name].healthy for names in behind for name in names):
        return  # somebody on the way is down: that explains it better
    stores = [{store.name for name in names for store in _stores(look, units[name])} for names in behind]
    shared = sorted(set.intersection(*stores))
    for name in shared:
        unit = units[name]
        if unit.healthy:
            services = ", ".join(entries[:3])
            why = (
                f"only requests that write fail, at {services}, and all of these keep their rows in {unit.kind} {name}, which is up"
            )
            weight = (4.0 if told else 2.4) / len(shared) ** 0.5
            numbers = {"services": float(len(entries))}
            yield from look.fault(unit.target, "db_read_only", weight, why, query=unit.query, numbers=numbers, outsider_text=True)


def _stores(look: Look, unit: Unit) -> Iterator[Unit]:
    """The units that keep data and that `unit` is told the address of."""
    for service in services_told(look, unit):
        target = look.service_target(service)
        for other in look.units:
            volumes = chain(other.template.volumes, *(pod.template.volumes for pod in other.pods))
            keeps = any(source.kind == "claim" for source in volumes)
            if keeps and target is not None and other.target == target and other.name != unit.name:
                yield other
