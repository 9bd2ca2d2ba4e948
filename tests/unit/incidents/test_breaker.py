"""The breaker on a real ledger: what opens it, what it stops, the one that is tried, and who may close it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from app.domain.action import Call
from app.domain.errors import BadInput, Denied
from app.domain.proposal import Proposal
from app.incidents import execute, score, set_aside, stop, verify
from app.incidents.why import why
from app.ledger import audit, outcomes
from app.ledger.audit import Action
from app.ledger.tables import outbox
from app.policy.decision import Denied as No
from tests.unit.incidents.world import Gauge, World, criterion

AGENT, ACTION = "proposer@1.0.0", "shop_rollout_undo"


async def proposed(world: World, incident: str, to: str = "1.7.2", **fields: Any) -> Proposal:
    call = Call(action=ACTION, arguments={"service": "checkout", "from_version": world.tool.version, "to_version": to})
    return await world.proposed(incident, call=call, **fields)


async def rejected(world: World, incident: str, times: int) -> None:
    for n in range(times):
        held = await proposed(world, incident, to=f"1.6.{n}")
        world.clock.move(seconds=1)
        assert (await world.press(held, decision="reject", reason="not this")).complete


async def breaker(world: World) -> Any:
    async with world.ledger.read() as tx:
        return await outcomes.breaker(tx, AGENT, ACTION)


async def actions(world: World, incident: str) -> list[str]:
    return [each for each in await world.audited(incident) if ":breaker:" in each]


async def test_after_three_rejections_no_more_is_approved_and_everybody_is_told(world: World) -> None:
    incident = (await world.declared()).id
    await rejected(world, incident, 2)
    waiting = await proposed(world, incident)
    await rejected(world, incident, 1)
    said = await world.press(waiting)
    assert not said.counted
    assert "the breaker for shop_rollout_undo by proposer@1.0.0 opened at" in said.sentence
    assert f"`/incident stop off {waiting.name} WHY`" in said.sentence
    assert await actions(world, incident) == [Action.BREAKER_OPENED]
    assert any("opened: p-" in each and "was rejected" in each for each in await world.told(incident))
    found = await why(world.desk, waiting.name)
    assert isinstance(dict(found.said)["BreakerClosed"], No)
    assert found.score == {"rejected": 3}
    async with world.ledger.read() as tx:
        said_to_all = (await tx.execute(select(outbox.c.body).where(outbox.c.kind == stop.SAID))).scalars().all()
    assert [each["sentence"].endswith("Nothing more of it is approved for now.") for each in said_to_all] == [True]
    assert (await world.press(waiting, decision="reject", reason="still no")).complete  # saying no stays possible


async def test_it_is_in_the_ledger_and_so_outlives_the_process(world: World) -> None:
    incident = (await world.declared()).id
    await rejected(world, incident, 3)
    assert (await breaker(world)).opened_at is not None
    again = await proposed(world, incident, to="1.5.0")
    assert not (await world.with_().press(again)).counted


async def test_what_was_approved_before_it_opened_does_not_run(world: World) -> None:
    incident = (await world.declared()).id
    waiting = await proposed(world, incident)
    assert (await world.press(waiting)).complete
    await rejected(world, incident, 3)
    await execute.execute(world.desk, waiting.hash)
    assert world.tool.effects == 0
    assert await world.state(waiting) == "superseded"
    assert any("did not run: the breaker for" in each for each in await world.told(incident))


async def opened_and_paused(world: World) -> str:
    incident = (await world.declared()).id
    await rejected(world, incident, 3)
    world.clock.move(minutes=61)
    return incident


async def test_after_the_pause_one_is_tried_and_its_hit_closes_it(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01])})
    incident = await opened_and_paused(world)
    first, second = await proposed(world, incident, criterion=criterion()), await proposed(world, incident, to="1.6.9")
    assert (await world.press(first)).complete
    said = await world.press(second)
    assert f"{first.name} is tried first" in said.sentence
    await execute.execute(world.desk, first.hash)
    await verify.verify(world.desk, (await world.execution(first)).id)
    assert await breaker(world) == (await breaker(world)).closed()
    assert await actions(world, incident) == [Action.BREAKER_OPENED, Action.BREAKER_TRIED, Action.BREAKER_CLOSED]
    async with world.ledger.read() as tx:
        assert await outcomes.score(tx, AGENT, ACTION) == {"hit": 1, "rejected": 3}


async def test_a_miss_of_the_one_that_is_tried_opens_it_again(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.2], step_s=40)})
    incident = await opened_and_paused(world)
    first = await proposed(world, incident, criterion=criterion())
    assert (await world.press(first)).complete
    await execute.execute(world.desk, first.hash)
    await verify.verify(world.desk, (await world.execution(first)).id)
    held = await breaker(world)
    assert held.probe is None
    assert held.opened_at == world.clock()
    assert (await actions(world, incident))[-1] == Action.BREAKER_OPENED


async def test_of_many_presses_at_once_one_is_tried(world: World) -> None:
    world = world.with_(policy=world.desk.policy.model_copy(update={"open_proposals": 50}))  # type: ignore[union-attr]
    incident = await opened_and_paused(world)
    waiting = [await proposed(world, incident, to=f"2.0.{n}") for n in range(10)]
    said = await asyncio.gather(*(world.press(each, by=("UAPPROVER", "USECOND")[n % 2]) for n, each in enumerate(waiting)))
    assert sum(each.complete for each in said) == 1


async def test_one_that_never_ran_makes_room_for_the_next(world: World) -> None:
    incident = await opened_and_paused(world)
    first = await proposed(world, incident)
    assert (await world.press(first)).complete
    world.tool.version = "9.9.9"  # the world moved: it does not run
    await execute.execute(world.desk, first.hash)
    assert await world.state(first) == "superseded"
    assert (await breaker(world)).probe is None
    assert (await world.press(await proposed(world, incident, to="1.7.0"))).complete


async def test_one_that_was_altered_makes_room_for_the_next(world: World) -> None:
    incident = await opened_and_paused(world)
    first = await proposed(world, incident)
    assert (await world.press(first)).complete
    await set_aside.one(world.desk, first.hash)
    assert (await breaker(world)).probe is None


async def test_the_commander_closes_it_and_nobody_else_does(world: World) -> None:
    incident = (await world.declared()).id
    await rejected(world, incident, 3)
    waiting = await proposed(world, incident)
    with pytest.raises(Denied, match="commander of INC-0001"):
        await stop.close_breaker(world.desk, waiting.name, by="UNOBODY", surface="test", reason="I want it")
    with pytest.raises(BadInput, match="say why"):
        await stop.close_breaker(world.desk, waiting.name, by="UCOMMANDER", surface="test", reason=" ")
    said = await stop.close_breaker(world.desk, waiting.name, by="UCOMMANDER", surface="test", reason="they were right")
    assert "may be approved again" in said
    assert (await world.press(waiting)).complete
    with pytest.raises(BadInput, match="no breaker is open"):
        await stop.close_breaker(world.desk, waiting.name, by="UCOMMANDER", surface="test", reason="again")
    async with world.ledger.read() as tx:
        rows = [row for row in await audit.rows(tx, incident) if row.action in (Action.BREAKER_CLOSED, Action.STOP_REFUSED)]
    assert [(row.actor, row.action) for row in rows] == [
        ("UNOBODY", Action.STOP_REFUSED.value),
        ("UCOMMANDER", Action.BREAKER_CLOSED.value),
    ]


async def test_people_and_the_way_back_are_not_counted(world: World) -> None:
    incident = (await world.declared()).id
    await rejected(world, incident, 3)
    own = await proposed(world, incident, to="1.5.5", by_agent=False, asked_by="UAPPROVER")
    assert (await world.press(own)).complete
    back = await proposed(world, incident, to="1.5.6", undoes="0" * 64)
    assert not score.watched(back)
    assert (await world.press(back, by="UAPPROVER")).complete
