"""Which change explains which symptoms: what its diff alters, whether that is what is seen, when it went live, and where."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.change import Change
from app.domain.finding import Finding
from app.domain.incident import Scope
from app.domain.telemetry import Topology
from graphs.analysis.changes.diff import Reading, read_diff
from graphs.analysis.changes.effect import Effect
from graphs.analysis.changes.reading.stacks import hits, touched
from graphs.analysis.changes.suspects.place import Places
from graphs.analysis.changes.suspects.shipping import Shipment, shipments
from graphs.analysis.changes.suspects.taken import missed, named, overrun
from graphs.analysis.changes.suspects.ties import Seen, Tie, of_alert, of_finding, tie, together
from graphs.analysis.naming import bare

SAMPLING_S = 120.0  # onsets are found on samples a minute or two apart
_PROOF = 5.0  # nats: nearly proof
_SWITCHED = 0.45  # behaviour of code that a flag lets run
_UNREAD = 0.3  # behaviour of a change that nobody can read
_NAMED = 0.4  # behaviour of a change that rewrote what the failing lines name
_MISSED = 1.5  # nats: what fails speaks of what the change took away altogether
_OVERRUN = 2.5  # nats: what fails reached for a place beyond the end, by the very number that the change is the first to name
_THROWN = 3.0  # nats: the line that throws is one that the change wrote
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


def explain(
    changes: Sequence[Change], scope: Scope, onset: datetime | None, symptoms: Sequence[Finding], topology: Topology
) -> list[ChangeSuspect]:
    """Every change weighed as the cause, heaviest first. Without `onset` the alert's time is an upper bound of it."""
    shipped = shipments(changes, services=_services(changes, scope, topology))
    places = Places.of(scope, symptoms, topology)
    seen = [of_alert(scope), *map(of_finding, symptoms)]
    readings = [_reading(shipment, shipped) for shipment in shipped]
    rarity = _rarity(shipped, readings, ignored=places.name_words)
    suspects = [
        _suspect(shipment, reading, seen, rarity, scope, onset, places) for shipment, reading in zip(shipped, readings, strict=True)
    ]
    return sorted(suspects, key=lambda one: (-one.weight, one.seconds_before_onset, one.change.id))


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
    seen: Sequence[Seen],
    rarity: dict[str, float],
    scope: Scope,
    onset: datetime | None,
    places: Places,
) -> ChangeSuspect:
    if shipment.live and reading.effects and named(shipment.change.diff, shipment.change.files, seen):
        reading = _read_as_named(reading)
    ties = [tie(effect, seen, rarity) for effect in reading.effects] or _unread_ties(shipment, reading, seen, rarity)
    ties = together(ties)
    best = max(ties, key=lambda one: one.nats) if ties else None
    more = sum(max(0.0, one.nats) for one in ties if one is not best)
    core = -3.0 if best is None or reading.neutral else best.nats + min(0.5, 0.15 * more)
    thrown = _thrown(shipment, seen)
    core += _THROWN * thrown
    if shipment.live and not reading.neutral and missed(shipment.change.diff, shipment.change.files, seen):
        core += _MISSED
    if shipment.live and not reading.neutral and overrun(shipment.change.diff, shipment.change.files, seen):
        core += _OVERRUN
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


def _read_as_named(reading: Reading) -> Reading:
    """What fails names the very thing that was rewritten: that no rule knows the edit acquits it of nothing."""
    effects = tuple(replace(one, weight=max(one.weight, _NAMED)) for one in reading.effects)
    return replace(reading, effects=effects, neutral=None)


def _thrown(shipment: Shipment, seen: Sequence[Seen]) -> float:
    """Whether what fails now is thrown by a line the change wrote (1), or by another line of a file it touches (.15)."""
    thrown = [symptom.frames[0] for symptom in seen if symptom.frames]
    if not thrown or not shipment.live:
        return 0.0
    lines = touched(shipment.change.diff)
    return max((hits(frame, lines) for frame in thrown), default=0.0)


def _unread_ties(shipment: Shipment, reading: Reading, seen: Sequence[Seen], rarity: dict[str, float]) -> list[Tie]:
    """A change without a diff is tied by its title and its flag's name alone, and weakly."""
    if not reading.unread:
        return []
    kind = "flag" if shipment.change.kind == "flag" else "unread"
    effect = Effect(kind, _UNREAD, "no diff to read", shipment.title_words, frozenset(), "", "")
    return [tie(effect, seen, rarity)]


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


def _remedy(shipment: Shipment, best: Tie | None) -> str:
    kind = shipment.change.kind
    if kind in ("flag", "config", "scale"):
        return {"flag": "flag", "config": "config", "scale": "scale"}[kind]
    if best is not None and shipment.config_only:
        return "config"
    return "code"


def _innocent(
    shipment: Shipment, reading: Reading, weight: float, age: float, late: float, where: float, best: Tie | None
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
