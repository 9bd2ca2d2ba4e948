"""A clock that is set forward or back lets nothing run, ends nothing falsely, and stops no work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.domain.approval import Execution
from app.domain.proposal import Proposal
from app.incidents import execute, verify
from app.incidents.expire import expire
from app.incidents.investigate import investigate
from app.ledger import claims, executions, outbox, runs
from tests.unit.incidents.world import Gauge, World, criterion

TARGET = "shop/service/checkout"


async def test_a_clock_set_back_does_not_prolong_a_proposal(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.jump(hours=-1)
    assert await expire(world.desk) == 1  # the work process looks every few seconds
    world.clock.move(minutes=80)  # and 80 minutes later the clock says that it has been 20
    said = await world.press(proposal)
    assert not said.counted
    assert await world.state(proposal) == "expired"
    assert any("the clock was set back" in line for line in await world.told(proposal.incident))


async def test_a_press_at_a_moment_before_the_proposal_was_made_is_refused(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.jump(seconds=-1)
    said = await world.press(proposal)
    assert not said.counted
    assert "the clock was set back" in said.sentence
    assert (await world.press(proposal, decision="reject", reason="no")).complete


async def test_what_was_approved_at_a_moment_that_lies_ahead_does_not_run(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.move(minutes=5)
    assert (await world.press(proposal)).complete
    world.clock.jump(minutes=-1)
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.asked == []
    assert await world.state(proposal) == "superseded"
    assert any("ahead of the clock" in line for line in await world.told(proposal.incident))


async def two_on_one_target(world: World) -> tuple[asyncio.Task[None], Proposal]:
    """One that is being run, by a tool that has not answered yet, and one of another incident that was approved 20 minutes later
    by the clock and no time later by any other."""
    first = await world.proposed((await world.declared()).id)
    second = await world.proposed((await world.declared("checkout fails again")).id)
    assert (await world.press(first)).complete
    world.tool.go_on.clear()
    running = asyncio.create_task(execute.execute(world.desk, first.hash))
    await world.tool.arrived.wait()
    world.clock.jump(minutes=20)
    assert (await world.press(second)).complete
    return running, second


async def test_a_clock_set_forward_lets_no_second_run_onto_a_target_in_use(world: World) -> None:
    running, second = await two_on_one_target(world)
    await execute.execute(world.desk, second.hash)
    world.tool.go_on.set()
    await running
    assert len(world.tool.asked) == 1
    assert await world.state(second) == "superseded"
    assert any("execution:" in line and f"holds {TARGET}" in line for line in await world.told(second.incident))


async def test_the_danger_is_a_real_one_a_claim_judged_by_the_clock_alone_has_run_out_by_then(world: World) -> None:
    running, _ = await two_on_one_target(world)
    async with world.ledger.read() as tx:
        held = await claims.current(tx, TARGET, now=world.clock())
    assert held is not None
    assert held.expires_at < world.clock()
    world.tool.go_on.set()
    await running


async def test_a_run_that_takes_long_keeps_its_claim_alive(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    assert (await world.press(proposal)).complete
    world.tool.go_on.clear()
    running = asyncio.create_task(execute.execute(world.desk, proposal.hash, beat_s=0.02))
    await world.tool.arrived.wait()
    world.clock.move(minutes=10)
    async with asyncio.timeout(10):
        while True:
            async with world.ledger.read() as tx:
                held = await claims.current(tx, TARGET, now=world.clock())
            assert held is not None
            if held.expires_at > world.clock():
                break
            await asyncio.sleep(0.02)
    world.tool.go_on.set()
    await running
    assert await world.state(proposal) == "done"


class Jumping(Gauge):
    """Between its looks somebody sets the clock, by `jump_s` in all but the first."""

    jump_s = 0.0

    async def value(self, query: str, *, at: Any) -> Any:
        if self.looks:
            self._clock.jump(seconds=self.jump_s)
        return await super().value(query, at=at)


async def watched(world: World, script: list[Any], *, jump_s: float, **stated: float) -> Execution:
    gauge = Jumping(world.clock, script, step_s=0.4)
    gauge.jump_s = jump_s
    world = world.with_(metrics={"prometheus": gauge})
    proposal = await world.proposed((await world.declared()).id, criterion=criterion(**stated))
    assert (await world.press(proposal)).complete
    await execute.execute(world.desk, proposal.hash)
    await verify.verify(world.desk, executions.id_of(proposal.hash))
    found: Execution = await world.execution(proposal)
    return found


async def test_a_step_forward_between_two_looks_is_not_taken_for_holding(world: World) -> None:
    """Good looks within 0.8 s, with minutes more on the clock, and then it is bad again."""
    held = await watched(world, [0.01, 0.01, 0.01, 0.9], jump_s=90.0, hold_s=1.0, within_s=3.0)
    assert held.state == "missed"


@pytest.mark.parametrize(
    ("script", "jump_s", "wrong"), [([0.01, 0.01, 0.01, 0.9], 90.0, "verified"), ([0.9, 0.01], 3600.0, "missed")]
)
async def test_the_danger_is_a_real_one_by_the_clock_on_the_wall_it_would_be_called_held_and_missed(
    world: World, script: list[float], jump_s: float, wrong: str
) -> None:
    by_the_wall = world.with_(monotonic=lambda: world.clock().timestamp())
    held = await watched(by_the_wall, [*script], jump_s=jump_s, hold_s=1.0, within_s=600.0)
    assert held.state == wrong


async def test_an_hour_forward_does_not_end_the_window(world: World) -> None:
    held = await watched(world, [0.9, 0.01], jump_s=3600.0, hold_s=1.0, within_s=30.0)
    assert (held.state, held.observed) == ("verified", 0.01)


async def test_an_hour_back_does_not_make_verification_wait_for_it(world: World) -> None:
    held = await watched(world, [0.01], jump_s=-3600.0, hold_s=1.0, within_s=30.0)
    assert held.state == "verified"


async def finished(world: World, gauge: Gauge, **stated: float) -> tuple[World, Proposal]:
    world = world.with_(metrics={"prometheus": gauge})
    proposal = await world.proposed((await world.declared()).id, criterion=criterion(**stated))
    assert (await world.press(proposal)).complete
    await execute.execute(world.desk, proposal.hash)
    return world, proposal


async def test_after_a_restart_it_must_be_seen_to_hold_anew_in_what_is_left_of_the_window(world: World) -> None:
    gauge = Gauge(world.clock, [0.01], step_s=1.0)
    world, proposal = await finished(world, gauge, hold_s=3.0, within_s=30.0)
    world.clock.move(seconds=28)  # nobody looked meanwhile; the 2 s that are left are no 3 s
    await verify.verify(world.desk, executions.id_of(proposal.hash))
    held = await world.execution(proposal)
    assert held.state == "unverified"
    assert "nobody looked until shortly before" in held.detail
    assert gauge.looks >= 2


async def test_with_the_clock_set_back_a_restart_leaves_no_more_than_the_whole_window(world: World) -> None:
    gauge = Gauge(world.clock, [0.9], step_s=16.0)
    world, proposal = await finished(world, gauge, within_s=30.0)
    world.clock.jump(hours=-1)
    await verify.verify(world.desk, executions.id_of(proposal.hash))
    assert (await world.execution(proposal)).state == "missed"
    assert gauge.looks == 2


async def test_where_somebody_else_took_the_target_nothing_is_claimed_of_the_run(world: World) -> None:
    """Whatever is measured there now may be their doing."""

    class Taken(Gauge):
        async def value(self, query: str, *, at: Any) -> Any:
            if self.looks == 1:  # by hand: nothing in the project takes what an execution holds
                async with world.ledger.write() as tx:
                    mine = await claims.current(tx, TARGET, now=world.clock())
                    assert mine is not None
                    await claims.release(tx, TARGET, mine.token)
                    await claims.acquire(tx, TARGET, holder="scaling@2.0.0", priority=2, now=world.clock(), ttl_s=600)
            return await super().value(query, at=at)

    gauge = Taken(world.clock, [0.01], step_s=10.0)
    looking, proposal = await finished(world, gauge, hold_s=5.0, within_s=30.0)
    await verify.verify(looking.desk, executions.id_of(proposal.hash))
    found = await world.execution(proposal)
    assert found.state == "unverified"
    assert f"took {TARGET} over" in found.detail
    assert gauge.looks == 2
    async with world.ledger.read() as tx:
        held = await claims.current(tx, TARGET, now=world.clock())
    assert held is not None
    assert held.holder == "scaling@2.0.0"


async def test_triage_does_not_wait_for_a_clock_that_was_set_back(world: World) -> None:
    incident = await world.declared()
    world.clock.jump(hours=-1)
    await asyncio.wait_for(investigate(world.desk, f"{incident.id}/r1"), 5)
    async with world.ledger.read() as tx:
        assert (await runs.get(tx, f"{incident.id}/r1")).state == "finished"


async def test_people_are_told_though_the_clock_was_set_back(world: World) -> None:
    await world.declared()
    world.clock.jump(hours=-1)
    async with world.ledger.read() as tx:
        assert await outbox.due(tx, world.clock())
