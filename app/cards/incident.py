"""The incident card: one message, kept up to date; read in 30 seconds by somebody who was just woken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from app.cards.card import (
    Button,
    Buttons,
    Card,
    Code,
    Line,
    Note,
    Paragraph,
    Part,
    Piece,
    Quote,
    Strong,
    When,
    Who,
    line,
    paragraph,
    plain,
    words,
)
from app.cards.wording import VERDICTS, clipped, duration, percent
from app.domain.finding import Finding
from app.domain.hypothesis import Diagnosis, Hypothesis
from app.domain.incident import Alert, Incident, Scope
from app.domain.quantity import counted
from app.domain.value import Value

MOST_SHOWN = 3
MOST_WORDS = 120


class Pending(Value):
    """A decision somebody is waited for."""

    name: str  # p-7f3ac91e
    sentence: str
    expires_at: datetime


def incident_card(
    incident: Incident,
    *,
    symptom: Alert | None = None,
    more_alerts: int = 0,
    diagnosis: Diagnosis | None = None,
    asking: str | None = None,
    pending: Sequence[Pending] = (),
    result: str | None = None,
    ongoing: bool = False,
) -> Card:
    """The card as the ledger stands.

    `symptom`: the alert that says best what is wrong, beside `more_alerts`; `asking`: why there is no diagnosis although nobody
    looks; `result`: what the last action did; `ongoing`: triage is still looking, and the diagnosis may change.
    """
    parts: list[Part] = [Note(line=_status(incident))]
    parts.append(paragraph(line(Strong(text="What is going on")), _symptom(incident, symptom, more_alerts)))
    if diagnosis is None:
        parts.append(paragraph(line(Strong(text="What caused it")), line(asking or "Investigating: logs, metrics and changes.")))
    else:
        parts.extend(_cause(diagnosis, ongoing=ongoing))
    for decision in pending[:MOST_SHOWN]:
        waits = line(
            Strong(text="Waiting for a decision: "),
            Code(text=decision.name),
            f" {decision.sentence}, until ",
            When(at=decision.expires_at),
            "; press on its own message",
        )
        parts.append(paragraph(waits))
    if result:
        parts.append(paragraph(line(Strong(text="Last action"), f" {result}")))
    if diagnosis is not None:
        parts.extend(_unknown(diagnosis))
    parts.extend(_buttons(incident, concluded=diagnosis is not None))
    if diagnosis is not None:
        parts.append(Note(line=_footer(diagnosis)))
    return Card(
        kind="incident", gist=_gist(incident, diagnosis, pending, result), title=_title(incident, diagnosis), parts=tuple(parts)
    )


def brief_card(scope: Scope, diagnosis: Diagnosis, *, name: str) -> Card:
    """The card's middle alone, for a diagnosis that belongs to no incident; the second and third cause where there is room."""
    for most in range(MOST_SHOWN, 0, -1):
        card = _brief(scope, diagnosis, name=name, most=most)
        if words(card) <= MOST_WORDS:
            break
    return card


def _brief(scope: Scope, diagnosis: Diagnosis, *, name: str, most: int) -> Card:
    best = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
    said = VERDICTS[diagnosis.verdict] + (f", {percent(best.confidence)}" if best and diagnosis.verdict != "inconclusive" else "")
    parts: list[Part] = [paragraph(line(Strong(text="What is going on")), _symptom_of(scope.alert))]
    parts += _cause(diagnosis, most=most)
    parts += _unknown(diagnosis)
    parts.append(Note(line=_footer(diagnosis)))
    gist = f"{name}: {diagnosis.verdict}" + (f" ({percent(best.confidence)}): {claim(best)}" if best else "")
    return Card(kind="incident", gist=gist[:600], title=f"{clipped(name, 80)} · {said}", parts=tuple(parts))


def _title(incident: Incident, diagnosis: Diagnosis | None) -> str:
    said = ""
    if diagnosis is not None:
        said = f" · {VERDICTS[diagnosis.verdict]}"
        if diagnosis.hypotheses and diagnosis.verdict != "inconclusive":
            said += f", {percent(diagnosis.hypotheses[0].confidence)}"
    return f"[{incident.severity}] {incident.id} · {clipped(incident.title, 60)}{said}"


