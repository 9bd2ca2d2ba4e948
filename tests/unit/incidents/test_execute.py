from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from pydantic import BaseModel

from app.actions.shop_rollout_undo import ShopRolloutUndo
from app.domain.action import Outcome
from app.domain.proposal import Proposal
from app.domain.value import JsonObject
from app.incidents import command, decide, execute
from app.ledger import audit, claims, executions, incidents, outbox, proposals, switches
from app.ledger.audit import Action
from tests.unit.incidents.world import NOON, World, criterion


async def approved(world: World) -> Proposal:
    """Approved and not yet run: the runner was not started."""
    proposal = await world.proposed((await world.declared()).id)
    assert (await world.press(proposal)).complete
    return proposal


async def unrun(world: World, proposal: Proposal) -> None:
    """It stands as superseded, nothing was sent, and the channel is told why."""
    assert world.tool.asked == []
    assert await world.state(proposal) == "superseded"
    async with world.ledger.read() as tx:
        said = await outbox.get(tx, f"stopped:{proposal.hash}")
    assert said is not None
    assert said.lane == "decision"


async def test_it_runs_once_however_often_it_is_asked_to(world: World) -> None:
    proposal = await approved(world)
    await asyncio.gather(*(execute.execute(world.desk, proposal.hash) for _ in range(12)))
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.effects == 1
    assert len(world.tool.asked) == 1
    execution = await world.execution(proposal)
    assert world.tool.asked[0]["idempotency_key"] == execution.id
    assert execution.state == "finished"
    assert await world.state(proposal) == "done"


async def naive_execute(world: World, hash: str) -> None:
    """Looks whether it is approved, runs, then notes that it ran: what executing would be without `started`."""
    async with world.ledger.read() as tx:
        held = await proposals.get(tx, hash)
    if held.state == "approved":
        action = world.desk.actions[held.proposal.call.action]
        await action.run(action.arguments.model_validate(held.proposal.call.arguments), idempotency_key="none")
        async with world.ledger.write() as tx:
            await proposals.move(tx, hash, {"approved"}, "done", at=world.clock())


async def test_the_danger_is_a_real_one_noting_the_run_afterwards_runs_it_more_than_once(world: World) -> None:
    proposal = await approved(world)
    await asyncio.gather(*(naive_execute(world, proposal.hash) for _ in range(6)))
    assert world.tool.effects > 1


