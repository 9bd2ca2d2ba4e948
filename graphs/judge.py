"""The judge: code. It strikes claims without findings, weighs what is left, caps what is stale or thin or writable by
outsiders, answers contradictions, and says `conclusive` only when two kinds of signal agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from app.domain.agent import Agent
from app.domain.finding import Finding, Gap
from app.domain.hypothesis import Arithmetic, Cap, Cost, Diagnosis, Hypothesis, Suspicion, Verdict, Word
from app.domain.incident import Scope
from graphs.analysis.calibration import Calibration
from graphs.analysis.fuse import NOBODY, Possibility, possibilities
from graphs.analysis.label_words import MAKES
from graphs.analysis.labels import choose_first, choose_label, tokens
from graphs.analysis.metrics.picture import ENTRY
from graphs.analysis.metrics.words import read
from graphs.analysis.naming import Names, bare
from graphs.analysis.objects.fault import EFFECTS
from graphs.contract import UNEXPLAINED, Report

AGENT = Agent(name="judge", version="1.1.0")

MOST_HYPOTHESES = 5
CONCLUSIVE = 0.9
LIKELY = 0.5
STALE = timedelta(minutes=5)
"""Findings older than this at the window's end, or a fifth of the window where that is longer, cannot make a cause certain."""
STALE_CAP, THIN_CAP, OUTSIDER_CAP, ONE_SIGNAL_CAP = 0.6, 0.7, 0.6, 0.9
NOTHING_POSITIVE_CAP = 0.35
"""That no change is guilty says what it is not. Alone it makes nothing likely."""
UNEXPLAINED_CAP = 0.7
"""Where something was changed before it began, that none of it is guilty needs something from outside that did it: an edit that
nobody knows as harmful is no proof of innocence."""
THIN = 0.5
"""Coverage below this is thin."""


def weigh(scope: Scope, reports: list[Report], *, calibration: Calibration, gaps: tuple[Gap, ...] = (), round: int) -> Diagnosis:
    """Everything the investigators claim, as ranked hypotheses with an honest confidence each. `gaps`: what nobody was asked."""
    reports = sorted(reports, key=lambda report: report.investigator)  # the same opinion whoever answered first
    findings = {finding.id: finding for report in reports for finding in report.findings}
    gaps = (*gaps, *_unique(gap for report in reports for gap in report.gaps))
    suspicions = [kept for report in reports for s in report.suspicions if (kept := _with_findings(s, findings, scope))]
    ranked = possibilities(suspicions, alerting=_alerting(scope, suspicions))
    shown = [p for p in ranked if p.speaking][:MOST_HYPOTHESES]

    changed = frozenset(s.target for s in suspicions if s.change)
    hypotheses = [
        _hypothesis(p, scope, findings, calibration, believed, others=len(ranked) - 1, changed=changed)
        for p, believed in zip(shown, _believed(shown, calibration), strict=True)
    ]
    reasons = _held_down(hypotheses[0]) if hypotheses else ["nothing that was measured points anywhere"]
    hypotheses = _in_order(hypotheses)
    called = {s.change: s.called for s in suspicions if s.change and s.called}
    hypotheses = [
        h.model_copy(update={"next_check": _next_check(h, _rival(h, hypotheses[i + 1 :]), findings, scope, called)})
        for i, h in enumerate(hypotheses)
    ]
    verdict = _word(hypotheses, shown, findings, gaps, reasons)
    return Diagnosis(
        verdict=verdict,
        hypotheses=tuple(hypotheses),
        findings=_cited_first(hypotheses, findings),
        gaps=gaps,
        reasons=tuple(dict.fromkeys(reasons)),
        rounds=max(1, round),
        cost=Cost(queries=sum(report.queries for report in reports)),
    )


