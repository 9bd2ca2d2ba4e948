"""What the parts of a policy file share: they are closed and strict, targets have one form, people are Slack ids."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, RootModel, field_validator

from app.domain.value import Value


class Part(Value):
    # Strict: a number in quotes is not a number, and "yes" is not true.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Target(RootModel[str]):
    """A form of target: exact, or with `*` for one whole segment between slashes, or ending in `/**` for everything beneath.

    Compared exactly, upper and lower case as written.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    @field_validator("root")
    @classmethod
    def _readable(cls, target: str) -> str:
        if not 1 <= len(target) <= 300:
            raise ValueError("a target has 1 to 300 characters")
        segments = target.split("/")
        if any("*" in segment and segment not in ("*", "**") for segment in segments) or "**" in segments[:-1]:
            raise ValueError("use * for one whole segment, or /** at the very end; nothing else is a pattern")
        if segments[0] in ("*", "**"):
            raise ValueError("name at least the first segment; nobody approves for everything there is")
        return target

    def covers(self, target: str) -> bool:
        """Whether `target` is of this form."""
        wanted, given = self.root.split("/"), target.split("/")
        if wanted[-1] == "**":
            return len(given) >= len(wanted) and _alike(wanted[:-1], given[: len(wanted) - 1])
        return len(given) == len(wanted) and _alike(wanted, given)

    def __str__(self) -> str:
        return self.root


def slack_ids(people: tuple[str, ...]) -> tuple[str, ...]:
    """`people`, where each is a Slack user id."""
    for person in people:
        if not (person[:1] in ("U", "W") and _spelt(person)):
            raise ValueError(f"{person!r} is no Slack user id; open the profile in Slack, choose 'Copy member ID' (U024BE7LH)")
    return people


def group_ids(groups: tuple[str, ...]) -> tuple[str, ...]:
    """`groups`, where each is a Slack user-group id."""
    for group in groups:
        if not (group[:1] == "S" and _spelt(group)):
            raise ValueError(f"{group!r} is no Slack user-group id; open the group in Slack, choose 'Copy group ID' (S0614TZR7)")
    return groups


def _spelt(id: Any) -> bool:
    return len(id) > 1 and id.isascii() and id.isalnum() and id.isupper()


def _alike(wanted: list[str], given: list[str]) -> bool:
    return all(form in ("*", segment) and segment for form, segment in zip(wanted, given, strict=True))
