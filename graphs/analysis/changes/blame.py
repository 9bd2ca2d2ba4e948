"""Which change explains which symptoms: what its diff alters, whether that is what is seen, when it went live, and where."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import re2

from app.domain.change import Change
from app.domain.finding import Finding
from app.domain.incident import Scope
from app.domain.telemetry import Topology
from graphs.analysis.changes.diff import Reading, read_diff
from graphs.analysis.changes.effects import Effect
from graphs.analysis.changes.lexicon import (
    EXPIRED,
    KEPT_OFF_BY,
    OUTSIDE,
    PLACES_OF_PROVIDERS,
    PROVIDER,
    RAN_OUT,
    SEEN_OF_EFFECT,
    SURGE,
    is_common,
    symptoms_in,
)
from graphs.analysis.changes.place import Places
from graphs.analysis.changes.shipping import Shipment, shipments
from graphs.analysis.changes.stacks import Frame, frames, hits, touched
from graphs.analysis.changes.tokens import Measure, measure, measures_in, split_identifier, stem_set, stems
from graphs.analysis.metrics.words import read
from graphs.analysis.naming import bare

SAMPLING_S = 120.0  # onsets are found on samples a minute or two apart
_TELLING = {"errors": 0.3, "latency": 0.55, "load": 0.65, "cpu": 0.7, "rejected": 0.8, "missing": 0.9}
_RANKED = (1.0, 0.85, 0.7, 0.6)
_PROOF = 5.0  # nats: nearly proof
_SWITCHED = 0.45  # behaviour of code that a flag lets run
_UNREAD = 0.3  # behaviour of a change that nobody can read
_THROWN = 3.0  # nats: the line that throws is one that the change wrote
_CLEARED = 1.6  # the weight of the best suspect from which on there is nothing to say for all changes' innocence
_HINT = 3  # different words
_SURGE = 1.6  # times as many requests: beyond what a day's rhythm does within an hour
_UNEXPLAINED = 1.2  # nats against innocence where nothing from outside reads like the cause: things break for a reason
_ENOUGH = 1.2  # nats: so many more requests fill things up without anybody's change
_ASKED = stem_set(
    ["requests", "rps", "qps", "calls", "hits", "sessions", "visits", "throughput", "connected", "clients", "messages"]
)
_HOST = re2.compile(r"\b(?:[a-z0-9-]{1,60}\.){1,6}(?:com|net|org|io|cloud|dev|eu|co\.uk|de|example)(?:[/:,\s)\"']|$)")
_MOVED = 2.0  # floored spreads: a series that moved less only varies
_NAMING = frozenset({"literal", "schema", "changed", "call_removed", "tightened", "dependency", "flag"})
_EXPLAINS = 0.25  # mechanism from which on a symptom elsewhere counts as this change's doing
_NAME = re2.compile(r"[\pL_][\pL\pN_]*(?:-[\pL_][\pL\pN_]*)*")
_SLOW_S, _QUICK_S = 6 * 3600.0, 1800.0


@dataclass(frozen=True)
class ChangeSuspect:
    """One change, weighed. `weight` is in nats; `innocent` says in our words why it is ruled out, where it is.

    `behaviour`, `link`, `mechanism` and `measured` are 0..1, `time` and `place` nats. `target` is where it went live.
    `remedy` is the family of repairs: code, config, flag or scale.
    """

    shipment: Shipment
    target: str | None
    weight: float
    kind: str | None
    remedy: str
    effect: Effect | None
    neutral: str | None
    seconds_before_onset: float
    behaviour: float
    link: float
    mechanism: float
    measured: float
    time: float
    place: float
    innocent: str | None
    linked: tuple[str, ...] = ()
    thrown: float = 0.0  # 1: new failures are thrown by a line it wrote; .15: by another line of a file it touches

    explains: tuple[str, ...] = ()  # neighbours where what it does is seen too

    @property
    def change(self) -> Change:
        return self.shipment.change


@dataclass(frozen=True)
class _Seen:
    """One symptom: stems with their worth, names of symptoms with their strength, numbers with the words beside them."""

    entity: str | None
    words: dict[str, float]
    named: dict[str, float]
    values: tuple[tuple[Measure, frozenset[str]], ...]
    frames: tuple[Frame, ...] = ()
    names: frozenset[str] = frozenset()  # of log lines, spelled as they are


@dataclass(frozen=True)
class _Tie:
    """How one effect is tied to the symptoms."""

    effect: Effect
    link: float
    mechanism: float
    measured: float
    linked: tuple[str, ...]
    spelled: float = 0.0
    at: frozenset[str] = frozenset()

    @property
    def nats(self) -> float:
        """A value of the diff that is measured shows that the change is live; it accuses as far as the mechanism fits."""
        b = self.effect.weight
        tied = max(b, 0.5) if self.effect.kind in ("flag", "unread") else b
        met = tied * (1.8 * self.link + 1.8 * self.mechanism + 1.5 * self.spelled)
        return 3.0 * (b - 0.35) - 0.8 + met + 1.5 * b * self.mechanism * self.measured


def explain(
    changes: Sequence[Change], scope: Scope, onset: datetime | None, symptoms: Sequence[Finding], topology: Topology
) -> list[ChangeSuspect]:
    """Every change weighed as the cause, heaviest first. Without `onset` the alert's time is an upper bound of it."""
    shipped = shipments(changes, services=_services(changes, scope, topology))
    places = Places.of(scope, symptoms, topology)
    seen = [_of_alert(scope), *map(_of_finding, symptoms)]
    readings = [_reading(shipment, shipped) for shipment in shipped]
    rarity = _rarity(shipped, readings, ignored=places.name_words)
    suspects = [
        _suspect(shipment, reading, seen, rarity, scope, onset, places) for shipment, reading in zip(shipped, readings, strict=True)
    ]
    return sorted(suspects, key=lambda one: (-one.weight, one.seconds_before_onset, one.change.id))


