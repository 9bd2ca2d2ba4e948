"""The supervisor: what to ask next, of whom, and when to stop. It decides from typed findings, never from prose."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.domain.agent import Agent
from app.domain.finding import Gap
from app.domain.hypothesis import Diagnosis
from graphs.contract import Investigator, Report, Sources
from graphs.state import Asked

AGENT = Agent(name="supervisor", version="1.0.0")

MOST_ROUNDS = 3
CLOSE = 0.35
"""Two hypotheses are close when the first leads the second by less than this much probability."""


def able(investigators: Mapping[str, Investigator], sources: Sources) -> list[str]:
    """Those with at least one source to read: at most three, by name, so that every run asks in the same order."""
    return sorted(name for name, who in investigators.items() if any(getattr(sources, port) for port in who.may_use))[:3]


def unconnected(sources: Sources) -> tuple[Gap, ...]:
    """What nobody can be asked about because nothing is plugged in. The three that every incident needs; the rest is extra."""
    return tuple(
        Gap(agent=AGENT, source="none", reason="no_data", statement=f"no source of {port} is connected")
        for port in ("metrics", "logs", "changes")
        if not getattr(sources, port)
    )


def key(question: Asked) -> str:
    """What makes a question the same question: asking it again would answer the same."""
    return f"{question['investigator']}|{','.join(question['entities'])}|{','.join(question['symptoms'])}"


def first_questions(names: Collection[str], *, onset: str | None) -> list[Asked]:
    """Round one: everybody looks at everything."""
    opening = {
        "metrics": "which series moved, who moved first, who only waits?",
        "logs": "which lines are new, gone, or changed in rate?",
        "deploys": "what changed before it began, and what is misconfigured?",
    }
    return [
        Asked(investigator=name, round=1, text=opening.get(name, "what do you see?"), entities=[], symptoms=[], onset=onset)
        for name in sorted(names)
    ]


def next_questions(
    diagnosis: Diagnosis, reports: list[Report], names: Collection[str], *, round: int, asked: Collection[str]
) -> tuple[list[Asked], str]:
    """This round's questions, or none and the reason to stop.

    What best separates the first two hypotheses is asked first: whether a change explains what was measured (once there are
    measurements), then a closer look at the two rivals by those who measure.
    """
    if round >= MOST_ROUNDS:
        return [], "rounds_spent"
    by_name = {report.investigator: report for report in reports}
    onset = next((report.onset for report in (by_name.get("metrics"), by_name.get("logs")) if report and report.onset), None)
    questions: list[Asked] = []

    symptoms = sorted(finding.id for report in reports if report.investigator != "deploys" for finding in report.findings)
    if symptoms and "deploys" in names and _saw_changes(by_name.get("deploys")):
        questions.append(
            Asked(
                investigator="deploys",
                round=round + 1,
                text="which change explains what was measured, and which is innocent?",
                entities=[],
                symptoms=symptoms,
                onset=onset.isoformat() if onset else None,
            )
        )
    rivals = _rivals(diagnosis)
    if rivals:
        for name in ("metrics", "logs"):
            if name in names:
                questions.append(
                    Asked(
                        investigator=name,
                        round=round + 1,
                        text=f"look closer: what tells {rivals[0]} from {rivals[-1]}?",
                        entities=rivals,
                        symptoms=[],
                        onset=onset.isoformat() if onset else None,
                    )
                )
    fresh = [question for question in questions if key(question) not in asked]
    if fresh:
        return fresh, ""
    return [], "answered" if diagnosis.verdict == "conclusive" else "nothing_would_separate"


def _saw_changes(report: Report | None) -> bool:
    return report is not None and any(finding.signal == "changes" for finding in report.findings)


def _rivals(diagnosis: Diagnosis) -> list[str]:
    """The targets of the first two hypotheses where they differ and neither is far ahead."""
    if len(diagnosis.hypotheses) < 2:
        return []
    first, second = diagnosis.hypotheses[:2]
    if first.confidence - second.confidence >= CLOSE or first.target == second.target:
        return []
    return sorted({first.target, second.target})
