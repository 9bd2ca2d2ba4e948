"""What every verb works with, and the few things they all do alike."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.domain.agent import Agent
from app.domain.approval import Person
from app.domain.errors import Unreachable
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.domain.ports import ActionPort, Clock, JobRunner, MetricsSource
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots
from app.policy.policy import Policy

INCIDENT_CARD = "incident"
"""The card key of the pinned message."""
TOPIC = "topic"
"""The kind of message that sets the channel's topic anew, once its severity or title changed."""
FIRSTMATE = "firstmate"
"""The actor of what happens by itself."""


def proposal_card_key(hash: str) -> str:
    return f"proposal:{hash}"


Triage = Callable[[str, str, Scope], Awaitable[Diagnosis]]
"""(incident, run, scope): the graph, with everything plugged in; returns once the diagnosis is stored."""


People = Callable[[str], Awaitable[Person | None]]
"""Looks a person up by id, now. None: nobody knows them. Raises `Unreachable` when it can't be asked; that means no."""


Members = Callable[[str], Awaitable[frozenset[str]]]
"""Ids of who is in a user group, now. Raises `Unreachable` when it can't be asked; then nobody is in it."""


async def no_groups(group: str) -> frozenset[str]:
    """Where there is no Slack, nobody is in any group."""
    raise Unreachable(f"the user group {group} can't be asked about: Slack is not connected")


@dataclass(frozen=True)
class Windows:
    """How far triage looks, seconds."""

    lookback_s: float
    reference_s: float
    settle_s: float


class Knows(Protocol):
    """What it takes to tell who may decide: the ledger, the policy, and who people are."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> Policy | None: ...
    @property
    def people(self) -> People: ...
    @property
    def members(self) -> Members: ...
    @property
    def home_team(self) -> str: ...
    @property
    def stop_file(self) -> Path | None: ...


@dataclass
class Desk:
    """`policy` is None until somebody wrote one: then nothing above tier 0 may be approved. It alone changes while a process
    lives (`reload`): everything asks for it when it is needed, and keeps none. While there is a `stop_file`, nothing runs.
    `roots`: nothing above tier 0 is approved, run or told of before a signed root kept outside the database covers it.
    `monotonic`: seconds since some moment, for how long something lasts within this process; `clock` may be set forward and back.
    """

    ledger: Ledger
    clock: Clock
    jobs: JobRunner
    policy: Policy | None
    actions: Mapping[str, ActionPort]
    metrics: Mapping[str, MetricsSource]
    windows: Windows
    triage: Triage
    judge: Agent
    people: People
    home_team: str
    roots: Roots
    members: Members = no_groups
    stop_file: Path | None = None
    invite: tuple[str, ...] = ()
    monotonic: Callable[[], float] = time.monotonic

    @property
    def policy_version(self) -> str:
        return self.policy.version if self.policy else ""
