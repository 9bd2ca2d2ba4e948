"""The proposer: from a diagnosis to actions a person may decide on. Runbooks say which action; the action says which exact
arguments; neither ever picks a tier."""

from __future__ import annotations

from app.domain.action import Call
from app.domain.agent import Agent
from app.domain.change import Change
from app.domain.errors import FirstmateError
from app.domain.finding import Finding
from app.domain.hypothesis import Diagnosis, Hypothesis
from app.domain.proposal import Criterion
from app.domain.window import Window
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
    symptom = _symptom(diagnosis, context)
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
                    symptom=symptom,
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


def _symptom(diagnosis: Diagnosis, context: TriageContext) -> Finding | None:
    """What users feel, measured by metrics: the alerting service's own worst error or latency series, else the first cited."""
    usable = [f for f in diagnosis.findings if f.signal == "metrics" and {"before", "now"} <= f.numbers.keys()]
    worse = [f for f in usable if f.numbers["now"] > f.numbers["before"]]
    own = [f for f in worse if f.entity in (context.scope.alert.service, "entrypoint")]
    felt = [f for f in own if any(word in f.query for word in ("error", "code", "status", "duration", "latency", "5.."))]
    return next(iter(felt or own or worse), None)


def _criterion(symptom: Finding | None, *, hold_s: float, within_s: float) -> Criterion | None:
    """Recovered: the symptom's own series back near its reference, and staying there. Stated before anything runs."""
    if symptom is None:
        return None
    before, now = symptom.numbers["before"], symptom.numbers["now"]
    threshold = before + RECOVERED_SHARE * (now - before)
    return Criterion(
        source=symptom.source,
        query=symptom.query,
        comparison="<=",
        threshold=threshold,
        hold_s=hold_s,
        within_s=within_s,
        sentence=f"{symptom.entity}: back to {threshold:.3g} or less (was {before:.3g}, now {now:.3g})",
    )
