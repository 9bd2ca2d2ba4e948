"""Whose address is whose, as the cluster's own lists say."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.telemetry import Recorded
from graphs.analysis.naming import addresses, workload

_LISTED = ("services", "service", "svc", "endpoints", "ep", "pods", "pod", "po", "all")
_HELD = ("CLUSTER-IP", "ENDPOINTS", "IP")
_MOST = 50_000
"""Addresses that are kept."""


def owners(recorded: Iterable[Recorded]) -> dict[str, str]:
    """Address -> the service, or the workload of the pod, that the tables of `kubectl get` say has it.

    What two of them have is left out: a node's address, say, which every pod on the host's network shows.
    """
    found: dict[str, set[str]] = {}
    for each in recorded:
        words = each.command.split()
        if "get" not in words or not {name.partition("/")[0] for word in words for name in word.split(",")} & set(_LISTED):
            continue
        for name, address in _rows(each.output):
            if len(found) < _MOST or address in found:
                found.setdefault(address, set()).add(name)
    return {address: next(iter(names)) for address, names in found.items() if len(names) == 1}


def _rows(output: str) -> Iterable[tuple[str, str]]:
    """(name, address) of each row of the tables in `output`."""
    at: int | None = None
    pods = False
    for line in output.splitlines():
        cells = line.split()
        if "NAME" in cells:
            at = cells.index("NAME") if any(head in cells for head in _HELD) else None
            pods = "READY" in cells
        elif at is not None and len(cells) > at + 1:
            kind, _, bare = cells[at].rpartition("/")  # `kubectl get all` writes pod/name
            name = workload(bare) if pods or kind == "pod" else bare
            for address in addresses(line):
                yield name, address
