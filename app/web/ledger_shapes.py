"""What agents send to the shared ledger, and what they are answered: the shapes that /v1/openapi.json describes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.domain.priority import PriorityClass
from app.domain.resource import LONGEST, RESOURCE
from app.domain.value import AwareDatetime, JsonObject, Value
from app.incidents.share import Lost
from app.ledger.conflicts import Conflict
from app.ledger.waits import MOST_TTL_S

MOST_AT_ONCE = 20
"""Resources in one request."""
Resource = Annotated[str, Field(pattern=RESOURCE, max_length=LONGEST)]
Tokens = Annotated[dict[Resource, Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=MOST_AT_ONCE)]
Ttl = Annotated[float, Field(ge=1, le=MOST_TTL_S, description="How long the lease is, seconds, from now.")]


class Ask(Value):
    """All of `resources`, or none."""

    resources: Annotated[list[Resource], Field(min_length=1, max_length=MOST_AT_ONCE)]
    ttl_s: Ttl = 60.0
    why: str = Field(default="", max_length=300, description="One line; it is kept with the answer.")


class Hold(Value):
    """Hold these for longer. `executing`: from now on no class takes them away."""

    tokens: Tokens
    ttl_s: Ttl = 60.0
    executing: bool = False


class Leave(Value):
    """Let go of these."""

    tokens: Tokens


class Write(Value):
    """`version`: the one this was thought out from; 0 where nothing was ever written. `token`: of the live claim on it."""

    version: int = Field(ge=0)
    token: int = Field(ge=1)
    state: JsonObject


class ClaimShown(Value):
    """`token` goes with every write."""

    resource: str
    holder: str
    class_: PriorityClass = Field(serialization_alias="class")
    token: int
    executing: bool
    acquired_at: AwareDatetime
    expires_at: AwareDatetime


class InWayShown(Value):
    """Who has it (`until` then, if it does not renew), or waits for it and goes first (`until` is null)."""

    resource: str
    holder: str
    class_: PriorityClass = Field(serialization_alias="class")
    since: AwareDatetime
    until: AwareDatetime | None
    executing: bool


class WaitShown(Value):
    resource: str
    holder: str
    class_: PriorityClass = Field(serialization_alias="class")
    since: AwareDatetime


class AllClaims(Value):
    claims: list[ClaimShown]
    waiting: list[WaitShown]
    conflicts: list[Conflict]


class Got(Value):
    claims: list[ClaimShown]


class NotGot(Value):
    """Nothing of it. Ask again after `retry_after_s`: who keeps asking keeps its place, and rises."""

    error: str
    in_way: list[InWayShown]
    waiting_since: AwareDatetime
    retry_after_s: float


class Held(Value):
    """`ending`: claims that were not renewed, and why; they end at `expires_at`."""

    claims: list[ClaimShown]
    ending: dict[str, str]


class NotHeld(Value):
    """Change nothing any more. Of several claims none was renewed."""

    error: str
    lost: list[Lost]


class StateShown(Value):
    """`changed_by` and `changed_at` are null where nothing was ever written."""

    resource: str
    version: int
    state: JsonObject
    changed_by: str | None
    changed_at: AwareDatetime | None


class NotWritten(Value):
    error: str
    now: StateShown


class Problem(Value):
    error: str
