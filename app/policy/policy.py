"""The policy file: who may approve what, and for how long a proposal may wait.

The file is data: YAML without aliases, tags or guesses (`no` is a word here, `1:30` too), closed, at most 256 kB.
Read at start and when it changed; its version is the hash of what it says, so that comments and order of keys don't make another.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from importlib import resources
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml
from pydantic import Field, field_validator, model_validator

from app.domain.action import Tier
from app.domain.errors import Misconfigured
from app.domain.plain_yaml import only_plain
from app.domain.value import digest
from app.policy.agents import KnownAgent, all_different
from app.policy.freeze import Freeze
from app.policy.limits import BreakerLimits
from app.policy.operators import Operator
from app.policy.parts import Part, Target, group_ids, slack_ids

MOST_BYTES = 256 * 1024


Role = Literal["commander", "operations", "communications", "scribe", "owner"]
"""A role of the live incident; `owner` is whoever the file names as owner of the target."""


class Owners(Part):
    """Whose a target is."""

    target: Target
    people: tuple[str, ...] = Field(default=(), max_length=500, strict=False)
    groups: tuple[str, ...] = Field(default=(), max_length=50, strict=False)

    _people = field_validator("people")(slack_ids)
    _groups = field_validator("groups")(group_ids)


class Approvers(Part):
    """Who may approve what is done to targets of this form: people, members of Slack user groups, holders of roles of the live
    incident. `actions`, `tiers` and `environments` narrow it; empty means all."""

    target: Target
    people: tuple[str, ...] = Field(default=(), max_length=500, strict=False)
    groups: tuple[str, ...] = Field(default=(), max_length=50, strict=False)
    roles: tuple[Role, ...] = Field(default=(), max_length=5, strict=False)
    actions: tuple[str, ...] = Field(default=(), max_length=200, strict=False)
    tiers: tuple[Literal[1, 2, 3], ...] = Field(default=(), max_length=3, strict=False)
    environments: tuple[str, ...] = Field(default=(), max_length=50, strict=False)

    _people = field_validator("people")(slack_ids)
    _groups = field_validator("groups")(group_ids)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.people and not self.groups and not self.roles:
            raise ValueError("name people, groups or roles; an entry without any approves nothing")
        return self

    @property
    def sentence(self) -> str:
        """The entry in words, for `policy check`."""
        who = [*self.people, *(f"group {group}" for group in self.groups), *(f"the {role}" for role in self.roles)]
        what = [f"tier {tier}" for tier in self.tiers] + list(self.actions) + [f"in {name}" for name in self.environments]
        return f"{self.target}: {', '.join(who)}" + (f" (only {', '.join(what)})" if what else "")


class ExpiryMinutes(Part):
    """How long a proposal waits for its presses; at tier 3, for the second after the first."""

    tier_1: int = Field(default=30, ge=1, le=24 * 60)
    tier_2: int = Field(default=15, ge=1, le=24 * 60)
    tier_3: int = Field(default=5, ge=1, le=24 * 60)


class Verification(Part):
    """What a success criterion that says nothing else is held to, in seconds."""

    hold_s: int = Field(default=60, ge=1, le=24 * 3600)
    within_s: int = Field(default=600, ge=1, le=24 * 3600)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.hold_s >= self.within_s:
            raise ValueError("hold_s must be less than within_s, or nothing could ever be verified")
        return self


class Storm(Part):
    """How many incidents monitors may open within how long; what they send beyond joins one incident. People are never capped."""

    most_incidents: int = Field(default=10, ge=1, le=1000)
    within_minutes: int = Field(default=10, ge=1, le=24 * 60)


class StopAll(Part):
    """Who may stop everything, and let it go on."""

    people: tuple[str, ...] = Field(default=(), max_length=500, strict=False)
    groups: tuple[str, ...] = Field(default=(), max_length=50, strict=False)

    _people = field_validator("people")(slack_ids)
    _groups = field_validator("groups")(group_ids)


class BreakGlass(Part):
    """Who may declare an emergency in an incident, and for how long at most one holds."""

    people: tuple[str, ...] = Field(default=(), max_length=500, strict=False)
    groups: tuple[str, ...] = Field(default=(), max_length=50, strict=False)
    hours: int = Field(default=1, ge=1, le=8)

    _people = field_validator("people")(slack_ids)
    _groups = field_validator("groups")(group_ids)


class LocalOperator(Part):
    """The demo's own person: counts as an approver of targets beneath this prefix. `serve` never makes one."""

    target_prefix: str = Field(min_length=2, max_length=300)

    @field_validator("target_prefix")
    @classmethod
    def _whole_segments(cls, prefix: str) -> str:
        if not prefix.endswith("/") or prefix.startswith("/"):
            raise ValueError("must end with a slash and not begin with one, like demo/")
        return prefix


@dataclass(frozen=True)
class Asked:
    """What somebody wants done, as far as it decides who may approve it."""

    target: str
    action: str
    tier: Tier


@dataclass(frozen=True)
class Frozen:
    """A freeze that holds, and until when (UTC)."""

    freeze: Freeze
    until: datetime


