from __future__ import annotations

import asyncio

from app.incidents import execute
from app.incidents.resume import resume
from app.ledger import incidents, runs
from tests.unit.incidents.world import NOON, Gauge, World, criterion


async def test_a_queued_run_goes_on_after_a_restart(world: World) -> None:
    incident = await world.declared()
    world.runner._unfinished.clear()  # the process is gone; only the ledger knows
    told = await resume(world.desk)
    assert any("goes on" in line for line in told)
    await world.start_jobs()
    await world.runner.idle()
    async with world.ledger.read() as tx:
        run = await runs.latest(tx, incident.id)
    assert run is not None
    assert run.state == "finished"


async def test_what_was_approved_and_never_started_starts(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    for task in world.runner._unfinished.values():
        task.cancel()
    await asyncio.sleep(0)
    told = await resume(world.desk)
    assert any(proposal.name in line for line in told)
    await world.start_jobs()
    await world.runner.idle()
    assert world.tool.effects == 1
    assert await world.state(proposal) == "done"


async def test_what_was_approved_before_its_incident_was_closed_does_not_stay_approved_for_ever(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    for task in world.runner._unfinished.values():
        task.cancel()
    await asyncio.sleep(0)
    async with world.ledger.write() as tx:
        await incidents.set_status(tx, proposal.incident, "closed", at=NOON)
    await resume(world.desk)
    await world.start_jobs()
    await world.runner.idle()
    assert await world.state(proposal) == "superseded"
    assert world.tool.effects == 0


async def test_a_run_cut_off_is_read_back_and_then_verified(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01])})
    proposal = await world.proposed((await world.declared()).id, criterion=criterion())
    await world.press(proposal)
    for task in world.runner._unfinished.values():
        task.cancel()
    world.tool.go_on.clear()
    run = asyncio.create_task(execute.execute(world.desk, proposal.hash))
    await world.tool.arrived.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    world.tool.version = "1.7.2"
    told = await resume(world.desk)
    assert any("read back" in line for line in told)
    await world.start_jobs()
    await world.runner.idle()
    assert (await world.execution(proposal)).state == "verified"
    assert len(world.tool.asked) == 1


async def test_a_finished_run_nobody_verified_is_verified(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01])})
    proposal = await world.proposed((await world.declared()).id, criterion=criterion())
    await world.press(proposal)
    await execute.execute(world.desk, proposal.hash)
    for task in world.runner._unfinished.values():
        task.cancel()
    await asyncio.sleep(0)
    await resume(world.desk)
    await world.start_jobs()
    await world.runner.idle()
    assert (await world.execution(proposal)).state == "verified"


async def test_where_nothing_was_left_nothing_is_taken_up(world: World) -> None:
    assert await resume(world.desk) == []