@dataclass(frozen=True)
class Innocence:
    """That no change is guilty: `weight` in nats, and what from outside reads like the cause instead, if anything does. Below 0
    a change must be: one fits, and nothing from outside does.

    `remedy` is the family of repairs that such a cause needs."""

    weight: float
    hint: str | None = None
    remedy: str | None = None


def innocence(suspects: Sequence[ChangeSuspect], scope: Scope, symptoms: Sequence[Finding], topology: Topology) -> Innocence:
    """What clears the changes is that they don't explain what was measured: where nothing moved, nothing is cleared."""
    if not suspects or not any(abs(one.numbers.get("z", _MOVED)) >= _MOVED for one in symptoms):
        return Innocence(0.0)
    surge = _more_arrives(scope, symptoms, topology)
    hint, words = _outside(symptoms, surge=surge)
    best = max(suspects, key=lambda one: one.weight)
    most = 1.2 if best.effect is None and best.weight > 0.0 else 2.0
    outside = (min(1.0, 0.35 * (words - 2)) if words >= _HINT else 0.0) + (_ENOUGH if surge else 0.0)
    if hint is not None and best.mechanism >= _EXPLAINS and _does(best, hint):
        outside = 0.0  # the very thing that this change stopped
    cleared = min(most, _CLEARED - best.weight) + outside
    if hint is None:
        return Innocence(max(-3.0, cleared - min(_UNEXPLAINED, 1.5 * max(0.0, best.weight))))
    return Innocence(max(0.0, cleared), hint if words >= _HINT else None, _kind(hint, symptoms))


def _does(best: ChangeSuspect, hint: str) -> bool:
    """Whether what a change took away or altered is what keeps such a thing from happening."""
    kind = best.effect.resource.kind if best.effect is not None and best.effect.resource is not None else None
    return kind in KEPT_OFF_BY.get(hint, ())


