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
from app.domain.window import Window
from graphs.analysis.metric_words import read, route
from graphs.context import Draft, TriageContext

AGENT = Agent(name="proposer", version="1.0.0")

ENOUGH = 0.35
"""A hypothesis less probable than this gets no action: look further first."""
MOST_DRAFTS = 3
RECOVERED_SHARE = 0.25
"""Recovered means: back to the reference, give or take this share of the way up."""


async def drafts(diagnosis: Diagnosis, context: TriageContext) -> list[Draft]:
    """At most three drafts, for the leading hypothesis alone: acting on the second cause is a second decision."""
    if not diagnosis.hypotheses:
        return []
    best = diagnosis.hypotheses[0]
    if best.confidence < ENOUGH or best.verdict == "contradicted":
        return []
    change = await _change(best, context)
    symptom = _symptom(diagnosis, context.scope)
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
                    why=f"{best.statement} Runbook: {runbook.title}."[:400],
                    hypothesis=best,
                    change=change,
                    if_we_wait=_if_we_wait(symptom),
                    criterion=_criterion(symptom, hold_s=context.hold_s, within_s=context.within_s),
                )
                for arguments in options[:1]
            )
    unique = {draft.call.model_dump_json(): draft for draft in reversed(found)}
    return list(reversed(unique.values()))[:MOST_DRAFTS]


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
    worse = [f for f in diagnosis.findings if f.signal == "metrics" and f.numbers.get("level", 0) > f.numbers.get("base", 0)]
    said = " ".join([scope.alert.summary, scope.alert.metric or "", *scope.alert.labels.values()]).lower()

    def fits(finding: Finding) -> tuple[int, int, int, float]:
        metric = finding.plot.title.partition("|")[2] if finding.plot else ""
        words, way = read(metric), route(metric)
        felt = words.family in ("latency", "errors")
        named = words.family == ("errors" if "fail" in said or "error" in said else "latency")
        return (
            2 * felt + (finding.entity in (scope.alert.service, "entrypoint")),
            (1 if way and way.lower() in said else 0 if not way else -1),
            int(named) + int("p95" in metric and "p95" in said),
            abs(finding.numbers.get("z", 0.0)),
        )

    return max(worse, key=fits, default=None)


def _criterion(symptom: Finding | None, *, hold_s: float, within_s: float) -> Criterion | None:
    """Recovered: the symptom's own series back near its reference, and staying there. Stated before anything runs."""
    if symptom is None:
        return None
    base, level = symptom.numbers["base"], symptom.numbers["level"]
    threshold = float(f"{base + RECOVERED_SHARE * (level - base):.3g}")
    what = symptom.plot.title.replace("|", " ") if symptom.plot else (symptom.entity or "the symptom")
    unit = f" {symptom.plot.unit}" if symptom.plot and symptom.plot.unit not in ("", "ratio") else ""
    return Criterion(
        source=symptom.source,
        query=symptom.query,
        comparison="<=",
        threshold=threshold,
        unit=unit.strip(),
        hold_s=hold_s,
        within_s=within_s,
        sentence=f"{what} at {threshold:g}{unit} or less (before {base:.3g}, now {level:.3g})",
    )


def _if_we_wait(symptom: Finding | None) -> str:
    """The other choice, said plainly: where the symptom stands and that nothing has moved it back."""
    if symptom is None or symptom.plot is None or not symptom.plot.values:
        return ""
    base, level, last = symptom.numbers["base"], symptom.numbers["level"], symptom.plot.values[-1]
    trend = "easing by itself" if abs(last - base) < 0.5 * abs(level - base) else "not recovering by itself so far"
    return f"{symptom.plot.title.replace('|', ' ')} is {last:.3g}, {trend}"
