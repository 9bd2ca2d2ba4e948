"""The outside programs that share the ledger: who each is, its class, and the hash of its token. Never the token itself."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence

from pydantic import Field, field_validator

from app.domain.agent import Agent
from app.domain.priority import PRIORITY, PriorityClass
from app.policy.parts import Part

PREFIX = "fma_"
"""Every token begins so, that whoever finds one knows what it opens."""


class KnownAgent(Part):
    """An outside program. `class`: whose turn it is when two want the same; it can't choose that itself."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,39}$")
    class_: PriorityClass = Field(alias="class")
    token_sha256: str

    @field_validator("name")
    @classmethod
    def _not_ours(cls, name: str) -> str:
        if name in ("firstmate", "execution"):
            raise ValueError(f"{name} is Firstmate itself; give the program a name of its own")
        return name

    @field_validator("token_sha256")
    @classmethod
    def _a_hash(cls, given: str) -> str:
        if not re.fullmatch("[0-9a-f]{64}", given):  # what was given may be a token: it is not repeated
            raise ValueError("must be 64 hex digits, as `firstmate agents token` prints them; never the token itself")
        return given

    @property
    def agent(self) -> Agent:
        return Agent(name=self.name, version=self.version)

    @property
    def priority(self) -> int:
        return PRIORITY[self.class_]


def new_token() -> str:
    """256 bits of chance: its hash can stand in a file that people read."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def all_different(agents: Sequence[KnownAgent]) -> None:
    """Raises ValueError where two share a name or a token."""
    names, hashes = [each.name for each in agents], [each.token_sha256 for each in agents]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"the agent {twice} stands twice")
    if twice := next((each.name for each in agents if hashes.count(each.token_sha256) > 1), None):
        raise ValueError(f"the agent {twice} has another's token; make each one of its own with `firstmate agents token`")
