"""How an edit is tied to what is seen: by the words both use, by what such edits cause, by a value that was measured."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import re2

from app.domain.finding import Finding
from app.domain.incident import Scope
from graphs.analysis.changes.effect import Effect
from graphs.analysis.changes.reading.measures import Measure, measure, measures_in
from graphs.analysis.changes.reading.stacks import Frame, frames
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set, stems
from graphs.analysis.changes.suspects.said import measured, names_of
from graphs.analysis.changes.vocabulary.symptoms import SEEN_OF_EFFECT, is_common, symptoms_in

_TELLING = {"errors": 0.3, "latency": 0.55, "load": 0.65, "cpu": 0.7, "rejected": 0.8, "missing": 0.9}
_RANKED = (1.0, 0.85, 0.7, 0.6)
_NAMING = listed("literal schema changed call_removed tightened dependency flag")
_TIED = {"flag": 0.5, "unread": 0.5} | dict.fromkeys(("changed", "called", "came", "call_removed"), 0.3)
"""Least that words in common count with an edit of which nobody knows what it does: a small weight is no knowledge."""
EXPLAINS = 0.25  # mechanism from which on a symptom elsewhere counts as this change's doing
_NOTHING_OF_IT = 0.05  # mechanism below which nothing is seen of what an edit does
_BY_CHANCE = 0.6  # worth of words in common where it is known what a number bounds, and nothing of that is seen
_FIGURE = re2.compile(r"\b[1-9]\d{3,5}\b")
# Python's own, which finds many matches ten times as fast; neither can match in two ways, so nothing is ever tried twice.
_JOINED = re.compile(r"[^\W\d]\w{2,}(?:[:.-][^\W\d]\w{2,})*")
_NAME = re.compile(r"[^\W\d]\w*(?:-[^\W\d]\w*)*")


@dataclass(frozen=True)
class Seen:
    """One symptom: stems with their worth, names of symptoms with their strength, numbers with the words beside them."""

    entity: str | None
    words: dict[str, float]
    named: dict[str, float]
    values: tuple[tuple[Measure, frozenset[str]], ...]
    frames: tuple[Frame, ...] = ()
    names: frozenset[str] = frozenset()  # of log lines, spelled as they are
    peculiar: frozenset[str] = frozenset()  # what log lines name that is one thing
    overrun: frozenset[str] = frozenset()  # places beyond the end that something reached for


@dataclass(frozen=True)
class Tie:
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
        tied = max(b, _TIED.get(self.effect.kind, 0.0))
        known = self.effect.kind == "number" and self.effect.resource is not None and self.mechanism < _NOTHING_OF_IT
        met = tied * (1.8 * self.link * (_BY_CHANCE if known else 1.0) + 1.8 * self.mechanism + 1.5 * self.spelled)
        return 3.0 * (b - 0.35) - 0.8 + met + 1.5 * b * self.mechanism * self.measured


def of_alert(scope: Scope) -> Seen:
    alert = scope.alert
    text = " ".join(filter(None, (alert.summary, alert.metric, alert.name, alert.monitor)))
    return _seen(alert.service, [(text, 0.8)])


def of_finding(finding: Finding) -> Seen:
    seen = _seen(finding.entity, [(finding.excerpt or "", 1.0), (names_of(finding), 0.6)])
    seen = replace(seen, values=(*seen.values, *_values(finding, frozenset(seen.words))))
    if finding.signal != "logs":
        return seen
    text = finding.excerpt or ""
    return replace(
        seen,
        frames=frames(text),
        names=frozenset(map(_as_sent, _NAME.findall(text))),
        peculiar=peculiar(text),
        overrun=overrun(text),
    )


def peculiar(text: str) -> frozenset[str]:
    """What names one thing: names made of several words, and numbers of four to six digits that are not round (ports, codes)."""
    numbers = (one for one in _FIGURE.findall(text) if not one.endswith("00"))
    return frozenset((*numbers, *(one for one in _JOINED.findall(text) if len(split_identifier(one)) > 1)))


def overrun(text: str) -> frozenset[str]:
    """Places that a failure says are beyond the end; not the first ones, which any empty list ends before."""
    found = (number for numbers in _OVERRUN.findall(text) for number in numbers)
    return frozenset(number for number in found if number and int(number) > _FIRST)


_OVERRUN = re2.compile(
    r"(?i)\b(?:index|offset|position|subscript|ordinal|column|field)\w*:? (?:is )?(?:out of (?:range|bounds)[: (]*\[?(\d{1,6})\b"
    r"|\[?(\d{1,6})\]? (?:is )?(?:out of (?:range|bounds)|beyond|exceeds|>=))|\bthe len is \d{1,6} but the index is (\d{1,6})\b"
)
_FIRST = 2


def tie(effect: Effect, seen: Sequence[Seen], rarity: dict[str, float]) -> Tie:
    sums: dict[str, float] = {}
    for symptom in seen:
        for word in (effect.words | effect.context) & symptom.words.keys():
            worth = symptom.words[word] * rarity.get(word, 0.0) * (1.0 if word in effect.words else 0.4)
            sums[word] = max(sums.get(word, 0.0), worth)
    link = 1.0 - math.exp(-sum(sums.values()) / 1.2)
    linked = tuple(sorted((word for word in sums if sums[word] >= 0.2), key=lambda word: (-sums[word], word))[:4])
    spelled = _spelled(effect, seen)
    at = frozenset(one.entity for one in seen if one.entity and _mechanism(effect, [one], max(link, spelled)) >= EXPLAINS)
    return Tie(effect, link, _mechanism(effect, seen, max(link, spelled)), _measured(effect, seen), linked, spelled, at)


def together(ties: Sequence[Tie]) -> list[Tie]:
    """Edits of one file are one intent: what one of them does explains, nearly as well, through the others."""
    most: dict[str, float] = {}
    for one in ties:
        most[one.effect.path] = max(most.get(one.effect.path, 0.0), one.mechanism)
    return [replace(one, mechanism=max(one.mechanism, 0.8 * most[one.effect.path])) for one in ties]


def _seen(entity: str | None, texts: Sequence[tuple[str, float]]) -> Seen:
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
    return Seen(entity, words, named, tuple(values))


def _values(finding: Finding, around: frozenset[str]) -> Iterator[tuple[Measure, frozenset[str]]]:
    """What was measured, as it stands there and in the unit that its name says."""
    for key, value in finding.numbers.items():
        beside = around | stem_set([key])
        yield measure(str(value), split_identifier(key)[::-1]) or Measure(value, ""), beside
        if key in ("base", "level") and (timed := measured(finding, value)).unit:
            yield timed, beside


def _spelled(effect: Effect, seen: Sequence[Seen]) -> float:
    """Whether new log lines spell a name out that the edit touches, 0..1: one made of several words is nobody else's."""
    low = effect.line.lower()
    if not any(len(name) >= 5 and name.lower() in low for symptom in seen for name in symptom.names):
        return 0.0
    names = frozenset(_as_sent(one) for one in _NAME.findall(effect.line) if len(one) >= 5 and not is_common(one.lower()))
    found = [1.0 if len(split_identifier(one)) > 1 else 0.35 for symptom in seen for one in names & symptom.names]
    return max(found, default=0.0)


def _as_sent(name: str) -> str:
    """Names joined by hyphens are headers and the like, which are spelled in either case."""
    return name.lower() if "-" in name else name


def _mechanism(effect: Effect, seen: Sequence[Seen], link: float) -> float:
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


def _measured(effect: Effect, seen: Sequence[Seen]) -> float:
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
