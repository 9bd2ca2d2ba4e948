from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.domain.errors import Unreachable
from app.domain.proposal import Criterion, Proposal
from app.domain.telemetry import NoData
from app.incidents import command, execute, verify
from app.ledger import claims, executions, outbox, proposals
from app.ledger.audit import Action
from tests.unit.incidents.world import Gauge, World, criterion

NOTHING = NoData(source="prometheus", query="errors", reason="no series")


async def ran(world: World, *, stated: Criterion | None) -> tuple[Proposal, Any]:
    proposal = await world.proposed((await world.declared()).id, criterion=stated)
    assert (await world.press(proposal)).complete
    await execute.execute(world.desk, proposal.hash)
    return proposal, await world.execution(proposal)


async def verified(
    world: World, script: Sequence[Any], *, stated: Criterion | None = None, step_s: float = 1.0
) -> tuple[Any, Proposal, Gauge]:
    gauge = Gauge(world.clock, script, step_s=step_s)
    world = world.with_(metrics={"prometheus": gauge})
    proposal, execution = await ran(world, stated=stated or criterion())
    await verify.verify(world.desk, execution.id)
    return await world.execution(proposal), proposal, gauge


async def test_a_criterion_that_holds_long_enough_is_met(world: World) -> None:
    execution, proposal, _ = await verified(world, [0.2, 0.01, 0.01])
    assert execution.state == "verified"
    assert execution.observed == 0.01
    assert (await world.incident(proposal.incident)).status == "monitoring"
    audited = await world.audited(proposal.incident)
    assert Action.VERIFIED.value in audited
    assert Action.STATUS_FOLLOWED.value in audited


async def test_a_criterion_that_is_not_reached_in_time_is_missed_and_the_undo_is_proposed(world: World) -> None:
    execution, proposal, _ = await verified(world, [0.2], step_s=16.0)
    assert execution.state == "missed"
    assert execution.observed == 0.2
    assert "not met in time" in execution.detail
    assert (await world.incident(proposal.incident)).status == "investigating"
    async with world.ledger.read() as tx:
        waiting = await proposals.for_incident(tx, proposal.incident, states={"proposed"})
        said = await outbox.get(tx, f"outcome:{execution.id}:verified")
    assert [each.proposal.undoes for each in waiting] == [proposal.hash]
    assert waiting[0].proposal.call == proposal.effects.undo
    assert said is not None
    assert said.body == {"execution": execution.id, "undo": waiting[0].proposal.name}


async def test_a_flicker_starts_the_hold_anew(world: World) -> None:
    execution, _, gauge = await verified(world, [0.01, 0.2, 0.01, 0.01], stated=criterion(hold_s=1.0))
    assert execution.state == "verified"
    assert gauge.looks == 4


async def test_a_gap_in_the_numbers_starts_the_hold_anew(world: World) -> None:
    execution, _, gauge = await verified(world, [0.01, NOTHING, 0.01, 0.01])
    assert execution.state == "verified"
    assert gauge.looks == 4


async def test_without_a_number_it_is_unverified_not_met(world: World) -> None:
    execution, proposal, _ = await verified(world, [NOTHING, Unreachable("prometheus did not answer")], step_s=16.0)
    assert execution.state == "unverified"
    assert "prometheus did not answer" in execution.detail
    assert (await world.incident(proposal.incident)).status == "investigating"
    assert Action.MISSED.value in await world.audited(proposal.incident)


async def test_without_a_criterion_or_its_source_nothing_is_claimed(world: World) -> None:
    proposal, execution = await ran(world, stated=None)
    await verify.verify(world.desk, execution.id)
    assert (await world.execution(proposal)).state == "unverified"
    other, world.tool.version = world.with_(metrics={}), "1.8.0"
    _, execution = await ran(other, stated=criterion())
    await verify.verify(other.desk, execution.id)
    async with world.ledger.read() as tx:
        assert "not connected" in (await executions.get(tx, execution.id)).detail


async def test_taken_up_after_its_time_it_says_that_nobody_looked(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01])})
    proposal, execution = await ran(world, stated=criterion())
    world.clock.move(hours=2)
    await verify.verify(world.desk, execution.id)
    held = await world.execution(proposal)
    assert held.state == "unverified"
    assert "time to look was over" in held.detail


async def test_the_claim_lives_while_it_is_watched_and_is_free_afterwards(world: World) -> None:
    seen = []

    class Watched(Gauge):
        async def value(self, query: str, *, at: Any) -> Any:
            async with world.ledger.read() as tx:
                seen.append(await claims.current(tx, "shop/service/checkout", now=world.clock()))
            return await super().value(query, at=at)

    looking = world.with_(metrics={"prometheus": Watched(world.clock, [0.2, 0.2, 0.01, 0.01], step_s=100.0)})
    proposal, execution = await ran(looking, stated=criterion(within_s=1000))
    await verify.verify(looking.desk, execution.id)
    assert (await world.execution(proposal)).state == "verified"
    # 120 s is what one claim lasts; each look came 100 s after the other and found it held all the same.
    assert len(seen) == 4
    assert all(seen)
    async with world.ledger.read() as tx:
        assert await claims.current(tx, "shop/service/checkout", now=world.clock()) is None


async def test_verifying_twice_tells_once_and_proposes_one_undo(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01])})
    proposal, execution = await ran(world, stated=criterion())
    await asyncio.gather(verify.verify(world.desk, execution.id), verify.verify(world.desk, execution.id))
    await verify.verify(world.desk, execution.id)
    assert (await world.audited(proposal.incident)).count(Action.VERIFIED.value) == 1
    async with world.ledger.read() as tx:
        assert len(await proposals.for_incident(tx, proposal.incident, states={"proposed"})) == 1


async def test_an_undo_is_verified_without_proposing_to_undo_it_again(world: World) -> None:
    proposal, execution = await ran(world, stated=None)
    await verify.verify(world.desk, execution.id)
    async with world.ledger.read() as tx:
        (undo,) = [each.proposal for each in await proposals.for_incident(tx, proposal.incident, states={"proposed"})]
    assert (await world.press(undo)).complete
    await execute.execute(world.desk, undo.hash)
    assert world.tool.version == "1.8.0"
    await verify.verify(world.desk, (await world.execution(undo)).id)
    async with world.ledger.read() as tx:
        assert await proposals.for_incident(tx, proposal.incident, states={"proposed"}) == []


async def test_a_repair_that_holds_does_not_open_a_closed_incident_again(world: World) -> None:
    world = world.with_(metrics={"prometheus": Gauge(world.clock, [0.01])})
    proposal, execution = await ran(world, stated=criterion())
    await command.set_status(world.desk, proposal.incident, "closed", by="UCOMMANDER", surface="test")
    await verify.verify(world.desk, execution.id)
    assert (await world.execution(proposal)).state == "verified"
    assert (await world.incident(proposal.incident)).status == "closed"


async def test_the_end_and_what_is_told_of_it_are_one_commit(world: World) -> None:
    """A process that dies right after the end was noted leaves nothing untold."""
    execution, _, _ = await verified(world, [0.01, 0.01])
    async with world.ledger.read() as tx:
        said = await outbox.get(tx, f"outcome:{execution.id}:verified")
    assert said is not None
    assert said.created_at - execution.verified_at == timedelta(0)


async def test_what_was_measured_is_said_as_a_person_would(world: World) -> None:
    execution, _, _ = await verified(world, [0.0421], stated=criterion(unit="s"))
    assert execution.detail.endswith(": measured 42.1 ms, held")
