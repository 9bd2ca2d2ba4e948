"""From what was written to what was running: which commit a deploy ships, where, and when it went live."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.change import Change
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.words import stem_set

_SUFFIXES = ("service", "-service", "_service", "-svc", "_svc", "svc", "-server", "-api", "-app")
_SHORTEST_ID = 7
_ONE_ACT = timedelta(minutes=5)


@dataclass(frozen=True)
class Shipment:
    """A change and how it went live. `deploy` is the deploy that shipped it, None where it needs none or none is known.

    `live`: it could act before anybody knew of the incident. `rides`: no deploy names it, but a later one of a service that
    it touches may have carried it.
    """

    change: Change
    deploy: Change | None
    service: str | None
    live_at: datetime
    live: bool = True
    rides: bool = False

    @property
    def flag(self) -> str:
        return str(self.change.details.get("flag") or "") if self.change.kind == "flag" else ""

    @property
    def title_words(self) -> frozenset[str]:
        return stem_set([self.change.title, self.flag, *(path.rsplit("/", 2)[-1] for path in self.change.files)])

    @property
    def config_only(self) -> bool:
        kinds = {file_kind(path) for path in self.change.files} - {"test", "docs"}
        return bool(kinds) and kinds <= {"config"}


def shipments(changes: Sequence[Change], *, services: frozenset[str]) -> list[Shipment]:
    """Every change once, deploys joined with what they ship. First rollouts of a workload are its birth, not a change."""
    ordered = sorted(changes, key=lambda change: (change.at, change.id))
    commits = [change for change in ordered if change.kind == "commit"]
    deploys = [change for change in ordered if change.kind == "deploy" or (change.kind == "rollout" and not _birth(change))]
    shipped: dict[str, Shipment] = {}
    found: list[Shipment] = []
    for deploy in deploys:
        commit = _shipped_by(deploy, commits, taken=shipped.keys(), services=services)
        if commit is None:
            found.append(Shipment(deploy, None, deploy.service, deploy.at))
        elif commit.id not in shipped:
            shipped[commit.id] = Shipment(commit, deploy, deploy.service, deploy.at)
        else:  # the same commit to a second service: the first place is where it began
            continue
    for commit in commits:
        if commit.id not in shipped:
            shipped[commit.id] = _alone(commit, deploys, services)
    others = [
        Shipment(change, None, change.service, change.at)
        for change in ordered
        if change.kind in ("flag", "config", "scale", "infrastructure")
    ]
    for other in list(others):
        for id, written in shipped.items():
            if _wrote(written, other):  # one act, seen twice: it is blamed where it can be taken back, and acts where the flag does
                shipped[id] = replace(written, service=other.service or written.service, live_at=other.change.at, live=True)
                others.remove(other)
                break
    return [*shipped.values(), *found, *others]


def _wrote(commit: Shipment, switched: Shipment) -> bool:
    """Whether a flag was switched by a commit to the file that sets it: its name stands there as a key."""
    if not switched.flag or not commit.live or not commit.config_only or abs(commit.live_at - switched.change.at) > _ONE_ACT:
        return False
    set_in = (
        line.lstrip("+- \t\"'").removeprefix(switched.flag) for line in commit.change.diff.splitlines() if switched.flag in line
    )
    return any(rest.lstrip("\"' ").startswith((":", "=")) for rest in set_in)


def _birth(change: Change) -> bool:
    return str(change.details.get("revision", change.version or "")) == "1"


def _shipped_by(deploy: Change, commits: Sequence[Change], *, taken: Collection[str], services: frozenset[str]) -> Change | None:
    text = " ".join(filter(None, (deploy.id, deploy.version, deploy.title)))
    for commit in commits:
        if len(commit.id) >= _SHORTEST_ID and (commit.id == deploy.id or commit.id[:_SHORTEST_ID] in text):
            return commit
        if commit.version and commit.version == deploy.version and commit.service in (None, deploy.service):
            return commit
    if deploy.diff or deploy.files:
        return None
    before = [
        commit
        for commit in commits
        if commit.at <= deploy.at and deploy.service in touched_services(commit, services) and commit.id not in taken
    ]
    return before[-1] if before else None


def _alone(commit: Change, deploys: Sequence[Change], services: frozenset[str]) -> Shipment:
    touched = touched_services(commit, services)
    service = commit.service or (min(touched) if len(touched) == 1 else None)
    if not deploys:
        return Shipment(commit, None, service, commit.at)
    later = [deploy for deploy in deploys if deploy.at >= commit.at and deploy.service is not None and deploy.service in touched]
    if later:
        return Shipment(commit, later[0], later[0].service, later[0].at, rides=True)
    return Shipment(commit, None, service, commit.at, live=False)


def touched_services(change: Change, services: frozenset[str]) -> set[str]:
    """Services whose folder the change's files lie in, or whose name it bears itself."""
    if change.service:
        return {change.service}
    parts = {part.lower() for path in change.files for part in path.split("/")[:-1]}
    return {service for service in services if _spellings(service) & parts}


def _spellings(service: str) -> set[str]:
    low = service.lower()
    return {low} | {low[: -len(suffix)] for suffix in _SUFFIXES if low.endswith(suffix) and len(low) - len(suffix) >= 3}
