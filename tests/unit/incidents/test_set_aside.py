"""One stored proposal that somebody changed never runs, is told of once, and holds nothing else up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text, update

from app.domain.action import Call
from app.domain.incident import Incident
from app.domain.proposal import Proposal
from app.incidents import execute, set_aside, verify
from app.incidents.expire import expire
from app.incidents.resume import resume
from app.jobs.outgoing import incident_card_of
from app.ledger import audit, executions, outbox, proposals, tables
from app.ledger.audit import Action
from app.ledger.proposals import Altered
from tests.unit.incidents.world import World

OTHER = Call(action="shop_rollout_undo", arguments={"service": "checkout", "from_version": "1.8.0", "to_version": "1.7.1"})
THIRD = Call(action="shop_rollout_undo", arguments={"service": "checkout", "from_version": "1.8.0", "to_version": "1.6.0"})


async def two(world: World) -> tuple[Incident, Proposal, Proposal]:
    incident = await world.declared()
    return incident, await world.proposed(incident.id), await world.proposed(incident.id, call=OTHER)


async def alter(world: World, proposal: Proposal, **fields: Any) -> None:
    """By hand, in the file."""
    body = {**proposal.model_dump(mode="json"), **(fields or {"why": "another reason"})}
    async with world.ledger.write() as tx:
        await tx.execute(update(tables.proposals).where(tables.proposals.c.hash == proposal.hash).values(body=body))


async def state(world: World, proposal: Proposal) -> str:
    """Without reading its body."""
    async with world.ledger.read() as tx:
        query = text("SELECT state FROM proposals WHERE hash = :hash").bindparams(hash=proposal.hash)
        return str((await tx.execute(query)).scalar_one())


async def cut_short(world: World) -> None:
    """The process ends before any job began."""
    for task in list(world.runner._unfinished.values()):
        task.cancel()
    await asyncio.sleep(0)


async def naive_resume(world: World) -> None:
    """Reads every approved proposal and hands it on: what resuming would be if it believed the ledger."""
    async with world.ledger.read() as tx:
        for held in await proposals.in_state(tx, "approved"):
            await proposals.get(tx, held.hash)


async def test_the_danger_is_a_real_one_reading_them_all_stops_at_the_first_that_was_altered(world: World) -> None:
    _, approved, _ = await two(world)
    await world.press(approved)
    await alter(world, approved)
    with pytest.raises(Altered):
        await naive_resume(world)


@pytest.mark.parametrize(
    "change",
    [
        {"why": "another reason"},
        {"call": OTHER.model_dump(mode="json")},
        {"tier": 0},
        {"expires_at": "2030-01-01T00:00:00Z"},
        {"asked_by": "UOTHER"},
        {"hash": "0" * 64},
        {"extra": 1},
        {"call": None},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_was_altered_after_its_approval_is_set_aside_said_once_and_recorded(
    world: World, change: dict[str, Any]
) -> None:
    incident, approved, _ = await two(world)
    await world.press(approved)
    await alter(world, approved, **change)
    await cut_short(world)
    assert f"{approved.name} was altered in the ledger: it is set aside" in await resume(world.desk, live=world.runner.live)
    await execute.execute(world.desk, approved.hash)
    await resume(world.desk, live=lambda key: False)
    await world.start_jobs()
    await world.runner.idle()

    assert world.tool.asked == []
    assert await state(world, approved) == "superseded"
    told = [line for line in await world.told(incident.id) if "was altered" in line]
    assert len(told) == 1
    assert "will not run; propose it again" in told[0]
    async with world.ledger.read() as tx:
        said = await outbox.get(tx, f"altered:{approved.hash}")
        rows = [row for row in await audit.rows(tx, incident.id) if row.action == Action.SET_ASIDE]
        assert await audit.verify(tx, incident.id) == []
    assert said is not None
    assert (said.lane, said.body) == ("decision", {"sentence": told[0]})
    assert [(row.proposal, row.actor) for row in rows] == [(approved.hash, "firstmate")]


async def test_its_own_job_sets_it_aside_too(world: World) -> None:
    _, approved, _ = await two(world)
    await world.press(approved)
    await alter(world, approved)
    await world.start_jobs()
    await world.runner.idle()
    assert world.tool.asked == []
    assert await state(world, approved) == "superseded"


async def test_what_waits_beside_it_expires_is_shown_approved_run_and_added_to(world: World) -> None:
    incident, altered, sound = await two(world)
    await alter(world, altered)
    assert "Waiting for a decision" in str(await incident_card_of(world.desk, incident))
    assert (await world.proposed(incident.id, call=THIRD)).call == THIRD
    assert (await world.press(sound)).complete
    await execute.execute(world.desk, sound.hash)
    assert len(world.tool.asked) == 1


async def test_at_its_expiry_it_goes_with_the_others_and_is_told_of(world: World) -> None:
    incident, altered, sound = await two(world)
    await alter(world, altered)
    world.clock.move(hours=1)
    assert await expire(world.desk) == 2
    assert [await state(world, each) for each in (altered, sound)] == ["expired", "expired"]
    assert len([line for line in await world.told(incident.id) if "was altered" in line]) == 1


async def started(world: World, proposal: Proposal) -> str:
    """Its run begins, and the process dies while the tool has the request."""
    world.tool.go_on.clear()
    run = asyncio.create_task(execute.execute(world.desk, proposal.hash))
    await world.tool.arrived.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    world.tool.go_on.set()
    return executions.id_of(proposal.hash)


async def test_one_whose_run_was_cut_off_is_unknown_and_a_person_is_asked(world: World) -> None:
    incident, approved, _ = await two(world)
    await world.press(approved)
    await cut_short(world)
    run = await started(world, approved)
    await alter(world, approved)
    await execute.take_up(world.desk, run)
    async with world.ledger.read() as tx:
        assert (await executions.get(tx, run)).state == "unknown"
    assert await state(world, approved) == "unknown"
    assert any("look at the target yourself" in line for line in await world.told(incident.id))
    await cut_short(world)
    told = await resume(world.desk, live=lambda key: False)
    assert not any(run in line or approved.name in line for line in told)  # it is not taken up for ever


async def test_one_that_ran_is_not_verified_by_what_somebody_wrote_since(world: World) -> None:
    incident, approved, _ = await two(world)
    await world.press(approved)
    await cut_short(world)
    await execute.execute(world.desk, approved.hash)
    await alter(world, approved)
    run = executions.id_of(approved.hash)
    await verify.verify(world.desk, run)
    async with world.ledger.read() as tx:
        assert (await executions.get(tx, run)).state == "unverified"
        assert await executions.unverified(tx) == []
    assert len([line for line in await world.told(incident.id) if "was altered" in line]) == 1


async def test_one_that_is_being_run_is_left_to_its_job(world: World) -> None:
    _, approved, _ = await two(world)
    await world.press(approved)
    world.tool.go_on.clear()
    await world.start_jobs()
    await world.tool.arrived.wait()
    await alter(world, approved)
    assert await set_aside.set_aside(world.desk, live=world.runner.live) == []
    world.tool.go_on.set()
    await world.runner.idle()
    async with world.ledger.read() as tx:
        assert (await executions.get(tx, executions.id_of(approved.hash))).state in ("finished", "unverified")
    assert world.tool.effects == 1


async def by_hand(world: World, statement: str) -> None:
    async with world.ledger.write() as tx:
        await tx.execute(text(statement))


async def test_a_body_that_is_no_json_any_more_runs_nothing_and_is_told_of(world: World) -> None:
    incident, approved, _ = await two(world)
    await world.press(approved)
    await by_hand(world, "UPDATE proposals SET body = '{'")
    await execute.execute(world.desk, approved.hash)
    assert world.tool.asked == []
    assert any("was altered" in line for line in await world.told(incident.id))


async def test_a_state_that_somebody_wrote_without_an_approval_runs_nothing(world: World) -> None:
    _, proposed, _ = await two(world)
    await by_hand(world, "UPDATE proposals SET state = 'approved'")
    await execute.execute(world.desk, proposed.hash)
    assert world.tool.asked == []
    assert await state(world, proposed) == "superseded"


async def test_a_run_that_somebody_removed_from_the_ledger_is_not_run_again(world: World) -> None:
    _, approved, _ = await two(world)
    await world.press(approved)
    await execute.execute(world.desk, approved.hash)
    await by_hand(world, "DELETE FROM executions")
    await by_hand(world, "UPDATE proposals SET state = 'approved'")
    world.tool.version = "1.8.0"
    await execute.execute(world.desk, approved.hash)
    assert len(world.tool.asked) == 1
