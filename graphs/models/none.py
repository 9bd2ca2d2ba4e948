"""No model at all: the default. Everything that asks it goes on without."""

from __future__ import annotations

from pydantic import BaseModel


class NoModel:
    """Answers None to every question, at once."""

    name = "none"

    async def complete(self, *, system: str, prompt: str, schema: type[BaseModel], deadline_s: float) -> BaseModel | None:
        return None
