"""Something real to act on whose tier is chosen by its arguments, and what the gates' tests work with: people, keys, a policy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, Field

from app.cli.approve import signed
from app.cli.key import Key
from app.domain.action import Arguments, Call, Effects, Outcome, Preview
from app.domain.approval import Acknowledgement
from app.domain.change import Change
from app.domain.hypothesis import Hypothesis
from app.domain.proposal import Proposal
from app.domain.value import JsonObject
from app.incidents.confirm import confirm
from app.incidents.decide import Decided
from app.ledger import approvals
from app.policy.policy import load
from tests.unit.incidents.world import World, opened

KEYS = {who: Key(who, Ed25519PrivateKey.generate()) for who in ("UAPPROVER", "USECOND", "UASKER", "UNOBODY")}
POLICY = f"""
format: 1
approvers:
  - target: lever/**
    people: [UAPPROVER, USECOND, UASKER, UGUEST, UBOT, UGONE, USTRANGER, UOTHER]
presses_per_hour: 1000
open_proposals: 50
operators:
{chr(10).join(key.line for who, key in KEYS.items())}
"""


class LeverArguments(Arguments):
    tier: int = Field(ge=0, le=3)
    name: str
    text: str = ""


class Lever:
    """`position` is what a run depends on; `pulled` what was done, as it was asked for."""

    name = "pull"
    summary = "Pull a lever"
    arguments: type[BaseModel] = LeverArguments

    def __init__(self) -> None:
        self.position = "up"
        self.pulled: list[JsonObject] = []
        self.meaning = "Pull"

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[JsonObject]:
        return []

    def effects(self, arguments: BaseModel) -> Effects:
        wanted = LeverArguments.read(arguments)
        kinds: dict[int, dict[str, Any]] = {
            0: {"read_only": True},
            1: {"undo": Call(action="pull", arguments={})},
            2: {"undo": Call(action="pull", arguments={}), "outside": True},
            3: {},
        }
        told = f"{self.meaning} {wanted.name} {wanted.text}".strip()
        return Effects(target=f"lever/{wanted.name}", sentence=told, blast_radius="none", **kinds[wanted.tier])

    async def read_back(self, arguments: BaseModel) -> JsonObject:
        return {"position": self.position}

    async def preview(self, arguments: BaseModel) -> Preview:
        return Preview(ok=True, lines=("it moves",))

    async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
        self.pulled.append(arguments.model_dump(mode="json"))
        return Outcome(ok=True, detail="pulled")

    async def took_effect(self, arguments: BaseModel, *, precondition: JsonObject) -> bool | None:
        return None


@asynccontextmanager
async def levers(folder: Path) -> AsyncIterator[tuple[World, Lever]]:
    """A world in which there is nothing but levers, and people who may pull them."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a test's own folder
    async with opened(folder) as world:
        lever = Lever()
        yield world.with_(actions={lever.name: lever}, policy=load(POLICY)), lever


async def asked(
    world: World, incident: str, *, tier: int, name: str = "a", by: str = "UASKER", text: str = "", **fields: Any
) -> Proposal:
    """Proposed by a person, and acknowledged by the judge."""
    call = Call(action="pull", arguments={"tier": tier, "name": name, "text": text})
    made = await world.proposed(incident, call=call, asked_by=by, by_agent=False, **fields)
    word = Acknowledgement(proposal=made.hash, agent=world.desk.judge, at=world.clock(), findings=("f_1",))
    async with world.ledger.write() as tx:
        await approvals.acknowledge(tx, word)
    return made


async def sign(world: World, proposal: Proposal, who: str, **fields: Any) -> Decided:
    """A yes at a shell."""
    made = signed(KEYS[who], proposal, typed=fields.pop("typed", proposal.effects.target), now=world.clock())
    return await confirm(world.desk, made)


async def approve_fully(world: World, proposal: Proposal) -> Decided:
    """Everything that its tier takes, by people who may."""
    if proposal.tier == 3:
        await world.press(proposal, by="USECOND", typed=proposal.effects.target)
        return await sign(world, proposal, "UAPPROVER")
    return await world.press(proposal, by="UAPPROVER")