def _status(incident: Incident) -> Line:
    commander = Who(id=incident.commander) if incident.commander else Strong(text="nobody yet")
    return line(Strong(text=incident.status.capitalize()), " · Commander ", commander, " · since ", When(at=incident.declared_at))


def _symptom(incident: Incident, alert: Alert | None, more_alerts: int) -> Line:
    if alert is None:
        return line("Declared by ", Who(id=incident.declared_by), ": ", Quote(text=clipped(incident.title, 200)))
    more = f" (and {counted(more_alerts, 'more alert')})" if more_alerts else ""
    return (*_symptom_of(alert), *line(more))


def _symptom_of(alert: Alert) -> Line:
    service = (Code(text=alert.service), " · ") if alert.service else ()
    return line(*service, Quote(text=clipped(alert.summary, 220)))


def _cause(diagnosis: Diagnosis, *, ongoing: bool = False, most: int = MOST_SHOWN) -> list[Part]:
    numbers = numbering(diagnosis.findings)
    heading = line(Strong(text="What caused it"), f" ({_said(diagnosis)}{'; still looking' if ongoing else ''})")
    if not diagnosis.hypotheses:
        return [paragraph(heading, line("Nothing measured points anywhere yet."))]
    lines, told = [heading], list[Hypothesis]()
    for rank, hypothesis in enumerate(diagnosis.hypotheses[:MOST_SHOWN], 1):
        if rank > 1 and hypothesis.confidence < 0.05:
            break
        told.append(hypothesis)
        if rank <= most:
            lines.append(_hypothesis_line(rank, hypothesis, numbers, brief=rank > 1))
    best = diagnosis.hypotheses[0]
    if repair := [*_innocence(diagnosis, told), *_remedy(best)]:
        lines.append(line(*repair))
    if best.answer:
        lines.append(line(f"Against 1: {clipped(best.answer, 140)}"))
    parts: list[Part] = [Paragraph(lines=tuple(lines))]
    if best.next_check:
        parts.append(paragraph(line(Strong(text="What would change our mind:"), f" {clipped(best.next_check, 200)}")))
    return parts


def _innocence(diagnosis: Diagnosis, told: Sequence[Hypothesis]) -> list[Piece]:
    """The first thing a commander asks. Only where changes, all of them, were found to explain nothing, or there were none; where
    none of `told`, what is probable enough to be told, is one; and not of an object that is wrong: something made it so."""
    changes = {finding.id: finding for finding in diagnosis.findings if finding.signal == "changes"}
    missed = any("changes" in gap.statement.partition(":")[0] for gap in diagnosis.gaps)
    best, seen = told[0], {finding.id: finding.signal for finding in diagnosis.findings}
    made = seen.get(best.supporting[0]) in ("objects", "status")
    if diagnosis.verdict == "inconclusive" or missed or made or any(each.change for each in told):
        return []
    terms = best.arithmetic.terms if best.arithmetic is not None else ()
    if any(term.nats > 0 and changes.keys() & set(term.findings) for term in terms):
        return [f"{'No' if diagnosis.verdict == 'conclusive' else 'Likely no'} change is guilty: nothing to roll back. "]
    none = [finding for finding in changes.values() if finding.numbers.get("changes") == 0]
    return ["Nothing was changed: nothing to roll back. "] if none and len(changes) == 1 else []


def _remedy(best: Hypothesis) -> list[Piece]:
    return ["Remedy: ", Code(text=best.remediation)] if best.remediation else []


def _said(diagnosis: Diagnosis) -> str:
    word = VERDICTS[diagnosis.verdict].lower()
    if diagnosis.verdict == "conclusive" or not diagnosis.reasons:
        return word
    return f"{word}: {clipped(diagnosis.reasons[0], 90)}"


