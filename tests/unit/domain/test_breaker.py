from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.breaker import Breaker
from app.policy.limits import BreakerLimits

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = BreakerLimits(bad_ends=3, within_minutes=60, retry_after_minutes=10)
NEW = Breaker(agent="proposer@1.0.0", action="rollout")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def after(*bad: float) -> Breaker:
    held = NEW
    for minute in bad:
        held = held.ended("x", good=False, limits=LIMITS, now=at(minute))
    return held


def test_it_opens_at_the_last_of_so_many_bad_ends_within_the_window() -> None:
    assert after(0, 1).standing(LIMITS, at(1)) == "closed"
    assert after(0, 1, 2).standing(LIMITS, at(2)) == "open"
    assert after(0, 1, 61).standing(LIMITS, at(61)) == "closed"
    assert "opened at 2026-03-01 12:02Z" in (after(0, 1, 2).objection("p", LIMITS, at(3)) or "")


def test_a_good_end_does_not_wipe_out_the_bad_ones() -> None:
    held = after(0, 1).ended("y", good=True, limits=LIMITS, now=at(1.5))
    assert held.ended("x", good=False, limits=LIMITS, now=at(2)).standing(LIMITS, at(2)) == "open"


def test_after_the_pause_one_is_tried_and_its_end_decides() -> None:
    held = after(0, 1, 2)
    assert held.objection("p", LIMITS, at(11.9)) is not None
    assert held.objection("p", LIMITS, at(12)) is None
    trying = held.approved("p")
    assert "p-q is tried" not in (trying.objection("p", LIMITS, at(12)) or "")
    assert "tried first" in (trying.objection("q", LIMITS, at(12)) or "")
    assert trying.ended("p", good=True, limits=LIMITS, now=at(13)) == NEW
    again = trying.ended("p", good=False, limits=LIMITS, now=at(13))
    assert (again.standing(LIMITS, at(22)), again.standing(LIMITS, at(23))) == ("open", "half open")
    free = trying.ended("p", good=None, limits=LIMITS, now=at(13))
    assert free.objection("q", LIMITS, at(13)) is None


def test_a_clock_set_back_keeps_it_open() -> None:
    assert after(0, 1, 2).objection("p", LIMITS, at(-500)) is not None


Step = tuple[str, int, float]
STEPS = st.lists(st.tuples(st.sampled_from(("ask", "good", "bad", "none", "close", "again")), st.integers(0, 4), st.floats(0, 8)))


def probes_at_once(steps: list[Step], approved: Callable[[Breaker, str], Breaker]) -> int:
    """Most that were on their way at once while it was not closed, of whatever order of presses and ends."""
    held, now, running, most = NEW, NOON, set[str](), 0
    since_open: set[str] = set()
    for what, number, minutes in steps:
        now += timedelta(minutes=minutes)
        name = f"p{number}"
        if what == "ask" and name not in running and held.objection(name, LIMITS, now) is None:
            if held.opened_at is not None:
                since_open.add(name)
            held = approved(held, name)
            running.add(name)
        elif what in ("good", "bad", "none") and name in running:
            held = held.ended(name, good={"good": True, "bad": False, "none": None}[what], limits=LIMITS, now=now)
            running.discard(name)
            since_open.discard(name)
        elif what == "close":
            held = held.closed()
            since_open = set()
        most = max(most, len(since_open))
        assert held.probe is None or held.opened_at is not None
    return most


@settings(max_examples=10_000, deadline=None)
@given(STEPS)
def test_of_any_order_of_presses_and_ends_never_two_are_tried_at_once(steps: list[Step]) -> None:
    assert probes_at_once(steps, lambda held, name: held.approved(name)) <= 1


def test_a_breaker_that_forgets_whom_it_tries_would_be_found_out() -> None:
    opened: list[Step] = [step for n in range(3) for step in (("ask", n, 0.0), ("bad", n, 0.0))]
    steps = [*opened, ("ask", 0, 11.0), ("ask", 1, 0.0)]
    assert probes_at_once(steps, lambda held, name: held.approved(name)) == 1
    with pytest.raises(AssertionError):
        assert probes_at_once(steps, lambda held, name: held) <= 1
