"""What a step of triage is called in a terminal: the same for the demo and for `firstmate triage`."""

from __future__ import annotations

from typing import Any

STOPS = {
    "answered": "enough is known",
    "nothing_would_separate": "no further question would tell the causes apart",
    "rounds_spent": "three rounds are spent",
    "no_sources": "there is nothing to ask",
}


def step_line(event: dict[str, Any]) -> tuple[str, str]:
    """Who, and what they do."""
    who, step, text = str(event.get("agent", "")).partition("@")[0], event.get("step"), str(event.get("text", ""))
    if step == "ask":
        return who, f"asks {event.get('to', 'all')}: {text}"
    if step == "stop":
        return who, f"stops: {STOPS.get(text, text)}"
    if step == "gap":
        return who, f"not known: {text}"
    return who, text
