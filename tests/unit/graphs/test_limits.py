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

MOST = 50
NAMED = {"answered", "no_sources", "nothing_would_separate", "rounds_spent", triage.STEPS_SPENT}
OWN = find_cases(Path(__file__).parents[2] / "cases")[:4]


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


@pytest.mark.parametrize("case", OWN, ids=lambda path: path.name)
async def test_a_run_ends_within_its_steps_and_names_why(case: Path) -> None:
    steps, why, asked = await ran(case)
    assert (steps <= MOST, why in NAMED, asked) == (True, True, 0)


async def test_a_supervisor_that_never_stops_is_stopped_and_what_was_known_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for_ever(monkeypatch)
    steps, why, _ = await ran(OWN[0])
    print(f"\nG16: a supervisor that never stops was stopped after {steps} steps: {why}")
    assert why == triage.STEPS_SPENT
    assert 0 < steps <= MOST


async def test_a_limit_as_the_library_has_it_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for_ever(monkeypatch)
    monkeypatch.setattr(triage, "RECURSION_LIMIT", 200)
    steps, _, _ = await ran(OWN[0])
    assert steps > MOST