def _kind(hint: str | None, symptoms: Sequence[Finding]) -> str | None:
    """The family of repairs: one region of a provider can be left for another, a provider as a whole cannot."""
    text = stem_set(f"{one.excerpt or ''} {one.statement}" for one in symptoms)
    return "a region's trouble" if hint == PROVIDER and text & PLACES_OF_PROVIDERS else hint


def _outside(symptoms: Sequence[Finding], *, surge: bool) -> tuple[str | None, int]:
    """What the symptoms read like, and by how many different words; more requests at the very entrance count as many."""
    words = stem_set(f"{one.excerpt or ''} {one.statement}" for one in symptoms)
    hits = {name: len(known & words) for name, known in OUTSIDE.items()}
    if any(_HOST.search(one.excerpt or "") for one in symptoms if one.signal == "logs"):
        hits[PROVIDER] += 2  # what fails is asked of somebody else's address
    if not words & RAN_OUT:
        hits[EXPIRED] = 0  # a handshake fails for other reasons too
    if surge:
        hits[SURGE] += _HINT
    name = max(sorted(hits), key=lambda one: hits[one])
    return (name, hits[name]) if hits[name] >= 2 else (None, 0)


def _more_arrives(scope: Scope, symptoms: Sequence[Finding], topology: Topology) -> bool:
    """Whether a service that nobody of ours calls is asked much more often than before."""
    called = {bare(callee) for _, callee in topology.edges}
    for one in symptoms:
        own = bare(one.entity or "")
        base, level = one.numbers.get("base", 0.0), one.numbers.get("level", 0.0)
        asked = one.signal == "metrics" and bool(_ASKED & stem_set([one.query]) or "traffic" in one.query)
        # The time that requests take, or how many fail, is no number of requests.
        counted = read(one.query.rpartition("|")[2]).family in ("traffic", "pool_use", "other")
        if asked and counted and own and own not in called and base > 0.0 and level >= _SURGE * base:
            return True
    return False


def _services(changes: Sequence[Change], scope: Scope, topology: Topology) -> frozenset[str]:
    named = {change.service for change in changes if change.service}
    edges = {end for edge in topology.edges for end in edge}
    alerting = {scope.alert.service} if scope.alert.service else set()
    return frozenset(named | edges | alerting | {bare(name) for name in scope.candidates})


def _reading(shipment: Shipment, shipped: Sequence[Shipment]) -> Reading:
    """What the change does. A flag does what the code does that asks for it, where a diff shows that code."""
    change = shipment.change
    if not shipment.live:
        return Reading(unread=True)  # it could not act; reading it would only cost time
    if change.kind != "flag":
        return read_diff(change.diff, change.files)
    flag = shipment.flag
    for other in shipped:
        if flag and flag in other.change.diff:
            return _switched(read_diff(other.change.diff, other.change.files))
    return Reading(unread=True)


def _switched(reading: Reading) -> Reading:
    """Code that a flag lets run is all new when the flag is switched, however little its diff altered by itself."""
    return replace(
        reading,
        effects=tuple(
            replace(one, weight=max(one.weight, _SWITCHED), kind="flag" if one.weight < _SWITCHED else one.kind)
            for one in reading.effects
        ),
    )


def _of_alert(scope: Scope) -> _Seen:
    alert = scope.alert
    text = " ".join(filter(None, (alert.summary, alert.metric, alert.name, alert.monitor)))
    return _seen(alert.service, [(text, 0.8)], {})


def _of_finding(finding: Finding) -> _Seen:
    seen = _seen(finding.entity, [(finding.excerpt or "", 1.0), (finding.statement, 0.6)], finding.numbers)
    if finding.signal != "logs":
        return seen
    text = finding.excerpt or ""
    return replace(seen, frames=frames(text), names=frozenset(_NAME.findall(text)))


