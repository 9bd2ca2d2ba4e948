"""One recorded case by parts of the engine. Nobody but an evaluation may import this; import-linter holds that."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.domain.hypothesis import Diagnosis, Hypothesis, Suspicion
from app.domain.incident import Scope
from app.domain.ports import Clock
from app.evaluation.combinations import SCHEMA, Combination
from app.evaluation.result import to_result
from graphs import triage
from graphs.analysis.calibration import Calibration
from graphs.analysis.labels import choose_label
from graphs.context import MemoryStore, TriageContext
from graphs.contract import Investigator, Report, Sources
from graphs.judge import MOST_HYPOTHESES
from graphs.models.none import NoModel

SHOWN = ("target", "change", "label", "remediation", "confidence")


async def diagnose(
    scope: Scope,
    sources: Sources,
    known: Mapping[str, Investigator],
    asked: Sequence[Combination],
    *,
    calibration: Calibration,
    clock: Clock,
) -> list[Diagnosis]:
    """In the order of `asked`. With and without the judge are told from one run: the same questions, the same reports, so that
    what differs is the weighing alone."""
    graph = triage.build()
    runs: dict[tuple[str, ...], tuple[Diagnosis, list[Report]]] = {}
    for names in dict.fromkeys(each.investigators for each in asked):
        store = MemoryStore()
        context = TriageContext(
            scope=scope,
            sources=sources,
            investigators={name: known[name] for name in names},
            store=store,
            model=NoModel(),
            progress=_silent,
            clock=clock,
            calibration=calibration,
        )
        runs[names] = await triage.run(graph, context, run="once"), await store.reports("once")
    return [runs[each.investigators][0] if each.judge else unjudged(*runs[each.investigators], scope=scope) for each in asked]


def line(case: str, asked: Sequence[Combination], diagnoses: Iterable[Diagnosis]) -> str:
    """What is scored of each, as one line; the findings are left out."""
    runs = []
    for combination, diagnosis in zip(asked, diagnoses, strict=True):
        body = to_result(diagnosis, case=case).model_dump(by_alias=True)
        hypotheses = [{key: each[key] for key in SHOWN} for each in body["hypotheses"]]
        runs.append({"combination": combination.name, "verdict": body["verdict"], "hypotheses": hypotheses})
    return json.dumps({"schema": SCHEMA, "case": case, "runs": runs}, ensure_ascii=False)


def unjudged(diagnosis: Diagnosis, reports: Sequence[Report], *, scope: Scope) -> Diagnosis:
    """The reports' claims in the order of their plain sums, for and against, and no verdict.

    Nothing is discounted for saying the same again, nothing capped for being stale, thin, of one kind or by outsiders, no change
    is presumed innocent, nothing is left for what nobody looked at and nothing calibrated: the confidences are the sums as log odds
    among themselves.
    Only what the format demands is kept: a target that may be named, and a finding for it.
    """
    known = {finding.id for finding in diagnosis.findings}
    held: dict[tuple[str, str | None], list[Suspicion]] = defaultdict(list)
    for suspicion in (s for report in reports for s in report.suspicions):
        if not scope.candidates or suspicion.target in scope.candidates:
            held[suspicion.target, suspicion.change].append(suspicion)
    sums = {cause: sum(s.weight for s in claims) for cause, claims in held.items() if _supporting(claims, known)}
    order = sorted(sums, key=lambda cause: (-sums[cause], cause[0], cause[1] or ""))
    top = max(sums.values(), default=0.0)
    total = sum(math.exp(nats - top) for nats in sums.values())
    hypotheses = [
        _hypothesis(cause, held[cause], scope, known, confidence=math.exp(sums[cause] - top) / total)
        for cause in order[:MOST_HYPOTHESES]
    ]
    return diagnosis.model_copy(update={"verdict": "inconclusive", "hypotheses": tuple(hypotheses), "reasons": ()})


def _hypothesis(
    cause: tuple[str, str | None], claims: Sequence[Suspicion], scope: Scope, known: set[str], *, confidence: float
) -> Hypothesis:
    target, change = cause
    speaking = sorted((s for s in claims if s.weight > 0), key=lambda s: (-s.weight, s.statement))
    kind = next((s.kind for s in speaking if s.kind), None)
    remediation = next((s.remediation for s in speaking if s.remediation), None)
    return Hypothesis(
        target=target,
        kind=kind,
        label=choose_label(kind, scope.labels, target=target) if scope.labels else None,
        change=change,
        remediation=remediation if not scope.remediations or remediation in scope.remediations else None,
        confidence=math.floor(confidence * 10_000) / 10_000,  # down, so that all of them never come to more than 1
        verdict="uncorroborated",
        statement=speaking[0].statement,
        supporting=_supporting(claims, known),
    )


def _supporting(claims: Sequence[Suspicion], known: set[str]) -> tuple[str, ...]:
    speaking = sorted((s for s in claims if s.weight > 0), key=lambda s: (-s.weight, s.statement))
    return tuple(dict.fromkeys(i for s in speaking for i in s.findings if i in known))


async def _silent(_: dict[str, Any]) -> None:
    return None
