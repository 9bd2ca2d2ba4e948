"""What changed, and what is misconfigured: changes weighed against the symptoms, objects against each other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.domain.agent import Agent
from app.domain.change import Change
from app.domain.finding import Finding, Gap
from app.domain.hypothesis import Suspicion
from app.domain.incident import Scope
from app.domain.quantity import counted
from app.domain.telemetry import ObjectTable, Topology
from app.domain.window import Window
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.suspects.blame import ChangeSuspect, considered, explain
from graphs.analysis.changes.suspects.innocence import Innocence, innocence, there_and_then
from graphs.analysis.changes.suspects.remedies import remedy
from graphs.analysis.naming import Names
from graphs.analysis.objects import ObjectFault, examine
from graphs.analysis.objects.writes import Failing, failing
from graphs.asking import ask_all
from graphs.contract import UNEXPLAINED, Budget, Question, Report, View

AGENT = Agent(name="deploys", version="1.1.0")
_BACK = timedelta(hours=24)
_SUSPECTS = 8  # suspicions about changes; the findings name the rest
_FAULTS = 25  # findings about objects
_RULED_OUT = 25  # findings about changes that are not to blame


@dataclass(frozen=True)
class _Asked:
    """Where the changes came from and which stretch was asked for."""

    source: str
    window: Window

    @property
    def query(self) -> str:
        return f"changes from {_stamp(self.window.start)} to {_stamp(self.window.end)}"


@dataclass(frozen=True)
class Deploys:
    """Asks for changes, objects and topology; explains what the others measured."""

    agent: Agent = AGENT
    answers: str = "what changed before it began, and what is misconfigured?"
    may_use: frozenset[str] = frozenset({"changes", "objects", "statuses", "topology"})
    budget: Budget = field(default_factory=Budget)

    async def investigate(self, question: Question, view: View) -> Report:
        """Its whole opinion: each change weighed or ruled out, whether any is guilty at all, and what objects contradict."""
        scope = view.scope
        asked = _Asked(", ".join(source.name for source in view.sources.changes) or "none", _window(scope, question.onset))
        await view.say(f"asking for {asked.query}")
        answers, gaps = await ask_all(
            view.sources.changes, lambda source: source.changes(asked.window), agent=self.agent, what="changes"
        )
        topologies, more = await ask_all(
            view.sources.topology, lambda source: source.topology(scope), agent=self.agent, what="topology"
        )
        tables, objects_gaps = await ask_all(
            view.sources.objects, lambda source: source.objects(scope), agent=self.agent, what="objects"
        )
        statuses, _ = await ask_all(
            view.sources.statuses, lambda source: source.statuses(scope), agent=self.agent, what="failing requests"
        )
        requests = failing(document for status in statuses for document in status.documents)
        gaps += [*more, *objects_gaps]
        changes = _once([change for answer in answers for change in answer])
        findings, suspicions = await asyncio.to_thread(
            _opinion, changes, scope, question, Topology.joined(topologies), tables, requests, asked, answered=bool(answers)
        )
        kept = findings[: self.budget.findings]
        if len(findings) > len(kept):
            gaps.append(_left_out(len(findings) - len(kept), asked))
        names = {finding.id for finding in kept}
        queries = sum(len(getattr(view.sources, port)) for port in sorted(self.may_use))
        return Report(
            investigator="deploys",
            findings=tuple(kept),
            suspicions=tuple(one for one in suspicions if set(one.findings) <= names),
            gaps=tuple(gaps),
            queries=queries,
        )


def _opinion(
    changes: list[Change],
    scope: Scope,
    question: Question,
    topology: Topology,
    tables: list[ObjectTable],
    requests: tuple[Failing, ...],
    asked: _Asked,
    *,
    answered: bool,
) -> tuple[list[Finding], list[Suspicion]]:
    suspects = explain(changes, scope, question.onset, question.symptoms, topology)
    cleared = innocence(suspects, scope, question.symptoms, topology, question.onset)
    findings, suspicions = _about_changes(suspects, scope, asked, cleared, answered=answered)
    for table in tables:
        found, suspected = _about_objects(examine(table, scope, requests=requests, edges=topology.edges), table, scope)
        findings = [*found[:_FAULTS], *findings]  # never cut for the sake of changes that are ruled out
        suspicions += suspected
    return findings, suspicions


def _window(scope: Scope, onset: datetime | None) -> Window:
    """A day before the onset, or the scope's earliest moment where that is earlier, to the end of the incident's window."""
    known = onset or scope.onset or scope.alert.fired_at
    starts = [known - _BACK, scope.window.start]
    if scope.reference is not None and scope.reference.start < scope.window.start:
        starts.append(scope.reference.start)
    return Window(start=min(starts), end=max(scope.window.end, min(starts)))


def _once(changes: list[Change]) -> list[Change]:
    seen: dict[tuple[str, str, str | None, datetime], Change] = {}
    for change in changes:
        seen.setdefault((change.id, change.kind, change.service, change.at), change)
    return list(seen.values())


def _about_changes(
    suspects: list[ChangeSuspect], scope: Scope, asked: _Asked, nobody: Innocence, *, answered: bool
) -> tuple[list[Finding], list[Suspicion]]:
    named = considered(suspects)[: _SUSPECTS + _RULED_OUT]
    pairs = [(one, _finding(one, scope, asked)) for one in named]
    findings = [finding for _, finding in pairs]
    silent = len(suspects) - len(named)
    if silent or (answered and not suspects):
        findings.append(_summary(silent, len(suspects), scope, asked))
    suspicions = [made for one, finding in pairs[:_SUSPECTS] if (made := _suspicion(one, finding, scope)) is not None]
    target = scope.alert.service
    if nobody.weight and target is not None:
        cleared = _cleared(suspects, nobody, scope, asked) if nobody.weight > 0.0 else _due(suspects, nobody, scope, asked)
        findings.append(cleared)
        suspicions.append(
            Suspicion(
                target=_candidate(target, scope),
                weight=round(nobody.weight, 3),
                signal="changes",
                statement=cleared.statement,
                findings=(cleared.id,),
                no_change=True,
                remediation=remedy(nobody.remedy, scope.remediations) if nobody.remedy else None,
            )
        )
    return findings, suspicions


def _candidate(service: str, scope: Scope) -> str:
    return Names.of(scope.candidates).target(service) or service


def _finding(one: ChangeSuspect, scope: Scope, asked: _Asked) -> Finding:
    numbers = {
        "seconds_before_onset": round(one.seconds_before_onset, 1),
        "behaviour": round(one.behaviour, 3),
        "link": round(one.link, 3),
        "mechanism": round(one.mechanism, 3),
        "measured": round(one.measured, 3),
        "time": round(one.time, 3),
        "place": round(one.place, 3),
        "thrown": one.thrown,
        "weight": round(one.weight, 3),
    }
    # A flag is read by the code that asks for it: that line is another change's, and quoted there.
    line = one.effect.line if one.effect is not None and one.change.kind != "flag" else ""
    quoted = "\n".join(filter(None, (one.change.title, line)))[:600]
    return Finding.of(
        agent=AGENT,
        signal="changes",
        source=asked.source,
        query=asked.query,
        window=asked.window,
        as_of=asked.window.end,
        statement=_sentence(one)[:400],
        entity=one.target,
        at=one.shipment.live_at,
        numbers=numbers,
        excerpt=quoted or None,
        outsider_text=bool(quoted),
    )


def _sentence(one: ChangeSuspect) -> str:
    shipment = one.shipment
    what = _called(one)
    of = f" of {clean(shipment.service)}" if shipment.service else ""
    switched = shipment.change.details
    does = ""
    if shipment.change.kind == "flag" and "to" in switched:
        does = f": {clean(str(switched.get('from', '?')))} -> {clean(str(switched['to']))}"
    elif one.effect is not None and one.neutral is None:
        does = f": {one.effect.note} in {clean(one.effect.path, most=80)}"
    if one.thrown == 1.0 and not one.innocent:
        does += ", the line that now throws"
    commit = f" (commit {clean(shipment.change.id[:8])})" if shipment.deploy is not None else ""
    verdict = f"; ruled out: {one.innocent}" if one.innocent else ""
    return f"{what}{of}{commit} at {_clock(shipment.live_at)}, {_distance(one.seconds_before_onset)}{does}{verdict}"


def _called(one: ChangeSuspect) -> str:
    """What people know it by: the version that went out, a flag's name, else an id."""
    shipment = one.shipment
    shown = shipment.deploy or shipment.change
    return (
        f"flag {clean(shipment.flag)}"
        if shipment.change.kind == "flag"
        else f"{shown.kind} {clean(shown.version or shown.id[:10])}"
    )


