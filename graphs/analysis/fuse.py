"""From suspicions to ranked possibilities: addition in nats, then odds against all else, which leave room for what nobody saw.

Every number here can be repeated by hand: a possibility carries the terms of its sum (`firstmate triage --why N` prints them).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.hypothesis import Suspicion, Term, share_of

FURTHER = 0.3
"""A second suspicion of the same signal on the same target repeats more than it adds: it counts this much."""
SIGNAL_CAP = 5.5
"""One kind of signal alone never says more than this, nats."""
CHANGE_PRIOR = 0.9
"""Most changes are innocent: one must bring this many nats to be as good an explanation as no change at all."""
ELSEWHERE = 0.8
"""A guilty change explains symptoms at the service that shows them this well, compared with symptoms at its own service."""
FAR = 0.8
"""The most that this costs, nats."""
NOBODY = 1.5
"""The score of "something nobody looked at"; a hypothesis with no more evidence than this is a coin flip."""


@dataclass(frozen=True)
class Possibility:
    """One thing that may be the cause: a target, with the change that did it or without one."""

    target: str
    change: str | None
    kind: str | None
    remediation: str | None
    score: float
    rivals: float  # nats: what every other possibility, and what nobody looked at, come to together
    speaking: tuple[Suspicion, ...]  # what counts for it, strongest first
    against: tuple[Suspicion, ...]
    terms: tuple[Term, ...]  # what sums up to `score`

    @property
    def odds(self) -> float:
        """Nats for this against everything else."""
        return self.score - self.rivals

    @property
    def share(self) -> float:
        """`odds` as a share of one: those of all possibilities, and of what nobody looked at, come to 1."""
        return share_of(self.odds)


def possibilities(suspicions: Sequence[Suspicion], *, alerting: str | None) -> list[Possibility]:
    """All that are suspected, best first; ties by name, so that the order is the same on every machine.

    `alerting`: the service whose alert fired; a guilty change elsewhere also explains what is seen there.
    """
    innocence = [s for s in suspicions if s.signal == "changes" and s.no_change]
    repair = next((s.remediation for s in innocence if s.remediation), None)
    by_target: dict[str, list[Suspicion]] = defaultdict(list)
    for suspicion in suspicions:
        if suspicion not in innocence:
            by_target[suspicion.target].append(suspicion)

    drafts: list[_Draft] = []
    for target, held in sorted(by_target.items()):
        plain = [s for s in held if s.change is None]
        own = _evidence(plain)
        if plain:
            cleared_here = [s for s in innocence if s.target == target]
            drafts.append(_Draft(target, None, [*own, *_innocent(innocence)], [*plain, *cleared_here], repair))
        for guilty in _guilty(held):
            there, shown = _best_seen(guilty, by_target, alerting=alerting)
            here = _sum(own) >= _sum(there)
            accused = Term(
                what=guilty.called or f"change {(guilty.change or '')[:12]}", nats=guilty.weight, findings=guilty.findings
            )
            terms = [*(own if here else there), accused, Term(what="most changes are innocent", nats=-CHANGE_PRIOR)]
            drafts.append(_Draft(target, guilty, terms, [guilty, *(plain if here else shown)]))
    best = _best_innocence(innocence)
    if best is not None and best.weight > 0 and not any(draft.guilty is None for draft in drafts):
        drafts.append(_Draft(best.target, None, _innocent(innocence), [best]))

    scores = [_sum(draft.terms) for draft in drafts]
    found = [_possibility(*one) for one in zip(drafts, scores, _rivals(scores), strict=True)]
    return sorted(found, key=lambda p: (-p.score, p.target, p.change or ""))


def _best_seen(
    guilty: Suspicion, by_target: dict[str, list[Suspicion]], *, alerting: str | None
) -> tuple[list[Term], list[Suspicion]]:
    """Where else what the change does is seen best: at the service that alerts, or where the change says it is seen too."""
    places = [place for place in dict.fromkeys((alerting, *guilty.explains)) if place is not None and place != guilty.target]
    found = [(_from_afar(place, held := _plain_of(by_target, place)), held) for place in places]
    return max(found, key=lambda one: _sum(one[0]), default=([], []))


def _from_afar(place: str, held: list[Suspicion]) -> list[Term]:
    """What evidence at one service says for a change at another: less by a share of it, but never by more than `FAR` nats, as
    however much is seen, how far it is seen from stays the same."""
    terms = [term.model_copy(update={"what": f"seen at {place}, {term.what}"[:200]}) for term in _evidence(held)]
    nats = _sum(terms)
    return [*terms, Term(what="seen from afar", nats=max(ELSEWHERE * nats, nats - FAR) - nats)] if terms else []


def _plain_of(by_target: dict[str, list[Suspicion]], target: str) -> list[Suspicion]:
    return [s for s in by_target.get(target, []) if s.change is None and not s.no_change]


@dataclass(frozen=True)
class _Draft:
    target: str
    guilty: Suspicion | None
    terms: list[Term]
    held: list[Suspicion]
    repair: str | None = None  # where nobody who speaks for it names one


def _best_innocence(innocence: Sequence[Suspicion]) -> Suspicion | None:
    return min(innocence, key=lambda s: (-s.weight, s.target, s.statement), default=None)


def _innocent(innocence: Sequence[Suspicion]) -> list[Term]:
    best = _best_innocence(innocence)
    if best is None or not best.weight:
        return []
    what = "no change explains it" if best.weight > 0 else "nothing but a change explains it"
    return [Term(what=what, nats=best.weight, findings=best.findings)]


def _sum(terms: Iterable[Term]) -> float:
    return sum(term.nats for term in terms)


def _rivals(scores: Sequence[float]) -> list[float]:
    """For each score what all others and `NOBODY` come to together. From both ends, since taking one from their sum loses it."""
    before = np.logaddexp.accumulate([NOBODY, *scores])
    after = np.logaddexp.accumulate([-np.inf, *reversed(scores)])[::-1]
    return [float(np.logaddexp(before[i], after[i + 1])) for i in range(len(scores))]


def _guilty(held: Iterable[Suspicion]) -> list[Suspicion]:
    """Of each change the suspicion that says most: the same change is one possibility, however many suspect it."""
    strongest: dict[str, Suspicion] = {}
    for suspicion in sorted(held, key=lambda s: (-s.weight, s.statement)):
        if suspicion.change is not None and suspicion.weight > 0:
            strongest.setdefault(suspicion.change, suspicion)
    return [strongest[change] for change in sorted(strongest)]


def _evidence(suspicions: Iterable[Suspicion]) -> list[Term]:
    """Per kind of signal: the strongest in full, further ones at `FURTHER`, for and against apart, capped."""
    by_signal: dict[str, list[Suspicion]] = defaultdict(list)
    for suspicion in sorted(suspicions, key=lambda s: (-abs(s.weight), s.statement)):
        by_signal[suspicion.signal].append(suspicion)
    terms = []
    for signal, held in sorted(by_signal.items()):
        own = [*_side([s for s in held if s.weight > 0], signal), *_side([s for s in held if s.weight < 0], signal)]
        over = _sum(own) - max(-SIGNAL_CAP, min(SIGNAL_CAP, _sum(own)))
        terms += [*own, Term(what=f"{signal} alone says {SIGNAL_CAP:g} at most", nats=-over)] if over else own
    return terms


def _side(held: Sequence[Suspicion], signal: str) -> list[Term]:
    first = [Term(what=signal, nats=s.weight, findings=s.findings) for s in held[:1]]
    return first + [
        Term(what=f"{signal} again, counts {FURTHER:g}", nats=FURTHER * s.weight, findings=s.findings) for s in held[1:]
    ]


def _possibility(draft: _Draft, score: float, rivals: float) -> Possibility:
    speaking = sorted((s for s in draft.held if s.weight > 0), key=lambda s: (-s.weight, s.statement))
    own = [s for s in speaking if not (s.signal == "changes" and s.no_change)]
    if draft.guilty is not None:
        own = [draft.guilty, *(s for s in own if s is not draft.guilty)]
    speaking = [*own, *(s for s in speaking if s not in own)]
    return Possibility(
        target=draft.target,
        change=draft.guilty.change if draft.guilty else None,
        kind=next((s.kind for s in speaking if s.kind), None),
        remediation=next((s.remediation for s in speaking if s.remediation), draft.repair),
        score=score,
        rivals=rivals,
        speaking=tuple(speaking),
        against=tuple(sorted((s for s in draft.held if s.weight < 0), key=lambda s: (s.weight, s.statement))),
        terms=tuple(draft.terms),
    )
