"""A person's yes or no to one proposal: single use, expiring. And one run of what was approved."""

from __future__ import annotations

from typing import Literal

from app.domain.agent import Agent
from app.domain.value import AwareDatetime, Value


class Person(Value):
    """Who pressed, as the server looked them up: never as the payload describes them."""

    id: str
    team: str
    name: str = ""
    deleted: bool = False
    bot: bool = False
    guest: bool = False  # restricted, ultra-restricted or only invited
    stranger: bool = False  # of another workspace
    local_operator: bool = False  # the demo's own person; `serve` never makes one

    def full_member(self, home_team: str) -> bool:
        """Whether they are a full member of the home workspace: a person of it, active, and no guest."""
        return not (self.deleted or self.bot or self.guest or self.stranger) and bool(home_team) and self.team == home_team


class Approval(Value):
    """One recorded yes or no."""

    proposal: str  # hash
    decision: Literal["approve", "reject"]
    by: str
    at: AwareDatetime
    surface: str
    reason: str = ""


class Execution(Value):
    """One run of an approved proposal. `started` without `finished` is `unknown`: read back and ask, never run again."""

    id: str
    proposal: str  # hash
    state: Literal["started", "finished", "verified", "missed", "unverified", "failed", "unknown"]
    started_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    verified_at: AwareDatetime | None = None
    detail: str = ""
    observed: float | None = None  # the criterion's last value


class Acknowledgement(Value):
    """The judge's word on one proposal, from the findings it looked at. With objections it is a warning, not a yes."""

    proposal: str  # hash
    agent: Agent
    at: AwareDatetime
    findings: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
