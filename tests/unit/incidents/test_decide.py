from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.domain.action import Call
from app.domain.errors import FirstmateError, NotFound
from app.incidents import command
from app.incidents.decide import decide
from app.incidents.expire import expire
from app.ledger import approvals, audit, incidents, proposals, switches
from app.ledger.audit import Action
from app.ledger.ledger import Ledger
from tests.unit.incidents.world import NOON, World, member, unreachable


async def test_the_commander_s_yes_approves_and_runs_what_was_proposed(world: World) -> None:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    said = await world.press(proposal)
    assert said.counted
    assert said.complete
    assert proposal.name in said.sentence
    await world.runner.idle()
    assert world.tool.version == "1.7.2"
    assert await world.state(proposal) == "done"
    assert Action.APPROVED.value in await world.audited(proposal.incident)


async def test_a_no_with_a_reason_rejects_and_nothing_runs(world: World) -> None:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    without = await world.press(proposal, decision="reject")
    assert not without.counted
    assert "why" in without.sentence
    said = await world.press(proposal, decision="reject", reason="we roll forward")
    assert said.complete
    await world.runner.idle()
    assert world.tool.effects == 0
    assert await world.state(proposal) == "rejected"
    assert any("we roll forward" in line for line in await world.told(proposal.incident))
    assert not (await world.press(proposal)).counted


async def test_of_many_presses_at_once_one_decides_and_it_runs_once(world: World) -> None:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    said = await asyncio.gather(*(world.press(proposal, by=by) for by in ("UCOMMANDER", "UAPPROVER", "USECOND") * 5))
    await world.runner.idle()
    assert sum(each.complete for each in said) == 1
    assert (await world.audited(proposal.incident)).count(Action.APPROVED.value) == 1
    assert world.tool.effects == 1


async def test_yes_and_no_at_once_never_both_win(world: World) -> None:
    await world.start_jobs()
    incident = (await world.declared()).id
    for version in ("1.7.1", "1.7.2", "1.7.3", "1.7.4"):
        world.tool.version, world.tool.effects = "1.8.0", 0
        proposal = await world.proposed(
            incident,
            call=Call(
                action="shop_rollout_undo",
                arguments={"service": "checkout", "from_version": "1.8.0", "to_version": version},
            ),
        )
        yes, no = await asyncio.gather(world.press(proposal), world.press(proposal, decision="reject", reason="no"))
        await world.runner.idle()
        assert yes.complete != no.complete
        assert world.tool.effects == int(yes.complete)
        async with world.ledger.write() as tx:  # the next round must not wait for this one's claim
            from app.ledger import claims

            held = await claims.current(tx, proposal.effects.target, now=world.clock())
            if held:
                await claims.release(tx, held.resource, held.token)


async def naive_decide(ledger: Ledger, proposal: str, at: Any, all_read: asyncio.Barrier) -> bool:
    """Reads, then writes: what deciding would be without the compare-and-set."""
    async with ledger.read() as tx:
        waiting = (await proposals.get(tx, proposal)).state == "proposed"
    await all_read.wait()  # else it is the machine's load that decides whether they meet
    if waiting:
        async with ledger.write() as tx:
            await proposals.move(tx, proposal, {"proposed", "approved"}, "approved", at=at)
    return waiting


async def test_the_race_is_a_real_one_deciding_without_compare_and_set_wins_more_than_once(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    all_read = asyncio.Barrier(8)
    won = await asyncio.gather(*(naive_decide(world.ledger, proposal.hash, NOON, all_read) for _ in range(8)))
    assert sum(won) > 1


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (member("USTRANGER", team="TOTHER", stranger=True), "another workspace"),
        (member("UGUEST", guest=True), "guest"),
        (member("UBOT", bot=True), "bot"),
        (member("UGONE", deleted=True), "deactivated"),
        (member("UNOBODY"), "tier 1 needs the commander"),
        (unreachable(), "nobody here knows who pressed"),
        (FirstmateError("the directory is broken"), "nobody here knows who pressed"),
    ],
)
async def test_who_may_not_decide_is_refused_and_the_press_is_recorded_with_its_reason(world: World, who: Any, why: str) -> None:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    by = getattr(who, "id", "UWHOEVER")
    world.folk[by] = who
    said = await world.press(proposal, by=by)
    await world.runner.idle()
    assert not said.counted
    assert why in said.sentence
    assert await world.state(proposal) == "proposed"
    assert world.tool.effects == 0
    async with world.ledger.read() as tx:
        refused = [row for row in await audit.rows(tx, proposal.incident) if row.action == Action.REFUSED]
        assert await approvals.for_proposal(tx, proposal.hash) == []
    assert [(row.actor, row.proposal) for row in refused] == [(by, proposal.hash)]
    assert why in str(refused[0].payload)


