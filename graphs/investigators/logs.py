"""The logs investigator: what is new, gone or louder in the lines, who complains about whom, and who failed first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial

import polars as pl

from app.domain.agent import Agent
from app.domain.finding import Finding
from app.domain.hypothesis import Suspicion
from app.domain.incident import Scope
from app.domain.telemetry import LOG_SCHEMA, SPAN_SCHEMA, LogTable, ObjectTable, SpanTable, StatusTable, Topology
from graphs.analysis.changes.reading import stacks
from graphs.analysis.logs import status_docs
from graphs.analysis.logs.complaints import Standing, Testimony
from graphs.analysis.logs.course import Course
from graphs.analysis.logs.fault_words import refused_account
from graphs.analysis.logs.reading import Reading, read
from graphs.analysis.logs.shift import Lengths, Shift
from graphs.analysis.logs.templates import Stretches
from graphs.analysis.logs.unchanged import unchanged
from graphs.analysis.logs.wording import (
    IDENTIFIER,
    clean,
    departure_of,
    kind_of,
    pace_of,
    query_of,
    reason_of,
    spoken,
    statement_of,
    unknown,
)
from graphs.analysis.naming import Names, bare
from graphs.analysis.objects.owners import owners
from graphs.asking import ask_all
from graphs.contract import Budget, Investigator, Question, Report, View

MOST_FINDINGS, MOST_SUSPICIONS = 40, 12
PER_SERVICE, PER_ENTITY = 5, 12
DEPARTED, MOST_DEPARTED = 4.0, 6
"""Most nats that requests leaving their course at a service say of it, and how many services are told of."""
REFUSED, REFUSAL = 2.5, "is forbidden: User"
"""What it says of a workload, nats, that the cluster's API refuses what its own account asks, and how it says so."""
_NONE = pl.DataFrame(schema=LOG_SCHEMA)


class LogsInvestigator:
    """Reads every source of lines, statuses, topology and addresses once a round; the arithmetic runs beside the event loop."""

    agent = Agent(name="logs", version="1.1.0")
    answers = "which lines are new, gone, or changed in rate?"
    may_use = frozenset({"logs", "spans", "statuses", "topology", "objects"})
    budget = Budget(deadline_s=20.0, findings=MOST_FINDINGS)

    async def investigate(self, question: Question, view: View) -> Report:
        """Raises nothing for a source that fails: that is a typed gap in the report."""
        scope, sources = view.scope, view.sources
        await view.say("reading log lines, status documents and who calls whom")
        (tables, gaps), (spans, _), (statuses, unread), (topologies, _), (objects, _) = await asyncio.gather(
            ask_all(sources.logs, lambda s: s.logs(scope), agent=self.agent, what="log lines"),
            ask_all(sources.spans, lambda s: s.spans(scope), agent=self.agent, what="traces"),
            ask_all(sources.statuses, lambda s: s.statuses(scope), agent=self.agent, what="status documents"),
            ask_all(sources.topology, lambda s: s.topology(scope), agent=self.agent, what="topology"),
            ask_all(sources.objects, lambda s: s.objects(scope), agent=self.agent, what="objects"),
        )
        asked = (sources.logs, sources.spans, sources.statuses, sources.topology, sources.objects)
        told = (tuple(tables), tuple(statuses), Topology.joined(topologies), tuple(spans), tuple(objects))
        queries = sum(map(len, asked))
        report = await asyncio.to_thread(_Reporter(self.agent, question, scope, *told).report)
        unread = [gap for gap in unread if gap.reason != "no_data"]  # that there are none is usual
        return report.model_copy(update={"gaps": (*gaps, *unread, *report.gaps), "queries": queries})


INVESTIGATOR: Investigator = LogsInvestigator()