def _distance(seconds: float) -> str:
    size = abs(seconds)
    text = f"{size:.0f} s" if size < 120 else f"{size / 60:.0f} min" if size < 7200 else f"{size / 3600:.1f} h"
    return f"{text} {'before' if seconds >= 0 else 'after'} the onset"


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%SZ")


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _suspicion(one: ChangeSuspect, finding: Finding, scope: Scope) -> Suspicion | None:
    target = one.target or (_candidate(scope.alert.service, scope) if scope.alert.service else None)
    if target is None:
        return None
    return Suspicion(
        target=target,
        weight=round(one.weight, 3),
        signal="changes",
        statement=finding.statement,
        findings=(finding.id,),
        kind=one.kind,
        change=one.change.id,
        called=_called(one),
        remediation=remedy(one.remedy, scope.remediations) if one.weight > 0 else None,
        explains=one.explains,
    )


def _cleared(suspects: list[ChangeSuspect], nobody: Innocence, scope: Scope, asked: _Asked) -> Finding:
    """That no change is guilty, as one finding: the changes that were ruled out are no evidence for a cause."""
    count = len(suspects)
    considered_ = "the one change considered does not explain" if count == 1 else f"none of the {count} changes considered explains"
    like = f"; they read like {nobody.hint}" if nobody.hint else ""
    text = f"no change is guilty: {considered_} the symptoms{like}"
    return _about_all(text, count, scope, asked, unexplained=_unexplained(suspects, nobody))


