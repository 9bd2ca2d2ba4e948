"""What we can change, and what it would do. An action declares effects; policy derives the tier from them."""

from __future__ import annotations

from typing import Literal, Self, cast

from pydantic import BaseModel, Field, field_validator

from app.domain.redaction import redact, redact_value
from app.domain.value import JsonObject, Value, canonical

Tier = Literal[0, 1, 2, 3]
"""0 read-only, 1 reversible, 2 external side effect, 3 irreversible or unknown."""


class Arguments(Value):
    """What one action takes: closed, so that nothing else reaches it."""

    @classmethod
    def read(cls, given: BaseModel) -> Self:
        """`given` as these, which is what it is wherever an action is called: `ActionPort` speaks of any action's arguments."""
        assert isinstance(given, cls)
        return given


class Call(Value):
    """One action with exact arguments."""

    action: str
    arguments: JsonObject

    def narrows(self, asked: Call) -> bool:
        """Whether this allows nothing that `asked` did not: the same action, and every argument that `asked` names, to the letter.

        What is approved and run pins every argument; it may pin more of them than were asked, and never another value.
        """
        return self.action == asked.action and all(
            name in self.arguments and canonical(self.arguments[name]) == canonical(value)
            for name, value in asked.arguments.items()
        )


class Effects(Value):
    """What a call would do, declared by the action. It never names a tier."""

    target: str  # the resource, `shop/service/checkout`; what a claim is taken on
    sentence: str  # what will run, one line, exact: "rollout undo shop/checkout: 1.8.0 -> 1.7.2"
    blast_radius: str  # who else notices, one line
    read_only: bool = False
    undo: Call | None = None  # the call that undoes it; None where there is none
    undo_sentence: str = ""
    outside: bool = False  # somebody outside this infrastructure will see it
    downtime: str = "none expected"


class Preview(Value):
    """What a dry run said."""

    ok: bool
    lines: tuple[str, ...]

    @field_validator("lines")
    @classmethod
    def _without_secrets(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(redact(each) for each in lines)


class Outcome(Value):
    """What a run or an undo said. `ok=None` means: not known whether it took effect."""

    ok: bool | None
    detail: str
    facts: JsonObject = Field(default_factory=dict)

    @field_validator("detail")
    @classmethod
    def _without_secrets(cls, detail: str) -> str:
        return redact(detail)

    @field_validator("facts")
    @classmethod
    def _facts_without_secrets(cls, facts: JsonObject) -> JsonObject:
        return cast("JsonObject", redact_value(facts))
