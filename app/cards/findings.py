"""Findings for the thread: each with its number, its query, and a picture where one says it faster."""

from __future__ import annotations

from app.cards.card import Card, Code, Line, Note, Part, Picture, Quote, Rule, Strong, line, paragraph
from app.cards.incident import numbering
from app.cards.wording import clipped, percent
from app.domain.finding import Finding
from app.domain.hypothesis import Diagnosis, Hypothesis

MOST_SHOWN = 8
MOST_PICTURES = 3


def findings_card(diagnosis: Diagnosis) -> Card:
    """What the hypotheses rest on. Goes to the thread."""
    return Card(
        kind="findings",
        gist=f"{len(diagnosis.findings)} findings and {len(diagnosis.gaps)} gaps behind the brief",
        title="Findings",
        parts=_parts(diagnosis),
    )


def why_card(diagnosis: Diagnosis) -> Card:
    """How the judge came to its order: what speaks for and against each hypothesis, then the findings themselves."""
    numbers = numbering(diagnosis.findings)
    told: list[Part] = [
        paragraph(*_hypothesis(rank, hypothesis, numbers)) for rank, hypothesis in enumerate(diagnosis.hypotheses, 1)
    ]
    if diagnosis.reasons:
        why = "; ".join(clipped(reason, 200) for reason in diagnosis.reasons[:5])
        told.append(Note(line=line(Strong(text=f"Why only {diagnosis.verdict}: "), why)))
    return Card(
        kind="findings",
        gist=f"{len(diagnosis.hypotheses)} hypotheses and what speaks for and against them",
        title="Why",
        parts=(*told, Rule(), *_parts(diagnosis)),
    )


def _hypothesis(rank: int, hypothesis: Hypothesis, numbers: dict[str, str]) -> list[Line]:
    def cited(ids: tuple[str, ...]) -> str:
        return " ".join(numbers[each] for each in ids if each in numbers)

    lines = [
        line(
            Strong(text=f"{rank}. {percent(hypothesis.confidence)} "),
            Code(text=hypothesis.target),
            f" {clipped(hypothesis.statement, 300)} ({hypothesis.verdict})",
        ),
        line("For: ", Code(text=cited(hypothesis.supporting))),
    ]
    if against := cited(hypothesis.contradicting):
        lines.append(line("Against: ", Code(text=against), f" {clipped(hypothesis.answer or 'unanswered', 200)}"))
    if hypothesis.next_check:
        lines.append(line(f"Would tell: {clipped(hypothesis.next_check, 200)}"))
    return lines


def _parts(diagnosis: Diagnosis) -> tuple[Part, ...]:
    """The cited findings first; the rest is counted, and listed by `firstmate triage`."""
    numbers = numbering(diagnosis.findings)
    parts: list[Part] = []
    pictures = 0
    for finding in diagnosis.findings[:MOST_SHOWN]:
        parts.append(paragraph(*_lines(finding, numbers[finding.id])))
        if finding.plot is not None and pictures < MOST_PICTURES:
            parts.append(Picture(plot=finding.plot, caption=_caption(finding)))
            pictures += 1
    for gap in diagnosis.gaps:
        parts.append(Note(line=line(Strong(text="Gap "), Code(text=gap.source), f" {clipped(gap.statement, 200)}")))
    left = len(diagnosis.findings) - MOST_SHOWN
    if left > 0:
        parts.append(Note(line=line(f"{left} more findings are in the run's record.")))
    return tuple(parts)


def _lines(finding: Finding, number: str) -> list[Line]:
    lines = [
        line(Strong(text=number), " ", Code(text=str(finding.agent)), f" {finding.statement}"),
        line(Code(text=clipped(finding.query, 160)), f" · {finding.source} · as of {finding.as_of:%H:%M:%S} UTC"),
    ]
    if finding.excerpt:
        lines.append(line(Quote(text=clipped(finding.excerpt, 200))))
    return lines


def _caption(finding: Finding) -> str:
    assert finding.plot is not None
    plot = finding.plot
    return f"{plot.title}: from {min(plot.values):.3g} to {max(plot.values):.3g} {plot.unit}".rstrip()
