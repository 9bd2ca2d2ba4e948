"""Who said or did something: an agent is always a name and a version."""

from __future__ import annotations

from pydantic import Field

from app.domain.value import Value


class Agent(Value):
    """An investigator, the judge, the supervisor, the proposer, or an outside program."""

    name: str = Field(min_length=1, max_length=80)
    version: str = Field(min_length=1, max_length=40)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
