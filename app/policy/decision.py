"""The closed vocabulary of what policy can say, and everything it looks at to say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from app.domain.agent import Agent
from app.domain.approval import Acknowledgement, Person
from app.domain.breaker import Breaker
from app.domain.incident import Incident
from app.domain.proposal import Proposal, State
from app.policy.policy import Asked, Frozen, Policy


@dataclass(frozen=True)
class Allowed:
    """Nothing is in the way."""

    reason: str


@dataclass(frozen=True)
class Needs:
    """`n` more people must press before it may run. `by`: Slack ids of who may, where policy names them."""

    n: int
    reason: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Denied:
    """No, because `reason`, a sentence to whoever pressed."""

    reason: str


Decision = Allowed | Needs | Denied
"""Only `Allowed` lets anything happen."""


@dataclass(frozen=True, kw_only=True)
class Press:
    """Somebody pressed. `by`: as the server looked them up just now; None when it does not know them. `typed`: the resource's
    name as they typed it. `key`: the enrolled key they signed it with, outside Slack; "" for a press in Slack."""

    decision: Literal["approve", "reject"]
    by: Person | Agent | None
    reason: str = ""
    typed: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A recorded, unused confirmation outside Slack: whose, with which enrolled key, and until when it counts."""

    by: str
    key: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Emergency:
    """Somebody broke the glass in this incident: until `until` one missing second person is done without at tier 3."""

    by: str
    reason: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Yes:
    """A recorded, unused yes, with its person as looked up just now; None when they cannot be found any more."""

    id: str
    by: Person | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a decision is taken on: rows of the ledger and people, all as they are now.

    Without `press` the question is what the proposal still needs (for the card), or, under `RUN_RULES`, whether it may run.
    `home_team` is our own Slack workspace. `stopped` is why everything is stopped, None when it is not. `used`: it was
    started before. `breaker`: the one of who asked and the action, where one counts it. `roles`: who holds which role of the
    incident now; `members`: who is in which user group, without those that can't be read now. `approved_lately`: when, within
    the hour before `now`, whoever presses approved something, oldest first.
    `confirmed`: who confirmed it outside Slack. `emergency`: the glass was broken in this incident.
    """

    policy: Policy | None
    proposal: Proposal
    state: State
    incident: Incident
    now: datetime
    home_team: str
    press: Press | None = None
    yes: tuple[Yes, ...] = ()
    acknowledgement: Acknowledgement | None = None
    stopped: str | None = None
    used: bool = False
    breaker: Breaker | None = None
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    approved_lately: tuple[datetime, ...] = ()
    confirmed: tuple[Confirmed, ...] = ()
    emergency: Emergency | None = None

    @property
    def rejecting(self) -> bool:
        return self.press is not None and self.press.decision == "reject"

    @property
    def target(self) -> str:
        return self.proposal.effects.target

    @cached_property
    def approvers(self) -> tuple[str, ...]:
        """Who may approve it by the policy file."""
        return () if self.policy is None else self.policy.approvers_of(self.asked, roles=self.roles, members=self.members)

    @property
    def asked(self) -> Asked:
        return Asked(target=self.target, action=self.proposal.call.action, tier=self.proposal.tier)

    @cached_property
    def frozen(self) -> Frozen | None:
        """The freeze that holds for the target now."""
        return None if self.policy is None else self.policy.frozen(self.target, self.now)

    @cached_property
    def unread_groups(self) -> tuple[str, ...]:
        """User groups that the policy names for this and whose members can't be told now."""
        return () if self.policy is None else tuple(one for one in self.policy.groups_of(self.asked) if one not in self.members)

    @property
    def expires_at(self) -> datetime:
        """When the presses must be complete: the proposal's own time, sooner where the policy is stricter now, and at tier 3
        counted from the first press."""
        moment = self.proposal.expires_at
        if self.policy is None:
            return moment
        if self.proposal.tier == 3 and self.yes:
            return min(moment, min(yes.at for yes in self.yes) + self.policy.expiry(3))
        return min(moment, self.proposal.asked_at + self.policy.stands(self.proposal.tier))

    @property
    def emergency_now(self) -> Emergency | None:
        """The emergency that holds now."""
        return self.emergency if self.emergency is not None and self.now < self.emergency.until else None
