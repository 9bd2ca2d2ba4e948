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
CHANGE_PRIOR = 1.2
"""Most changes are innocent: one must bring this many nats to be as good an explanation as no change at all."""
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
    innocence = [s for s in suspicions if s.signal == "changes" and s.no_change]
    cleared = max((s.weight for s in innocence), default=0.0)
    by_target: dict[str, list[Suspicion]] = defaultdict(list)
    for suspicion in suspicions:
        if suspicion not in innocence:
            by_target[suspicion.target].append(suspicion)

    drafts: list[_Draft] = []
    for target, held in sorted(by_target.items()):
        plain = [s for s in held if s.change is None]
        own = _evidence(plain)
        if plain:
            parts = [*own, ("no change explains it", cleared)] if cleared else own
            drafts.append(_Draft(target, None, parts, [*plain, *(s for s in innocence if s.target == target)]))
        for guilty in _guilty(held):
            at_alert = [s for s in by_target.get(alerting or "", []) if s.change is None and not s.no_change]
            there = ELSEWHERE * sum(nats for _, nats in _evidence(at_alert))
            here = target == alerting or sum(nats for _, nats in own) >= there
            seen = own if here else [(f"seen at {alerting}", there)]
            parts = [*seen, (f"change {(guilty.change or '')[:12]}", guilty.weight), ("most changes are innocent", -CHANGE_PRIOR)]
            drafts.append(_Draft(target, guilty, parts, [guilty, *(plain if here else at_alert)]))
    if innocence and not any(draft.guilty is None for draft in drafts):
        best = min(innocence, key=lambda s: (-s.weight, s.target, s.statement))
        drafts.append(_Draft(best.target, None, [("no change explains it", cleared)], [best]))

    scored = [(sum(nats for _, nats in draft.parts), draft) for draft in drafts]
    top = max((score for score, _ in scored), default=0.0)
    weights = [math.exp(SHARPNESS * (score - top)) for score, _ in scored]
    total = sum(weights) + math.exp(SHARPNESS * (NOBODY - top))
    found = [_possibility(draft, score=score, confidence=w / total) for (score, draft), w in zip(scored, weights, strict=True)]
    return sorted(found, key=lambda p: (-p.score, p.target, p.change or ""))


@dataclass(frozen=True)
class _Draft:
    target: str
    guilty: Suspicion | None
    parts: list[tuple[str, float]]
    held: list[Suspicion]


def _guilty(held: Iterable[Suspicion]) -> list[Suspicion]:
    """Of each change the suspicion that says most: the same change is one possibility, however many suspect it."""
    strongest: dict[str, Suspicion] = {}
    for suspicion in sorted(held, key=lambda s: (-s.weight, s.statement)):
        if suspicion.change is not None and suspicion.weight > 0:
            strongest.setdefault(suspicion.change, suspicion)
    return [strongest[change] for change in sorted(strongest)]


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


def _possibility(draft: _Draft, *, score: float, confidence: float) -> Possibility:
    speaking = sorted((s for s in draft.held if s.weight > 0), key=lambda s: (-s.weight, s.statement))
    own = [s for s in speaking if not (s.signal == "changes" and s.no_change)]
    if draft.guilty is not None:
        own = [draft.guilty, *(s for s in own if s is not draft.guilty)]
    speaking = [*own, *(s for s in speaking if s not in own)]
    return Possibility(
        target=draft.target,
        change=draft.guilty.change if draft.guilty else None,
        kind=next((s.kind for s in speaking if s.kind), None),
        remediation=next((s.remediation for s in speaking if s.remediation), None),
        score=score,
        confidence=confidence,
        speaking=tuple(speaking),
        against=tuple(sorted((s for s in draft.held if s.weight < 0), key=lambda s: (s.weight, s.statement))),
        parts=tuple(draft.parts),
    )