class Policy(Part):
    """A policy file, read and found sound."""

    format: Literal[1]
    approvers: tuple[Approvers, ...] = Field(default=(), max_length=1000, strict=False)
    owners: tuple[Owners, ...] = Field(default=(), max_length=1000, strict=False)
    environments: dict[str, Annotated[tuple[Target, ...], Field(strict=False)]] = Field(default={}, max_length=50)
    freezes: tuple[Freeze, ...] = Field(default=(), max_length=200, strict=False)
    expiry_minutes: ExpiryMinutes = ExpiryMinutes()
    verification: Verification = Verification()
    open_proposals: int = Field(default=5, ge=1, le=50)  # most that may wait for presses in one incident
    presses_per_hour: int = Field(default=12, ge=1, le=1000)  # most that one person may approve: who only presses does not read
    storm: Storm = Storm()
    breaker: BreakerLimits = BreakerLimits()
    stop_all: StopAll | None = None  # None: whoever is named as an approver of anything
    local_operator: LocalOperator | None = None
    operators: tuple[Operator, ...] = Field(default=(), max_length=1000, strict=False)
    break_glass: BreakGlass | None = None  # None: nobody may
    agents: tuple[KnownAgent, ...] = Field(default=(), max_length=200, strict=False)  # who may use the shared ledger

    @cached_property
    def version(self) -> str:
        """SHA-256 of what it says."""
        return digest(self.model_dump(mode="json"))

    @property
    def empty(self) -> bool:
        """It lets nobody approve anything."""
        return not self.approvers and self.local_operator is None

    @model_validator(mode="after")
    def _environments_known(self) -> Self:
        for entry in self.approvers:
            for name in entry.environments:
                if name not in self.environments:
                    raise ValueError(
                        f"approvers of {entry.target} name the environment {name!r}; say what it is under environments"
                    )
        return self

    @model_validator(mode="after")
    def _agents_told_apart(self) -> Self:
        all_different(self.agents)
        return self

    @model_validator(mode="after")
    def _a_key_is_one_person_s(self) -> Self:
        keys = [one.key for one in self.operators]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise ValueError(f"operators name the key {twice} twice; every key is one person's")
        return self

    def keys_of(self, person: str) -> tuple[str, ...]:
        """The keys with which this person signs, as the file writes them."""
        return tuple(one.key for one in self.operators if one.person == person)

    def entries(self, asked: Asked) -> tuple[Approvers, ...]:
        """The entries that speak of this, in the file's order."""
        return tuple(entry for entry in self.approvers if self._speaks_of(entry, asked))

    def approvers_of(
        self,
        asked: Asked,
        *,
        roles: Mapping[str, Sequence[str]] | None = None,
        members: Mapping[str, Collection[str]] | None = None,
    ) -> tuple[str, ...]:
        """Slack ids of everybody who may approve it, in the file's order. `roles`: who holds which in the live incident;
        `members`: who is in which user group. What is not among them gives nobody any right."""
        found: list[str] = []
        for entry in self.entries(asked):
            found += entry.people
            found += _of_groups(entry.groups, members or {})
            for role in entry.roles:
                found += self._owners_of(asked.target, members or {}) if role == "owner" else (roles or {}).get(role, ())
        return tuple(dict.fromkeys(found))

    def groups_of(self, asked: Asked) -> tuple[str, ...]:
        """The user groups whose members must be known to tell who may approve it."""
        entries = self.entries(asked)
        owned = any("owner" in entry.roles for entry in entries)
        groups = [group for entry in entries for group in entry.groups]
        groups += [group for owner in self.owners if owned and owner.target.covers(asked.target) for group in owner.groups]
        return tuple(dict.fromkeys(groups))

    def frozen(self, target: str, now: datetime) -> Frozen | None:
        """The freeze that holds for `target` now; of several, the one that ends last."""
        held = [Frozen(one, until) for one in self.freezes if one.covers(target) and (until := one.ends(now)) is not None]
        return max(held, key=lambda one: (one.until, one.freeze.name), default=None)

    def _owners_of(self, target: str, members: Mapping[str, Collection[str]]) -> list[str]:
        owning = [owner for owner in self.owners if owner.target.covers(target)]
        return [person for owner in owning for person in (*owner.people, *_of_groups(owner.groups, members))]

    def _speaks_of(self, entry: Approvers, asked: Asked) -> bool:
        places = [form for name in entry.environments for form in self.environments[name]]
        return (
            entry.target.covers(asked.target)
            and (not entry.actions or asked.action in entry.actions)
            and (not entry.tiers or asked.tier in entry.tiers)
            and (not entry.environments or any(form.covers(asked.target) for form in places))
        )

    def expiry(self, tier: Tier) -> timedelta:
        """How long a proposal of this tier may wait; at tier 3 for the rest, from its first press. Tier 0 shares tier 1's."""
        minutes = self.expiry_minutes
        return timedelta(minutes={0: minutes.tier_1, 1: minutes.tier_1, 2: minutes.tier_2, 3: minutes.tier_3}[tier])

    def stands(self, tier: Tier) -> timedelta:
        """How long a proposal of this tier may wait for its first press: at tier 3 as long as at tier 1."""
        return self.expiry(1 if tier == 3 else tier)

    def longest(self, tier: Tier) -> timedelta:
        """How long one may wait in all: at tier 3 the minutes from a first press in the last moment come on top."""
        return self.stands(tier) + (self.expiry(3) if tier == 3 else timedelta(0))


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


def _of_groups(groups: Sequence[str], members: Mapping[str, Collection[str]]) -> list[str]:
    return [person for group in groups for person in sorted(members.get(group, ()))]


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
