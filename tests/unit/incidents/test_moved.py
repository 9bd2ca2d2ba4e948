"""What changed around a target since it was asked: the claim, the alert, what triage found. Said, and planned anew."""

from __future__ import annotations

import pytest

from app.domain.action import Call
from app.domain.errors import BadInput, Conflict, Denied
from app.domain.incident import Alert
from app.domain.proposal import Proposal
from app.incidents import execute, investigate
from app.incidents.acknowledge import objections
from app.incidents.again import plan_again
from app.incidents.expire import expire
from app.incidents.group import group
from app.ledger import approvals, claims, supersessions
from app.ledger.audit import Action
from tests.unit.incidents.world import World, criterion, diagnosis

ROLLBACK = {"service": "checkout", "from_version": "1.8.0", "to_version": "1.7.2"}


async def why_not(world: World, proposal: Proposal) -> str:
    """What the card says, of one that was superseded by a press."""
    said = await world.press(proposal)
    assert not said.counted
    assert await world.state(proposal) == "superseded"
    async with world.ledger.read() as tx:
        found = await supersessions.of(tx, proposal.hash)
    assert found is not None
    assert found.reason in said.sentence
    assert f"since {proposal.asked_at:%H:%M:%S} UTC" in found.reason
    return found.reason


async def test_who_took_the_target_since_is_named(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.move(seconds=10)
    await claimed(world, proposal, priority=2, executing=True)
    assert "autoscaler@2 holds shop/service/checkout since 12:00:10 UTC" in await why_not(world, proposal)


async def claimed(world: World, proposal: Proposal, *, priority: int, executing: bool = False) -> None:
    target, now = proposal.effects.target, world.clock()
    async with world.ledger.write() as tx:
        claim = await claims.acquire(tx, target, holder="autoscaler@2", priority=priority, now=now, ttl_s=60)
        assert claim is not None
        assert not executing or await claims.execute(tx, target, claim.token, now=now)


@pytest.mark.parametrize(
    ("priority", "executing", "kept"), [(1, False, False), (2, False, False), (3, False, True), (1, True, True)]
)
async def test_a_lower_class_keeps_nobody_from_a_repair_by_claiming_anew_only_by_executing(
    world: World, priority: int, executing: bool, kept: bool
) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.move(seconds=10)
    await claimed(world, proposal, priority=priority, executing=executing)  # what an agent can do every second
    said = await world.press(proposal)
    assert said.complete is not kept
    await execute.execute(world.desk, proposal.hash)
    assert await world.state(proposal) == ("superseded" if kept else "done")
    assert world.tool.effects == (not kept)


def firing(**fields: object) -> Alert:
    known = {"fired_at": "2026-03-01T11:55:00Z", "summary": "errors", "name": "Errors", "service": "checkout", "fingerprint": "f"}
    return Alert.model_validate({**known, **fields})


@pytest.mark.parametrize("undoes", [None, "0" * 64])
async def test_an_alert_that_is_gone_is_said_and_never_holds_up_the_way_back(world: World, undoes: str | None) -> None:
    incident = await group(world.desk, firing(), surface="test")
    assert incident is not None
    proposal = await world.proposed(incident, undoes=undoes)
    world.clock.move(minutes=1)
    await group(world.desk, firing(status="resolved"), surface="test")
    said = await world.press(proposal, by="UAPPROVER")
    assert said.complete is (undoes is not None)
    gone = "nothing fires any more: the alert Errors resolved at 12:01:00 UTC"
    assert (gone in said.sentence) is (undoes is None)


async def test_a_newer_triage_that_finds_another_guilty_is_said(world: World) -> None:
    await world.start_jobs()
    incident = (await world.declared()).id
    await world.runner.idle()
    world.clock.move(minutes=1)
    proposal = await world.proposed(incident, hypothesis="checkout")
    world.clock.move(minutes=1)
    world.found.append(lambda scope: diagnosis(scope))
    await investigate.again(world.desk, incident, by="UCOMMANDER", surface="test")
    await world.runner.idle()
    other = await world.proposed(incident, hypothesis="checkout")
    assert other.hash == proposal.hash
    world.clock.move(minutes=1)
    world.found.append(lambda scope: diagnosis(scope, target="payments"))
    await investigate.again(world.desk, incident, by="UCOMMANDER", surface="test")
    await world.runner.idle()
    assert "no longer finds checkout guilty" in await why_not(world, proposal)


async def test_what_is_planned_again_is_another_proposal_of_whoever_asked_for_it(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id, criterion=criterion(), if_we_wait="it stays broken")
    world.tool.version = "1.9.0"
    await why_not(world, proposal)
    new = await plan_again(world.desk, proposal.hash, by="USECOND", surface="test")
    assert new.call.arguments == {**ROLLBACK, "from_version": "1.9.0"}
    assert (new.asked_by, new.criterion, new.if_we_wait) == ("USECOND", proposal.criterion, "it stays broken")
    assert await world.state(new) == "proposed"
    assert Action.REPLANNED.value in await world.audited(new.incident)
    with pytest.raises(Conflict, match=new.name):
        await plan_again(world.desk, proposal.hash, by="UAPPROVER", surface="test")
    with pytest.raises(Denied, match="only what was superseded"):
        await plan_again(world.desk, new.hash, by="UAPPROVER", surface="test")


async def test_what_expired_is_planned_again_too(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    world.clock.at = proposal.expires_at
    await expire(world.desk)
    new = await plan_again(world.desk, proposal.hash, by="USECOND", surface="test")
    assert new.call == proposal.call
    assert new.hash != proposal.hash


async def test_what_runs_stands_on_the_card_with_every_argument_and_nothing_is_read_as_something_else(world: World) -> None:
    incident = (await world.declared()).id
    proposal = await world.proposed(incident)
    assert proposal.call.arguments == ROLLBACK
    for wrong in (8, True, ["1.8.0"]):
        with pytest.raises(BadInput):
            await world.proposed(incident, call=Call(action="shop_rollout_undo", arguments={**ROLLBACK, "from_version": wrong}))


async def test_the_judge_says_of_what_people_propose_whether_anything_speaks_for_it(world: World) -> None:
    incident = (await world.declared()).id
    proposal = await world.proposed(incident)
    window = investigate.scope_of([firing()], windows=world.desk.windows, now=world.clock())
    assert objections(proposal, diagnosis(window)) == ()
    assert "speaks for payments, not for checkout" in objections(proposal, diagnosis(window, target="payments"))[0]
    unsure = diagnosis(window).model_copy(update={"verdict": "inconclusive"})
    assert "inconclusive" in objections(proposal, unsure)[0]
    against = diagnosis(window)
    weak = against.model_copy(update={"hypotheses": (against.hypotheses[0].model_copy(update={"verdict": "contradicted"}),)})
    assert objections(proposal, weak) == ("the hypothesis is contradicted",)
    async with world.ledger.read() as tx:
        assert await approvals.acknowledgement(tx, proposal.hash) is None  # tier 1 needs no word
