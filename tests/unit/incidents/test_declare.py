from __future__ import annotations

import asyncio

import pytest

from app.domain.errors import BadInput, Conflict, Denied
from app.incidents import command
from app.incidents.declare import declare, severity_of
from app.ledger import deliveries, incidents, outbox, runs
from app.ledger.audit import Action
from tests.unit.incidents.world import NOON, World, member


async def test_who_declares_commands_and_triage_is_queued_at_once(world: World) -> None:
    incident = await world.declared("  checkout \n fails ")
    assert incident.title == "checkout fails"
    assert incident.commander == "UCOMMANDER"
    async with world.ledger.read() as tx:
        (run,) = await runs.for_incident(tx, incident.id)
        assert [each.card for each in await outbox.due(tx, NOON)] == ["incident"]
    assert run.scope.alert.service == "checkout"
    assert await world.audited(incident.id) == [Action.PERSON_DECLARED.value, Action.RUN_QUEUED.value]


async def test_numbers_are_unique_when_many_declare_at_once(world: World) -> None:
    said = await asyncio.gather(*(world.declared(f"number {n}") for n in range(12)))
    assert sorted(each.number for each in said) == list(range(1, 13))
    assert {each.id for each in said} == {f"INC-{n:04d}" for n in range(1, 13)}


async def test_the_same_delivery_declares_once(world: World) -> None:
    async with world.ledger.write() as tx:
        await deliveries.accept(tx, "Ev1", "command", {}, at=NOON)
        (delivery,) = await deliveries.pending(tx)
    said = await asyncio.gather(*(world.declared(delivery=delivery.id) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in said) == 3
    async with world.ledger.read() as tx:
        assert len(await incidents.list_open(tx)) == 1
        assert await deliveries.get(tx, delivery.id) is None


async def test_without_a_title_nothing_is_declared_and_it_is_said_how(world: World) -> None:
    with pytest.raises(BadInput, match="/incident declare"):
        await world.declared(" \n\t ")
    async with world.ledger.read() as tx:
        assert await incidents.list_open(tx) == []


async def test_who_declared_is_told_where_it_lives(world: World) -> None:
    incident = await declare(world.desk, title="x", by="U1", surface="test", answer_to="C1/U1")
    async with world.ledger.read() as tx:
        row = await outbox.get(tx, f"declared:{incident.id}")
    assert row is not None
    assert row.body == {"to": "C1/U1"}


def test_a_monitor_s_unknown_word_wakes_nobody() -> None:
    assert severity_of("CRITICAL") == "SEV1"
    assert severity_of("purple") == "SEV3"


async def test_command_is_taken_by_one_of_many(world: World) -> None:
    incident = await world.declared()
    async with world.ledger.write() as tx:
        await incidents.set_commander(tx, incident.id, None, was="UCOMMANDER", at=NOON)
    takers = ("UAPPROVER", "USECOND", "UNOBODY")
    said = await asyncio.gather(
        *(command.take_command(world.desk, incident.id, by=by, surface="test") for by in takers), return_exceptions=True
    )
    assert sum(isinstance(each, Conflict) for each in said) == 2
    commander = (await world.incident(incident.id)).commander
    assert commander in takers
    assert all(str(commander) in str(each) for each in said if isinstance(each, Conflict))


async def test_a_guest_commands_nothing_and_only_the_commander_sets_the_status(world: World) -> None:
    incident = await world.declared()
    world.folk["UGUEST"] = member("UGUEST", guest=True)
    with pytest.raises(Denied):
        await command.take_command(world.desk, incident.id, by="UGUEST", surface="test")
    with pytest.raises(Denied):
        await command.set_status(world.desk, incident.id, "closed", by="UAPPROVER", surface="test")
