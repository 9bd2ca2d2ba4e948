"""Reading all of one incident's lines as one pure function: templates, shifts, who complains about whom, who failed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from graphs.analysis.logs import complaints, places, templates
from graphs.analysis.logs.course import Course, courses
from graphs.analysis.logs.exceptions import Names, listening_ports
from graphs.analysis.logs.flow import Flow, deepest, flow_of
from graphs.analysis.logs.shift import ENOUGH, Lengths, Shift, onset_of, scales_of, shifts


@dataclass(frozen=True)
class Repetition:
    """One and the same message again and again: the same record fails each time it is read."""

    service: str
    shift: Shift
    times: int
    distinct: int  # different messages among them


@dataclass(frozen=True)
class Reading:
    """Everything the lines say. `shifts`: the strongest first. `onset_s`: when the first clear new failure began."""

    shifts: tuple[Shift, ...] = ()
    testimonies: tuple[complaints.Testimony, ...] = ()
    standings: tuple[complaints.Standing, ...] = ()
    repetitions: tuple[Repetition, ...] = ()
    flow: Flow = field(default_factory=Flow)
    courses: tuple[Course, ...] = ()
    onset_s: float | None = None
    names: Names = field(default_factory=lambda: Names(()))
    referenced: bool = False  # there was something to compare with
    levels: bool = True  # lines name levels
    untimed: float = 0.0  # share of the incident's lines without a time
    last_s: float | None = None  # time of the incident's newest line


def read(
    frame: pl.DataFrame,
    *,
    services: Sequence[str],
    callees: Mapping[str, Sequence[str]],
    lengths: Lengths,
    stretches: templates.Stretches,
    further: Sequence[Shift] = (),
    spans: pl.DataFrame | None = None,
    hosts: Mapping[str, str] | None = None,
) -> Reading:
    """`frame` as `LOG_SCHEMA`, `spans` as `SPAN_SCHEMA`, in any order; `services` are the names known besides those that log;
    `further` are shifts that others counted; `hosts` is who has which address."""
    names = _names(frame, services, callees, hosts or {})
    mined = templates.mine(frame, stretches=stretches, protected=names.protects)
    own = shifts(mined.templates, lengths=lengths)
    everything = (*own, *further)
    heard = _heard(mined.templates)
    testimonies = complaints.witness(everything, names, heard=_heard(mined.templates, least=1))
    lines = _failing_lines(frame, mined, testimonies, stretches)
    flow = flow_of(frame, mined, stretches)
    facts = complaints.Facts(
        first_in_trace=first_in_trace(lines, testimonies, callees=names.callees),
        silent=silent(mined.templates, lengths),
        heard=heard,
        slower={wait.service: wait.strength for wait in flow.waits if wait.strength >= 0.03},
        # Which line follows which also changes with what is asked; where requests can be compared whole, that is the better word.
        otherwise=_otherwise(flow, names) if spans is None or spans.is_empty() else {},
    )
    onset_s = stretches.onset_s if stretches.onset_s is not None else (stretches.start_s or 0.0)
    incident = frame.filter(pl.col("incident"))
    times = incident["time"].fill_nan(None)
    return Reading(
        shifts=everything,
        testimonies=testimonies,
        standings=complaints.stand(testimonies, names, facts),
        repetitions=repetitions(lines, testimonies),
        flow=flow,
        courses=() if spans is None or spans.is_empty() else courses(spans, places.lines_of(frame, mined, names), onset_s),
        onset_s=onset_of(own),
        names=names,
        referenced=bool(mined.templates["e_reference"].sum() >= ENOUGH or mined.templates["e_before"].sum() >= ENOUGH),
        levels=bool((mined.templates["level"] != "").any()),
        untimed=times.null_count() / max(1, len(times)),
        last_s=times.to_frame().select(pl.col("time").max()).item(),
    )


def _names(frame: pl.DataFrame, services: Sequence[str], callees: Mapping[str, Sequence[str]], hosts: Mapping[str, str]) -> Names:
    known = sorted(
        {*services, *frame["service"].drop_nulls().unique().to_list(), *callees, *(c for cs in callees.values() for c in cs)} - {""}
    )
    listens = (
        frame.lazy().filter(pl.col("msg").str.contains(r"(?i)listening|started|serving|running on|port")).select("service", "msg")
    )
    ports = listening_ports(listens.unique().sort("service", "msg").head(2000).collect().iter_rows())
    owned = {address: owner for address, owner in hosts.items() if owner in known}
    return Names(tuple(known), {caller: tuple(sorted(set(cs))) for caller, cs in callees.items()}, ports, owned)


def _failing_lines(
    frame: pl.DataFrame, mined: templates.Mined, testimonies: Sequence[complaints.Testimony], stretches: templates.Stretches
) -> pl.DataFrame:
    rows = [
        {"service": t.shift.service, "level": t.shift.level, "status": t.shift.status, "template": t.shift.template}
        for t in testimonies[:60]
        if t.shift.strength >= 0.1
    ]
    lines = templates.lines_of(frame, mined, pl.DataFrame(rows, schema=templates.KEYS_SCHEMA))
    after = stretches.onset_s if stretches.onset_s is not None else stretches.start_s
    return lines if after is None else lines.filter(pl.col("time").is_null() | (pl.col("time") >= after))


def first_in_trace(
    lines: pl.DataFrame, testimonies: Sequence[complaints.Testimony], *, callees: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Share of the failing traces in which each service was the first to log one of the failing templates.

    Within one call the callee fails before its caller can say so; a caller that gives up waiting is told by its complaint.
    Of several at the same moment those count that call none of the others, in equal parts.
    """
    own = {(t.shift.service, t.shift.template) for t in testimonies if t.blame.service is None}
    traced = lines.filter((pl.col("trace").fill_null("") != "") & pl.col("time").is_not_null()).select(
        "trace", "time", "service", "template"
    )
    if traced.is_empty():
        return {}
    firsts = (
        traced.filter(pl.col("time") == pl.col("time").min().over("trace"))
        .unique(["trace", "service", "template"])
        .group_by("trace")
        .agg(pl.struct("service", "template").sort().alias("said"))
    )
    total = firsts.height
    shares: dict[str, float] = {}
    for said, count in firsts.group_by("said").len().sort("len", "said").iter_rows():
        speakers = {line["service"] for line in said}
        deepest_of = [line for line in said if not speakers & (set(callees.get(line["service"], ())) - {line["service"]})] or said
        for line in deepest_of:
            if (line["service"], line["template"]) in own:
                shares[line["service"]] = shares.get(line["service"], 0.0) + count / total / len(deepest_of)
    enough = total / (total + 2.0)  # two traces are an anecdote
    return {service: share * enough for service, share in shares.items()}


