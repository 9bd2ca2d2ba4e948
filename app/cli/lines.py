"""A surface that writes what it is given as JSON lines, for a parent process that shows it: how the demo sees the work process."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from app.cards.card import Card
from app.domain.incident import Incident

CHANNEL = "terminal"
PRESS = "terminal.press"
"""The kind of delivery a press on this surface is."""
OPERATOR = "operator"
"""The only person on it."""


def emit(event: str, **fields: Any) -> None:
    """One JSON line on stdout, at once."""
    sys.stdout.write(json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


class LineSurface:
    """Fills `app.jobs.surface.Surface`. One channel; every message gets the next number as its ts."""

    pace_s = 0.0

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    async def open_channel(self, incident: Incident, *, invite: Sequence[str]) -> tuple[str, str]:
        emit("channel", incident=incident.id)
        return CHANNEL, f"{CHANNEL}-{incident.number:04d}"

    async def post(self, channel: str, card: Card, *, key: str, thread: str | None = None) -> str:
        ts = f"{len(self._keys) + 1}.0"
        self._keys[key] = ts
        emit("post", ts=ts, card=card.model_dump(mode="json"), thread=thread)
        return ts

    async def find(self, channel: str, key: str, *, thread: str | None = None) -> str | None:
        return self._keys.get(key)

    async def update(self, channel: str, ts: str, card: Card) -> None:
        emit("update", ts=ts, card=card.model_dump(mode="json"))

    async def pin(self, channel: str, ts: str) -> None:
        return None

    async def set_topic(self, channel: str, topic: str) -> None:
        return None

    async def answer(self, to: str, card: Card) -> None:
        emit("answer", to=to, card=card.model_dump(mode="json"))

    async def show(self, view: str, card: Card) -> None:
        emit("view", view=view, card=card.model_dump(mode="json"))
