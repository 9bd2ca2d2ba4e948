"""How much is let happen before something steps in: parts of the policy file."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from app.policy.parts import Part


class BreakerLimits(Part):
    """When the breaker of one agent version and action opens, and when one is tried again. Bad ends are failed and unknown runs,
    missed criteria and rejections."""

    bad_ends: int = Field(default=3, ge=1, le=100)
    within_minutes: int = Field(default=24 * 60, ge=1, le=30 * 24 * 60)
    retry_after_minutes: int = Field(default=60, ge=1, le=30 * 24 * 60)

    @property
    def most(self) -> int:
        return self.bad_ends

    @property
    def within(self) -> timedelta:
        return timedelta(minutes=self.within_minutes)

    @property
    def pause(self) -> timedelta:
        return timedelta(minutes=self.retry_after_minutes)