def _unique(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Each gap once, and one for all that one source failed to answer for one reason; the broken ones first: a source that
    failed says more than one that has nothing."""
    once: dict[tuple[str, str, str], Gap] = {}
    for gap in gaps:
        what, _, why = gap.statement.partition(": ")
        merges = gap.reason == "failed" and bool(why)
        key = (gap.source, gap.reason, why if merges else gap.statement)
        held = once.setdefault(key, gap)
        known, _, same = held.statement.partition(": ")
        if merges and what not in known.split(", "):
            once[key] = held.model_copy(update={"statement": f"{known}, {what}: {same}"[:400]})
    return tuple(sorted(once.values(), key=lambda gap: gap.reason == "no_data"))


def _with_findings(suspicion: Suspicion, findings: dict[str, Finding], scope: Scope) -> Suspicion | None:
    """A claim keeps only findings that exist; one without any is struck, and so is one about something outside the scope."""
    cited = tuple(i for i in suspicion.findings if i in findings)
    if not cited or (scope.candidates and suspicion.target not in scope.candidates):
        return None
    return suspicion.model_copy(update={"findings": cited})


def _alerting(scope: Scope, suspicions: list[Suspicion]) -> str | None:
    named = scope.alert.service
    if not named:
        return None
    return Names.of({s.target for s in suspicions} | set(scope.candidates)).target(named) or named


def _believed(shown: list[Possibility], calibration: Calibration) -> list[float]:
    """How probable each is: the first by its calibrated odds; the others share what that leaves as their own odds would have it,
    all but the reserve, which stays with what nobody looked at."""
    if not shown:
        return []
    first = calibration.probability(shown[0].odds)
    left = (1.0 - calibration.reserve - first) / max(1e-9, 1.0 - shown[0].share)
    return [first, *(p.share * left for p in shown[1:])]


def _hypothesis(
    found: Possibility,
    scope: Scope,
    findings: dict[str, Finding],
    calibration: Calibration,
    believed: float,
    *,
    others: int,
    changed: frozenset[str],
) -> Hypothesis:
    """One possibility as a hypothesis, its confidence capped by the worst of what it rests on. `changed`: where changes went."""
    supporting = tuple(dict.fromkeys(i for s in found.speaking for i in s.findings))
    contradicting = tuple(dict.fromkeys(i for s in found.against for i in s.findings))
    caps = _caps([findings[i] for i in supporting], scope)
    if all(s.no_change and s.signal == "changes" for s in found.speaking):
        caps.append(Cap(most=NOTHING_POSITIVE_CAP, why="only the absence of a guilty change speaks for it"))
    said = (findings[i] for term in found.terms for i in term.findings)
    if found.change is None and found.target in changed and any(one.numbers.get(UNEXPLAINED) for one in said):
        caps.append(Cap(most=UNEXPLAINED_CAP, why="something was changed there before it, and nothing from outside explains it"))
    confidence = min([believed, *(cap.most for cap in caps)])
    verdict: Verdict = "supported"
    if sum(s.weight for s in found.against) < -sum(s.weight for s in found.speaking):
        verdict = "contradicted"
    elif len({s.signal for s in found.speaking}) < 2:
        verdict = "uncorroborated"
    answer = None
    if found.against:
        outweighed = sum(s.weight for s in found.speaking) + sum(s.weight for s in found.against)
        answer = f"{found.against[0].statement} Weighed against it: {outweighed:+.1f} nats remain."[:400]
    return Hypothesis(
        target=found.target,
        kind=found.kind,
        label=_label(found, scope.labels),
        change=found.change,
        remediation=found.remediation if not scope.remediations or found.remediation in scope.remediations else None,
        confidence=math.floor(confidence * 10_000) / 10_000,  # down, so that all of them never come to more than 1
        verdict=verdict,
        statement=found.speaking[0].statement,
        supporting=supporting,
        contradicting=contradicting,
        answer=answer,
        arithmetic=Arithmetic(
            terms=found.terms,
            score=found.score,
            rivals=found.rivals,
            odds=found.odds,
            intercept=calibration.intercept,
            slope=calibration.slope,
            reserve=calibration.reserve,
            probability=believed,
            caps=tuple(caps),
            others=others,
            unseen=NOBODY,
        ),
    )


_VAGUE = EFFECTS | {
    *("crash", "exception", "data_missing", "not_started", "shutdown", "silent", "upstream"),
    "service_role_unassigned",
}
"""Words for how a target fails, not for what is wrong with it."""


def _kinds(found: Possibility) -> list[str | None]:
    """What the fault may be called, the strongest word first. Others follow where the first says only how it fails, and of the
    same objects: another signal's word would name another fault. What became of the target comes last: it names a fault only
    where nothing else does."""
    leading = found.speaking[0].signal
    others = [
        s.kind for s in found.speaking if s.kind not in EFFECTS and (found.kind in _VAGUE or (s.signal == leading == "objects"))
    ]
    seen = [s.kind for s in found.speaking if s.kind in EFFECTS]
    kinds = [found.kind, *others, *seen]
    return list(dict.fromkeys(sorted(kinds, key=lambda kind: (kind in EFFECTS) + (kind in _VAGUE))))


def _label(found: Possibility, labels: Sequence[str]) -> str | None:
    """The closed list's word for it; where all that is known is that it fails, the word for what its name says it is failing."""
    label = choose_first(_kinds(found), labels, target=found.target)
    make = next(iter(sorted(tokens(found.target.rpartition("/")[2]) & MAKES)), None)
    if label is None and make is not None and found.kind in _VAGUE:
        return choose_label(f"{make}_unavailable", labels, target=found.target)
    return label


def _held_down(best: Hypothesis) -> list[str]:
    """The caps that keep it from being as certain as its odds are, as sentences."""
    assert best.arithmetic is not None  # it was made above
    return [cap.why for cap in best.arithmetic.caps if cap.most <= best.arithmetic.probability]


def _caps(findings: list[Finding], scope: Scope) -> list[Cap]:
    """What keeps a hypothesis from being certain, with the most it may have."""
    caps = []
    limit = max(STALE, scope.window.length / 5)
    measured = [f for f in findings if f.signal in ("metrics", "logs", "traces")]
    if measured and all(scope.window.end - f.as_of > limit for f in measured):
        newest = max(f.as_of for f in measured)
        others = [f for f in findings if f not in measured]
        if any(f.signal == "objects" for f in others):  # what contradicts itself does so without any measurement
            findings = others
        else:
            why = f"its newest measurement is from {newest:%H:%M:%S}Z, stale at the end of the window"
            caps.append(Cap(most=STALE_CAP, why=why))
    if findings and all(f.coverage < THIN for f in findings):
        caps.append(Cap(most=THIN_CAP, why="its measurements cover less than half of the window"))
    if findings and all(f.outsider_text for f in findings):
        caps.append(Cap(most=OUTSIDER_CAP, why="it rests only on text that outsiders can write"))
    if len({f.signal for f in findings}) < 2:
        caps.append(Cap(most=ONE_SIGNAL_CAP, why=f"only one kind of signal speaks for it ({findings[0].signal})"))
    return caps


def _in_order(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """Best first stays best first after capping: a follower is never shown as more probable than its leader."""
    ordered: list[Hypothesis] = []
    ceiling = 1.0
    for hypothesis in hypotheses:
        ceiling = min(ceiling, hypothesis.confidence)
        ordered.append(hypothesis.model_copy(update={"confidence": ceiling}))
    return ordered


def _word(
    hypotheses: list[Hypothesis], shown: list[Possibility], findings: dict[str, Finding], gaps: tuple[Gap, ...], reasons: list[str]
) -> Word:
    """`conclusive` must be earned: two kinds of signal, nothing unanswered, no decisive source missing."""
    if not hypotheses or hypotheses[0].confidence < LIKELY or hypotheses[0].verdict == "contradicted":
        return "inconclusive"
    best = hypotheses[0]
    broken = [gap for gap in gaps if gap.reason in ("failed", "timed_out", "stale", "refused")]
    if broken:
        what, _, why = broken[0].statement.partition(": ")
        reasons.append(f"a source is missing: {what}" + (f" ({why})" if why else ""))
    signals = {findings[i].signal for i in best.supporting}
    if best.confidence >= CONCLUSIVE and len(signals) >= 2 and best.verdict == "supported" and not broken:
        return "conclusive"
    return "likely"


def _rival(this: Hypothesis, others: list[Hypothesis]) -> Hypothesis | None:
    """The next one that says something else: another target first, else another change on the same."""
    return next((h for h in others if h.target != this.target), None) or next(iter(others), None)


def _next_check(
    this: Hypothesis, rival: Hypothesis | None, findings: dict[str, Finding], scope: Scope, called: Mapping[str, str]
) -> str | None:
    """What would tell a hypothesis from the next one, as a sentence with both outcomes. `called`: what people know changes by."""
    if rival is None:
        return None
    other = called.get(rival.change or "", f"change {(rival.change or '')[:12]}")
    if rival.target != this.target:
        elsewhere = f"{other} of {rival.target}" if rival.change else rival.target
    else:
        elsewhere = other if rival.change else f"{this.target} itself"
    if this.change:
        undone = called.get(this.change, f"change {this.change[:12]}")
        return f"Undo {undone}, or compare with how it was before: if the symptom goes on, look at {elsewhere}."
    if rival.change and rival.target == this.target:
        return f"Does {this.target} behave so without {other} too? If not, it was that change."
    leading = findings[this.supporting[0]]
    if leading.signal in ("objects", "status") and not leading.outsider_text:
        return f"Put that right at {this.target}: if the symptom stays, look at {elsewhere}."
    watched = _watched([findings[i] for i in this.supporting if findings[i].signal != "changes"], scope)
    if watched is not None:
        return f"If {watched[:100]} returns to normal and the symptom stays, it is not {this.target}: look at {elsewhere}."
    return f"Take work off {this.target}, or restart it: if the symptom stays, look at {elsewhere}."


def _watched(seen: list[Finding], scope: Scope) -> str | None:
    """A series whose course tells more than that the symptom is still there; None where one finding is all there is."""
    titles = [finding.plot.title for finding in seen if finding.plot is not None]
    title = next((each for each in titles if not _is_symptom(each, scope)), None)
    return " of ".join(reversed(title.split("|", 1))) if title is not None and len(seen) > 1 else None


def _is_symptom(title: str, scope: Scope) -> bool:
    """Whether a series is what the alert is about: its metric, or how long or wrongly its service answers."""
    entity, _, metric = title.partition("|")
    if entity == ENTRY:
        return True
    alerting = scope.alert.service
    if alerting is None or bare(entity.rpartition(">")[2]) != bare(alerting):
        return False
    return metric == scope.alert.metric or read(metric).family in ("latency", "error", "success")


def _cited_first(hypotheses: list[Hypothesis], findings: dict[str, Finding]) -> tuple[Finding, ...]:
    """All findings, those that hypotheses rest on first and in their order: this is the order F1, F2, … counts."""
    order = dict.fromkeys(i for h in hypotheses for i in (*h.supporting, *h.contradicting))
    rest = sorted(i for i in findings if i not in order)
    return tuple(findings[i] for i in (*order, *rest))
