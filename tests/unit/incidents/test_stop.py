"""Stopping: of what is approved afterwards nothing runs, whoever stopped it and however."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.domain.errors import BadInput, Denied, NotFound, Unreachable
from app.incidents import decide, stop
from app.ledger import outbox, switches
from app.ledger.audit import Action
from app.policy.policy import load
from tests.unit.incidents.world import NOON, POLICY, World, member


async def test_any_member_stops_an_incident_and_its_commander_lets_it_go_on(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    other = await world.proposed((await world.declared()).id)
    said = await stop.stop(world.desk, by="UNOBODY", surface="t", reason="wait for the vendor", incident=proposal.incident)
    assert said.startswith("Stopped: the actions of")
    refused = await world.press(proposal)
    assert not refused.counted
    assert "UNOBODY stopped the actions" in refused.sentence
    assert (await world.press(other)).complete  # other incidents go on
    assert Action.STOPPED.value in await world.audited(proposal.incident)
    assert any("wait for the vendor" in line for line in await world.told(proposal.incident))
    with pytest.raises(Denied, match="its commander may too"):
        await stop.lift(world.desk, by="UNOBODY", surface="t", reason="done", incident=proposal.incident)
    assert Action.STOP_REFUSED.value in await world.audited(proposal.incident)
    with pytest.raises(BadInput, match="say why"):
        await stop.lift(world.desk, by="UCOMMANDER", surface="t", reason=" ", incident=proposal.incident)
    await stop.lift(world.desk, by="UCOMMANDER", surface="t", reason="done", incident=proposal.incident)
    assert (await world.press(proposal)).complete


async def test_what_was_approved_before_does_not_run_after(world: World) -> None:
    proposal = await world.proposed((await world.declared()).id)
    assert (await world.press(proposal)).complete
    await stop.stop(world.desk, by="UAPPROVER", surface="t", reason="no", incident=None)
    await world.start_jobs()
    await world.desk.jobs.submit(decide.EXECUTE, {"proposal": proposal.hash}, key="again")
    await world.runner.idle()
    assert world.tool.effects == 0


async def test_everything_is_stopped_by_whom_the_policy_names_and_told_everywhere(world: World) -> None:
    first, second = await world.declared(), await world.declared()
    with pytest.raises(Denied, match="stop_all"):
        await stop.stop(world.desk, by="UNOBODY", surface="t", reason="no", incident=None)
    await stop.stop(world.desk, by="UAPPROVER", surface="t", reason="runaway", incident=None)
    for each in (first, second):
        assert any("stopped all actions: runaway" in line for line in await world.told(each.id))
    async with world.ledger.read() as tx:
        said = [row.incident for row in await outbox.due(tx, world.clock(), limit=100) if row.kind == stop.SAID]
        assert (await switches.stopped(tx, first.id)) is not None
    assert sorted(map(str, said)) == [first.id, second.id]
    assert "stopped already" in await stop.stop(world.desk, by="UAPPROVER", surface="t", reason="x", incident=None)
    named = world.with_(policy=load(POLICY + "stop_all: {people: [UNOBODY]}\n"))
    with pytest.raises(Denied):
        await stop.lift(named.desk, by="UAPPROVER", surface="t", reason="fine", incident=None)
    await stop.lift(named.desk, by="UNOBODY", surface="t", reason="fine", incident=None)
    async with world.ledger.read() as tx:
        assert await switches.stopped(tx, first.id) is None


@pytest.mark.parametrize("who", [None, "deleted", "bot", "guest", "stranger"])
async def test_whoever_is_no_full_member_stops_nothing(world: World, who: str | None) -> None:
    incident = await world.declared()
    if who is not None:
        world.folk["UX"] = member("UX", **{who: True})
    for turn in (stop.stop, stop.lift):
        with pytest.raises(Denied, match="full members"):
            await turn(world.desk, by="UX", surface="t", reason="x", incident=incident.id)


async def test_a_group_may_stop_everything_and_one_that_can_not_be_read_may_not(world: World) -> None:
    named = load(POLICY + "stop_all: {groups: [SOPS]}\n")

    async def members(group: str) -> frozenset[str]:
        if world.folk.get("gone"):
            raise Unreachable("Slack did not say")
        return frozenset({"UNOBODY"})

    here = world.with_(policy=named, members=members)
    await stop.stop(here.desk, by="UNOBODY", surface="t", reason="x", incident=None)
    world.folk["gone"] = member("gone")
    with pytest.raises(Unreachable):
        await stop.lift(here.desk, by="UNOBODY", surface="t", reason="y", incident=None)


async def test_approvers_by_group_may_stop_everything_where_nobody_is_named_for_it(world: World) -> None:
    policy = load("format: 1\napprovers:\n  - target: shop/service/*\n    groups: [SOPS]\n")

    async def members(group: str) -> frozenset[str]:
        return frozenset({"UNOBODY"})

    here = world.with_(policy=policy, members=members)
    with pytest.raises(Denied, match="stop_all"):
        await stop.stop(here.desk, by="USECOND", surface="t", reason="x", incident=None)
    await stop.stop(here.desk, by="UNOBODY", surface="t", reason="x", incident=None)


async def test_a_commander_lets_their_incident_go_on_while_slack_tells_nothing_about_groups(world: World) -> None:
    async def members(group: str) -> frozenset[str]:
        raise Unreachable("Slack did not say")

    here = world.with_(policy=load(POLICY + "stop_all: {groups: [SOPS]}\n"), members=members)
    incident = await here.declared()
    await stop.stop(here.desk, by="UNOBODY", surface="t", reason="x", incident=incident.id)
    await stop.lift(here.desk, by="UCOMMANDER", surface="t", reason="fine", incident=incident.id)


async def test_a_file_stops_everything_even_one_that_can_not_be_read(world: World, tmp_path: Path) -> None:
    path = tmp_path / "data" / "STOP"
    here = world.with_(stop_file=path)
    proposal = await here.proposed((await here.declared()).id)
    stop.write_file(path, by="root at a shell", reason="token=hunter2hunter2hunter2 leaked", at=NOON)
    assert "hunter2" not in path.read_text()
    refused = await here.press(proposal)
    assert "root at a shell stopped all actions" in refused.sentence
    assert (await here.press(proposal, decision="reject", reason="later")).counted  # saying no stays possible
    path.write_text("{")
    again = await here.proposed((await here.declared()).id)
    assert "all actions are stopped" in (await here.press(again)).sentence
    stop.remove_file(path)
    assert (await here.press(again)).complete
    with pytest.raises(NotFound, match="lifted there"):
        stop.remove_file(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="FIRSTMATE_DATA_DIR"):
        stop.write_file(tmp_path / "file" / "STOP", by="x", reason="y", at=NOON)


async def test_after_the_flip_none_of_many_presses_and_runs_gets_through(world: World) -> None:
    """G19 in small: half are approved and wait to run, half wait for their press."""
    policy = load(POLICY.replace("open_proposals: 5", "open_proposals: 50") + "presses_per_hour: 1000\n")
    here = world.with_(policy=policy)
    ready = [await here.proposed((await here.declared()).id) for _ in range(10)]
    waiting = [await here.proposed((await here.declared()).id) for _ in range(10)]
    for proposal in ready:
        assert (await here.press(proposal)).complete
    await stop.stop(here.desk, by="UAPPROVER", surface="t", reason="runaway", incident=None)
    said = await asyncio.gather(*(here.press(proposal) for proposal in waiting))
    assert not [each for each in said if each.counted]
    await here.start_jobs()
    for proposal in ready:
        await here.desk.jobs.submit(decide.EXECUTE, {"proposal": proposal.hash}, key=f"again-{proposal.hash}")
    await here.runner.idle()
    assert world.tool.effects == 0
    for proposal in ready:
        assert "stopped all actions" in json.dumps(await world.told(proposal.incident))
