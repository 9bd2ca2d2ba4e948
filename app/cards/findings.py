"""Findings for the thread: each with its number, its query, and a picture where one says it faster."""

from __future__ import annotations

from app.cards.card import Card, Code, Line, Note, Part, Picture, Quote, Strong, line, paragraph
from app.cards.incident import numbering
from app.cards.wording import clipped
from app.domain.finding import Finding
from app.domain.hypothesis import Diagnosis

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
