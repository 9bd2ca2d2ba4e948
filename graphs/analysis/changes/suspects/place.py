"""Where a change went, against where it hurts: the failing service, what it calls, what calls it, and its node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import re2

from app.domain.finding import Finding
from app.domain.incident import Scope
from app.domain.telemetry import Topology
from graphs.analysis.changes.reading.words import stem_set, stems
from graphs.analysis.naming import Names, bare

_FAR = 4
_NO_SERVICE = -1.2
"""Nats for going live under a name that nothing measures or calls: a part of the ground that all stand on, or far away."""
_SORT = re2.compile(r"[-_](?:queue|topic|db|database|cache|bucket|cluster|service|svc|worker|server|api)$")
"""What a service's name ends in to say what sort of thing it is; whoever sets it up may leave it out."""
_THROUGH = -0.5  # nats for what could only act through the answers that somebody else hands on
_NAMED = 0.6  # of a service's closeness, for a change to the ground that spells its name out


@dataclass(frozen=True)
class Places:
    """`closeness` of every service that anything speaks of, 0..1, below it for who acts through others' answers; `known` says
    whether absence from it means anything."""

    closeness: dict[str, float]
    known: bool
    naming: Names
    names: frozenset[str]
    edges: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, scope: Scope, symptoms: Sequence[Finding], topology: Topology) -> Places:
        """From the alert, the symptoms' entities and the calls between services."""
        naming = Names.of(scope.candidates)
        alerting = bare(scope.alert.service or "")
        closeness: dict[str, float] = {alerting: 1.0} if alerting else {}
        edges = [(bare(caller), bare(callee)) for caller, callee in topology.edges]
        for service, steps in _downstream(alerting, edges).items():
            _raise(closeness, service, 0.9 if steps == 1 else 0.75)
        for caller, callee in edges:
            if callee == alerting:
                _raise(closeness, caller, 0.5)
        for service in _feeders(alerting, edges):
            _raise(closeness, service, 0.3)  # who calls the same store, or feeds what feeds it
        for symptom in symptoms:
            for entity in _entities(symptom.entity, naming):
                _raise(closeness, entity, 0.75)
        troubled = {entity for symptom in symptoms for entity in _entities(symptom.entity, naming)}
        for callee in _handing_on(alerting, edges, troubled):
            closeness.setdefault(callee, _THROUGH)
        if alerting:
            home = {bare(name): node for name, node in topology.placement.items()}
            for service, node in home.items():
                if node == home.get(alerting):
                    _raise(closeness, service, 0.3)
        names = frozenset(
            [alerting, *closeness, *(bare(name) for name in scope.candidates), *(end for edge in edges for end in edge)]
        )
        return cls(closeness, bool(edges or symptoms), naming, names, tuple(edges))

    @property
    def name_words(self) -> frozenset[str]:
        """Stems of the services' names: they say where, not what."""
        shortened = {name[: -len(end)] for name in self.names for end in ("service", "svc", "server", "db") if name.endswith(end)}
        return stem_set([*self.names, *shortened]) - frozenset(stems("pool cache queue timeout"))

    def nats(self, service: str | None) -> float:
        """What being deployed to `service` says: up to 1 at the failing one, -2 where nothing moved."""
        if service is None:
            return 0.0
        close = self.closeness.get(bare(service))
        if close is not None:
            return close
        if not self.known:
            return -0.5
        return -2.0 if any(bare(service) in edge for edge in self.edges) else _NO_SERVICE

    def nats_of(self, service: str | None, text: str) -> float:
        """The same for a change to what is no service itself (a network, a cluster), with the services that `text` names."""
        nats = self.nats(service)
        if service is None or nats != _NO_SERVICE:
            return nats
        low = text.lower().replace("_", "-")
        own = {_SORT.sub("", name.lower()): close for name, close in sorted(self.closeness.items(), key=lambda one: one[1])}
        return max((_NAMED * close for name, close in own.items() if len(name) >= 5 and name in low), default=nats)

    def beside(self, service: str | None, entities: Iterable[str]) -> tuple[str, ...]:
        """Those of `entities` that `service` calls, that call it, or that call what it troubles too, by the scope's own names.
        Where nobody knows who calls whom, it may be any of them: not knowing acquits no change."""
        if service is None:
            return ()
        own = bare(service)
        ends = {end for entity in entities for end in _entities(entity, self.naming)} - {own}
        near = {end for edge in self.edges if own in edge for end in edge} if self.edges else ends
        shared = {callee for caller, callee in self.edges if caller == own} & ends
        near |= {caller for caller, callee in self.edges if callee in shared}  # who stands in the same queue
        found = {self.candidate(end) for end in ends & near}
        return tuple(sorted(name for name in found if name is not None))

    def candidate(self, service: str | None) -> str | None:
        """The scope's own name for a service; where nothing is offered, the service's."""
        return self.naming.target(service) if service is not None else None


def _raise(closeness: dict[str, float], service: str, value: float) -> None:
    closeness[service] = max(closeness.get(service, 0.0), value)


def _downstream(start: str, edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    listed = list(edges)
    steps: dict[str, int] = {}
    front = {start}
    for step in range(1, _FAR + 1):
        front = {callee for caller, callee in listed if caller in front and callee not in steps and callee != start}
        steps |= dict.fromkeys(front, step)
    return steps


def _feeders(start: str, edges: Sequence[tuple[str, str]]) -> set[str]:
    """Who may put something in the way of `start` without being called by it: callers of its callers, and others that call what
    it calls (a queue, a store). Who only shares a caller with it can't."""
    callers = {caller for caller, callee in edges if callee == start}
    callees = {callee for caller, callee in edges if caller == start}
    return {caller for caller, callee in edges if callee in callers | callees} - {start}


def _handing_on(start: str, edges: Sequence[tuple[str, str]], troubled: set[str]) -> set[str]:
    """Whose answers a caller of `start` may hand on to it, where that caller is in trouble itself."""
    callers = {caller for caller, callee in edges if callee == start} & troubled
    return {callee for caller, callee in edges if caller in callers} - {start}


def _entities(entity: str | None, naming: Names) -> list[str]:
    """Services that a finding's entity names, bare: itself, both ends of a call, or the candidate that a pod belongs to."""
    return [bare(naming.target(end) or end) for end in entity.split(">")] if entity is not None else []
