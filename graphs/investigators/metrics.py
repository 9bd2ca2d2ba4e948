"""What the numbers say: which series moved, when, who is slow or failing of itself and who only waits. Traces belong here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from app.domain.finding import Finding, Gap
from app.domain.hypothesis import Suspicion
from app.domain.incident import Scope
from app.domain.quantity import counted
from app.domain.telemetry import MetricTable, ObjectTable, SeriesName, SpanTable, StatusTable, Topology
from graphs.analysis.calls import Edge
from graphs.analysis.metrics.machines import NODE, machine_clues, placed
from graphs.analysis.metrics.measured import Measured, measure_all
from graphs.analysis.metrics.patterns import climbs, pool_clues, slowness, traffic_clues
from graphs.analysis.metrics.picture import ENTRY, Clue, Picture, combine
from graphs.analysis.metrics.selftime import SpanShifts, compare
from graphs.analysis.metrics.sentences import said_tables
from graphs.analysis.metrics.suspects import metric_clues, span_clues
from graphs.analysis.metrics.wording import AGENT, Writer, claim, span_findings, utc
from graphs.analysis.metrics.words import read, route
from graphs.analysis.naming import Names, bare
from graphs.analysis.objects.placement import pods_on_nodes
from graphs.asking import ask_all
from graphs.contract import Budget, Question, Report, View

_NO_CHANGE = {"upstream", "traffic_surge"}
_SUSPICIONS = 12
_FINDINGS = 40


def _edges(topology: Topology, names: Iterable[SeriesName], spans: SpanShifts | None) -> tuple[Edge, ...]:
    edges = set(topology.edges)
    for name in names:
        caller, arrow, callee = name.entity.partition(">")
        if arrow:
            edges.add((caller, callee))
    if spans is not None:
        edges |= set(spans.edges)
    return tuple(sorted(edges))


class MetricsInvestigator:
    """Metrics and traces."""

    agent = AGENT
    answers = "which series moved, who moved first, who only waits?"
    may_use = frozenset({"metrics", "objects", "spans", "statuses", "topology"})
    budget = Budget()

    async def investigate(self, question: Question, view: View) -> Report:
        """Raises nothing for a source that fails: that is a typed gap in the report."""
        scope = view.scope
        await view.say("reading metrics, traces and the call graph")
        (metrics, gaps), (spans, more), (topologies, _), (objects, _), (statuses, _) = await asyncio.gather(
            ask_all(view.sources.metrics, lambda source: source.metrics(scope), agent=AGENT, what="metrics"),
            ask_all(view.sources.spans, lambda source: source.spans(scope), agent=AGENT, what="traces"),
            ask_all(view.sources.topology, lambda source: source.topology(scope), agent=AGENT, what="call graph"),
            ask_all(view.sources.objects, lambda source: source.objects(scope), agent=AGENT, what="placement"),
            ask_all(view.sources.statuses, lambda source: source.statuses(scope), agent=AGENT, what="detectors' words"),
        )
        queries = sum(len(getattr(view.sources, port)) for port in sorted(self.may_use))
        report = await asyncio.to_thread(_think, question, scope, metrics, spans, Topology.joined(topologies), objects, statuses)
        return _with_gaps(report, tuple(gaps + more), queries)


def _with_gaps(report: Report, gaps: tuple[Gap, ...], queries: int) -> Report:
    return report.model_copy(update={"gaps": gaps + report.gaps, "queries": queries})


def _think(
    question: Question,
    scope: Scope,
    metrics: Sequence[MetricTable],
    spans: Sequence[SpanTable],
    topology: Topology,
    objects: Sequence[ObjectTable] = (),
    statuses: Sequence[StatusTable] = (),
) -> Report:
    given = question.onset or scope.onset
    known = [name for table in metrics for name in table.names]
    said = said_tables(statuses, known=known, since_s=scope.window.end.timestamp())
    measured = measure_all([*metrics, *said], given.timestamp() if given else None, _symptom(scope, metrics))
    onset_s = measured.onset_s if measured else (given or scope.window.start).timestamp()
    table = _joined(spans)
    shifts = compare(table.frame, onset_s) if table is not None else None
    names = measured.picture.names if measured else ()
    edges = _edges(topology, names, shifts)
    naming = Names.of(scope.candidates, {part for edge in edges for part in edge})
    writer = Writer(scope, measured, table)
    suspicions: list[Suspicion] = []
    if measured is not None:
        pods = topology.placement | pods_on_nodes(objects)
        suspicions += _from_metrics(writer, measured, edges, naming, scope, pods)
    if shifts is not None and table is not None:
        suspicions += _from_spans(writer, shifts, naming)
    suspicions.sort(key=lambda one: (-one.weight, one.target, one.signal, one.kind or ""))
    if measured is not None:
        _impact(writer, measured, scope, question)
    found = measured.found_onset_s if measured else None
    return Report(
        investigator=AGENT.name,
        findings=_strongest(writer, suspicions[:_SUSPICIONS]),
        suspicions=tuple(suspicions[:_SUSPICIONS]),
        gaps=tuple(_own_gaps(scope, metrics, spans, measured, shifts)),
        onset=_onset(given, utc(found) if found is not None else None, alerted=scope.alert.fired_at),
    )


def _onset(given: datetime | None, found: datetime | None, *, alerted: datetime) -> datetime | None:
    """When it began. An alert comes after what it is about: an onset that is no earlier than it is a bound, not known."""
    if given is None or found is None:
        return given or found
    return found if given >= alerted and found < given else given


def _joined(spans: Sequence[SpanTable]) -> SpanTable | None:
    """The spans of all sources as those of one: what two of them recorded counts once."""
    held = [table for table in spans if table.frame.height]
    if len(held) < 2:
        return held[0] if held else None
    return SpanTable(
        source=", ".join(table.source for table in held),
        as_of_s=max(table.as_of_s for table in held),
        frame=pl.concat([table.frame for table in held]).unique(maintain_order=True),
        query="; ".join(table.query for table in held),
    )


def _symptom(scope: Scope, metrics: Sequence[MetricTable]) -> SeriesName | None:
    """The series that the alert is about, where one has its name."""
    if not scope.alert.service or not scope.alert.metric:
        return None
    names = [name for table in metrics for name in table.names]
    entity = Names.of(scope.candidates).in_telemetry(scope.alert.service, {name.entity for name in names})
    wanted = SeriesName(entity or scope.alert.service, scope.alert.metric)
    return wanted if wanted in names else None


def _strongest(writer: Writer, suspicions: Sequence[Suspicion]) -> tuple[Finding, ...]:
    """All that suspicions rest on, in their order, then the rest as written, up to the limit."""
    order = dict.fromkeys(id_ for one in suspicions for id_ in one.findings)
    order |= dict.fromkeys(writer.findings)
    named = {id_ for one in suspicions for id_ in one.findings}
    kept = [id_ for index, id_ in enumerate(order) if index < _FINDINGS or id_ in named]
    return tuple(writer.findings[id_] for id_ in kept)


def _from_metrics(
    writer: Writer, measured: Measured, edges: tuple[Edge, ...], naming: Names, scope: Scope, pods: Mapping[str, str]
) -> list[Suspicion]:
    picture = measured.picture
    alert = naming.in_telemetry(scope.alert.service, picture.own_entities)
    clues = metric_clues(picture, edges, alert, scope.alert.metric)
    clues += pool_clues(picture) + traffic_clues(picture, edges, alert)
    clues = _leaks(measured, clues)
    if any(naming.target(NODE + node) for node in pods.values()):  # elsewhere machines are not what is asked for
        placement = placed(pods, {part for edge in edges for part in edge} | picture.own_entities, naming)
        clues = machine_clues(picture, edges, placement, clues)
    clues = [_upstream(picture, clue, naming, edges) for clue in clues]
    targeted = [replace(clue, target=target) for clue in clues if (target := naming.target(clue.target)) is not None]
    suspicions = []
    for target, (weight, its) in combine(targeted).items():
        columns = list(dict.fromkeys(column for clue in its if clue.strength > 0.3 * its[0].strength for column in clue.columns))[
            :4
        ]
        if not columns or weight < 0.1:
            continue
        ids = tuple(dict.fromkeys(writer.column(column) for column in columns))
        best = its[0]
        kind = next(
            (clue.kind for clue in its if clue.channel in {"pool", "surge"} and clue.strength > 0.5 * best.strength), best.kind
        )
        if kind == "latency" and all(clue.kind != "extra_calls" for clue in its):
            kind = slowness(picture, {clue.columns[0] for clue in its if clue.kind == "latency" and clue.columns})
        first = writer.findings[ids[0]].statement
        suspicions.append(
            Suspicion(
                target=target,
                weight=round(min(weight, 5.0), 4),
                signal="status" if all(writer.findings[id_].signal == "status" for id_ in ids) else "metrics",
                statement=claim(first, measured.series[columns[0]].name, target, _because(best)),
                findings=ids,
                kind=kind,
                no_change=kind in _NO_CHANGE,
            )
        )
    return suspicions


def _because(clue: Clue) -> str:
    own = clue.numbers.get("own_share", 0.0)
    several = counted(round(clue.numbers.get("services", 0)), "service")
    return {
        "latency": f"{100 * own:.0f}% of the extra time arises here and in nothing it calls",
        "latency_stands_out": "slower than what it calls explains",
        "errors": f"{100 * own:.0f}% of the new errors arise here",
        "resource": "a resource of its own is out of range",
        "between": "its calls take longer than their other end accounts for",
        "route": "one of its routes is out of range",
        "pool": "its connections are used up",
        "surge": "more traffic than before arrives, and everything behind grew with it",
        "boundary": f"calls of {several} that cross its boundary suffer, those on either side do not",
        "host": f"{several} on it suffer",
        "amplified": "it makes more calls for the same traffic",
    }.get(clue.channel, "it moved")


def _from_spans(writer: Writer, shifts: SpanShifts, naming: Names) -> list[Suspicion]:
    suspicions = []
    clues = span_clues(shifts)
    raw: dict[str, list[Clue]] = {}
    for clue in clues:
        target = naming.target(clue.target)
        if target is not None:
            raw.setdefault(target, []).append(clue)
    for target, (weight, its) in combine(replace(clue, target=target) for target, some in raw.items() for clue in some).items():
        if weight < 0.1:
            continue
        ids: list[str] = []
        for clue in its:
            if clue.strength > 0.3 * its[0].strength:
                name = next((one.target for one in raw[target] if one.channel == clue.channel), target)
                ids += span_findings(writer, shifts, name, clue)
        if not ids:
            continue
        suspicions.append(
            Suspicion(
                target=target,
                weight=round(min(weight, 5.0), 4),
                signal="traces",
                statement=writer.findings[ids[0]].statement,
                findings=tuple(dict.fromkeys(ids))[:6],
                kind=its[0].kind,
            )
        )
    return suspicions


def _leaks(measured: Measured, clues: list[Clue]) -> list[Clue]:
    """Memory that climbs steadily through the window is a leak, not a level."""
    words = measured.picture.words
    columns = {
        column for clue in clues for column in clue.columns if clue.channel == "resource" and words[column].family == "memory"
    }
    climbing = set()
    for column in sorted(columns):
        one = measured.series[column]
        rows = one.table.incident
        order = np.argsort(one.table.times[rows], kind="stable")
        if climbs(one.table.values[rows, one.column][order][None, :])[0]:
            climbing.add(column)
    return [
        replace(clue, kind="memory_leak", strength=1 - (1 - clue.strength) * 0.8)
        if clue.channel == "resource" and climbing & set(clue.columns)
        else clue
        for clue in clues
    ]


def _upstream(picture: Picture, clue: Clue, naming: Names, edges: tuple[Edge, ...]) -> Clue:
    """A callee that is only seen from outside and misbehaves is somebody else's: the callee if it may be named, else who
    calls it."""
    if clue.target in picture.own_entities or clue.channel not in {"latency", "latency_stands_out", "errors", "between"}:
        return clue
    if naming.target(clue.target) is not None:
        return replace(clue, kind="upstream")
    seen = [picture.names[column].entity for column in clue.columns if ">" in picture.names[column].entity]
    callers = [entity.partition(">")[0] for entity in seen] or sorted(a for a, b in edges if b == clue.target)
    return replace(clue, target=callers[0], kind="upstream") if callers else clue


def _impact(writer: Writer, measured: Measured, scope: Scope, question: Question) -> None:
    """What users see, the alert's own series, and the routes and operations asked about; then whatever moved most."""
    picture, shifts = measured.picture, measured.picture.shifts
    wanted = {scope.alert.service, ENTRY} | set(question.entities)
    asked = {bare(name) for name in wanted if name}

    def rank(column: int) -> tuple[int, float, int]:
        name, words = picture.names[column], picture.words[column]
        near = name.entity in asked
        own_metric = near and scope.alert.metric is not None and words.base == read(scope.alert.metric).base
        visible = words.family in {"error", "success", "latency"}
        routed = near and visible and route(name.metric) is not None
        group = 0 if own_metric else 1 if near and visible and not routed else 2 if routed else 3
        return group, -abs(float(shifts.z[column])) * (1.0 if visible else 0.5), column

    usable = [column for column in range(len(picture.names)) if shifts.usable[column]]
    ordered = sorted(usable, key=rank)
    for column in ordered:
        if len(writer.findings) >= _FINDINGS:
            break
        group = rank(column)[0]
        if group == 0 or abs(float(shifts.z[column])) >= 3:
            writer.column(column)


