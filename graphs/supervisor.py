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
MOST_ASKED = 3
"""At most so many a round, however many files there are."""
CORE = ("metrics", "logs", "deploys")
"""What every incident needs asked; these go first, and whoever is added later never takes their place."""
CLOSE = 0.35
"""Two hypotheses are close when the first leads the second by less than this much probability."""


def able(investigators: Mapping[str, Investigator], sources: Sources) -> dict[str, Investigator]:
    """Those with at least one source to read, in the order they are asked in: the core ones, then who reads most sources."""

    def place(name: str) -> tuple[int, int, str]:
        core = CORE.index(name) if name in CORE else len(CORE)
        return core, -_readable(investigators[name], sources), name

    return {name: investigators[name] for name in sorted(investigators, key=place) if _readable(investigators[name], sources)}


def unconnected(sources: Sources) -> tuple[Gap, ...]:
    """What nobody can be asked about because nothing is plugged in. The three that every incident needs; the rest is extra."""
    return tuple(
        Gap(agent=AGENT, source="none", reason="no_data", statement=f"{port}: no source is connected")
        for port in ("metrics", "logs", "changes")
        if not getattr(sources, port)
    )


def unasked(able: Mapping[str, Investigator], asked: Collection[str]) -> tuple[Gap, ...]:
    """Who had something to read and found no place in any round so far."""
    return tuple(
        Gap(
            agent=AGENT,
            source=name,
            reason="truncated",
            statement=f"{name} was not asked, as at most {MOST_ASKED} are a round; still open: {able[name].answers}"[:400],
            query=able[name].answers,
        )
        for name in _waiting(able, asked)
    )


def key(question: Asked) -> str:
    """What makes a question the same question: asking it again would answer the same."""
    return f"{question['investigator']}|{','.join(question['entities'])}|{','.join(question['symptoms'])}"


def first_questions(able: Mapping[str, Investigator], *, onset: str | None) -> list[Asked]:
    """Round one: the first three look at everything."""
    return [_opening(name, who, round=1, onset=onset) for name, who in able.items()][:MOST_ASKED]


def next_questions(
    diagnosis: Diagnosis, reports: list[Report], able: Mapping[str, Investigator], *, round: int, asked: Collection[str]
) -> tuple[list[Asked], str]:
    """This round's questions, or none and the reason to stop.

    What best separates the first two hypotheses is asked first: whether a change explains what was measured (once there are
    measurements), then a closer look at the two rivals by those who measure. A place that is left goes to who was not asked yet,
    unless the verdict is conclusive without.
    """
    if round >= MOST_ROUNDS:
        return [], "rounds_spent"
    by_name = {report.investigator: report for report in reports}
    seen = next((report.onset for report in (by_name.get("metrics"), by_name.get("logs")) if report and report.onset), None)
    onset = seen.isoformat() if seen else None
    questions: list[Asked] = []

    symptoms = sorted(finding.id for report in reports if report.investigator != "deploys" for finding in report.findings)
    if symptoms and "deploys" in able and _saw_changes(by_name.get("deploys")):
        questions.append(
            Asked(
                investigator="deploys",
                round=round + 1,
                text="which change explains what was measured, and which is innocent?",
                entities=[],
                symptoms=symptoms,
                onset=onset,
            )
        )
    rivals = _rivals(diagnosis)
    if rivals:
        for name in ("metrics", "logs"):
            if name in able:
                questions.append(
                    Asked(
                        investigator=name,
                        round=round + 1,
                        text=f"look closer: what tells {rivals[0]} from {rivals[-1]}?",
                        entities=rivals,
                        symptoms=[],
                        onset=onset,
                    )
                )
    fresh = [question for question in questions if key(question) not in asked]
    if diagnosis.verdict != "conclusive":
        fresh += [_opening(name, able[name], round=round + 1, onset=onset) for name in _waiting(able, asked)]
    if fresh:
        return fresh[:MOST_ASKED], ""
    return [], "answered" if diagnosis.verdict == "conclusive" else "nothing_would_separate"


def _readable(who: Investigator, sources: Sources) -> int:
    return sum(len(getattr(sources, port)) for port in who.may_use)


def _waiting(able: Mapping[str, Investigator], asked: Collection[str]) -> list[str]:
    heard = {question.partition("|")[0] for question in asked}
    return [name for name in able if name not in heard]


def _opening(name: str, who: Investigator, *, round: int, onset: str | None) -> Asked:
    return Asked(investigator=name, round=round, text=who.answers, entities=[], symptoms=[], onset=onset)


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
