"""The proposer: from a diagnosis to actions a person may decide on. Runbooks say which action; the action says which exact
arguments; neither ever picks a tier."""

from __future__ import annotations

from app.domain.action import Call
from app.domain.agent import Agent
from app.domain.change import Change
from app.domain.errors import FirstmateError
from app.domain.finding import Finding
from app.domain.hypothesis import Diagnosis, Hypothesis
from app.domain.incident import Scope
from app.domain.proposal import Criterion
from app.domain.quantity import said
from app.domain.value import canonical
from app.domain.window import Window
from graphs.analysis.metrics.words import read, route
from graphs.context import Draft, TriageContext
from graphs.contract import Sources

AGENT = Agent(name="proposer", version="1.0.0")

MOST_DRAFTS = 3
RECOVERED_SHARE = 0.25
"""Recovered means: back to the reference, give or take this share of the way up."""


async def drafts(diagnosis: Diagnosis, context: TriageContext) -> list[Draft]:
    """At most three drafts, for the leading hypothesis alone: acting on the second cause is a second decision.

    None while the verdict is inconclusive: look further first.
    """
    if not diagnosis.hypotheses or diagnosis.verdict == "inconclusive":
        return []
    best = diagnosis.hypotheses[0]
    change = await _change(best, context)
    symptom = _symptom(diagnosis, context.scope)
    watched = _source(symptom, context.sources) if symptom is not None else None
    if watched is None:
        why = f"{symptom.source} is not connected" if symptom is not None else "no connected metric got worse"
        await context.progress({"agent": str(AGENT), "step": "gap", "text": f"no success criterion can be stated: {why}"})
    criterion = _criterion(symptom, watched, context) if symptom is not None and watched is not None else None
    found: list[Draft] = []
    alert = context.scope.alert
    for runbook in context.runbooks:
        matched = any(
            runbook.applies(service=service, alert=alert.name, kind=best.kind, change=best.change is not None)
            for service in {best.target, alert.service}
        )
        if not matched:
            continue
        for step in runbook.actions:
            action = context.actions.get(step.action)
            if action is None:
                continue
            try:
                options = [step.arguments] if step.arguments is not None else list(await action.suggest(best, change))
            except FirstmateError as error:
                await context.progress({"agent": str(AGENT), "step": "gap", "text": f"{step.action}: {error}"})
                continue
            found.extend(
                Draft(
                    call=Call(action=step.action, arguments=arguments),
                    runbook=runbook.name,
                    why=f"{best.statement.rstrip('.')}. Runbook: {runbook.title}."[:400],
                    hypothesis=best,
                    change=change,
                    if_we_wait=_if_we_wait(symptom),
                    criterion=criterion,
                )
                for arguments in options[:1]
            )
    unique: dict[bytes, Draft] = {}
    for draft in found:
        unique.setdefault(canonical(draft.call.model_dump(mode="json")), draft)
    return list(unique.values())[:MOST_DRAFTS]


async def _change(best: Hypothesis, context: TriageContext) -> Change | None:
    """The guilty change itself, as recorded: the newest that carries its id and says what was deployed."""
    if best.change is None:
        return None
    reference = context.scope.reference
    earliest = min(context.scope.window.start, reference.start) if reference else context.scope.window.start
    window = Window(start=earliest, end=context.scope.window.end)
    held: list[Change] = []
    for source in context.sources.changes:
        try:
            answer = await source.changes(window)
        except FirstmateError:
            continue
        held.extend(c for c in answer if c.id == best.change) if isinstance(answer, (list, tuple)) else None
    return max(held, key=lambda c: (c.version is not None, c.at), default=None)


def _symptom(diagnosis: Diagnosis, scope: Scope) -> Finding | None:
    """What users feel, measured by metrics and worse than before: errors or latency of the alerting service or of the entry,
    on the alert's own route and of its own kind where there are several; else the worst of what is cited."""
    worse = [f for f in diagnosis.findings if f.signal == "metrics" and _rise(f) > 0]
    alert = " ".join([scope.alert.summary, scope.alert.metric or "", *scope.alert.labels.values()]).lower()

    def fits(finding: Finding) -> tuple[int, int, int, float]:
        metric = finding.plot.title.partition("|")[2] if finding.plot else ""
        words, way = read(metric), route(metric)
        felt = words.family in ("latency", "error")
        named = words.family == ("error" if "fail" in alert or "error" in alert else "latency")
        return (
            2 * felt + (finding.entity in (scope.alert.service, "entrypoint")),
            (1 if way and way.lower() in alert else 0 if not way else -1),
            int(named) + int("p95" in metric and "p95" in alert),
            abs(finding.numbers.get("z", 0.0)),
        )

    return max(worse, key=fits, default=None)


def _rise(finding: Finding) -> float:
    """How much more it is than its reference; 0 where either was not measured."""
    level, base = finding.numbers.get("level"), finding.numbers.get("base")
    return 0.0 if level is None or base is None else level - base


def _source(symptom: Finding, sources: Sources) -> str | None:
    """The name of the connected source that can be asked for the symptom's number again: a finding names its source by that,
    or by that and `:` and a part of it."""
    return next((source.name for source in sources.metrics if symptom.source.partition(":")[0] == source.name), None)


def _criterion(symptom: Finding, source: str, context: TriageContext) -> Criterion:
    """Recovered: the symptom's own series back near its reference, and staying there. Stated before anything runs."""
    base, level = symptom.numbers["base"], symptom.numbers["level"]
    wanted = base + RECOVERED_SHARE * (level - base)
    told = float(f"{wanted:.3g}")
    threshold = told if base < told < level else wanted  # a figure easy to read, unless rounding makes it one never reached
    what = symptom.plot.title.replace("|", " ") if symptom.plot else (symptom.entity or "the symptom")
    unit = symptom.plot.unit if symptom.plot else ""
    return Criterion(
        source=source,
        query=symptom.query,
        comparison="<=",
        threshold=threshold,
        unit=unit,
        hold_s=context.hold_s,
        within_s=context.within_s,
        sentence=f"{what} at {said(threshold, unit)} or less (before {said(base, unit)}, now {said(level, unit)})",
    )


def _if_we_wait(symptom: Finding | None) -> str:
    """The other choice, said plainly: where the symptom stands and that nothing has moved it back."""
    if symptom is None or symptom.plot is None or not symptom.plot.values:
        return ""
    base, level, last = symptom.numbers["base"], symptom.numbers["level"], symptom.plot.values[-1]
    trend = "easing by itself" if abs(last - base) < 0.5 * abs(level - base) else "not recovering by itself so far"
    return f"{symptom.plot.title.replace('|', ' ')} is {said(last, symptom.plot.unit)}, {trend}"
