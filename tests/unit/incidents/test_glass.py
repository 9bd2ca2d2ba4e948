"""Broken glass: who may, how it is said, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import BadInput, Denied
from app.incidents.execute import execute
from app.incidents.glass import break_glass
from app.ledger import audit, emergencies, outbox
from app.ledger.audit import Action
from app.policy.policy import load
from tests.drills.lever import POLICY, asked, levers, sign
from tests.unit.incidents.world import World, member

GLASS = load(POLICY + "break_glass: {people: [UAPPROVER], hours: 8}\n")
WHY = "the primary is gone, nobody else answers"


async def broken(world: World, by: str = "UAPPROVER") -> str:
    incident = (await world.declared()).id
    await break_glass(world.desk, incident, by=by, surface="slack", reason=WHY)
    return incident


async def test_one_person_with_a_key_then_runs_it_and_the_audit_says_in_what_way(tmp_path: Path) -> None:
    async with levers(tmp_path) as (plain, lever):
        world = plain.with_(policy=GLASS)
        incident = await broken(world)
        proposal = await asked(world, incident, tier=3)
        said = await world.press(proposal, by="UAPPROVER", typed=proposal.effects.target)
        assert said.counted
        assert not said.complete  # never the step outside Slack
        assert (await sign(world, proposal, "UAPPROVER")).complete
        await execute(world.desk, proposal.hash)
        assert len(lever.pulled) == 1
        rows = await world.audited(incident)
        assert [rows.count(kind.value) for kind in (Action.GLASS_BROKEN, Action.GLASS_USED)] == [1, 1]
        async with world.ledger.read() as tx:
            assert await emergencies.used_for(tx, proposal.hash)
            assert await audit.verify(tx, incident) == []
            told = [row.body["sentence"] for row in await outbox.due(tx, world.clock(), limit=50) if "sentence" in row.body]
        assert any("BROKE THE GLASS" in str(line) and WHY in str(line) and "To be reviewed" in str(line) for line in told)


async def test_two_people_are_no_use_of_it(tmp_path: Path) -> None:
    async with levers(tmp_path) as (plain, _):
        world = plain.with_(policy=GLASS)
        proposal = await asked(world, await broken(world), tier=3)
        await world.press(proposal, by="USECOND", typed=proposal.effects.target)
        assert (await sign(world, proposal, "UAPPROVER")).complete
        async with world.ledger.read() as tx:
            assert not await emergencies.used_for(tx, proposal.hash)


async def test_it_ends_by_itself_also_between_the_yes_and_the_run(tmp_path: Path) -> None:
    async with levers(tmp_path) as (plain, lever):
        world = plain.with_(policy=GLASS)
        incident = await broken(world)
        world.clock.move(hours=7, minutes=58)
        proposal = await asked(world, incident, tier=3)
        assert (await sign(world, proposal, "UAPPROVER")).complete
        world.clock.move(minutes=2)
        await execute(world.desk, proposal.hash)
        assert lever.pulled == []
        other = await asked(world, incident, tier=3, name="b")
        assert not (await sign(world, other, "UAPPROVER")).complete


async def test_it_is_of_one_incident(tmp_path: Path) -> None:
    async with levers(tmp_path) as (plain, _):
        world = plain.with_(policy=GLASS)
        await broken(world)
        other = await asked(world, (await world.declared("another")).id, tier=3)
        assert not (await sign(world, other, "UAPPROVER")).complete


@pytest.mark.parametrize("who", ["USECOND", "UCOMMANDER", "UGUEST", "UGONE", "USTRANGER", "UWHO"])
async def test_whom_the_policy_does_not_name_for_it_may_not_and_that_is_recorded(tmp_path: Path, who: str) -> None:
    async with levers(tmp_path) as (plain, _):
        flaws = {"UGUEST": {"guest": True}, "UGONE": {"deleted": True}, "USTRANGER": {"stranger": True}}
        plain.folk.update({id: member(id, **flaw) for id, flaw in flaws.items()})
        named = "[UAPPROVER, UGUEST, UGONE, USTRANGER, UWHO]"
        world = plain.with_(policy=load(f"{POLICY}break_glass: {{people: {named}}}\n"))
        with pytest.raises(Denied):
            await broken(world, by=who)
        assert Action.GLASS_REFUSED.value in await world.audited("INC-0001")


async def test_without_a_name_in_the_policy_nobody_may_and_without_a_reason_neither(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        with pytest.raises(Denied, match="names nobody"):
            await broken(world)
        allowed = world.with_(policy=GLASS)
        with pytest.raises(BadInput, match="say why"):
            await break_glass(allowed.desk, "INC-0001", by="UAPPROVER", surface="slack", reason="now!")
