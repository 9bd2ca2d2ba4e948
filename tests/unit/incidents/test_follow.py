"""Proposals that never ran: did it come right without them?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.domain.incident import Alert
from app.domain.proposal import Proposal
from app.domain.telemetry import NoData
from app.incidents import execute, expire, follow
from app.incidents.group import group
from app.ledger import audit, outcomes
from app.ledger.audit import Action
from tests.unit.incidents.world import Gauge, World, criterion

NOTHING = NoData(source="prometheus", query="errors", reason="no series")


async def never_ran(world: World, how: str = "rejected", **fields: Any) -> Proposal:
    incident = fields.pop("incident", None) or (await world.declared()).id
    proposal = await world.proposed(incident, **fields)
    if how == "rejected":
        assert (await world.press(proposal, decision="reject", reason="not this")).complete
    elif how == "expired":
        world.clock.move(minutes=31)
        assert await expire.expire(world.desk) == 1
    else:
        assert (await world.press(proposal)).complete
        world.tool.version = "9.9.9"
        await execute.execute(world.desk, proposal.hash)
    assert await world.state(proposal) == how
    return proposal


async def sentence(world: World, proposal: Proposal) -> str:
    async with world.ledger.read() as tx:
        held = await outcomes.following(tx, proposal.hash)
    assert held is not None
    return held.sentence


async def test_each_kind_that_recovers_by_its_criterion_is_said_once_with_how_long_it_took(world: World) -> None:
    for how in ("rejected", "expired", "superseded"):
        world.tool.version = "1.8.0"
        now = world.with_(metrics={"prometheus": Gauge(world.clock, [0.2, 0.01, 0.01], step_s=2)})
        proposal = await never_ran(now, how, criterion=criterion())
        assert [await follow.follow(now.desk) for _ in range(4)] == [0, 0, 1, 0]
        assert await sentence(now, proposal) == "it recovered without it, 6 s later (errors at 0.05 or less: measured 0.01)"
        told = [each for each in await now.told(proposal.incident) if "recovered without it" in each]
        assert told == [f"{proposal.name}: {await sentence(now, proposal)}"]
        assert (await now.audited(proposal.incident)).count(Action.FOLLOWED.value) == 1


async def test_a_flicker_is_no_recovery_and_the_window_ends(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01, 0.2, 0.01, 0.2], step_s=9)})
    proposal = await never_ran(world, criterion=criterion())
    assert [await follow.follow(world.desk) for _ in range(4)] == [0, 0, 0, 1]
    assert (await sentence(world, proposal)).startswith(
        "it did not recover without it within 36 s (errors at 0.05 or less: measured 0.2"
    )


async def test_the_alert_that_is_gone_is_a_recovery_too(world: World) -> None:
    alert = Alert(fired_at=world.clock(), summary="checkout fails", name="A", service="checkout", fingerprint="a", monitor="m")
    incident = await group(world.desk, alert, surface="test")
    proposal = await _rejected_in(world, str(incident))
    assert await follow.follow(world.desk) == 0
    world.clock.move(minutes=3)
    await group(world.desk, alert.model_copy(update={"status": "resolved"}), surface="test")
    assert await follow.follow(world.desk) == 1
    assert await sentence(world, proposal) == "it recovered without it, 3 min later: no alert of the incident fires any more"


async def _rejected_in(world: World, incident: str) -> Proposal:
    proposal = await world.proposed(incident)
    assert (await world.press(proposal, by="UAPPROVER", decision="reject", reason="not this")).complete
    return proposal


async def test_what_nobody_could_measure_is_not_called_either(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [NOTHING], step_s=40)})
    proposal = await never_ran(world, criterion=criterion())
    assert await follow.follow(world.desk) == 1
    assert "can't be told: nobody could measure it" in await sentence(world, proposal)


async def test_where_something_else_ran_meanwhile_nothing_is_claimed(world: World) -> None:
    proposal = await never_ran(world)
    world.clock.move(seconds=5)
    other = await world.proposed(proposal.incident)
    assert (await world.press(other)).complete
    await execute.execute(world.desk, other.hash)
    assert await follow.follow(world.desk) == 1
    assert (
        await sentence(world, proposal) == f"whether it would have recovered without it can't be told: {other.name} ran meanwhile"
    )


async def test_without_a_criterion_the_alerts_are_watched_for_half_an_hour(world: World) -> None:
    proposal = await never_ran(world)
    assert await follow.follow(world.desk) == 0
    world.clock.move(seconds=follow.WITHOUT_CRITERION / timedelta(seconds=1))
    assert await follow.follow(world.desk) == 1
    assert await sentence(world, proposal) == "it did not recover without it within 30 min"
    async with world.ledger.read() as tx:
        assert await audit.verify(tx, proposal.incident) == []
