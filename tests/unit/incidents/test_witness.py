"""An incident's channel is told of roots: at each approval, and once in a while where something else moved."""

from __future__ import annotations

from app.incidents import witness
from app.ledger import incidents, timeline
from app.ledger.tables import outbox
from app.verify_alone import Check, read_roots
from tests.unit.incidents.world import World


async def told(world: World, incident: str) -> list[str]:
    async with world.ledger.read() as tx:
        rows = (await tx.execute(outbox.select().where(outbox.c.kind == witness.ROOT))).all()
    return [row.body["sentence"] for row in rows if row.incident == incident]


async def with_channel(world: World) -> str:
    incident = (await world.declared()).id
    async with world.ledger.write() as tx:
        await incidents.set_channel(tx, incident, channel="C1", name="inc-0001")
    return incident


async def test_an_approval_tells_its_channel_of_the_root_over_it(world: World) -> None:
    proposal = await world.proposed(await with_channel(world))
    await world.press(proposal)
    (sentence,) = await told(world, proposal.incident)
    log = read_roots(world.desk.roots.path.read_text(), keys=[world.desk.roots.key])
    assert sentence.startswith(f"Audit root {log.roots[-1].seq}:{log.roots[-1].hash[:12]} covers INC-0001 to row ")
    check = Check(log)
    check.expect(sentence.split()[2])  # as it stands there
    assert check.end([]).whole == []


async def test_a_channel_is_told_of_what_else_moved_once_in_ten_minutes(world: World) -> None:
    incident = await with_channel(world)
    await witness.tell_due(world.desk)
    await witness.tell_due(world.desk)
    assert len(await told(world, incident)) == 1
    await world.proposed(incident)
    await witness.tell_due(world.desk)
    assert len(await told(world, incident)) == 1
    world.clock.move(minutes=10)
    await witness.tell_due(world.desk)
    world.clock.move(minutes=10)
    await witness.tell_due(world.desk)  # nothing moved since
    assert len(await told(world, incident)) == 2
    world.clock.jump(hours=-5)
    async with world.ledger.write() as tx:
        await timeline.append(tx, incident, at=world.clock(), actor="U1", text="no audit row")
    await witness.tell_due(world.desk)
    assert len(await told(world, incident)) == 2


async def test_without_a_channel_nobody_is_told(world: World) -> None:
    incident = (await world.declared()).id
    await witness.tell_due(world.desk)
    assert await told(world, incident) == []