async def test_nothing_runs_without_an_approval(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.asked == []
    assert await world.execution(proposal) is None
    assert await world.state(proposal) == "proposed"


@pytest.mark.parametrize(
    ("ending", "state", "execution_state", "action"),
    [
        ("ok", "done", "finished", Action.EXECUTION_FINISHED),
        ("refuse", "failed", "failed", Action.EXECUTION_FAILED),
        ("lose", "unknown", "unknown", Action.EXECUTION_UNKNOWN),
    ],
)
async def test_how_the_run_ended_is_kept_and_told(
    world: World, ending: str, state: str, execution_state: str, action: Action
) -> None:
    proposal = await approved(world)
    world.tool.ending = ending
    await execute.execute(world.desk, proposal.hash)
    assert await world.state(proposal) == state
    execution = await world.execution(proposal)
    assert execution.state == execution_state
    assert execution.detail
    assert action.value in await world.audited(proposal.incident)
    word = {"finished": "ran", "failed": "failed", "unknown": "unknown"}[execution_state]
    async with world.ledger.read() as tx:
        assert await outbox.get(tx, f"outcome:{execution.id}:{word}") is not None


async def test_a_garbled_answer_after_the_effect_is_not_called_a_failure(world: World) -> None:
    proposal = await approved(world)
    world.tool.ending = "garbage"
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.effects == 1
    assert await world.state(proposal) in ("done", "unknown")


async def test_an_action_that_breaks_after_sending_leaves_unknown_and_is_not_run_again(world: World) -> None:
    class Breaks(ShopRolloutUndo):
        async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
            await super().run(arguments, idempotency_key=idempotency_key)
            raise KeyError("a defect of the action")

    broken = Breaks(world.desk.actions["shop_rollout_undo"]._shop)
    world = world.with_(actions={"shop_rollout_undo": broken})
    proposal = await approved(world)
    await execute.execute(world.desk, proposal.hash)
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.effects == 1
    assert await world.state(proposal) == "unknown"
    assert "KeyError" in (await world.execution(proposal)).detail


async def cut_off(world: World, proposal: Proposal) -> None:
    """The process dies while the tool has the request."""
    world.tool.go_on.clear()
    run = asyncio.create_task(execute.execute(world.desk, proposal.hash))
    await world.tool.arrived.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    world.tool.go_on.set()


async def take_up(world: World) -> None:
    async with world.ledger.read() as tx:
        left = await executions.unfinished(tx)
    for execution in left:
        await execute.take_up(world.desk, execution.id)


async def test_a_run_cut_off_after_its_effect_is_read_back_as_done_and_not_run_again(world: World) -> None:
    proposal = await approved(world)
    await cut_off(world, proposal)
    world.tool.version = "1.7.2"
    sent = len(world.tool.asked)
    await take_up(world)
    assert await world.state(proposal) == "done"
    assert len(world.tool.asked) == sent
    await execute.execute(world.desk, proposal.hash)
    assert len(world.tool.asked) == sent


@pytest.mark.parametrize("now", ["1.8.0", "2.0.0"])
async def test_a_run_cut_off_without_a_visible_effect_is_unknown_and_not_run_again(world: World, now: str) -> None:
    proposal = await approved(world)
    await cut_off(world, proposal)
    await asyncio.sleep(0.05)  # the tool lets the dropped request end before its version is set
    world.tool.version = now
    sent = len(world.tool.asked)
    await take_up(world)
    await take_up(world)
    assert await world.state(proposal) == "unknown"
    assert len(world.tool.asked) == sent
    assert "cut off" in (await world.execution(proposal)).detail


@pytest.mark.parametrize("reading", ["broken", "garbage"])
async def test_a_run_cut_off_at_a_target_that_cannot_be_read_is_unknown(world: World, reading: str) -> None:
    proposal = await approved(world)
    await cut_off(world, proposal)
    world.tool.reading = reading
    await take_up(world)
    assert await world.state(proposal) == "unknown"


async def test_a_run_cut_off_whose_action_is_gone_is_unknown(world: World) -> None:
    proposal = await approved(world)
    await cut_off(world, proposal)
    await take_up(world.with_(actions={}))
    assert await world.state(proposal) == "unknown"


async def test_an_action_that_breaks_while_reading_back_does_not_keep_the_rest_from_being_taken_up(world: World) -> None:
    class Breaks(ShopRolloutUndo):
        async def took_effect(self, arguments: BaseModel, *, precondition: JsonObject) -> bool | None:
            raise AttributeError("a defect of the action")

    proposal = await approved(world)
    await cut_off(world, proposal)
    broken = Breaks(world.desk.actions["shop_rollout_undo"]._shop)
    await take_up(world.with_(actions={"shop_rollout_undo": broken}))
    assert await world.state(proposal) == "unknown"


async def held_by_another(world: World, proposal: Proposal) -> None:
    async with world.ledger.write() as tx:
        taken = await claims.acquire(tx, proposal.effects.target, holder="audit@2.0.0", priority=4, now=world.clock(), ttl_s=600)
    assert taken is not None


async def moved_meanwhile(world: World, proposal: Proposal) -> None:
    world.tool.version = "1.9.0"


async def stopped_meanwhile(world: World, proposal: Proposal) -> None:
    async with world.ledger.write() as tx:
        await switches.turn(tx, switches.KILL, on=True, by="UCOMMANDER", reason="drill", at=NOON)


async def closed_meanwhile(world: World, proposal: Proposal) -> None:
    await command.set_status(world.desk, proposal.incident, "closed", by="UCOMMANDER", surface="test")


async def too_late(world: World, proposal: Proposal) -> None:
    world.clock.at = proposal.expires_at + timedelta(seconds=1)


async def not_entitled_any_more(world: World, proposal: Proposal) -> None:
    world.folk["UCOMMANDER"] = None


async def handed_over(world: World, proposal: Proposal) -> None:
    async with world.ledger.write() as tx:
        await incidents.set_commander(tx, proposal.incident, "UNOBODY", was="UCOMMANDER", at=NOON)


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (held_by_another, "audit@2.0.0 (security) holds shop/service/checkout"),
        (moved_meanwhile, "1.9.0"),
        (stopped_meanwhile, "drill"),
        (closed_meanwhile, "closed"),
        (too_late, "expired"),
        (not_entitled_any_more, "press"),
        (handed_over, "press"),
    ],
)
async def test_what_was_approved_does_not_run_where_something_stands_against_it_now(
    world: World, meanwhile: Callable[[World, Proposal], Awaitable[None]], why: str
) -> None:
    proposal = await approved(world)
    await meanwhile(world, proposal)
    await execute.execute(world.desk, proposal.hash)
    await unrun(world, proposal)
    told = [line for line in await world.told(proposal.incident) if "did not run" in line]
    assert len(told) == 1
    assert why in told[0]


async def test_a_run_waits_for_no_triage_of_its_incident(world: World) -> None:
    """Triage may take minutes; who pressed Approve was told that it runs now."""
    held = asyncio.Event()

    async def triage(payload: JsonObject) -> None:
        await held.wait()

    async def run(payload: JsonObject) -> None:
        await execute.execute(world.desk, str(payload["proposal"]))

    async def nothing(payload: JsonObject) -> None: ...

    proposal = await world.proposed((await world.declared()).id)  # its triage is queued behind the incident's lock
    await world.press(proposal)
    await world.runner.start({"investigate": triage, decide.EXECUTE: run, execute.VERIFY: nothing})
    await asyncio.wait_for(world.tool.arrived.wait(), 20)
    held.set()
    await world.runner.idle()


async def test_the_claim_is_held_from_the_run_to_the_end_of_verification(world: World) -> None:
    proposal = await approved(world)
    await execute.execute(world.desk, proposal.hash)
    async with world.ledger.read() as tx:
        held = await claims.current(tx, proposal.effects.target, now=world.clock())
    assert held is not None
    assert held.holder.startswith("execution:")


async def test_two_proposals_on_one_target_do_not_run_at_once(world: World) -> None:
    first = await approved(world)
    await execute.execute(world.desk, first.hash)
    second = await world.proposed(first.incident, call=first.effects.undo, criterion=criterion())
    assert (await world.press(second)).complete  # while the first is still being verified
    await execute.execute(world.desk, second.hash)
    assert len(world.tool.asked) == 1
    assert await world.state(second) == "superseded"
    assert any("execution:" in line and "holds shop/service/checkout" in line for line in await world.told(first.incident))


async def test_the_audit_chain_of_a_whole_run_holds(world: World) -> None:
    proposal = await approved(world)
    await execute.execute(world.desk, proposal.hash)
    async with world.ledger.read() as tx:
        assert await audit.verify(tx, proposal.incident) == []
        row = next(each for each in await audit.rows(tx, proposal.incident) if each.action == Action.EXECUTION_STARTED)
    assert row.on_behalf_of == "proposer@1.0.0"
    assert row.proposal == proposal.hash
