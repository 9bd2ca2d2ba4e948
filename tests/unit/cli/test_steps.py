from __future__ import annotations

import pytest

from app.cli.steps import STOPS, step_line

SUPERVISOR = {"agent": "supervisor@1.0.0"}


def test_two_questions_alike_to_two_investigators_are_told_apart() -> None:
    asked = [step_line({**SUPERVISOR, "step": "ask", "to": to, "text": "look closer"}) for to in ("metrics", "logs")]
    assert asked == [("supervisor", "asks metrics: look closer"), ("supervisor", "asks logs: look closer")]


@pytest.mark.parametrize("reason", STOPS)
def test_why_it_stopped_is_said_in_words(reason: str) -> None:
    assert "_" not in step_line({**SUPERVISOR, "step": "stop", "text": reason})[1]


def test_what_is_not_known_and_what_is_reported_are_said_as_they_are() -> None:
    assert step_line({"agent": "logs@1.0.0", "step": "gap", "text": "no answer"}) == ("logs", "not known: no answer")
    assert step_line({"agent": "logs@1.0.0", "step": "report", "text": "1 finding"}) == ("logs", "1 finding")