def _seen(entity: str | None, texts: Sequence[tuple[str, float]], numbers: dict[str, float]) -> _Seen:
    words: dict[str, float] = {}
    named: dict[str, float] = {}
    values: list[tuple[Measure, frozenset[str]]] = []
    for text, worth in texts:
        found = stems(text)
        for word in found:
            if not is_common(word):
                words[word] = max(words.get(word, 0.0), worth)
        for name, count in symptoms_in(frozenset(found)).items():
            named[name] = max(named.get(name, 0.0), min(1.0, 0.55 * count) * worth)
        values += [(one, frozenset(found)) for one in measures_in(text)]
    around = frozenset(words)
    for key, value in numbers.items():
        one = measure(str(value), split_identifier(key)[::-1])
        values.append((one or Measure(value, ""), around | stem_set([key])))
    return _Seen(entity, words, named, tuple(values))


def _rarity(shipped: Sequence[Shipment], readings: Sequence[Reading], *, ignored: frozenset[str]) -> dict[str, float]:
    """Stem → 0..1, how few of the changes touch it; words of service names tell where, not what, and count nothing."""
    counts: Counter[str] = Counter()
    for shipment, reading in zip(shipped, readings, strict=True):
        counts.update(_touched(shipment, reading))
    total = math.log(len(shipped) + 1.5)
    return {word: max(0.1, math.log((len(shipped) + 1.5) / count) / total) for word, count in counts.items() if word not in ignored}


def _touched(shipment: Shipment, reading: Reading) -> frozenset[str]:
    found = frozenset(word for effect in reading.effects for word in effect.words | effect.context)
    return found | shipment.title_words


def _suspect(
    shipment: Shipment,
    reading: Reading,
    seen: Sequence[_Seen],
    rarity: dict[str, float],
    scope: Scope,
    onset: datetime | None,
    places: Places,
) -> ChangeSuspect:
    ties = [_tie(effect, seen, rarity) for effect in reading.effects] or _unread_ties(shipment, reading, seen, rarity)
    ties = _together(ties)
    best = max(ties, key=lambda one: one.nats) if ties else None
    more = sum(max(0.0, one.nats) for one in ties if one is not best)
    core = -3.0 if best is None or reading.neutral else best.nats + min(0.5, 0.15 * more)
    thrown = _thrown(shipment, seen)
    core += _THROWN * thrown
    known = onset or scope.onset or scope.alert.fired_at
    age = (known - shipment.live_at).total_seconds()
    late = (shipment.live_at - scope.alert.fired_at).total_seconds()
    slow = best is not None and (
        (best.effect.resource is not None and best.effect.resource.slow) or best.effect.kind in ("growth", "leak", "spawned")
    )
    when = _time(age, late, slow=slow)
    where = places.nats_of(shipment.service, f"{' '.join(shipment.change.files)} {shipment.change.diff}")
    live = 0.0 if shipment.live else -3.5
    rides = -1.2 if shipment.rides else 0.0
    weight = _bounded(core + when + where + live + rides, _alibi(shipment, reading, age, late))
    return ChangeSuspect(
        shipment=shipment,
        target=places.candidate(shipment.service),
        weight=weight,
        kind=("feature_flag" if shipment.change.kind == "flag" else best.effect.fault) if best is not None else None,
        remedy=_remedy(shipment, best),
        effect=best.effect if best is not None and reading.effects else None,
        neutral=reading.neutral,
        seconds_before_onset=age,
        behaviour=reading.weight if reading.effects else _UNREAD if reading.unread else 0.0,
        link=best.link if best is not None else 0.0,
        mechanism=best.mechanism if best is not None else 0.0,
        measured=best.measured if best is not None else 0.0,
        time=when,
        place=where,
        innocent=_innocent(shipment, reading, weight, age, late, where, best),
        linked=best.linked if best is not None else (),
        thrown=thrown,
        explains=places.beside(shipment.service, best.at) if best is not None else (),
    )


