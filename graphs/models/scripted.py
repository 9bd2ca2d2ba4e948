"""A model that plays prepared answers back and remembers what it was asked: for tests and for showing a run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True)
class Late:
    """An answer that would come only after `after_s` seconds. Nobody waits: it is compared with the deadline."""

    answer: BaseModel | Mapping[str, object] | str
    after_s: float


Answer = BaseModel | Mapping[str, object] | str | Late | None
"""What may be scripted: a typed value, its fields, JSON text as a model would write it, something late, or nothing."""


@dataclass(frozen=True)
class Asked:
    """One question as it was put."""

    system: str
    prompt: str
    schema: type[BaseModel]
    deadline_s: float


class ScriptedModel:
    """Plays `answers` back in order; after the last one every answer is None. `asked` holds every question so far."""

    name = "scripted"

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._answers = list(answers)
        self.asked: list[Asked] = []

    async def complete(self, *, system: str, prompt: str, schema: type[BaseModel], deadline_s: float) -> BaseModel | None:
        """The next answer as exactly `schema`; None when it is late, is of another shape, or there is none left."""
        self.asked.append(Asked(system, prompt, schema, deadline_s))
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Late):
            answer = answer.answer if answer.after_s <= deadline_s else None
        if answer is None:
            return None
        try:
            if isinstance(answer, str):
                return schema.model_validate_json(answer, strict=False)
            fields = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
            return answer if type(answer) is schema else schema.model_validate(fields)
        except ValidationError:
            return None
