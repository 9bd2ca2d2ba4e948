"""Runs made-up incidents through the real engine: `python -m tests.unit.graphs.incidents.run [seeds] [name…]` prints each."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.domain.hypothesis import Diagnosis
from app.plugged import investigators
from graphs import triage
from graphs.analysis.calibration import AS_IT_IS
from graphs.context import MemoryStore, TriageContext
from graphs.models.none import NoModel
from tests.unit.graphs.incidents.fourth import FOURTH
from tests.unit.graphs.incidents.guilty import GUILTY
from tests.unit.graphs.incidents.innocent import BAITS, CHORES, NONE
from tests.unit.graphs.incidents.more import MORE
from tests.unit.graphs.incidents.third import THIRD
from tests.unit.graphs.incidents.world import Incident, Story, happen


@dataclass(frozen=True)
class Outcome:
    """What the engine made of an incident."""

    incident: Incident
    said: Diagnosis

    @property
    def right(self) -> bool:
        return bool(self.said.hypotheses) and self.said.hypotheses[0].change == self.incident.guilty

    @property
    def baited(self) -> bool:
        """Blames a change that did nothing."""
        first = self.said.hypotheses[0].change if self.said.hypotheses else None
        return first is not None and first != self.incident.guilty

    @property
    def repaired(self) -> bool:
        return bool(self.said.hypotheses) and self.said.hypotheses[0].remediation == self.incident.repair


def incident_of(story: Story, seed: int) -> Incident:
    return happen(story, BAITS, CHORES, seed=seed)


async def diagnose(incident: Incident) -> Outcome:
    async def silent(_: dict[str, Any]) -> None: ...

    context = TriageContext(
        scope=incident.scope,
        sources=incident.sources,
        investigators=investigators(),
        store=MemoryStore(),
        model=NoModel(),
        progress=silent,
        clock=lambda: datetime.now(UTC),
        calibration=AS_IT_IS,
    )
    return Outcome(incident, await triage.run(triage.build(), context, run="once"))


def told(one: Outcome, *, most: int) -> str:
    """What came out, as lines for a person."""
    marks = " ".join(["ok" if one.right else "BAD", *(["bait"] if one.baited else []), *([] if one.repaired else ["repair"])])
    lines = [f"{marks:16} {one.incident.name}  truth {(one.incident.guilty or 'none')[:14]} -> {one.incident.repair}"]
    for each in one.said.hypotheses[:most]:
        change = (each.change or "-")[:14]
        lines.append(
            f"      {each.confidence:.2f} {each.target} {change} [{each.kind}] {each.remediation} | {each.statement[:160]}"
        )
    return "\n".join(lines)


def summary(what: str, some: list[Outcome]) -> str:
    right, baited = sum(one.right for one in some), sum(one.baited for one in some)
    repaired = sum(one.repaired for one in some)
    return f"{what}: {right} of {len(some)} right, {baited} blame an innocent change, {repaired} get the fitting repair"


def main() -> None:
    seeds = [int(part) for part in (sys.argv[1] if len(sys.argv) > 1 else "0,1,2").split(",")]
    wanted = sys.argv[2:]
    outcomes = []
    for story in (*GUILTY, *NONE, *MORE, *THIRD, *FOURTH):
        if wanted and not any(part in story.name for part in wanted):
            continue
        for seed in seeds:
            outcomes.append(asyncio.run(diagnose(incident_of(story, seed))))
            print(told(outcomes[-1], most=4 if wanted or not outcomes[-1].right else 0))
    print(summary("a change is guilty", [one for one in outcomes if one.incident.guilty]))
    print(summary("no change is guilty", [one for one in outcomes if not one.incident.guilty]))


if __name__ == "__main__":
    main()
