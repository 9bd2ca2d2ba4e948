"""Callees that only pass calls on. Pure.

A call graph often names one call twice: the address that the caller dials (a load balancer, a name, a proxy) and the service
that answers there. The address reports no calls of its own, so the edge between the two is missing and its extra time looks
like its own. The service does report whom it calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from graphs.analysis.calls import Edge, callees_of, callers_of, reach


@dataclass(frozen=True)
class Relay:
    """`part` (0..1) of what is seen at a leaf belongs to others, in the proportions `to` (they sum to 1)."""

    part: float
    to: dict[str, float]


def relays(own: Mapping[str, float], edges: Collection[Edge], programs: Collection[str] = ()) -> dict[str, Relay]:
    """Leaves whose own mass those behind another callee of the same callers account for: two things that went wrong together,
    one of which may call the other, are one thing. `own` is what each node's known callees don't explain.

    Who depends on the leaf cannot be behind it, and one of `programs` (they report processor or memory) is no address.
    """
    up, down = callers_of(edges), callees_of(edges)
    known: dict[str, frozenset[str]] = {}
    found: dict[str, Relay] = {}
    for leaf, mass in sorted(own.items()):
        if mass <= 0 or leaf in down or leaf not in up or leaf in programs:
            continue
        beside = set.intersection(*(set(down[caller]) for caller in up[leaf])) - set(up[leaf])
        behind: set[str] = set()
        for service in sorted(beside & down.keys()):
            if service not in known:
                known[service] = frozenset(reach(service, down))
            if leaf not in known[service]:
                behind |= known[service]
        theirs = {node: own[node] for node in sorted(behind - set(up[leaf])) if own.get(node, 0.0) > 0}
        total = sum(theirs.values())
        if total > 0:
            found[leaf] = Relay(min(1.0, total / mass), {node: value / total for node, value in theirs.items()})
    return found


def handed_over(values: Mapping[str, float], found: Mapping[str, Relay]) -> dict[str, float]:
    """`values` with each relay's part given to those it belongs to."""
    out = dict(values)
    for leaf, relay in sorted(found.items()):
        passed = values.get(leaf, 0.0) * relay.part
        if passed <= 0:
            continue
        out[leaf] -= passed
        for node, part in relay.to.items():
            out[node] = out.get(node, 0.0) + passed * part
    return out


def passed_to(node: str, found: Mapping[str, Relay]) -> list[str]:
    """The relays most of whose mass is this node's."""
    return [leaf for leaf, relay in sorted(found.items()) if relay.part * relay.to.get(node, 0.0) > 0.5]
