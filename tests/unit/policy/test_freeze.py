from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.domain.errors import Misconfigured
from app.policy.policy import load

WEEKEND = """
format: 1
freezes:
  - name: weekend
    targets: [shop/**]
    from: Fri 18:00
    until: Mon 06:00
    zone: Europe/Berlin
    people: [UCHIEF]
"""


def ends(text: str, now: str) -> str | None:
    until = load(text).freezes[0].ends(datetime.fromisoformat(now))
    return None if until is None else until.isoformat()


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20T16:59:59Z", None),  # Friday 17:59:59 in Berlin
        ("2026-11-20T17:00:00Z", "2026-11-23T05:00:00+00:00"),
        ("2026-11-22T12:00:00Z", "2026-11-23T05:00:00+00:00"),
        ("2026-11-23T04:59:59Z", "2026-11-23T05:00:00+00:00"),
        ("2026-11-23T05:00:00Z", None),
        ("2026-10-24T12:00:00Z", "2026-10-26T05:00:00+00:00"),  # summer time ends within
        ("2026-03-28T12:00:00Z", "2026-03-30T04:00:00+00:00"),  # and begins
    ],
)
def test_a_weekly_freeze_keeps_to_the_clock_on_the_wall(now: str, until: str | None) -> None:
    assert ends(WEEKEND, now) == until


def test_a_dated_freeze_holds_from_its_start_to_just_before_its_end() -> None:
    text = WEEKEND.replace("Fri 18:00", "2026-11-27T00:00:00+01:00").replace("Mon 06:00", "2026-12-01T00:00:00+01:00")
    assert ends(text, "2026-11-26T22:59:59Z") is None
    assert ends(text, "2026-11-26T23:00:00Z") == "2026-11-30T23:00:00+00:00"
    assert ends(text, "2026-11-30T23:00:00Z") is None


def test_a_date_without_a_zone_is_of_the_freezes_own() -> None:
    text = WEEKEND.replace("Fri 18:00", "2026-11-27T00:00").replace("Mon 06:00", "2026-12-01T00:00")
    assert ends(text, "2026-11-26T23:00:00Z") == "2026-11-30T23:00:00+00:00"


@pytest.mark.parametrize(
    ("was", "written", "told"),
    [
        ("Fri 18:00", "Friday 18:00", "both of a week"),
        ("Fri 18:00\n    until: Mon 06:00", "Friday\n    until: Monday", "neither like Fri 18:00"),
        ("Fri 18:00", "2026-11-27T00:00:00Z", "both of a week"),
        ("Fri 18:00", "Mon 06:00", "leave some of it free"),
        ("Europe/Berlin", "Europe/Atlantis", "no time zone"),
        ("Europe/Berlin", "../../etc/passwd", "no time zone"),
        ("[UCHIEF]", "[]", "at least 1 item"),
        ("[UCHIEF]", "[chief]", "no Slack user id"),
        ("[shop/**]", "['**']", "name at least the first segment"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_the_reason(was: str, written: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        load(WEEKEND.replace(was, written))


def test_the_freeze_that_ends_last_is_the_one_that_counts() -> None:
    text = (
        WEEKEND
        + """
  - name: sale
    targets: [shop/service/*]
    from: 2026-11-20T00:00:00Z
    until: 2026-12-01T00:00:00Z
    people: [UCHIEF]
"""
    )
    policy, saturday = load(text), datetime(2026, 11, 21, 12, tzinfo=UTC)
    held = policy.frozen("shop/service/cart", saturday)
    assert held is not None
    assert held.freeze.name == "sale"
    held = policy.frozen("shop/database/cart", saturday)
    assert held is not None
    assert held.freeze.name == "weekend"
    assert policy.frozen("elsewhere/cart", saturday) is None