async def test_a_press_from_another_channel_is_refused_and_recorded(world: World) -> None:
    incident = (await world.declared()).id
    async with world.ledger.write() as tx:
        await incidents.set_channel(tx, incident, channel="C1", name="inc-0001")
    proposal = await world.proposed(incident)
    said = await world.press(proposal, came_from="C2")
    assert not said.counted
    assert "another channel" in said.sentence
    assert Action.REFUSED.value in await world.audited(incident)
    assert (await world.press(proposal, came_from="C1")).complete


async def test_at_its_expiry_it_is_too_late(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.at = proposal.expires_at
    said = await world.press(proposal)
    assert not said.counted
    assert "expired" in said.sentence
    assert await expire(world.desk) == 1
    assert await expire(world.desk) == 0
    assert await world.state(proposal) == "expired"
    assert any("nobody decided in time" in line for line in await world.told(proposal.incident))


async def test_where_the_world_moved_the_proposal_is_superseded_and_it_is_said_what_moved(world: World) -> None:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    world.tool.version = "1.9.0"
    said = await world.press(proposal)
    await world.runner.idle()
    assert not said.counted
    assert "1.8.0" in said.sentence
    assert "1.9.0" in said.sentence
    assert await world.state(proposal) == "superseded"
    assert world.tool.effects == 0
    assert any("1.9.0" in line for line in await world.told(proposal.incident))


@pytest.mark.parametrize("reading", ["broken", "garbage"])
async def test_a_target_that_cannot_be_read_back_is_not_approved(world: World, reading: str) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.tool.reading = reading
    said = await world.press(proposal)
    assert not said.counted
    assert "can't be read back" in said.sentence


async def test_a_stranger_s_press_ends_no_proposal_even_where_the_world_moved(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.tool.version = "1.9.0"
    said = await world.press(proposal, by="UNOBODY")
    assert said.sentence.startswith("Refused")
    assert await world.state(proposal) == "proposed"
    assert Action.REFUSED.value in await world.audited(proposal.incident)


async def test_a_rejection_does_not_depend_on_the_target(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.tool.reading = "broken"
    assert (await world.press(proposal, decision="reject", reason="no")).complete


async def test_without_a_policy_nobody_approves(world: World) -> None:
    world = world.with_(policy=None)
    proposal = await world.proposed((await world.declared()).id)
    said = await world.press(proposal)
    assert not said.counted
    assert "policy" in said.sentence


async def test_while_everything_is_stopped_nothing_is_approved_and_saying_no_stays_possible(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    async with world.ledger.write() as tx:
        await switches.turn(tx, switches.KILL, on=True, by="UCOMMANDER", reason="drill", at=NOON)
    assert "drill" in (await world.press(proposal)).sentence
    assert (await world.press(proposal, decision="reject", reason="no")).complete


async def test_nothing_is_approved_for_a_closed_incident(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await command.set_status(world.desk, proposal.incident, "closed", by="UCOMMANDER", surface="test")
    assert "closed" in (await world.press(proposal)).sentence


async def test_authority_follows_command_at_once(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    async with world.ledger.write() as tx:
        await incidents.set_commander(tx, proposal.incident, "UNOBODY", was="UCOMMANDER", at=NOON)
    assert not (await world.press(proposal)).counted
    assert (await world.press(proposal, by="UNOBODY")).complete


async def test_an_unknown_proposal_is_said_to_be_unknown(world: World) -> None:
    with pytest.raises(NotFound, match="p-00000000"):
        await decide(world.desk, proposal="0" * 64, decision="approve", by="UCOMMANDER", surface="test")


async def test_the_audit_chain_holds_after_every_kind_of_press(world: World) -> None:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal, by="UNOBODY")
    await world.press(proposal)
    await world.runner.idle()
    async with world.ledger.read() as tx:
        assert await audit.verify(tx, proposal.incident) == []
