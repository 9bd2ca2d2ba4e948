"""From suspicions to ranked possibilities: addition in nats, then a softmax that leaves room for what nobody saw.

Every number here can be repeated by hand from the suspicions: `ledger_line` says how.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.hypothesis import Suspicion

FURTHER = 0.3
"""A second suspicion of the same signal on the same target repeats more than it adds: it counts this much."""
SIGNAL_CAP = 5.5
"""One kind of signal alone never says more than this, nats."""
ELSEWHERE = 0.8
"""A guilty change explains symptoms at the service that shows them this well, compared with symptoms at its own service."""
NOBODY = 1.5
"""The score of "something nobody looked at"; a hypothesis with no more evidence than this is a coin flip."""
SHARPNESS = 0.9
"""Nats of score per nat of log odds: below 1 because suspicions are not independent of each other."""


@dataclass(frozen=True)
class Possibility:
    """One thing that may be the cause: a target, with the change that did it or without one."""

    target: str
    change: str | None
    kind: str | None
    remediation: str | None
    score: float
    confidence: float
    speaking: tuple[Suspicion, ...]  # what counts for it, strongest first
    against: tuple[Suspicion, ...]
    parts: tuple[tuple[str, float], ...]  # (what, nats), in the order they were added


def possibilities(suspicions: Sequence[Suspicion], *, alerting: str | None) -> list[Possibility]:
    """All that are suspected, best first; ties by name, so that the order is the same on every machine.

    `alerting`: the service whose alert fired; a guilty change elsewhere also explains what is seen there.
    """
    by_target: dict[str, list[Suspicion]] = defaultdict(list)
    for suspicion in suspicions:
        by_target[suspicion.target].append(suspicion)

    drafts: list[tuple[str, Suspicion | None, list[tuple[str, float]], list[Suspicion]]] = []
    for target, held in sorted(by_target.items()):
        plain = [s for s in held if s.change is None]
        parts = _evidence(plain)
        if plain:
            drafts.append((target, None, parts, plain))
        for guilty in (s for s in held if s.change is not None):
            own = sum(nats for _, nats in parts)
            elsewhere = _evidence([s for s in by_target.get(alerting or "", []) if s.change is None and not s.no_change])
            there = ELSEWHERE * sum(nats for _, nats in elsewhere)
            shown = parts if own >= there or alerting == target else [(f"seen at {alerting}", there)]
            where = plain if own >= there or alerting == target else [s for s in by_target[alerting or ""] if s.change is None]
            drafts.append((target, guilty, [*shown, (f"change {(guilty.change or '')[:12]}", guilty.weight)], [guilty, *where]))

    scored = [(sum(nats for _, nats in parts), *draft) for draft in drafts for parts in [draft[2]]]
    top = max((score for score, *_ in scored), default=0.0)
    weights = [math.exp(SHARPNESS * (score - top)) for score, *_ in scored]
    total = sum(weights) + math.exp(SHARPNESS * (NOBODY - top))
    found = [
        _possibility(target, guilty, parts, held, score=score, confidence=weight / total)
        for (score, target, guilty, parts, held), weight in zip(scored, weights, strict=True)
    ]
    return sorted(found, key=lambda p: (-p.score, p.target, p.change or ""))


def _evidence(suspicions: Iterable[Suspicion]) -> list[tuple[str, float]]:
    """Per kind of signal: the strongest in full, further ones at `FURTHER`, for and against apart, capped."""
    by_signal: dict[str, list[float]] = defaultdict(list)
    for suspicion in suspicions:
        by_signal[suspicion.signal].append(suspicion.weight)
    parts = []
    for signal, weights in sorted(by_signal.items()):
        speaking = sorted((w for w in weights if w > 0), reverse=True)
        against = sorted(w for w in weights if w < 0)
        nats = sum(w * (1.0 if i == 0 else FURTHER) for i, w in enumerate(speaking)) + sum(
            w * (1.0 if i == 0 else FURTHER) for i, w in enumerate(against)
        )
        parts.append((signal, max(-SIGNAL_CAP, min(SIGNAL_CAP, nats))))
    return parts


def _possibility(
    target: str, guilty: Suspicion | None, parts: list[tuple[str, float]], held: list[Suspicion], *, score: float, confidence: float
) -> Possibility:
    speaking = sorted((s for s in held if s.weight > 0), key=lambda s: (-s.weight, s.statement))
    if guilty is not None and guilty in speaking:
        speaking = [guilty, *(s for s in speaking if s is not guilty)]
    against = sorted((s for s in held if s.weight < 0), key=lambda s: (s.weight, s.statement))
    named = [guilty, *speaking] if guilty is not None else speaking
    return Possibility(
        target=target,
        change=guilty.change if guilty else None,
        kind=next((s.kind for s in named if s.kind), None),
        remediation=next((s.remediation for s in named if s.remediation), None),
        score=score,
        confidence=confidence,
        speaking=tuple(speaking),
        against=tuple(against),
        parts=tuple(parts),
    )
