"""Freezes: stretches of time in which what is done to some targets needs one more person's yes.

A freeze is dated once (`from`, `until`, with a zone) or comes every week (`from: Fri 18:00`, `until: Mon 06:00`, in a zone's own
clock, summer time and all). Its end is not part of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from app.policy.parts import Part, Target, slack_ids

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEKLY = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):([0-5]\d)")
_WEEK_MIN = 7 * 24 * 60


class Freeze(Part):
    """`people` may lift it for one proposal, by a yes beside the one that the proposal needs anyway."""

    name: str = Field(min_length=1, max_length=80)
    targets: tuple[Target, ...] = Field(min_length=1, max_length=100, strict=False)
    start: str = Field(alias="from", max_length=40)
    until: str = Field(max_length=40)
    zone: str = Field(default="UTC", max_length=60)
    people: tuple[str, ...] = Field(min_length=1, max_length=100, strict=False)

    @field_validator("people")
    @classmethod
    def _slack_ids(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        return slack_ids(people)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{self.zone!r} is no time zone; write one like Europe/Berlin") from error
        if bool(self._weekly) != bool(_WEEKLY.fullmatch(self.until)):
            raise ValueError("from and until are both of a week (Fri 18:00) or both dated (2026-11-27T00:00:00Z)")
        if not self._weekly and self._dated[0] >= self._dated[1]:
            raise ValueError("until must come after from")
        if self._weekly and self.start == self.until:
            raise ValueError("from and until are the same moment of the week; leave some of it free")
        return self

    @property
    def _weekly(self) -> bool:
        return _WEEKLY.fullmatch(self.start) is not None

    @cached_property
    def _dated(self) -> tuple[datetime, datetime]:
        ends = []
        for text in (self.start, self.until):
            try:
                moment = datetime.fromisoformat(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is neither like Fri 18:00 nor like 2026-11-27T00:00:00Z") from error
            ends.append(moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(self.zone)))
        return ends[0].astimezone(UTC), ends[1].astimezone(UTC)

    def sentence(self, now: datetime) -> str:
        """The freeze in words, for `policy check`."""
        until = self.ends(now)
        state = f"holds now, until {until:%Y-%m-%d %H:%M}Z" if until else "does not hold now"
        where = ", ".join(map(str, self.targets))
        return (
            f"freeze {self.name} ({self.start} to {self.until} {self.zone}) on {where}: {state}; lifted by {', '.join(self.people)}"
        )

    def covers(self, target: str) -> bool:
        return any(one.covers(target) for one in self.targets)

    def ends(self, now: datetime) -> datetime | None:
        """When the stretch that `now` lies in ends, UTC; None where `now` lies in none."""
        if not self._weekly:
            return self._dated[1] if self._dated[0] <= now < self._dated[1] else None
        local = now.astimezone(ZoneInfo(self.zone))
        minute = local.weekday() * 24 * 60 + local.hour * 60 + local.minute
        start, until = _minute(self.start), _minute(self.until)
        if (minute - start) % _WEEK_MIN >= (until - start) % _WEEK_MIN:
            return None
        left = timedelta(minutes=(until - minute) % _WEEK_MIN)
        # by the wall clock: where summer time ends in between, an hour more passes
        wall = local.replace(second=0, microsecond=0, tzinfo=None) + left
        return wall.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


def _minute(of_week: str) -> int:
    found = _WEEKLY.fullmatch(of_week)
    assert found is not None
    day, hours, minutes = found.groups()
    return (_DAYS.index(day) * 24 + int(hours)) * 60 + int(minutes)