def _together(ties: Sequence[_Tie]) -> list[_Tie]:
    """Edits of one file are one intent: what one of them does explains, nearly as well, through the others."""
    most: dict[str, float] = {}
    for one in ties:
        most[one.effect.path] = max(most.get(one.effect.path, 0.0), one.mechanism)
    return [replace(one, mechanism=max(one.mechanism, 0.8 * most[one.effect.path])) for one in ties]


def _thrown(shipment: Shipment, seen: Sequence[_Seen]) -> float:
    """Whether what fails now is thrown by a line the change wrote (1), or by another line of a file it touches (.15)."""
    thrown = [symptom.frames[0] for symptom in seen if symptom.frames]
    if not thrown or not shipment.live:
        return 0.0
    lines = touched(shipment.change.diff)
    return max((hits(frame, lines) for frame in thrown), default=0.0)


def _unread_ties(shipment: Shipment, reading: Reading, seen: Sequence[_Seen], rarity: dict[str, float]) -> list[_Tie]:
    """A change without a diff is tied by its title and its flag's name alone, and weakly."""
    if not reading.unread:
        return []
    kind = "flag" if shipment.change.kind == "flag" else "unread"
    effect = Effect(kind, _UNREAD, "no diff to read", shipment.title_words, frozenset(), "", "")
    return [_tie(effect, seen, rarity)]


def _tie(effect: Effect, seen: Sequence[_Seen], rarity: dict[str, float]) -> _Tie:
    sums: dict[str, float] = {}
    for symptom in seen:
        for word in (effect.words | effect.context) & symptom.words.keys():
            worth = symptom.words[word] * rarity.get(word, 0.0) * (1.0 if word in effect.words else 0.4)
            sums[word] = max(sums.get(word, 0.0), worth)
    link = 1.0 - math.exp(-sum(sums.values()) / 1.2)
    linked = tuple(sorted((word for word in sums if sums[word] >= 0.2), key=lambda word: (-sums[word], word))[:4])
    spelled = _spelled(effect, seen)
    at = frozenset(one.entity for one in seen if one.entity and _mechanism(effect, [one], max(link, spelled)) >= _EXPLAINS)
    return _Tie(effect, link, _mechanism(effect, seen, max(link, spelled)), _measured(effect, seen), linked, spelled, at)


def _spelled(effect: Effect, seen: Sequence[_Seen]) -> float:
    """Whether new log lines spell a name out that the edit touches, 0..1: one made of several words is nobody else's."""
    if not effect.line:
        return 0.0
    names = frozenset(one for one in _NAME.findall(effect.line) if len(one) >= 5 and not is_common(one.lower()))
    found = [1.0 if len(split_identifier(one)) > 1 else 0.35 for symptom in seen for one in names & symptom.names]
    return max(found, default=0.0)


def _mechanism(effect: Effect, seen: Sequence[_Seen], link: float) -> float:
    """How well what such an edit causes meets what is seen, 0..1. An edit that only renames explains what is missing as far as
    `link` says that it is this name."""
    expected: dict[str, float] = {}
    sure = min(1.0, 0.2 + link) if effect.kind in _NAMING else 1.0
    for rank, name in enumerate(SEEN_OF_EFFECT.get(effect.kind, ())):
        expected[name] = 0.8 * sure * _RANKED[min(rank, 3)]
    resource = effect.resource
    if resource is not None:
        sure, listed = {
            "down": (1.0, resource.shrinks),
            "up": (1.0, resource.grows),
            "gone": (1.0, resource.goes or resource.shrinks),
            "new": (0.6, (*resource.shrinks, *resource.grows)),
            "other": (0.5, (*resource.goes, *resource.shrinks)),
        }[effect.direction]
        for rank, name in enumerate(listed):
            expected[name] = max(expected.get(name, 0.0), sure * _RANKED[min(rank, 3)])
    named = {name: max((one.named.get(name, 0.0) for one in seen), default=0.0) for name in expected}
    return max((expected[name] * named[name] * _TELLING.get(name, 1.0) for name in expected), default=0.0)


