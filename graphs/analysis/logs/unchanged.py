"""What explains failing lines without any change of ours: poisoned data, an expired certificate, an outside host, a surge. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import re2

from graphs.analysis.logs.complaints import Testimony
from graphs.analysis.logs.reading import Repetition
from graphs.analysis.logs.shift import Shift
from graphs.analysis.logs.wording import spoken

_PUBLIC_HOST = re2.compile(r"(?i)^(?:[a-z0-9-]+\.){1,6}[a-z]{2,12}$")
_PRIVATE_HOST = re2.compile(r"(?i)\.(?:local|localdomain|internal|svc|lan|cluster|consul|test|invalid|home|corp)$|\.svc\.")
_CALL_FAILED = frozenset({"upstream", "timeout", "rate_limited", "dns"})


@dataclass(frozen=True)
class Unchanged:
    """One such explanation: the template it rests on, our word for it, how strongly that speaks (nats), and our sentence."""

    shift: Shift
    kind: str
    weight: float
    statement: str


def unchanged(testimonies: Sequence[Testimony], repetitions: Sequence[Repetition]) -> Iterator[Unchanged]:
    """In the order of the testimonies, at most one of each."""
    again = {repetition.shift: repetition for repetition in repetitions}
    surged = {t.shift.service for t in testimonies if t.shift.kind == "overload" and t.shift.strength >= 0.3}
    for item in testimonies:
        shift, name = item.shift, spoken(item.shift.service)
        match shift.kind:
            case "poison_data" if (same := again.get(shift)) is not None:
                said = f"{name} fails on the same record again and again ({same.times} times, {same.distinct} different texts)"
                yield Unchanged(shift, "poison_data", 2.0 * shift.novelty, said)
            case "poison_data":
                yield Unchanged(shift, "poison_data", 0.6 * shift.novelty, f"{name} rejects data it reads")
            case "tls_certificate" if "expired" in shift.exemplar.lower():
                yield Unchanged(shift, "tls_certificate", 2.0 * shift.novelty, f"{name} meets a certificate that has expired")
            case "overload" if len(surged) >= 2:  # one alone may just be slow
                said = f"{name} says it is overloaded, as do {len(surged) - 1} others"
                yield Unchanged(shift, "traffic_surge", 1.2 * shift.novelty, said)
            case kind if kind in _CALL_FAILED and item.blame.foreign and outside(item.blame.foreign):
                yield Unchanged(shift, "upstream", 1.5 * shift.strength, f"{name} fails in calls to a host outside")


def outside(host: str) -> bool:
    """Whether a host's name is one of the public internet's."""
    return _PUBLIC_HOST.search(host) is not None and _PRIVATE_HOST.search(host) is None