def _own_gaps(
    scope: Scope, metrics: Sequence[MetricTable], spans: Sequence[SpanTable], measured: Measured | None, shifts: SpanShifts | None
) -> list[Gap]:
    gaps: list[Gap] = []

    def gap(source: str, reason: str, statement: str) -> None:
        gaps.append(Gap.model_validate({"agent": AGENT, "source": source, "reason": reason, "statement": statement}))

    end_s = scope.window.end.timestamp()
    for table in metrics:
        times = table.times[table.incident]
        if len(times) == 0:
            gap(table.source, "no_data", "metrics in the incident's window: no sample lies there")
            continue
        step = float(np.median(np.diff(np.unique(table.times)))) if len(np.unique(table.times)) > 1 else 60.0
        length = max(end_s - scope.window.start.timestamp(), 1.0)
        behind = min(end_s, table.as_of_s) - float(times.max())
        if behind > max(3 * step, 0.15 * length):
            gap(table.source, "stale", f"metrics of the window's last {behind:.0f} s: the newest sample is older")
        if table.incident.all() and measured is not None and not (times < measured.onset_s).any():
            gap(table.source, "no_data", "what is usual of the metrics: no fault-free reference was recorded")
    if measured is not None:
        shifts_of = measured.picture.shifts
        # a series that began with the incident (a counter of failures) has nothing to be compared with, and that is no gap
        usable = shifts_of.usable | ((shifts_of.n_base == 0) & (shifts_of.n_level > 0))
        thin = int((~usable).sum())
        if thin:
            names = ", ".join(str(one.name) for one, ok in zip(measured.series, usable, strict=True) if not ok)
            gap(
                measured.series[0].table.source,
                "no_data",
                f"how {thin} of {len(usable)} series moved: too few samples to compare: {names}"[:400],
            )
    if shifts is not None and spans:
        if shifts.traces_inc == 0:
            gap(spans[0].source, "stale", "traces after the onset: none was recorded")
        elif shifts.traces_ref < 3:
            gap(
                spans[0].source,
                "no_data",
                f"how traces usually are: only {counted(shifts.traces_ref, 'fault-free trace')} to compare with",
            )
    return gaps


INVESTIGATOR = MetricsInvestigator()
