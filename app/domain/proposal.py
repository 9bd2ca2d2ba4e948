"""One action with exact arguments, its precondition and its success criterion; named by the hash of all of it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from app.domain.action import Call, Effects, Preview, Tier
from app.domain.value import AwareDatetime, JsonObject, Value, digest


class Criterion(Value):
    """When we shall call it repaired, stated before it runs: `query` on `source` stays `comparison` `threshold`
    for `hold_s` seconds, within `within_s` seconds of the run's end."""

    source: str
    query: str
    comparison: Literal["<=", ">="]
    threshold: float
    unit: str = ""
    hold_s: float = Field(gt=0)
    within_s: float = Field(gt=0)
    sentence: str

    def met_by(self, value: float) -> bool:
        return value <= self.threshold if self.comparison == "<=" else value >= self.threshold


class Proposal(Value):
    """Stored once, never edited: a changed argument is another proposal."""

    hash: str
    incident: str
    call: Call
    effects: Effects
    tier: Tier
    precondition: JsonObject  # every field it depends on, as read back when proposed
    criterion: Criterion | None
    preview: Preview
    policy: str  # the policy's version (its hash)
    asked_by: str  # "proposer@1.0.0", or a Slack user id
    asked_at: AwareDatetime
    expires_at: AwareDatetime
    why: str
    if_we_wait: str = ""
    hypothesis: str | None = None  # the target of the hypothesis it follows from
    findings: tuple[str, ...] = ()
    undoes: str | None = None  # the hash of the proposal whose execution this undoes

    @property
    def name(self) -> str:
        """What people call it: `p-7f3ac91e`."""
        return "p-" + self.hash[:8]

    @classmethod
    def of(cls, **fields: object) -> Self:
        """A proposal with its hash taken over everything else in it, canonically."""
        unnamed = cls.model_validate({"hash": "", **fields})
        return unnamed.model_copy(update={"hash": unnamed.recomputed_hash()})

    def recomputed_hash(self) -> str:
        return digest(self.model_dump(mode="json", exclude={"hash"}))


State = Literal["proposed", "approved", "rejected", "expired", "superseded", "executing", "done", "failed", "unknown"]
"""proposed → approved | rejected | expired | superseded; approved → executing → done | failed | unknown."""