def _hypothesis_line(rank: int, hypothesis: Hypothesis, numbers: dict[str, str], *, brief: bool) -> Line:
    cited = " ".join(numbers[i] for i in hypothesis.supporting[: 2 if brief else 4] if i in numbers)
    said = claimed(hypothesis, 90 if brief else 190)
    return line(Strong(text=f"{rank}. {percent(hypothesis.confidence)} "), *said, " ", Code(text=cited))


def claimed(hypothesis: Hypothesis, most: int) -> Line:
    """What is claimed, of at most `most` characters beside the target's name, which stands first unless the statement begins with
    saying it."""
    target, bare = hypothesis.target, hypothesis.target.partition("/")[2]
    head, _, rest = hypothesis.statement.partition(": ")
    if rest and head in (target, bare):
        return line(Code(text=target), f": {clipped(rest, most)}")
    if target in re.split(r"[ ,]", head) or bare in head.split()[:2]:  # `Deployment back` says enough of app/back
        return line(clipped(hypothesis.statement, most))
    return line(Code(text=target), f": {clipped(hypothesis.statement, most)}")


def claim(hypothesis: Hypothesis, most: int = 400) -> str:
    """The same as plain words."""
    return plain(claimed(hypothesis, most))


def numbering(findings: Sequence[Finding]) -> dict[str, str]:
    """Finding id → `F1`, in the diagnosis' order: the same on the card, in the thread and in JSON."""
    return {finding.id: f"F{i}" for i, finding in enumerate(findings, 1)}


def _unknown(diagnosis: Diagnosis) -> list[Part]:
    """Gaps, but for the one that stands above as the reason of the verdict."""
    said = _said(diagnosis)
    gaps = [gap for gap in diagnosis.gaps if f"a source is missing: {gap.statement.partition(': ')[0]} (" not in said]
    if not gaps:
        return []
    told = "; ".join(clipped(gap.statement, 80) for gap in gaps[:2])
    more = f"; {len(gaps) - 2} more" if len(gaps) > 2 else ""
    return [Note(line=line(f"Not known: {told}{more}"))]


def _buttons(incident: Incident, *, concluded: bool) -> list[Part]:
    buttons: list[Button] = []
    if concluded:
        spoken = f"Show the arithmetic behind the hypotheses of {incident.id}"
        buttons.append(Button(label="Why?", action="why", value=incident.id, spoken=spoken))
    if incident.status != "closed":
        buttons.append(Button(label="Triage again", action="triage", value=incident.id, spoken=f"Investigate {incident.id} again"))
        if incident.commander is None:
            buttons.append(
                Button(
                    label="Take command",
                    action="command",
                    value=incident.id,
                    spoken=f"Become commander of {incident.id}",
                    style="primary",
                )
            )
    return [Buttons(name="incident", buttons=tuple(buttons))] if buttons else []


def _footer(diagnosis: Diagnosis) -> Line:
    cost = diagnosis.cost
    model = f"{counted(cost.model_calls, 'model call')}, ${cost.usd:.3f}" if cost.model_calls else "no model"
    agents = " ".join(f"{name}@{version}" for name, version in sorted(diagnosis.agents.items()) if name in ("judge",))
    asked, rounds = counted(cost.queries, "query", "queries"), counted(diagnosis.rounds, "round")
    return line(f"{asked} · {rounds} · {duration(diagnosis.elapsed_s)} · {model} · {agents}")


def _gist(incident: Incident, diagnosis: Diagnosis | None, pending: Sequence[Pending], result: str | None) -> str:
    said = "investigating"
    if diagnosis is not None and diagnosis.hypotheses:
        best = diagnosis.hypotheses[0]
        said = f"{diagnosis.verdict} ({percent(best.confidence)}): {claim(best, 160)}"
    elif diagnosis is not None:
        said = "inconclusive: nothing measured points anywhere"
    waits = f" {pending[0].name} waits for a decision: {pending[0].sentence}." if pending else ""
    done = f" {result}" if result else ""
    return f"{incident.severity} {incident.id} {clipped(incident.title, 100)}: {said}.{waits}{done}"[:600]
