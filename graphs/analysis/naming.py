"""One thing, several names: the bare names in telemetry and the names that may be answered with. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import re2

_ADDRESS = re2.compile(r"(?:^|[^0-9.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?:$|[^0-9.])")
POD_TAIL = r"(?:-[a-f0-9]{6,10}-[a-z0-9]{5}|-\d{1,3})"
"""What a Deployment or a StatefulSet appends to its name for a pod's: plain enough to know a pod by in any text."""
_POD_TAILS = re2.compile(rf"(?:{POD_TAIL}|-[a-z0-9]{{5}})$")
_APPLICATIONS = ("app/", "service/", "deployment/")


def bare(name: str) -> str:
    """The last part of a name that tells its kind (`app/x`) or its place."""
    return name.rpartition("/")[2]


def workload(pod: str) -> str:
    """Whose pod it is, by its name alone. A DaemonSet or a Job appends five signs, which could be a word of any other name: give
    it only what is known to be a pod."""
    return str(_POD_TAILS.sub("", pod))


def addresses(text: str) -> list[str]:
    """IPv4 addresses in a text, in their order."""
    return [str(address) for address in _ADDRESS.findall(text)]


def _parents(name: str) -> Iterable[str]:
    """`x-7d9f8-abc12` → `x-7d9f8`, `x`: what may be a pod's name without its tails, nearest first, at most two. More is taken
    for a tail than `workload` does: these are only asked for among names that exist."""
    for _ in range(2):
        name, dash, tail = name.rpartition("-")
        if not dash or not name or (len(tail) not in (5, 10) and not any(sign.isdigit() for sign in tail)):
            return
        yield name


@dataclass(frozen=True)
class Names:
    """Maps an entity of the telemetry to the candidate it is (or belongs to)."""

    candidates: tuple[str, ...]
    known: frozenset[str]
    by_bare: dict[str, str]

    @classmethod
    def of(cls, candidates: Collection[str], known: Collection[str] = ()) -> Names:
        """`known`: services that exist (from a topology); they tell pods from services where there are no candidates."""
        by_bare: dict[str, str] = {}
        for candidate in sorted(candidates):
            # of several with the same last part, the application is meant
            held = by_bare.get(bare(candidate))
            if held is None or (candidate.startswith(_APPLICATIONS) and not held.startswith(_APPLICATIONS)):
                by_bare[bare(candidate)] = candidate
        return cls(tuple(candidates), frozenset(known), by_bare)

    def target(self, entity: str) -> str | None:
        """The candidate that `entity` is, or None where it can't be answered with."""
        if entity == "entrypoint" or ">" in entity:
            return None
        if not self.candidates:
            return next((parent for parent in _parents(entity) if entity not in self.known and parent in self.known), entity)
        if entity in self.candidates:
            return entity
        if entity.startswith(("node/", "namespace/")):
            return None
        for name in (bare(entity), *_parents(bare(entity))):
            if name in self.by_bare:
                return self.by_bare[name]
        return None

    def in_telemetry(self, name: str | None, entities: Collection[str]) -> str | None:
        """How a service of the alert is called in the telemetry."""
        if name is None or name in entities:
            return name
        return bare(name) if bare(name) in entities else name
