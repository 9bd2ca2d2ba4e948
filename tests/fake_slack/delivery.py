"""How something reaches the app: what is sent, what came back and when. The same for Socket Mode and signed HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .state import Json

DeliveryKind = Literal["slash_commands", "interactive", "events_api"]
Outcome = Literal["acked", "late", "refused", "dropped", "unreachable"]


@dataclass
class Attempt:
    """One try. `late`: no answer within the deadline (`latency_s` is then when a late one came, if it did)."""

    number: int
    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    ack_body: Any = None
    latency_s: float | None = None


@dataclass
class DeliveryResult:
    """What became of a delivery. Retries of events are appended to `attempts` as they happen."""

    kind: DeliveryKind
    payload: Json
    attempts: list[Attempt] = field(default_factory=list)
    sealed: Any = None
    not_sent: str = ""

    @property
    def acked(self) -> bool:
        return any(attempt.outcome == "acked" for attempt in self.attempts)

    @property
    def outcome(self) -> str:
        return self.attempts[-1].outcome if self.attempts else f"not sent: {self.not_sent}"

    @property
    def _telling(self) -> Attempt | None:
        return next((each for each in self.attempts if each.outcome == "acked"), self.attempts[-1] if self.attempts else None)

    @property
    def ack_body(self) -> Any:
        """What the app answered: a dict, or None for an empty acknowledgement. Plain text arrives as {"text": …} in both modes."""
        return self._telling.ack_body if self._telling else None

    @property
    def latency_s(self) -> float | None:
        return self._telling.latency_s if self._telling else None


class Transport(Protocol):
    """A way to the app. `seal` fixes the bytes (so that the same ones can be sent twice); `send` makes one attempt."""

    def seal(self, kind: DeliveryKind, payload: Json) -> Any: ...

    async def send(self, sealed: Any, *, number: int = 0, reason: str | None = None) -> Attempt: ...


def retry_reason(attempt: Attempt) -> str:
    return {"late": "http_timeout", "refused": "http_error"}.get(attempt.outcome, "connection_failed")