def repetitions(lines: pl.DataFrame, testimonies: Sequence[complaints.Testimony]) -> tuple[Repetition, ...]:
    """Templates with masked parts whose lines nevertheless hardly differ: the same id failing over and over."""
    counted = lines.group_by("service", "template").agg(
        pl.struct("time", "msg").n_unique().alias("times"), pl.col("msg").n_unique()
    )
    said = {(service, template): (times, distinct) for service, template, times, distinct in counted.iter_rows()}
    found = []
    for item in testimonies:
        shift = item.shift
        if templates.WILD not in shift.template or shift.seen < 5 or item.blame.service is not None:
            continue
        times, distinct = said.get((shift.service, shift.template), (0, 0))
        if times >= 5 and distinct <= max(1, times // 10):
            found.append(Repetition(shift.service, shift, times, distinct))
    return tuple(found)


def silent(mined: pl.DataFrame, lengths: Lengths) -> frozenset[str]:
    """Services that talked steadily in the reference and say (nearly) nothing any more."""
    totals = (
        mined.group_by("service")
        .agg(pl.col("e_reference").sum(), pl.col("e_before").sum(), pl.col("e_after").sum())
        .sort("service")
    )
    base = "e_reference" if totals["e_reference"].sum() >= ENOUGH else "e_before"
    base_s = lengths.reference_s if base == "e_reference" else lengths.before_s
    if totals[base].sum() < ENOUGH or totals["e_after"].sum() < ENOUGH:
        return frozenset()
    low, _ = scales_of(
        mined[base].to_numpy().astype(float), mined["e_after"].to_numpy().astype(float), base_s=base_s, now_s=lengths.after_s
    )
    return frozenset(
        str(row["service"])
        for row in totals.iter_rows(named=True)
        if row[base] * low >= 8 and row["e_after"] <= 0.1 * row[base] * low
    )


def _otherwise(flow: Flow, names: Names) -> dict[str, float]:
    """How far each service's requests take another course, discounted where its callees' do."""
    strongest: dict[str, float] = {}
    for step in flow.steps:
        strongest[step.service] = max(strongest.get(step.service, 0.0), (step.share - 0.2) / 0.8)
    return deepest({s: v for s, v in strongest.items() if v > 0.05}, {s: tuple(cs) for s, cs in names.callees.items()})


def _heard(mined: pl.DataFrame, *, least: int = 3) -> frozenset[str]:
    return frozenset(mined.filter(pl.col("e_after") >= least)["service"].unique().to_list())
