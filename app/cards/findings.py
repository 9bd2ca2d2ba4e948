"""Findings for the thread: each with its number, its query, and a picture where one says it faster."""

from __future__ import annotations

from collections.abc import Sequence

from app.cards.card import Card, Code, Line, Note, Part, Picture, Quote, Rule, Strong, line, paragraph
from app.cards.incident import claim, claimed, numbering
from app.cards.wording import clipped, percent
from app.domain.finding import Finding
from app.domain.hypothesis import Arithmetic, Diagnosis, Hypothesis
from app.domain.quantity import counted, said

MOST_SHOWN = 8
MOST_PICTURES = 3


def findings_card(diagnosis: Diagnosis, *, most: int = MOST_SHOWN) -> Card:
    """What the hypotheses rest on: `most` findings of it, and all gaps. Goes to the thread."""
    return Card(
        kind="findings",
        gist=f"{counted(len(diagnosis.findings), 'finding')} and {counted(len(diagnosis.gaps), 'gap')} behind the brief",
        title="Findings",
        parts=_parts(diagnosis, diagnosis.findings, most=most),
    )


def behind_card(diagnosis: Diagnosis, rank: int) -> Card:
    """Everything that speaks for and against one hypothesis (1: the first), numbered as on the other cards."""
    hypothesis, numbers = diagnosis.hypotheses[rank - 1], numbering(diagnosis.findings)
    cited = {*hypothesis.supporting, *hypothesis.contradicting}
    found = [finding for finding in diagnosis.findings if finding.id in cited]
    return Card(
        kind="findings",
        gist=f"{counted(len(found), 'finding')} behind hypothesis {rank}: {claim(hypothesis)}",
        title=f"Behind hypothesis {rank}",
        parts=(
            paragraph(*_hypothesis(rank, hypothesis, numbers)),
            *([paragraph(*_arithmetic(hypothesis.arithmetic, rank, diagnosis, numbers))] if hypothesis.arithmetic else []),
            Rule(),
            *_parts(diagnosis, found, most=len(found)),
        ),
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
        gist=f"{counted(len(diagnosis.hypotheses), 'hypothesis', 'hypotheses')} and what speaks for and against them",
        title="Why",
        parts=(*told, Rule(), *_parts(diagnosis, diagnosis.findings, most=MOST_SHOWN)),
    )


def _hypothesis(rank: int, hypothesis: Hypothesis, numbers: dict[str, str]) -> list[Line]:
    def cited(ids: tuple[str, ...]) -> str:
        return " ".join(numbers[each] for each in ids if each in numbers)

    lines = [
        line(
            Strong(text=f"{rank}. {percent(hypothesis.confidence)} "),
            *claimed(hypothesis, 300),
            f" ({hypothesis.verdict})",
        ),
        line("For: ", Code(text=cited(hypothesis.supporting))),
    ]
    if against := cited(hypothesis.contradicting):
        lines.append(line("Against: ", Code(text=against), f" {clipped(hypothesis.answer or 'unanswered', 200)}"))
    if hypothesis.next_check:
        lines.append(line(f"Would tell: {clipped(hypothesis.next_check, 200)}"))
    return lines


def _arithmetic(sum_: Arithmetic, rank: int, diagnosis: Diagnosis, numbers: dict[str, str]) -> list[Line]:
    """How it came by its confidence, one line a step, as numbers that add up by hand."""
    lines = [line(Strong(text="The arithmetic"), ", in nats (one nat: what was found is 2.7 times likelier if it is the cause):")]
    for term in sum_.terms:
        cited = " ".join(numbers[each] for each in term.findings if each in numbers)
        lines.append(line(Code(text=f"{term.nats:+8.2f}"), f" {term.what} ", *([Code(text=cited)] if cited else [])))
    lines.append(line(Code(text=f"= {sum_.score:+6.2f}"), " for it"))
    lines.append(line(Code(text=f"{-sum_.rivals:+8.2f}"), f" {_rivals(sum_, listed=len(diagnosis.hypotheses) - 1)}"))
    lines.append(line(Code(text=f"= {sum_.odds:+6.2f}"), " log-odds, for it against all else"))
    worth = f"{1 - sum_.reserve:.2f} / (1 + exp(-({sum_.intercept:.2f} + {sum_.slope:.2f} x {sum_.odds:.2f})))"
    kept = f"; {sum_.reserve:.0%} is kept for systems unlike any that was measured" if sum_.reserve else ""
    how = (
        worth + kept if rank == 1 else f"its share, {sum_.share:.1%}, of what the first hypothesis leaves of {1 - sum_.reserve:.2f}"
    )
    lines.append(line(Code(text=f"= {sum_.probability:7.1%}"), f" {how}"))
    lines += [line(Code(text=f"≤ {cap.most:7.1%}"), f" {cap.why}") for cap in sum_.caps]
    lines.append(line(Code(text=f"= {diagnosis.hypotheses[rank - 1].confidence:7.1%}"), " confidence"))
    return lines


def _rivals(sum_: Arithmetic, *, listed: int) -> str:
    """What stands against it. `listed`: how many of the others have a rank."""
    if sum_.others is None or sum_.unseen is None:
        return "all other causes and what nobody looked at: ln of the sum of exp(for it)"
    hidden = f" ({sum_.others - listed} too weak to be listed)" if sum_.others > listed else ""
    others = counted(sum_.others, "other cause") + hidden
    return f"less the ln of the sum of exp(for it) over {others} and over whatever nobody thought of ({sum_.unseen:+.2f})"


def _parts(diagnosis: Diagnosis, findings: Sequence[Finding], *, most: int) -> tuple[Part, ...]:
    """The first `most` of these findings and all gaps; the rest is counted. `firstmate triage --all` lists all."""
    numbers = numbering(diagnosis.findings)
    parts: list[Part] = []
    pictures = 0
    for finding in findings[:most]:
        parts.append(paragraph(*_lines(finding, numbers[finding.id])))
        if finding.plot is not None and pictures < MOST_PICTURES:
            parts.append(Picture(plot=finding.plot, caption=_caption(finding)))
            pictures += 1
    for gap in diagnosis.gaps:
        parts.append(Note(line=line(Strong(text="Gap "), Code(text=gap.source), f" {clipped(gap.statement, 200)}")))
    left = len(findings) - most
    if left > 0:
        parts.append(Note(line=line(f"{counted(left, 'more finding')} in the run's record.")))
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
    low, high = said(min(plot.values), plot.unit), said(max(plot.values), plot.unit)
    seen = f"between {low} and {high}" if low != high else f"at {low} throughout"
    return f"{plot.title}: {seen}" + (f", usually {said(plot.usual, plot.unit)}" if plot.usual is not None else "")
