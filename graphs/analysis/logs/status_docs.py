"""Documents that other systems wrote: providers' status pages, detectors' alerts, pattern counts of a log store."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import re2

from graphs.analysis.detectors import detected
from graphs.analysis.logs import error_words, templates
from graphs.analysis.logs.complaints import Testimony
from graphs.analysis.logs.shift import Change, Shift

_PERCENT = re2.compile(r"([+-]?\d+(?:\.\d+)?) ?%\)?")
_CUTS = re2.compile(r"[/.=:]")
_TOKEN = re2.compile(r"[A-Za-z][A-Za-z0-9-]{1,}")
_COMMON = frozenset(
    {
        "service",
        "services",
        "simple",
        "error",
        "errors",
        "rates",
        "increased",
        "the",
        "and",
        "for",
        "info",
        "failed",
        "requests",
        "api",
        "cloud",
    }
)


@dataclass(frozen=True)
class Outage:
    """An event of a provider's status page that is not over. `words` name it; all of it is outside text."""

    feed: str
    title: str
    status: str
    words: frozenset[str]
    started_s: float | None


@dataclass(frozen=True)
class Detection:
    """A detector says that `name` behaves abnormally. `size`: how strongly, 0..1."""

    name: str
    size: float
    text: str
    entry: bool = False  # it saw a failing request enter here, which says little about where it fails


def outages(documents: Iterable[Mapping[str, object]], *, until_s: float) -> tuple[Outage, ...]:
    """Events that began before `until_s` and were not over then."""
    found = []
    for document in documents:
        events = document.get("events")
        if document.get("doc") != "status_feed" or not isinstance(events, list):
            continue
        for event in events:
            if not isinstance(event, Mapping) or str(event.get("status", "")).strip().lower() in error_words.GOOD_STATUS:
                continue
            started, resolved = _epoch(event.get("started_at")), _epoch(event.get("resolved_at"))
            if (started is not None and started > until_s) or (resolved is not None and resolved < until_s - 3600):
                continue
            naming = " ".join(str(event.get(k) or "") for k in ("id", "service", "component", "region", "name"))
            words = frozenset(w.lower() for w in _words(naming))
            found.append(
                Outage(
                    str(document.get("source") or "status feed"),
                    str(event.get("title") or ""),
                    str(event.get("status")),
                    words,
                    started,
                )
            )
    return tuple(found)


def named_by(outage: Outage, testimonies: Iterable[Testimony]) -> tuple[str | None, int]:
    """The service whose failing lines name the same provider best, and how many words they share; (None, 0) where none does."""
    best: dict[str, tuple[float, int]] = {}
    for item in testimonies:
        common = len(set(_CUTS.sub(" ", item.shift.exemplar.lower()).split()) & outage.words)
        if common and item.blame.service is None:
            service = item.shift.service
            best[service] = max(best.get(service, (0.0, 0)), (item.shift.strength, common))
    found = min(best, key=lambda s: (-best[s][0], s), default=None)
    return (found, best[found][1]) if found is not None else (None, 0)


def _words(text: str) -> list[str]:
    whole = [str(w) for w in _TOKEN.findall(text)]
    return [
        w
        for w in [*whole, *(p for t in whole for p in t.split("-"))]
        if len(w) >= 2 and w.lower() not in _COMMON and not w.isdigit()
    ]


def detections(documents: Iterable[Mapping[str, object]]) -> tuple[Detection, ...]:
    """What detectors said, the strongest first."""
    found = []
    for alert in detected(documents):
        if alert.entry:
            found.append(Detection(alert.entry, 0.3, alert.error, entry=True))
        elif alert.name:
            percents = [abs(float(p)) for line in alert.lines for p in _PERCENT.findall(line)]
            size = min(1.0, 0.2 + 0.2 * math.log10(1 + max(percents, default=0.0)))
            found.append(Detection(alert.name, size, " ; ".join(alert.lines)))
    return tuple(sorted(found, key=lambda d: (-d.size, d.name, d.text)))


def patterns(documents: Iterable[Mapping[str, object]], *, known: Iterable[Shift]) -> tuple[Shift, ...]:
    """Pattern counts as shifts; those that the lines themselves already show are left out."""
    counted = [document for document in documents if document.get("doc") == "log_pattern"]
    seen: dict[str, list[frozenset[str]]] = {}
    for shift in known if counted else ():
        seen.setdefault(shift.service, []).append(_tokens(shift.template))
    found = []
    for document in counted:
        signature, service = document.get("signature"), document.get("service")
        count, delta = _number(document.get("count")), _number(document.get("delta_vs_baseline"))
        if not isinstance(signature, str) or not isinstance(service, str) or count is None:
            continue
        template = templates.squeeze(pl.select(templates.mask(pl.lit(signature.replace("<N>", "0")))).item())
        tokens = _tokens(template)
        if any(len(tokens & theirs) >= 0.6 * len(tokens | theirs) for theirs in seen.get(service, ())):
            continue
        found.append(_shift(service, template, signature, count, max(0.0, count - (delta or 0.0))))
    return tuple(sorted(found, key=lambda s: (-abs(s.strength), s.service, s.template)))


def _shift(service: str, template: str, signature: str, now: float, before: float) -> Shift:
    ratio = math.log2((now + 0.5) / (before + 0.5))
    z = (now - before) / (math.sqrt(now + before) + 1)
    novelty = math.copysign(min(abs(ratio) / 3, 1.0) * (1 - math.exp(-abs(z) / 1.5)), ratio)
    change: Change = "steady"
    if abs(novelty) > 0.15:
        change = ("new" if before == 0 else "more") if ratio > 0 else ("vanished" if now == 0 else "fewer")
    kind = error_words.kind_of(signature)
    return Shift(
        service=service,
        level="",
        status="",
        template=template,
        exemplar=signature,
        change=change,
        n_reference=int(before),
        n_before=0,
        n_after=int(now),
        seen=int(now),
        expected=before,
        z=z,
        log2_ratio=ratio,
        novelty=0.85 * novelty,  # counted by somebody else
        severity=error_words.severity("", signature),
        kind=kind.name if kind else None,
        first_s=None,
        last_s=None,
    )


def _tokens(text: str) -> frozenset[str]:
    return frozenset(str(w).lower() for w in _TOKEN.findall(text))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _epoch(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
