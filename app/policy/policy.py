"""The policy file: who may approve what, and for how long a proposal may wait.

The file is data: YAML without aliases, tags or guesses (`no` is a word here, `1:30` too), closed, at most 256 kB.
Read at start and when it changed; its version is the hash of what it says, so that comments and order of keys don't make another.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cached_property
from importlib import resources
from typing import Any, Literal, Self

import pydantic
import yaml
from pydantic import ConfigDict, Field, field_validator, model_validator

from app.domain.action import Tier
from app.domain.errors import Misconfigured
from app.domain.plain_yaml import only_plain
from app.domain.value import Value, digest

MOST_BYTES = 256 * 1024


class _Part(Value):
    # Strict: a number in quotes is not a number, and "yes" is not true.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Approvers(_Part):
    """People who may approve what is done to targets of this form.

    `target` is exact, or holds `*` for one whole segment between slashes, or ends in `/**` for everything beneath.
    """

    target: str = Field(min_length=1, max_length=300)
    people: tuple[str, ...] = Field(min_length=1, max_length=500, strict=False)

    @field_validator("target")
    @classmethod
    def _readable(cls, target: str) -> str:
        segments = target.split("/")
        if any("*" in segment and segment not in ("*", "**") for segment in segments) or "**" in segments[:-1]:
            raise ValueError("use * for one whole segment, or /** at the very end; nothing else is a pattern")
        if segments[0] in ("*", "**"):
            raise ValueError("name at least the first segment; nobody approves for everything there is")
        return target

    @field_validator("people")
    @classmethod
    def _slack_ids(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        for person in people:
            if not (person[:1] in ("U", "W") and person.isascii() and person.isalnum() and person.isupper()):
                raise ValueError(f"{person!r} is no Slack user id; open the profile in Slack, choose 'Copy member ID' (U024BE7LH)")
        return people

    def covers(self, target: str) -> bool:
        """Whether `target` is of this form. Compared exactly, upper and lower case as written."""
        wanted, given = self.target.split("/"), target.split("/")
        if wanted[-1] == "**":
            return len(given) >= len(wanted) and _alike(wanted[:-1], given[: len(wanted) - 1])
        return len(given) == len(wanted) and _alike(wanted, given)


class ExpiryMinutes(_Part):
    """How long a proposal waits for its presses; at tier 3, for the second after the first."""

    tier_1: int = Field(default=30, ge=1, le=24 * 60)
    tier_2: int = Field(default=15, ge=1, le=24 * 60)
    tier_3: int = Field(default=5, ge=1, le=24 * 60)


class Verification(_Part):
    """What a success criterion that says nothing else is held to, in seconds."""

    hold_s: int = Field(default=60, ge=1, le=24 * 3600)
    within_s: int = Field(default=600, ge=1, le=24 * 3600)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.hold_s >= self.within_s:
            raise ValueError("hold_s must be less than within_s, or nothing could ever be verified")
        return self


class Storm(_Part):
    """How many incidents monitors may open within how long; what they send beyond joins one incident. People are never capped."""

    most_incidents: int = Field(default=10, ge=1, le=1000)
    within_minutes: int = Field(default=10, ge=1, le=24 * 60)


class LocalOperator(_Part):
    """The demo's own person: counts as an approver of targets beneath this prefix. `serve` never makes one."""

    target_prefix: str = Field(min_length=2, max_length=300)

    @field_validator("target_prefix")
    @classmethod
    def _whole_segments(cls, prefix: str) -> str:
        if not prefix.endswith("/") or prefix.startswith("/"):
            raise ValueError("must end with a slash and not begin with one, like demo/")
        return prefix


class Policy(_Part):
    """A policy file, read and found sound."""

    format: Literal[1]
    approvers: tuple[Approvers, ...] = Field(default=(), max_length=1000, strict=False)
    expiry_minutes: ExpiryMinutes = ExpiryMinutes()
    verification: Verification = Verification()
    open_proposals: int = Field(default=5, ge=1, le=50)  # most that may wait for presses in one incident
    storm: Storm = Storm()
    local_operator: LocalOperator | None = None

    @cached_property
    def version(self) -> str:
        """SHA-256 of what it says."""
        return digest(self.model_dump(mode="json"))

    @property
    def empty(self) -> bool:
        """It lets nobody approve anything."""
        return not self.approvers and self.local_operator is None

    def approvers_of(self, target: str) -> tuple[str, ...]:
        """Slack ids of everybody who may approve what is done to `target`, in the file's order."""
        found = [person for entry in self.approvers if entry.covers(target) for person in entry.people]
        return tuple(dict.fromkeys(found))

    def expiry(self, tier: Tier) -> timedelta:
        """How long a proposal of this tier may wait. Tier 0 needs no press and shares tier 1's."""
        minutes = self.expiry_minutes
        return timedelta(minutes={0: minutes.tier_1, 1: minutes.tier_1, 2: minutes.tier_2, 3: minutes.tier_3}[tier])


def load(text: str) -> Policy:
    """The policy that `text` (YAML) holds. Raises `Misconfigured` with a sentence that names the key and what is wrong with it."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Misconfigured(f"the policy file is larger than {MOST_BYTES // 1024} kB; split people into fewer, wider targets")
    try:
        only_plain(text)
        body = yaml.load(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        raise Misconfigured(f"the policy file is no readable YAML: {' '.join(str(error).split())}") from error
    if body is None:
        raise Misconfigured("the policy file is empty, so nobody may approve anything; `firstmate policy init` writes a first one")
    if not isinstance(body, dict):
        raise Misconfigured("the policy file must hold keys and values, beginning with `format: 1`")
    try:
        return Policy.model_validate(body)
    except pydantic.ValidationError as error:
        raise Misconfigured("; ".join(_sentence(problem) for problem in error.errors()[:5])) from error


def starter() -> str:
    """The commented file that `firstmate policy init` writes. It approves nothing until people are named in it."""
    return resources.files("app.policy").joinpath("starter.yaml").read_text(encoding="utf-8")


def _alike(wanted: list[str], given: list[str]) -> bool:
    return all(form in ("*", segment) and segment for form, segment in zip(wanted, given, strict=True))


def _sentence(problem: Any) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".") or "the file"
    said = {"extra_forbidden": "there is no such key", "missing": "is missing"}.get(problem["type"])
    return f"the policy file, {key}: {said or str(problem['msg']).removeprefix('Value error, ')}"


class _PlainLoader(yaml.SafeLoader):
    """Words are words: only true, false, null and decimal integers are anything else. A key may stand once."""

    # By first character, as PyYAML wants it; its own table also knows `no`, `1:30`, `010` and dates.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012 - PyYAML's own attribute
        **{digit: [("tag:yaml.org,2002:int", re.compile(r"^(0|[1-9][0-9]{0,8})$"))] for digit in "0123456789"},
        "t": [("tag:yaml.org,2002:bool", re.compile(r"^true$"))],
        "f": [("tag:yaml.org,2002:bool", re.compile(r"^false$"))],
        "n": [("tag:yaml.org,2002:null", re.compile(r"^null$"))],
        "~": [("tag:yaml.org,2002:null", re.compile(r"^~$"))],
        "": [("tag:yaml.org,2002:null", re.compile(r"^$"))],
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem="keys are words", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
