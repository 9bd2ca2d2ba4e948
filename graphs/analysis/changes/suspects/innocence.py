"""Whether any change is guilty at all: what clears all of them together, and what from outside reads like the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import re2

from app.domain.finding import Finding
from app.domain.incident import Scope
from app.domain.telemetry import Topology
from graphs.analysis.changes.reading.words import stem_set, stemmed
from graphs.analysis.changes.suspects.blame import ChangeSuspect
from graphs.analysis.changes.suspects.outside import (
    KEPT_OFF_BY,
    OUTSIDE,
    PLACES_OF_PROVIDERS,
    RAN_OUT,
    broken,
    counted_out,
    of_one_customer,
    of_one_part,
    ran_out,
)
from graphs.analysis.changes.suspects.remedies import DATA, EXPIRED, HARDWARE, PROVIDER, SURGE
from graphs.analysis.changes.suspects.said import metric_of, words_of
from graphs.analysis.changes.suspects.ties import EXPLAINS
from graphs.analysis.metrics.words import read
from graphs.analysis.naming import bare

_CLEARED = 1.6  # the weight of the best suspect from which on there is nothing to say for all changes' innocence
_HINT = 3  # different words
_SURGE = 1.6  # times as many requests: beyond what a day's rhythm does within an hour
_UNEXPLAINED = 1.2  # nats against innocence where nothing from outside reads like the cause: things break for a reason
_ON_HAND = 2.4  # the same where something was changed there and then: that no rule knows the edit is no outside cause
_NEAR = 0.3  # nats of place from which on a change was where it fails
_LONG_AGO = -1.0  # nats of time up to which a change was too late, or too long ago
_OUTAGE = 1.5  # nats for a provider that admits trouble since the onset, and as many where what fails here names it
_DATED = 3.0  # nats for an end that was written down long before, and is when it began
_AROUND = timedelta(minutes=10)
_ENOUGH = 1.2  # nats: so many more requests fill things up without anybody's change
_OF_ONE = 1.2  # nats: of all who ask, one alone asks more, which no change of ours to all of them does
_ASKED = stemmed("requests rps qps calls hits sessions visits throughput connected clients messages events records uploads")
_HOST = re2.compile(r"\b(?:[a-z0-9-]{1,60}\.){1,6}(?:com|net|org|io|cloud|dev|eu|co\.uk|de|example)(?:[/:,\s)\"']|$)")
_MOVED = 2.0  # floored spreads: a series that moved less only varies


@dataclass(frozen=True)
class Innocence:
    """That no change is guilty: `weight` in nats, and what from outside reads like the cause instead, if anything does. Below 0
    a change must be: one fits, and nothing from outside does.

    `remedy` is the family of repairs that such a cause needs."""

    weight: float
    hint: str | None = None
    remedy: str | None = None


def innocence(
    suspects: Sequence[ChangeSuspect],
    scope: Scope,
    symptoms: Sequence[Finding],
    topology: Topology,
    onset: datetime | None = None,
) -> Innocence:
    """What clears the changes is that they don't explain what was measured: where nothing moved, nothing is cleared."""
    if not suspects or not any(abs(one.numbers.get("z", _MOVED)) >= _MOVED for one in symptoms):
        return Innocence(0.0)
    surge = _more_arrives(scope, symptoms, topology) or _strangers(suspects, scope, symptoms, topology)
    of_one = of_one_customer(symptoms, [one.change.diff for one in suspects if one.shipment.live]) or (
        surge and of_one_part(symptoms)
    )
    surge = surge or of_one
    admitted = _admitted(symptoms, onset or scope.onset or scope.alert.fired_at)
    hint, words = _outside(symptoms, surge=surge, admitted=admitted)
    dated = ran_out((one.excerpt or "" for one in symptoms), onset or scope.onset or scope.alert.fired_at)
    best = max(suspects, key=lambda one: one.weight)
    most = 1.2 if best.effect is None and best.weight > 0.0 else 2.0
    outside = (
        (min(1.0, 0.35 * (words - 2)) if words >= _HINT else 0.0)
        + (_ENOUGH if surge else 0.0)
        + (_OF_ONE if of_one else 0.0)
        + _OUTAGE * admitted
    )
    if hint is not None and best.mechanism >= EXPLAINS and _does(best, hint):
        outside = 0.0  # the very thing that this change stopped
    if dated and not (_does(best, EXPIRED) and best.effect is not None and best.effect.direction == "gone"):
        hint, words, outside = EXPIRED, _HINT, outside + _DATED + max(0.0, best.weight - _CLEARED)
    touched = (word for one in suspects if one.effect is not None and one.shipment.live for word in one.effect.words)
    if counted_out((one.excerpt or "" for one in symptoms), touched):
        hint, words, outside = EXPIRED, _HINT, outside + _DATED + max(0.0, best.weight - _CLEARED)
    if broken(one.excerpt or "" for one in symptoms):
        hint, words, outside = HARDWARE, _HINT, outside + _DATED
    cleared = min(most, _CLEARED - best.weight) + outside
    if hint is None:
        due = _ON_HAND if any(map(there_and_then, suspects)) else min(_UNEXPLAINED, 1.5 * max(0.0, best.weight))
        return Innocence(max(-3.0, cleared - due))
    least = -_UNEXPLAINED if hint == DATA else 0.0  # records that can't be read may be what a change of ours writes
    return Innocence(max(least, cleared), hint if words >= _HINT else None, _kind(hint, symptoms))


