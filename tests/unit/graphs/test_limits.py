"""Every run ends within 50 steps, and says why it stopped (gate G16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.connectors.case import find_cases, open_case
from app.plugged import calibration, investigators, now
from graphs import supervisor, triage
from graphs.context import MemoryStore, TriageContext
from graphs.contract import Sources
from graphs.models.scripted import ScriptedModel
from tests.gates import Gate, size

MOST = 50
NAMED = {"answered", "no_sources", "nothing_would_separate", "rounds_spent", triage.STEPS_SPENT}
OWN = find_cases(Path(__file__).parents[2] / "cases")[: size(full=100, small=4)]
WHAT = "a run ends, and says why"


async def ran(case: Path) -> tuple[int, str, int]:
    """Supersteps of the graph, why it stopped, and how often a model was asked."""
    source, model, steps = open_case(case), ScriptedModel(), 0
    sources = Sources(metrics=(source,), logs=(source,), changes=(source,), topology=(source,))

    async def progress(event: dict[str, Any]) -> None:
        nonlocal steps
        steps += event.get("agent", "").startswith(("supervisor@", "judge@"))

    context = TriageContext(
        scope=source.scope,
        sources=sources,
        investigators=investigators(),
        store=MemoryStore(),
        model=model,
        progress=progress,
        clock=now,
        calibration=calibration(),
    )
    said = await triage.run(triage.build(), context, run="once")
    return steps, said.stop_reason, len(model.asked)


def for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor that always has one more question."""

    def again(*_: Any, round: int, **__: Any) -> tuple[list[Any], str]:
        return supervisor.first_questions(dict(list(investigators().items())[:1]), onset=None), ""

    monkeypatch.setattr(supervisor, "next_questions", again)
    monkeypatch.setattr(triage, "after_judge", lambda _: "supervisor")


async def test_every_run_ends_within_its_steps_and_names_why(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose supervisor never stops: what was known by then is the answer."""
    found = [await ran(case) for case in OWN]
    assert all(0 < steps <= MOST and why in NAMED and asked == 0 for steps, why, asked in found), found
    for_ever(monkeypatch)
    steps, why, asked = await ran(OWN[0])
    gate(
        "G16",
        WHAT,
        figure=f"{len(found) + 1} runs, most {max(steps, *(each[0] for each in found))} steps, {asked} model calls",
        bar=f"≤ {MOST} steps, a named reason, ≤ cap + 1 calls",
        met=0 < steps <= MOST and why == triage.STEPS_SPENT and asked == 0,
    )


async def test_a_limit_as_the_library_has_it_would_be_found_out(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    for_ever(monkeypatch)
    monkeypatch.setattr(triage, "RECURSION_LIMIT", 200)
    steps, why, _ = await ran(OWN[0])
    gate.twin("G16", WHAT, figure=f"{steps} steps, {why}", fails=steps > MOST)
