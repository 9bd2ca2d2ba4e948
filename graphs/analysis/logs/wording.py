"""Our sentences about log lines: built from closed sets and numbers, never from what the lines say. Quotes are cleaned."""

from __future__ import annotations

import json

import re2

from graphs.analysis.logs.complaints import Standing, Testimony
from graphs.analysis.logs.exceptions import exception_types
from graphs.analysis.logs.shift import Shift

IDENTIFIER = re2.compile(r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,80}$")
_UNPRINTABLE = re2.compile(r"[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}]")


def clean(text: str, *, most: int = 300) -> str:
    """Outside text made fit to be quoted: no control or direction characters, line breaks as `⏎`, cut to `most` characters."""
    flat = str(_UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\n", " ⏎ ").replace("\t", " ")))
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def query_of(shift: Shift) -> str:
    parts = [f"service={json.dumps(clean(shift.service, most=80))}"]
    if shift.level:
        parts.append(f"level={shift.level}")
    if shift.status:
        parts.append(f"status={shift.status}xx")
    return " ".join([*parts, f"template={json.dumps(clean(shift.template, most=200), ensure_ascii=False)}"])


def statement_of(shift: Shift, testimony: Testimony | None, *, thrown: str = "") -> str:
    """Our words about one template: nothing of its text but exception types and services that are known.

    `thrown`: the exception's type, where the line carries it beside its text."""
    change = {
        "new": "a new template",
        "more": "a template more often",
        "fewer": "a template less often",
        "vanished": "a template no longer",
        "steady": "a template",
        "unreferenced": "a template that nothing can be compared with",
    }[shift.change]
    level = f" at {shift.level}" if shift.level else ""
    counts = f"{shift.n_after} lines, {shift.expected:.0f} expected" if shift.change != "unreferenced" else f"{shift.n_after} lines"
    words = [f"{spoken(shift.service)} logs {change}{level} ({counts})"]
    if shift.kind and shift.failing:
        words.append(f"kind {shift.kind}")
    types = exception_types(shift.exemplar) or ((thrown,) if IDENTIFIER.search(thrown) else ())
    if types and shift.failing:
        words.append(f"exception {types[0]}")
    if testimony is not None and testimony.blame.service is not None:
        words.append(f"complaining about {spoken(testimony.blame.service)}")
    elif testimony is not None and testimony.blame.foreign is not None:
        words.append("complaining about a host that is none of the known services")
    return ", ".join(words)[:400]


def reason_of(standing: Standing) -> str:
    parts = []
    if standing.own:
        worst = standing.own[0].shift
        parts.append(f"it logs failures of its own ({worst.kind or 'by level'}, {len(standing.own)} templates)")
    if standing.against:
        who = sorted({t.shift.service for t in standing.against})
        several = len(who) > 1
        parts.append(
            f"{len(who)} other{'s' if several else ''} complain{'' if several else 's'} about it, {spoken(who[0])} for one"
        )
    if standing.complains and not standing.own:
        parts.append("it only complains about others")
    if standing.explained_by:
        parts.append(f"discounted, as {spoken(standing.explained_by)} further down fails too")
    if standing.silent:
        parts.append("it stopped logging")
    if standing.slower >= 0.1:
        parts.append("requests lose time around its lines")
    if standing.otherwise >= 0.1:
        parts.append("its requests take another course than usual")
    if standing.first_share >= 0.3:
        parts.append(f"first to fail in {standing.first_share:.0%} of the failing traces")
    return f"{spoken(standing.service)}: {'; '.join(parts)}"[:400]


def kind_of(standing: Standing) -> str | None:
    """The kind of failure that speaks loudest about it."""
    own = standing.own[0] if standing.own else None
    against = standing.against[0] if standing.against else None
    if own is not None and 3.4 * own.own < 2.2 * standing.slower:
        return "slow"
    if own is not None and (against is None or own.own >= 0.5 * against.about):
        return own.shift.kind or "exception"
    if against is not None:
        return against.shift.kind or "upstream"
    if standing.silent:
        return "silent"
    return "slow" if standing.slower > standing.otherwise else "other_course" if standing.otherwise else None


def spoken(service: str) -> str:
    """A service's name as a statement may carry it: at least a bare identifier, never a sentence."""
    return service if IDENTIFIER.search(service) else "a service with an unusual name"