def _measured(effect: Effect, seen: Sequence[_Seen]) -> float:
    """1 when a symptom went from the old value of the diff to the new one, .8 when it holds the new one under the same name."""
    if effect.after is None or effect.before is None:
        return 0.0
    best = 0.0
    for symptom in seen:
        now = [words for value, words in symptom.values if _same(value, effect.after)]
        if not now:
            continue
        was = any(_same(value, effect.before) for value, _ in symptom.values)
        alike = any(not is_common(word) for words in now for word in words & effect.words)
        rare = effect.after.value not in (0.0, 1.0, 2.0, 100.0) or effect.after.unit != ""
        best = max(best, 1.0 if was and alike else 0.8 if alike and rare else 0.3 if was and rare else 0.0)
    return best


def _same(seen: Measure, written: Measure) -> bool:
    """A bare measurement may be in the diff's unit; a bare number of the diff is never 5 seconds."""
    if seen.unit and seen.unit != written.unit:
        return False
    return math.isclose(seen.value, written.value, rel_tol=0.005) and seen.value != 0.0


def _time(age_s: float, late_s: float, *, slow: bool) -> float:
    """Nats for going live `age_s` before the onset (negative: after it) and `late_s` after the alert (negative: before)."""
    if late_s > 0:
        return -5.0
    if age_s < 0:
        return -0.8 * min(1.0, -age_s / SAMPLING_S) if -age_s <= SAMPLING_S else -1.0 - min(3.0, (-age_s - SAMPLING_S) / SAMPLING_S)
    horizon = _SLOW_S if slow else _QUICK_S
    return 0.4 - min(2.5, 0.45 * math.log2(1.0 + age_s / horizon))


def _alibi(shipment: Shipment, reading: Reading, age_s: float, late_s: float) -> float:
    """The most that a change can weigh, however guilty its diff looks: what was not running, or does nothing, did nothing."""
    if late_s > 0:
        return -3.0
    if not shipment.live:
        return -2.0
    if reading.neutral:
        return -1.5
    return -1.0 if age_s < -3 * SAMPLING_S else _PROOF


def _bounded(nats: float, most: float) -> float:
    """Bends towards what one kind of evidence can show at all, so that two strong suspects stay apart."""
    bent = _PROOF * math.tanh(nats / _PROOF) if nats > 0 else nats
    return max(-6.0, min(most, bent))


def _remedy(shipment: Shipment, best: _Tie | None) -> str:
    kind = shipment.change.kind
    if kind in ("flag", "config", "scale"):
        return {"flag": "flag", "config": "config", "scale": "scale"}[kind]
    if best is not None and shipment.config_only:
        return "config"
    return "code"


def _innocent(
    shipment: Shipment, reading: Reading, weight: float, age: float, late: float, where: float, best: _Tie | None
) -> str | None:
    if weight > 0.5:
        return None
    if late > 0 or age < -3 * SAMPLING_S:
        return "it came after the onset"
    if not shipment.live:
        return "it was never deployed before the onset"
    if reading.neutral:
        return reading.neutral
    if where < -0.5:
        return "it went to a service that the incident does not touch"
    if best is not None and best.link < 0.2 and best.mechanism < 0.2 and not reading.unread:
        return "what it alters is not what is seen"
    return "its diff alters little" if not reading.unread else "nothing in it points at the symptoms"


def considered(suspects: Iterable[ChangeSuspect]) -> list[ChangeSuspect]:
    """Those worth a finding of their own: everything that went live, or could have."""
    return [one for one in suspects if (one.shipment.live and not one.shipment.rides) or one.weight > 0.0]
