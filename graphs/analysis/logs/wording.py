"""Our sentences about log lines: built from closed sets and numbers, never from what the lines say. Quotes are cleaned."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import re2

from app.domain.agent import Agent
from app.domain.finding import Gap
from app.domain.quantity import said
from app.domain.window import Window
from graphs.analysis.logs.complaints import OWN, SLOWER, Standing, Testimony
from graphs.analysis.logs.course import Course
from graphs.analysis.logs.exceptions import exception_types
from graphs.analysis.logs.fault_words import first_fault
from graphs.analysis.logs.flow import Step, Wait
from graphs.analysis.logs.reading import Reading
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

    `thrown`: the exception's type, where the line carries it beside its text. Changes are weighed against these words too, so
    they name no fault of their own."""
    words = [f"{spoken(shift.service)} logs {_moved(shift)}"]
    # What was there before the incident has no first line that means anything.
    if shift.first_s is not None and shift.change in ("new", "unreferenced"):
        words.append(f"first at {_clock(shift.first_s)}")
    types = exception_types(shift.exemplar) or ((thrown,) if IDENTIFIER.search(thrown) else ())
    if types and shift.failing:
        words.append(f"exception {types[0]}")
    if testimony is not None and testimony.blame.service is not None:
        words.append(f"complaining about {spoken(testimony.blame.service)}")
    elif testimony is not None and testimony.blame.foreign is not None:
        words.append("complaining about a host that is none of the known services")
    return ", ".join(words)[:400]


def _moved(shift: Shift) -> str:
    """How many lines came, and how many were to be expected."""
    kind = f" ({_plain(shift.kind)})" if shift.kind and shift.failing else ""
    lines, expected = _lines(shift.n_after, shift.level) + kind, f"{shift.expected:.0f} expected"
    new = shift.change == "new"
    if shift.n_after == 0 < shift.n_before and (new or shift.change == "unreferenced"):
        return f"{_lines(shift.n_before, shift.level, new=new)}{kind} shortly before the onset, 0 after it"
    if new:
        return f"{_lines(shift.n_after, shift.level, new=True)}{kind}, 0 before"
    if shift.change == "vanished":
        return f"no more of one kind of its {shift.level + ' ' if shift.level else ''}lines{kind}: 0 came, {expected}"
    if shift.change == "unreferenced":
        return f"{lines}, with nothing from before to compare"
    return f"{'only ' if shift.change == 'fewer' else ''}{lines} of one kind, {expected}"


def _lines(count: int, level: str, *, new: bool = False) -> str:
    return " ".join(filter(None, (str(count), "new" if new else "", level, "line" if count == 1 else "lines")))


def _plain(kind: str) -> str:
    return kind.replace("_", " ")


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%SZ")


def pace_of(service: str, *, wait: Wait | None, step: Step | None) -> str:
    """Where requests lose time, and which of them no longer go on as they used to."""
    parts = []
    if wait is not None:
        lost = f"{wait.excess:.0%} of the time that requests now lose"
        parts.append(f"{lost} goes by around its lines, {said(wait.added_s, 's')} in all")
    if step is not None:
        since = f", since {_clock(step.first_s)}" if step.first_s is not None else ""
        if step.cut >= 0.9 * step.share:
            parts.append(f"{step.share:.0%} of its requests now end half way, where they went on before{since}")
        else:
            stop = f", {step.cut:.0%} end half way" if step.cut >= 0.05 else ""
            parts.append(f"{step.share:.0%} of its requests now go on in another way than before{stop}{since}")
    return f"{spoken(service)}: {'; '.join(parts)}"


def departure_of(course: Course) -> str:
    """What requests no longer do within a service, or do for the first time."""
    seen = course.departure
    thing = {"line": "a line", "step": "a step", "call": "a call"}[seen.sort]
    shares = f"{seen.share_now:.0%} of them, {seen.share_before:.0%} before"
    if seen.what == "gone":
        moved = f"{thing} that belongs to its requests stays away in {shares}"
    else:
        moved = f"{thing} that never belonged to its requests comes in {shares}"
    return f"{spoken(course.service)}: {moved}; nothing it calls had left its course"


def reason_of(standing: Standing) -> str:
    parts = []
    if standing.own:
        worst, more = standing.own[0].shift, len(standing.own) - 1
        count = _lines(worst.n_after or worst.n_before, worst.level, new=worst.change == "new")
        kind = f" ({_plain(worst.kind)})" if worst.kind else ""
        others = f" and {more} more kind{'s' if more > 1 else ''}" if more else ""
        parts.append(f"it fails itself: {count}{kind}{others}")
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
        parts.append("it has stopped logging")
    if standing.slower >= 0.1:
        parts.append("requests lose time at it")
    if standing.otherwise >= 0.1:
        parts.append("its requests go another way than before")
    if standing.first_share >= 0.3:
        parts.append(f"first to fail in {standing.first_share:.0%} of the failing traces")
    return f"{spoken(standing.service)}: {'; '.join(parts)}"[:400]


_TELLING = 5
"""Of what a service says of itself, so many lines, the loudest first, may name the fault."""


_CALLED = ("_connection_exhaustion", "_read_only", "broker_blocked")
"""Faults that only who is called can have, whoever tells of them."""


def kind_of(standing: Standing) -> str | None:
    """The kind of failure that speaks loudest about it."""
    own = standing.own[0] if standing.own else None
    against = standing.against[0] if standing.against else None
    named = first_fault(item.shift.exemplar[:800] for item in standing.own[:_TELLING])
    if named is not None:
        return named
    if own is not None and OWN * own.own < SLOWER * standing.slower:
        return "slow"
    if own is not None and (against is None or own.own >= 0.5 * against.about):
        return own.shift.kind or "exception"
    if against is not None:
        told = first_fault(item.shift.exemplar[:800] for item in standing.against[:_TELLING])
        return told if told is not None and told.endswith(_CALLED) else against.shift.kind or "upstream"
    if standing.silent:
        return "silent"
    return "slow" if standing.slower > standing.otherwise else "other_course" if standing.otherwise else None


def spoken(service: str) -> str:
    """A service's name as a statement may carry it: at least a bare identifier, never a sentence."""
    return service if IDENTIFIER.search(service) else "a service with an unusual name"


def unknown(reading: Reading, window: Window, *, agent: Agent, source: str) -> list[Gap]:
    """What these lines leave unknown."""
    told: list[tuple[str, str]] = []
    if not reading.referenced:
        told.append(("no_data", "log lines from before the incident: none, so what is new is told by its content"))
    if reading.last_s is None:
        told.append(("no_data", "the order of the log lines: they carry no times"))
    else:
        missing = window.end.timestamp() - reading.last_s
        if missing > 0.25 * window.length.total_seconds() and missing > 30:
            told.append(("stale", f"log lines of the window's last {missing:.0f} s: the newest is older"))
        if reading.untimed > 0.2:
            told.append(("no_data", f"when {reading.untimed:.0%} of the log lines were written: they carry no time"))
    if not reading.levels:
        told.append(("no_data", "the levels of the log lines: failures are told by words alone"))
    return [Gap.model_validate({"agent": agent, "source": source, "reason": reason, "statement": text}) for reason, text in told]