@dataclass(frozen=True)
class _Reporter:
    agent: Agent
    question: Question
    scope: Scope
    tables: tuple[LogTable, ...]
    statuses: tuple[StatusTable, ...]
    topology: Topology
    spans: tuple[SpanTable, ...] = ()
    objects: tuple[ObjectTable, ...] = ()

    def report(self) -> Report:
        documents = [d for table in self.statuses for d in table.documents]
        reading = self._read(documents)
        findings = self._findings(reading)
        outages = self._outages(documents, reading)
        detected = self._detected(documents, reading)
        suspicions = [*self._suspicions(reading, findings), *self._innocent(reading, findings)]
        departed = self._departed(reading)
        extra = [*outages, *detected, *self._refused(), *((suspicion, its[0]) for suspicion, its in departed)]
        kept = _kept([*suspicions, *(s for s, _ in extra)])
        by_id = {f.id: f for f in [*findings.values(), *(f for _, f in extra), *(f for _, its in departed for f in its)]}
        needed = [i for s in kept for i in s.findings]
        ordered = list(dict.fromkeys([*needed, *by_id]))[:MOST_FINDINGS]
        present = set(ordered)
        kept = [s.model_copy(update={"findings": tuple(i for i in s.findings if i in present)}) for s in kept]
        onset = datetime.fromtimestamp(reading.onset_s, UTC) if reading.onset_s is not None else None
        return Report(
            investigator=self.agent.name,
            findings=tuple(by_id[i] for i in ordered),
            suspicions=tuple(s for s in kept if s.findings),
            gaps=tuple(unknown(reading, self.scope.window, agent=self.agent, source=self._source(False)) if self.tables else ()),
            onset=onset,
        )

    # reading

    def _read(self, documents: list[dict[str, object]]) -> Reading:
        frames = [table.frame for table in self.tables if table.frame.height]
        frame = pl.concat(frames) if frames else pl.DataFrame(schema=LOG_SCHEMA)
        callees: dict[str, list[str]] = {}
        for caller, callee in self.topology.edges:
            callees.setdefault(bare(caller), []).append(bare(callee))
        services = [bare(c) for c in self.scope.candidates if c.split("/", 1)[0] not in ("node", "namespace")]
        start_s, end_s = self.scope.window.start.timestamp(), self.scope.window.end.timestamp()
        onset = self.question.onset or self.scope.onset
        onset_s = onset.timestamp() if onset is not None and start_s < onset.timestamp() < end_s else None
        reference = self.scope.reference
        lengths = Lengths(
            reference_s=reference.length.total_seconds() if reference else 0.0,
            before_s=onset_s - start_s if onset_s is not None else 0.0,
            after_s=end_s - (onset_s if onset_s is not None else start_s),
        )
        stretches = Stretches(start_s=start_s, onset_s=onset_s)
        hosts = owners(each for table in self.objects for each in table.recorded)
        spans = self._requests()
        read_so = partial(
            read, frame, services=services, callees=callees, lengths=lengths, stretches=stretches, spans=spans, hosts=hosts
        )
        reading = read_so()
        further = status_docs.patterns(documents, known=reading.shifts)
        return read_so(further=further) if further else reading

    def _requests(self) -> pl.DataFrame:
        return pl.concat([table.frame for table in self.spans]) if self.spans else pl.DataFrame(schema=SPAN_SCHEMA)

    # findings

    def _findings(self, reading: Reading) -> dict[tuple[str, str, str, str], Finding]:
        """The most telling shifts, by template; a service that is asked about gets more room."""
        close = {bare(e) for e in self.question.entities}
        worth = sorted(reading.shifts, key=lambda s: -abs(s.strength))
        blamed = {_key(t.shift): t for t in reading.testimonies}
        room: dict[str, int] = {}
        found: dict[tuple[str, str, str, str], Finding] = {}
        for shift in worth:
            if shift.change == "steady" or abs(shift.strength) < 0.04 or len(found) >= MOST_FINDINGS:
                continue
            most = PER_ENTITY if shift.service in close else PER_SERVICE if shift.failing else 2
            if room.get(shift.service, 0) >= most:
                continue
            room[shift.service] = room.get(shift.service, 0) + 1
            found[_key(shift)] = self._finding(shift, blamed.get(_key(shift)), reading)
        return found

    def _finding(self, shift: Shift, testimony: Testimony | None, reading: Reading) -> Finding:
        counted = shift.first_s is None and not self._in_lines(shift)
        thrown = self._thrown(shift)
        numbers = {
            "count_before": float(shift.n_reference),
            "count_now": float(shift.n_after),
            "expected_now": round(shift.expected, 3),
            "log2_ratio": round(shift.log2_ratio, 3),
            "rate_ratio": round(2.0**shift.log2_ratio, 3),
            "z": round(shift.z, 3),
            "novelty": round(shift.novelty, 3),
            "severity": round(shift.severity, 3),
        }
        if shift.n_before:
            numbers["count_before_onset"] = float(shift.n_before)
        if shift.first_s is not None:
            numbers["first_seen"] = shift.first_s
        return Finding.of(
            agent=self.agent,
            signal="status" if counted else "logs",
            source=self._source(counted),
            query=query_of(shift),
            window=self.scope.window,
            as_of=self._as_of(),
            statement=statement_of(shift, testimony, thrown=thrown.type if thrown else ""),
            coverage=self._coverage(reading),
            entity=shift.service or None,
            at=datetime.fromtimestamp(shift.first_s, UTC) if shift.first_s is not None else None,
            numbers=numbers,
            excerpt=clean(f"{shift.exemplar[:120]} · {thrown.spoken}" if thrown else shift.exemplar),
            outsider_text=True,
        )

    def _thrown(self, shift: Shift) -> stacks.Thrown | None:
        """What the newest line of a failing template carries beside its text: the exception, and where it was thrown."""
        if not shift.failing:
            return None
        for frame in self._carrying:
            alike = frame.filter((pl.col("service") == shift.service) & (pl.col("msg") == shift.exemplar))
            if alike.height:
                return stacks.thrown(str(alike["fields"][-1]))
        return None

    @cached_property
    def _carrying(self) -> tuple[pl.DataFrame, ...]:
        """Of each table the incident's lines that carry anything beside their text."""
        carrying = pl.col("incident") & (pl.col("fields") != "")
        return tuple(table.frame.filter(carrying).select("service", "msg", "fields") for table in self.tables)

    def _in_lines(self, shift: Shift) -> bool:
        return shift.level != "" and shift.service in self._speaking

    @cached_property
    def _speaking(self) -> frozenset[str]:
        """The services that logged anything."""
        return frozenset(service for table in self.tables for service in table.frame["service"].unique().to_list())

    def _source(self, counted: bool) -> str:
        named = [t.source for t in self.statuses] if counted else [t.source for t in self.tables]
        return ",".join(dict.fromkeys(named)) or "logs"

    def _as_of(self) -> datetime:
        newest = max(
            [*(t.as_of_s for t in self.tables), *(t.as_of_s for t in self.statuses)], default=self.scope.window.end.timestamp()
        )
        return datetime.fromtimestamp(newest, UTC)

    def _coverage(self, reading: Reading) -> float:
        if reading.last_s is None:
            return 0.5
        start, end = self.scope.window.start.timestamp(), self.scope.window.end.timestamp()
        return min(1.0, max(0.0, (reading.last_s - start) / max(1.0, end - start)))

    # suspicions

    @cached_property
    def _naming(self) -> Names:
        return Names.of(self.scope.candidates)

    def _target(self, name: str) -> str | None:
        """The candidate that a service in the lines is. Where nothing is offered lines may call themselves anything: only what
        could be a name is one."""
        return self._naming.target(name) if self.scope.candidates or IDENTIFIER.search(name) else None

    def _suspicions(self, reading: Reading, findings: dict[tuple[str, str, str, str], Finding]) -> list[Suspicion]:
        found = []
        for standing in reading.standings:
            target = self._target(standing.service)
            items = [*standing.own, *standing.against, *standing.complains]
            if target is None or standing.weight < 0.1:
                continue
            ids = [findings[_key(t.shift)].id for t in items if _key(t.shift) in findings][:5]
            if not ids and items:
                made = self._finding(items[0].shift, items[0], reading)
                findings[_key(items[0].shift)] = made
                ids = [made.id]
            pace = self._pace(standing, reading)
            if pace is not None:
                findings[(standing.service, "", "", "pace")] = pace
                ids.append(pace.id)
            if not ids and standing.silent:
                gone = next((s for s in reading.shifts if s.service == standing.service and s.novelty < 0), None)
                if gone is not None:
                    made = findings.setdefault(_key(gone), self._finding(gone, None, reading))
                    ids = [made.id]
            if not ids:
                continue
            weight = standing.weight if reading.referenced else 0.8 * standing.weight
            found.append(
                Suspicion(
                    target=target,
                    weight=round(weight, 3),
                    signal="logs",
                    statement=reason_of(standing),
                    findings=tuple(dict.fromkeys(ids)),
                    kind=kind_of(standing),
                )
            )
        return found

    def _pace(self, standing: Standing, reading: Reading) -> Finding | None:
        """What the order and the times of one request's lines say about a service."""
        wait = next((w for w in reading.flow.waits if w.service == standing.service), None)
        step = next((s for s in reading.flow.steps if s.service == standing.service), None)
        wait, step = wait if standing.slower else None, step if standing.otherwise else None
        if wait is None and step is None:
            return None
        numbers: dict[str, float] = {}
        if wait is not None:
            numbers |= {"excess": round(wait.excess, 3), "spread": round(wait.spread, 3), "added_s": round(wait.added_s, 3)}
        if step is not None:
            numbers |= {"share_otherwise": round(step.share, 3), "share_cut": round(step.cut, 3)}
        return Finding.of(
            agent=self.agent,
            signal="logs",
            source=self._source(False),
            query=f"service={json.dumps(clean(standing.service, most=80))} lines by trace, in order of time",
            window=self.scope.window,
            as_of=self._as_of(),
            statement=pace_of(standing.service, wait=wait, step=step),
            coverage=self._coverage(reading),
            entity=standing.service,
            numbers=numbers,
        )

    def _refused(self) -> list[tuple[Suspicion, Finding]]:
        """Accounts that the cluster's API turns away: who runs as one cannot do its work, however seldom it says so, and until
        somebody grants it. Those that were turned away before the incident too are left out."""
        told = pl.concat(
            [table.frame.filter(pl.col("msg").str.contains(REFUSAL, literal=True)) for table in self.tables] or [_NONE]
        )
        rows = told.select("service", "msg", "incident").unique(maintain_order=True).head(200).iter_rows()
        named = [(refused_account(msg), service, msg, incident) for service, msg, incident in rows]
        usual = {account for account, _, _, incident in named if not incident}
        found: dict[str, tuple[Suspicion, Finding]] = {}
        for account, service, msg, _ in named:
            target = self._target(account) or self._target(service.partition(".")[0]) if account and account not in usual else None
            if target is None or target in found:
                continue
            finding = Finding.of(
                agent=self.agent,
                signal="logs",
                source=self._source(False),
                query=f"lines that hold {json.dumps(REFUSAL)}",
                window=self.scope.window,
                as_of=self._as_of(),
                statement=f"{spoken(bare(target))}: the cluster's API refuses what its service account asks",
                entity=service,
                excerpt=clean(msg),
                outsider_text=True,
            )
            suspicion = Suspicion(
                target=target,
                weight=REFUSED,
                signal="logs",
                statement=finding.statement,
                findings=(finding.id,),
                kind="rbac_permission_denied",
            )
            found[target] = (suspicion, finding)
        return list(found.values())

    def _departed(self, reading: Reading) -> list[tuple[Suspicion, tuple[Finding, ...]]]:
        """Services at which requests leave the course that they always took."""
        found = []
        for course in reading.courses[:MOST_DEPARTED]:
            target, weight = self._target(course.service), DEPARTED * course.strength
            if target is None or weight < 0.2:
                continue
            its = self._departures(course, reading)
            suspicion = Suspicion(
                target=target,
                weight=round(weight, 3),
                signal=its[0].signal,
                statement=its[0].statement,
                findings=tuple(f.id for f in its),
                kind="other_course",
            )
            found.append((suspicion, its))
        return found

    def _departures(self, course: Course, reading: Reading) -> tuple[Finding, ...]:
        """What was counted, and where it is about a line, that line: outsiders write lines, but not that one stays away."""
        seen = course.departure
        logged = seen.sort == "line"
        forged = logged and seen.what == "new"
        traced_s = max(table.as_of_s for table in self.spans)

        def finding(excerpt: str | None, statement: str, *, outsider_text: bool) -> Finding:
            return Finding.of(
                agent=self.agent,
                signal="logs" if logged else "traces",
                source=self._source(False) if logged else ",".join(dict.fromkeys(t.source for t in self.spans)),
                query=f"service={json.dumps(clean(course.service, most=80))} requests by operation, with their lines and calls",
                window=self.scope.window,
                as_of=self._as_of() if logged else datetime.fromtimestamp(traced_s, UTC),
                statement=statement,
                coverage=self._coverage(reading) if logged else 1.0,
                entity=course.service,
                numbers={
                    "share_before": round(seen.share_before, 3),
                    "share_now": round(seen.share_now, 3),
                    "requests_before": float(seen.n_before),
                    "requests_now": float(seen.n_now),
                    "left_here_first": round(course.requests, 2),
                    "share_of_all": round(course.share, 3),
                },
                excerpt=excerpt,
                outsider_text=outsider_text,
            )

        quoted = clean(f"{seen.op}: {seen.text}")
        counted = finding(quoted if forged or not logged else None, departure_of(course), outsider_text=forged)
        if forged or not logged:
            return (counted,)
        return counted, finding(quoted, f"{spoken(course.service)}: the line that stays away", outsider_text=True)

    def _innocent(self, reading: Reading, findings: dict[tuple[str, str, str, str], Finding]) -> list[Suspicion]:
        """What explains the incident without any change; of several of one target and kind the weightiest."""
        found: dict[tuple[str, str], Suspicion] = {}
        for one in unchanged(reading.testimonies, reading.repetitions):
            target = self._target(one.shift.service)
            if target is None or one.weight < 0.2:
                continue
            finding = findings.setdefault(_key(one.shift), self._finding(one.shift, None, reading))
            made = Suspicion(
                target=target,
                weight=round(one.weight, 3),
                signal="logs",
                statement=one.statement,
                findings=(finding.id,),
                kind=one.kind,
                no_change=True,
            )
            if (target, one.kind) not in found or found[(target, one.kind)].weight < made.weight:
                found[(target, one.kind)] = made
        return list(found.values())

    def _outages(self, documents: list[dict[str, object]], reading: Reading) -> list[tuple[Suspicion, Finding]]:
        """A provider's status page that tells of trouble, credited to the service whose failing lines name that provider."""
        found = []
        for outage in status_docs.outages(documents, until_s=self.scope.window.end.timestamp()):
            best, shared = status_docs.named_by(outage, reading.testimonies)
            service = best or self.scope.alert.service
            target = self._target(service) if service else None
            finding = Finding.of(
                agent=self.agent,
                signal="status",
                source=self._source(True),
                query="status events that were not over at the window's end",
                window=self.scope.window,
                as_of=self._as_of(),
                statement="an outside provider's status page reports trouble that was not over"
                + (f"; failing lines of {spoken(best)} name the same provider" if best else ""),
                entity=service,
                at=datetime.fromtimestamp(outage.started_s, UTC) if outage.started_s is not None else None,
                numbers={"shared_words": float(shared)},
                excerpt=clean(f"{outage.feed}: {outage.title} ({outage.status})"),
                outsider_text=True,
            )
            if target is not None:
                found.append((self._status(target, 3.0 if best else 0.8, "upstream", finding, no_change=True), finding))
        return found[:3]

    def _detected(self, documents: list[dict[str, object]], reading: Reading) -> list[tuple[Suspicion, Finding]]:
        """Detectors' words: a little for each service named, more for those whose callees are not named too."""
        best: dict[str, status_docs.Detection] = {}
        for detection in status_docs.detections(documents):
            best.setdefault(detection.name, detection)
        found = []
        for name, detection in sorted(best.items(), key=lambda item: (-item[1].size, item[0])):
            target = self._target(name)
            if target is None:
                continue
            callees = [c for c in reading.names.callees.get(name, ()) if c in best and not best[c].entry]
            explained = max((best[c].size for c in callees), default=0.0)
            weight = 0.25 if detection.entry else detection.size * (1.0 - 0.6 * min(1.0, explained / detection.size))
            finding = Finding.of(
                agent=self.agent,
                signal="status",
                source=self._source(True),
                query=f"detector alerts name={json.dumps(name)}",
                window=self.scope.window,
                as_of=self._as_of(),
                statement=f"a detector calls {spoken(name)} abnormal",
                entity=name,
                numbers={"size": round(detection.size, 3)},
                excerpt=clean(detection.text) or None,
                outsider_text=True,
            )
            found.append((self._status(target, weight, None, finding), finding))
        return found[:8]

    def _status(self, target: str, weight: float, kind: str | None, finding: Finding, *, no_change: bool = False) -> Suspicion:
        return Suspicion(
            target=target,
            weight=round(weight, 3),
            signal="status",
            statement=finding.statement,
            findings=(finding.id,),
            kind=kind,
            no_change=no_change,
        )


def _key(shift: Shift) -> tuple[str, str, str, str]:
    return shift.service, shift.level, shift.status, shift.template


def _kept(suspicions: Sequence[Suspicion]) -> list[Suspicion]:
    return sorted(suspicions, key=lambda s: (-s.weight, s.target, s.kind or "", s.no_change))[:MOST_SUSPICIONS]
