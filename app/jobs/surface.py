"""Where people are told things: the port that Slack and the terminal fill. Only the outbox's worker uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.cards.card import Card
from app.domain.errors import FirstmateError
from app.domain.incident import Incident


class SentNowhere(FirstmateError):
    """It can't arrive, now or later; the message says why."""


class TryLater(FirstmateError):
    """Certainly not arrived; worth trying again."""

    def __init__(self, message: str, *, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Ambiguous(FirstmateError):
    """Sent, and no answer came: it may have arrived."""


class Surface(Protocol):
    """Every method raises `SentNowhere`, `TryLater` or `Ambiguous`."""

    pace_s: float
    """Least time between two messages to one channel, seconds."""

    async def open_channel(self, incident: Incident, *, invite: Sequence[str]) -> tuple[str, str]:
        """Create the incident's channel; (id, name)."""
        ...

    async def post(self, channel: str, card: Card, *, key: str, thread: str | None = None) -> str:
        """A new message; its ts. `key` marks it, so that `find` can tell whether it arrived."""
        ...

    async def find(self, channel: str, key: str, *, thread: str | None = None) -> str | None:
        """The ts of the message posted under `key` (into `thread`, if it was), if it arrived."""
        ...

    async def update(self, channel: str, ts: str, card: Card) -> None: ...

    async def pin(self, channel: str, ts: str) -> None: ...

    async def set_topic(self, channel: str, topic: str) -> None: ...

    async def answer(self, to: str, card: Card) -> None:
        """To one person alone; `to` is where their request said to answer."""
        ...

    async def show(self, view: str, card: Card) -> None:
        """Into a dialog that is open and waiting."""
        ...
