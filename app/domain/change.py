"""What was changed, by whom, when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self, cast

from pydantic import Field, field_validator

from app.domain.redaction import redact, redact_value
from app.domain.value import AwareDatetime, JsonObject, Value

ChangeKind = Literal["commit", "deploy", "flag", "config", "scale", "rollout", "infrastructure"]


class Change(Value):
    """A deploy, commit, flag, config, scaling or infrastructure event.

    A deploy and the commit it ships may share `id` (the commit's). `diff` is unified-diff-like text: hunks opened by `@@`,
    lines opened by `+`, `-` or a blank. For flags `details` holds {"flag": name, "from": ..., "to": ...}.
    """

    id: str
    kind: ChangeKind
    at: AwareDatetime
    service: str | None = None
    title: str = ""
    files: tuple[str, ...] = ()
    diff: str = ""
    version: str | None = None
    previous_version: str | None = None
    author: str | None = None
    source: str = ""
    details: JsonObject = Field(default_factory=dict)

    @field_validator("title", "diff", "service", "version", "previous_version", "author")
    @classmethod
    def _without_secrets(cls, text: str | None) -> str | None:
        return redact(text) if text else text

    @field_validator("details")
    @classmethod
    def _details_without_secrets(cls, details: JsonObject) -> JsonObject:
        return cast("JsonObject", redact_value(details))


class Changes(tuple[Change, ...]):
    """Changes, oldest first; `truncated` says what was left out."""

    truncated: str | None

    def __new__(cls, changes: Iterable[Change], *, truncated: str | None = None) -> Self:
        made = super().__new__(cls, changes)
        made.truncated = truncated
        return made
