"""What a contradiction between objects, or a sign of one, amounts to."""

from __future__ import annotations

from dataclasses import dataclass, field

EFFECTS = frozenset(
    {
        "pods_unavailable",
        "container_not_ready",
        "container_restarts",
        "container_crash_loop",
        "message_broker_unavailable",
        "db_unavailable",
        "cache_unavailable",
        "container_config_incorrect",
        "service_unreachable",
        "pod_creation_refused",
        "pod_not_scheduled",
    }
)
"""Kinds that say what became of an object, not what is wrong with it: seen by probes and counters, whatever the cause."""


@dataclass(frozen=True)
class ObjectFault:
    """One thing that is wrong with one object.

    `target` is one of the scope's candidates; `kind` our word for what is wrong (lower snake case); `weight` how strongly this
    speaks for the target being the cause, in nats. `statement` is our sentence; `query` the command whose output shows it;
    `excerpt` the line quoted from that output. Who may change the cluster writes those; `outsider_text` marks what an
    application said of itself, into which anybody's request may have found its way; `seen` an effect that was observed.
    `concerns` names what a fault of something larger keeps from running: workloads, services, claims.
    """

    target: str
    kind: str
    weight: float
    statement: str
    query: str
    excerpt: str | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    outsider_text: bool = False
    seen: bool = False
    concerns: frozenset[str] = frozenset()
