"""Who may approve, where the policy names user groups, roles, freezes and a cap: asked at the press and again at the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.errors import Unreachable
from app.domain.proposal import Proposal
from app.incidents import decide
from app.ledger import incidents
from app.ledger.audit import Action
from app.policy.policy import load
from tests.unit.incidents.world import World

GROUPS = """
format: 1
approvers:
  - target: shop/service/*
    groups: [SDBA]
    roles: [operations]
presses_per_hour: 2
"""
FROZEN = """
format: 1
approvers:
  - target: shop/service/*
    people: [UAPPROVER]
freezes:
  - name: sale
    targets: [shop/**]
    from: 2000-01-01T00:00:00Z
    until: 2100-01-01T00:00:00Z
    people: [USECOND]
"""


def grouped(world: World, *people: str | Exception) -> World:
    """The world with a group SDBA of `people`; an exception is what asking about it raises."""

    async def members(group: str) -> frozenset[str]:
        assert group == "SDBA"
        for one in people:
            if isinstance(one, Exception):
                raise one
        return frozenset(str(one) for one in people)

    return world.with_(policy=load(GROUPS), members=members)


async def waiting(world: World) -> Proposal:
    return await world.proposed((await world.declared()).id)


async def test_a_member_of_a_group_that_the_policy_names_approves(world: World) -> None:
    here = grouped(world, "USECOND")
    assert (await here.press(await waiting(here), by="USECOND")).complete


async def test_who_left_the_group_before_the_run_stops_it(world: World) -> None:
    proposal = await waiting(grouped(world, "USECOND"))
    assert (await grouped(world, "USECOND").press(proposal, by="USECOND")).complete
    left = grouped(world)
    await left.start_jobs()
    await left.desk.jobs.submit(decide.EXECUTE, {"proposal": proposal.hash}, key="again")
    await left.runner.idle()
    assert world.tool.effects == 0
    assert any("does not count any more" in line for line in await world.told(proposal.incident))


async def test_a_group_that_slack_does_not_tell_about_gives_nobody_a_right(world: World) -> None:
    here = grouped(world, Unreachable("Slack did not say who is in the group SDBA (ratelimited)"))
    proposal = await waiting(here)
    said = await here.press(proposal, by="USECOND")
    assert not said.counted
    assert "SDBA can't be told now" in said.sentence
    assert Action.REFUSED.value in await world.audited(proposal.incident)


async def test_a_role_of_the_live_incident_counts_while_it_is_held(world: World) -> None:
    here = grouped(world)
    proposal = await waiting(here)
    assert not (await here.press(proposal, by="USECOND")).counted
    async with world.ledger.write() as tx:
        await incidents.set_role(tx, proposal.incident, "USECOND", "operations", at=world.clock())
    assert (await here.press(proposal, by="USECOND")).complete


async def test_a_freeze_takes_one_more_yes_by_whom_it_names(world: World) -> None:
    here = world.with_(policy=load(FROZEN))
    await here.start_jobs()
    proposal = await waiting(here)
    said = await here.press(proposal, by="UAPPROVER")
    assert said.counted
    assert not said.complete
    assert "the freeze sale holds" in said.sentence
    assert world.tool.effects == 0
    assert (await here.press(proposal, by="USECOND")).complete
    await here.runner.idle()
    assert world.tool.effects == 1


async def test_a_freeze_that_is_written_after_the_yes_holds_the_run(world: World) -> None:
    proposal = await waiting(world)
    assert (await world.press(proposal, by="UCOMMANDER")).complete
    frozen = replace(world, desk=replace(world.desk, policy=load(FROZEN)))
    await frozen.start_jobs()
    await frozen.desk.jobs.submit(decide.EXECUTE, {"proposal": proposal.hash}, key="again")
    await frozen.runner.idle()
    assert world.tool.effects == 0
    assert any("the freeze sale holds" in line for line in await world.told(proposal.incident))


async def test_who_pressed_often_enough_within_the_hour_waits(world: World) -> None:
    here = grouped(world, "USECOND")
    first, second, third = [await waiting(here) for _ in range(3)]
    assert (await here.press(first, by="USECOND")).counted
    assert (await here.press(second, by="USECOND")).counted
    refused = await here.press(third, by="USECOND")
    assert not refused.counted
    assert "wait until" in refused.sentence
    assert (await here.press(third, by="USECOND", decision="reject", reason="later")).counted
    fourth = await waiting(here)
    world.clock.move(minutes=61)
    later = await here.proposed(fourth.incident)
    assert (await here.press(later, by="USECOND")).counted


@pytest.mark.parametrize("group", ["SDBA", "S0NONE"])
async def test_without_slack_nobody_is_in_any_group(world: World, group: str) -> None:
    with pytest.raises(Unreachable, match=group):
        await world.desk.members(group)
