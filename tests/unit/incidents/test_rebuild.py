"""From the audit trail alone: where every proposal stands. The tables say the same, and what was put into them past it shows."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import text

from app.incidents import stop
from app.incidents.expire import expire
from app.incidents.resume import resume
from app.ledger import rebuild
from app.ledger.audit import Action
from tests.gates import Gate, size
from tests.unit.incidents.test_auditing import checked
from tests.unit.incidents.world import World, criterion

PEOPLE = ("UCOMMANDER", "UAPPROVER", "USECOND", "UNOBODY")


async def lived(world: World, dice: random.Random) -> None:
    """A random trace of one incident: presses, outcomes, time, stops, crashes."""
    world.tool.version, world.tool.ending, world.tool.reading = "1.8.0", "ok", "ok"
    incident = (await world.declared()).id
    made = [await world.proposed(incident, criterion=criterion())]
    for _ in range(dice.randint(2, 8)):
        match dice.randrange(9):
            case 0 | 1 | 2:
                await world.press(dice.choice(made), by=dice.choice(PEOPLE))
            case 3:
                await world.press(dice.choice(made), by=dice.choice(PEOPLE), decision="reject", reason="no")
            case 4:
                world.clock.move(minutes=dice.choice((1, 20, 40)))
                await expire(world.desk)
            case 5:
                world.tool.ending = dice.choice(("ok", "refuse", "lose", "garbage"))
            case 6:
                world.tool.version = dice.choice(("1.8.0", "1.7.2", "1.9.0"))
            case 7:
                await stop.stop(world.desk, by="UCOMMANDER", surface="test", reason="wait", incident=incident)
            case 8:
                await resume(world.desk, live=world.runner.live)
        if dice.random() < 0.6:
            await world.runner.idle()
    await world.runner.idle()


async def differences(world: World) -> list[str]:
    async with world.ledger.read() as tx:
        return await rebuild.differences(tx)


async def test_the_trail_alone_tells_where_every_proposal_stands(world: World, gate: Gate) -> None:
    await world.start_jobs()
    dice, count = gate.random, size(full=1000, small=25)
    for _ in range(count):
        await lived(world, dice)
    async with world.ledger.read() as tx:
        kept, logged = await rebuild.stands(tx), await rebuild.logged(tx)
    assert {stand.state for stand in kept.values()} >= {"rejected", "superseded", "done", "failed"}
    same = sum(logged.get(hash) == stand for hash, stand in kept.items())
    gate("G18", "states from the log alone", figure=f"{same:,} of {len(kept):,}", bar="equal to the tables", met=logged == kept)
    forgetful = {row: moves for row, moves in rebuild.MOVES.items() if row is not Action.EXECUTION_STARTED}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rebuild, "MOVES", forgetful)
        left = len(await differences(world))
    gate.twin("G18", "states from the log alone", figure=f"{len(kept) - left:,} of {len(kept):,}", fails=left > 0)


@pytest.mark.parametrize(
    "done",
    [
        "UPDATE proposals SET state = 'approved'",
        "INSERT INTO approvals SELECT 9, hash, 'approve', 'U9', '2026-03-01T12:00:00', 'x', '', NULL, NULL, NULL FROM proposals",
        "DELETE FROM approvals",
        "UPDATE approvals SET by = 'USECOND'",
        "UPDATE approvals SET redeemed_at = '2026-03-01T12:00:00.000000+00:00'",
    ],
)
async def test_what_was_put_into_the_tables_past_the_trail_is_told(world: World, done: str) -> None:
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal, decision="reject", reason="no")
    assert await differences(world) == []
    async with world.ledger.write() as tx:
        await tx.execute(text(done))
    await world.desk.roots.seal()
    report = await checked(world)
    assert any(told.startswith(proposal.name) and "wrote past it" in told for told in report.whole), report.whole
