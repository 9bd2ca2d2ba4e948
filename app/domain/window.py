"""A stretch of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import model_validator

from app.domain.value import AwareDatetime, Value


class Window(Value):
    """Start inclusive, end exclusive; aware UTC."""

    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"window ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")
        return self

    @classmethod
    def of_epoch(cls, start_s: float, end_s: float) -> Self:
        """From seconds since the UTC epoch."""
        return cls(start=datetime.fromtimestamp(start_s, UTC), end=datetime.fromtimestamp(end_s, UTC))

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def contains(self, moment: datetime) -> bool:
        return self.start <= moment < self.end