def there_and_then(one: ChangeSuspect) -> bool:
    """Whether a change that alters something went live where it fails, not long before it began."""
    return one.shipment.live and one.neutral is None and one.place >= _NEAR and one.time > _LONG_AGO


def _strangers(suspects: Sequence[ChangeSuspect], scope: Scope, symptoms: Sequence[Finding], topology: Topology) -> bool:
    """Whether the alerting service is asked many times as often while nobody of ours who calls it changed or is asked more itself.
    More than any retrying makes of it comes from elsewhere."""
    alerting = bare(scope.alert.service or "")
    callers = {bare(caller) for caller, callee in topology.edges if bare(callee) == alerting}
    asked = {bare(one.entity or ""): one.numbers for one in symptoms if _requests(one)}
    own = asked.get(alerting, {})
    if not callers or own.get("base", 0.0) <= 0.0 or own.get("level", 0.0) < _MANY * own.get("base", 0.0):
        return False
    if any(asked[caller].get("level", 0.0) >= _SURGE * asked[caller].get("base", 0.0) for caller in callers & asked.keys()):
        return False
    best = max(suspects, key=lambda one: one.weight)
    bounds = best.effect is not None and best.effect.resource is not None  # less of something is short as soon as more is asked
    return bare(best.target or "") == alerting and not bounds


_MANY = 5.0  # times as many requests: a few retries of each do not make that


def _requests(one: Finding) -> bool:
    asked = one.signal == "metrics" and bool(_ASKED & stem_set([one.query]) or "traffic" in one.query)
    return asked and read(metric_of(one)).family == "traffic"


def _does(best: ChangeSuspect, hint: str) -> bool:
    """Whether what a change took away or altered is what keeps such a thing from happening."""
    kind = best.effect.resource.kind if best.effect is not None and best.effect.resource is not None else None
    return kind in KEPT_OFF_BY.get(hint, ())


def _kind(hint: str | None, symptoms: Sequence[Finding]) -> str | None:
    """The family of repairs: one region of a provider can be left for another, a provider as a whole cannot."""
    text = stem_set(map(words_of, symptoms))
    return "a region's trouble" if hint == PROVIDER and text & PLACES_OF_PROVIDERS else hint


def _admitted(symptoms: Sequence[Finding], onset: datetime) -> int:
    """Of a provider's own words about trouble: 1 where it is since the onset, 1 more where what fails here names that provider;
    0 where nobody admits anything. A page that tells of other times and other things is nobody's excuse."""
    return max(
        (1 + (one.numbers["shared_words"] > 0) for one in symptoms if "shared_words" in one.numbers and _about(one.at, onset)),
        default=0,
    )


def _about(at: datetime | None, onset: datetime) -> bool:
    return at is not None and abs(at - onset) <= _AROUND


def _outside(symptoms: Sequence[Finding], *, surge: bool, admitted: int) -> tuple[str | None, int]:
    """What the symptoms read like, and by how many different words; more requests at the very entrance count as many."""
    words = stem_set(map(words_of, symptoms))
    told = {name: len(known & words) for name, known in OUTSIDE.items()}
    hits = dict(told)
    if any(_HOST.search(one.excerpt or "") for one in symptoms if one.signal == "logs"):
        hits[PROVIDER] += 2  # what fails is asked of somebody else's address
    hits[PROVIDER] += 2 * admitted
    if not words & RAN_OUT:
        hits[EXPIRED] = 0  # a handshake fails for other reasons too
    if surge:
        hits[SURGE] += _HINT
    name = max(sorted(hits), key=lambda one: (hits[one], told[one]))  # a word says why; an address only where
    return (name, hits[name]) if hits[name] >= 2 else (None, 0)


def _more_arrives(scope: Scope, symptoms: Sequence[Finding], topology: Topology) -> bool:
    """Whether a service that nobody of ours calls is asked much more often than before."""
    called = {bare(callee) for _, callee in topology.edges}
    for one in symptoms:
        own = bare(one.entity or "")
        base, level = one.numbers.get("base", 0.0), one.numbers.get("level", 0.0)
        asked = one.signal == "metrics" and bool(_ASKED & stem_set([one.query]) or "traffic" in one.query)
        # The time that requests take, or how many fail, is no number of requests.
        counted = read(metric_of(one)).family in ("traffic", "pool_use", "other")
        if asked and counted and own and own not in called and base > 0.0 and level >= _SURGE * base:
            return True
    return False