def _due(suspects: list[ChangeSuspect], nobody: Innocence, scope: Scope, asked: _Asked) -> Finding:
    """That something was changed is the best reason there is, where nothing from outside is one."""
    text = "nothing from outside reads like the cause, and something was changed where it fails before it began"
    return _about_all(text, len(suspects), scope, asked, unexplained=_unexplained(suspects, nobody))


def _unexplained(suspects: list[ChangeSuspect], nobody: Innocence) -> bool:
    """Whether something was changed where it fails before it began, and nothing from outside reads like the cause."""
    return nobody.remedy is None and any(map(there_and_then, suspects))


def _summary(silent: int, considered_count: int, scope: Scope, asked: _Asked) -> Finding:
    text = (
        f"{silent} more changes were not live before the onset or came after it: ruled out"
        if considered_count
        else "nothing was changed in the day before the onset"
    )
    return _about_all(text, silent, scope, asked)


def _about_all(text: str, changes: int, scope: Scope, asked: _Asked, *, unexplained: bool = False) -> Finding:
    return Finding.of(
        agent=AGENT,
        signal="changes",
        source=asked.source,
        query=asked.query,
        window=asked.window,
        as_of=asked.window.end,
        statement=text,
        entity=scope.alert.service,
        numbers={"changes": float(changes)} | ({UNEXPLAINED: 1.0} if unexplained else {}),
    )


def _left_out(count: int, asked: _Asked) -> Gap:
    return Gap(
        agent=AGENT,
        source=asked.source,
        reason="truncated",
        statement=f"{counted(count, 'finding')} of lesser weight: left out",
        query=asked.query,
    )


def _about_objects(faults: list[ObjectFault], table: ObjectTable, scope: Scope) -> tuple[list[Finding], list[Suspicion]]:
    findings: list[Finding] = []
    suspicions: list[Suspicion] = []
    as_of = datetime.fromtimestamp(table.as_of_s, UTC)
    for fault in sorted(faults, key=lambda one: -one.weight):
        finding = Finding.of(
            agent=AGENT,
            signal="status" if fault.seen else "objects",
            source=table.source,
            query=fault.query,
            window=scope.window,
            as_of=as_of,
            statement=fault.statement[:400],
            entity=fault.target,
            numbers=fault.numbers,
            excerpt=fault.excerpt[:600] if fault.excerpt else None,
            outsider_text=fault.outsider_text,
        )
        findings.append(finding)
        suspicions.append(
            Suspicion(
                target=fault.target,
                weight=max(-6.0, min(6.0, fault.weight)),
                signal=finding.signal,
                statement=fault.statement[:400],
                findings=(finding.id,),
                kind=fault.kind,
            )
        )
    return findings, suspicions


INVESTIGATOR = Deploys()
