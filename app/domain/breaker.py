"""The circuit breaker of one agent version and one action: after several bad ends nothing more of it is approved; later one is
tried, and shows by how it ends whether the others may. Pure: what happened goes in, how it stands comes out.

closed ──the last of `most` bad ends──▶ open ──`pause` passed──▶ half open ──one is approved: the probe──▶ its end
   ▲                                      ▲                                                                  │
   └────────────── good, or a person closes it                └──────────────── bad ─────────────────────────┘
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Protocol

from app.domain.value import AwareDatetime, Value


class Limits(Protocol):
    """When it opens and when one is tried; from the policy file."""

    @property
    def most(self) -> int: ...
    @property
    def within(self) -> timedelta: ...
    @property
    def pause(self) -> timedelta: ...


class Breaker(Value):
    """`bad`: when proposals came to a bad end, while it is closed. `probe`: the hash of the one proposal that is tried."""

    agent: str  # "proposer@1.0.0"
    action: str
    bad: tuple[AwareDatetime, ...] = ()
    opened_at: AwareDatetime | None = None
    probe: str | None = None

    def standing(self, limits: Limits, now: datetime) -> Literal["closed", "open", "half open"]:
        if self.opened_at is None:
            return "closed"
        return "half open" if now >= self.opened_at + limits.pause else "open"

    def objection(self, proposal: str, limits: Limits, now: datetime) -> str | None:
        """Why this proposal may be neither approved nor run now, as a sentence; None when it may."""
        if self.opened_at is None or self.probe == proposal:
            return None
        what = f"the breaker for {self.action} by {self.agent} opened at {self.opened_at:%Y-%m-%d %H:%M}Z"
        if self.probe is not None:
            return f"{what}, and p-{self.probe[:8]} is tried first: wait how it ends"
        if self.standing(limits, now) == "half open":
            return None
        then = f"one may be tried from {self.opened_at + limits.pause:%Y-%m-%d %H:%M}Z on"
        return f"{what}: its last {limits.most} ended badly or were rejected; {then}"

    def approved(self, proposal: str) -> Breaker:
        """It goes on to its run; while not closed it is the probe. Only after `objection` was None, in one transaction with it."""
        return self if self.opened_at is None else self.model_copy(update={"probe": proposal})

    def ended(self, proposal: str, *, good: bool | None, limits: Limits, now: datetime) -> Breaker:
        """One came to its end. `good=None`: it shows nothing (it never ran, or nobody could measure)."""
        if self.opened_at is None:
            bad = tuple(each for each in self.bad if now - each < limits.within) + ((now,) if good is False else ())
            opened = now if good is False and len(bad) >= limits.most else None
            return self.model_copy(update={"bad": bad[-limits.most :], "opened_at": opened})
        if self.probe != proposal:  # begun before it opened: what opened it was known then
            return self
        if good is True:
            return self.closed()
        return self.model_copy(update={"probe": None, "opened_at": self.opened_at if good is None else now})

    def closed(self) -> Breaker:
        return self.model_copy(update={"bad": (), "opened_at": None, "probe": None})
