from __future__ import annotations

import asyncio

import pytest

from app.domain.hypothesis import Diagnosis
from app.domain.incident import Scope
from app.domain.proposal import Proposal
from app.incidents import execute, investigate
from app.incidents.resume import resume
from app.ledger import incidents, runs, tables
from tests.unit.incidents.world import NOON, Gauge, World, criterion, unreachable


async def test_a_queued_run_goes_on_after_a_restart(world: World) -> None:
    incident = await world.declared()
    world.runner._unfinished.clear()  # the process is gone; only the ledger knows
    told = await resume(world.desk, live=world.runner.live)
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
    told = await resume(world.desk, live=world.runner.live)
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
    await resume(world.desk, live=world.runner.live)
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
    told = await resume(world.desk, live=world.runner.live)
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
    await resume(world.desk, live=world.runner.live)
    await world.start_jobs()
    await world.runner.idle()
    assert (await world.execution(proposal)).state == "verified"


async def test_a_run_whose_job_gave_up_goes_on_while_the_process_lives_and_one_that_failed_for_good_stays_failed(
    world: World,
) -> None:
    incident = await world.declared()
    tries, answers = 0, asyncio.Event()
    answers.set()

    async def out_of_reach(incident: str, run: str, scope: Scope) -> Diagnosis:
        nonlocal tries
        tries += 1
        await answers.wait()  # a job that has given up by the second look is no job that is there
        raise unreachable("the ledger did not answer")

    desk, world = world.desk, world.with_(triage=out_of_reach)
    await world.start_jobs()
    for _ in range(investigate.MOST_ATTEMPTS - 1):
        await world.runner.idle()
        answers.clear()
        assert await resume(world.desk, live=world.runner.live) == [f"run {incident.id}/r1 goes on"]
        assert await resume(world.desk, live=world.runner.live) == []  # its job is there already
        answers.set()
    await world.runner.idle()
    async with world.ledger.read() as tx:
        run = await runs.latest(tx, incident.id)
    assert run is not None
    assert (run.state, tries) == ("failed", investigate.MOST_ATTEMPTS)
    assert await resume(desk, live=world.runner.live) == []


async def test_a_run_that_came_back_in_reach_ends(world: World) -> None:
    incident = await world.declared()
    answers = [unreachable(), None]
    triage = world.desk.triage

    async def sometimes(incident: str, run: str, scope: Scope) -> Diagnosis:
        if (trouble := answers.pop(0)) is not None:
            raise trouble
        return await triage(incident, run, scope)

    world = world.with_(triage=sometimes)
    await world.start_jobs()
    await world.runner.idle()
    await resume(world.desk, live=world.runner.live)
    await world.runner.idle()
    async with world.ledger.read() as tx:
        run = await runs.latest(tx, incident.id)
    assert run is not None
    assert run.state == "finished"


async def approved_and_running(world: World) -> Proposal:
    """The tool has the request and has not answered yet."""
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    world.tool.go_on.clear()
    await world.start_jobs()
    await world.tool.arrived.wait()
    return proposal


async def test_an_execution_that_only_takes_its_time_is_left_to_its_job(world: World) -> None:
    proposal = await approved_and_running(world)
    assert await resume(world.desk, live=world.runner.live) == []
    assert await resume(world.desk, live=lambda key: False) != []  # nor would it matter: its key is taken
    assert await world.state(proposal) == "executing"
    world.tool.go_on.set()
    await world.runner.idle()
    assert await world.state(proposal) == "done"
    assert len(world.tool.asked) == 1


async def test_the_danger_is_a_real_one_reading_back_beside_the_run_calls_it_unknown(world: World) -> None:
    proposal = await approved_and_running(world)
    await execute.take_up(world.desk, (await world.execution(proposal)).id)
    world.tool.go_on.set()
    await world.runner.idle()
    assert (world.tool.effects, await world.state(proposal)) == (1, "unknown")


async def test_an_execution_whose_end_could_not_be_noted_is_read_back_and_not_run_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)

    async def out_of_reach(*_: object, **__: object) -> None:
        raise unreachable("the ledger did not answer")

    with monkeypatch.context() as patched:  # the disk is full exactly then; nothing outside the function can bring that about
        patched.setattr(execute, "_ended", out_of_reach)
        await world.start_jobs()
        await world.runner.idle()
    assert (world.tool.effects, await world.state(proposal)) == (1, "executing")
    assert any("read back" in line for line in await resume(world.desk, live=world.runner.live))
    await world.runner.idle()
    assert await world.state(proposal) == "done"
    assert len(world.tool.asked) == 1


async def test_one_stored_proposal_that_was_altered_does_not_keep_the_rest_from_being_taken_up(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    async with world.ledger.write() as tx:
        body = {**proposal.model_dump(mode="json"), "why": "another reason"}
        await tx.execute(tables.proposals.update().values(body=body))
    for task in world.runner._unfinished.values():
        task.cancel()
    await asyncio.sleep(0)
    assert len(await resume(world.desk, live=world.runner.live)) == 2
    await world.start_jobs()
    await world.runner.idle()
    assert world.tool.asked == []


async def test_where_nothing_was_left_nothing_is_taken_up(world: World) -> None:
    assert await resume(world.desk, live=world.runner.live) == []
