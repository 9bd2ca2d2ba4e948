from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.domain.errors import Conflict, NotFound, Rejected
from app.domain.hypothesis import Diagnosis
from app.domain.incident import Alert, Scope
from app.incidents import investigate
from app.incidents.desk import Windows
from app.jobs.outgoing import incident_card_of
from app.ledger import deliveries, outbox, runs
from app.ledger.audit import Action
from tests.unit.incidents.world import NOON, World, diagnosis

WINDOWS = Windows(lookback_s=600, reference_s=1800, settle_s=0)


async def run_of(world: World, incident: str) -> Any:
    async with world.ledger.read() as tx:
        return await runs.latest(tx, incident)


async def test_a_run_ends_with_its_diagnosis_on_the_card_and_its_findings_in_the_thread(world: World) -> None:
    await world.start_jobs()
    incident = await world.declared()
    await world.runner.idle()
    run = await run_of(world, incident.id)
    assert run.state == "finished"
    async with world.ledger.read() as tx:
        assert await outbox.get(tx, f"findings:{run.id}") is not None
    assert any("1.8.0 fails" in line for line in await world.told(incident.id))
    assert "1.8.0 fails" in (await incident_card_of(world.desk, incident)).gist
    await investigate.investigate(world.desk, run.id)
    assert (await world.audited(incident.id)).count(Action.RUN_FINISHED.value) == 1


async def test_a_run_that_cannot_go_on_says_so_in_the_timeline_and_on_the_card(world: World) -> None:
    def fails(scope: Scope) -> Diagnosis:
        raise Rejected("prometheus did not answer; try a shorter window")

    world.found.append(fails)
    await world.start_jobs()
    incident = await world.declared()
    await world.runner.idle()
    assert (await run_of(world, incident.id)).state == "failed"
    assert "Triage failed: prometheus did not answer; try a shorter window" in await world.told(incident.id)
    shown = (await incident_card_of(world.desk, incident)).model_dump_json()
    assert "Triage failed: prometheus did not answer" in shown
    assert Action.RUN_FAILED.value in await world.audited(incident.id)


async def test_a_run_that_breaks_is_tried_again_and_at_last_said_to_have_failed(world: World) -> None:
    def breaks(scope: Scope) -> Diagnosis:
        raise ZeroDivisionError("a defect")

    world.found.append(breaks)
    incident = await world.declared()
    run = await run_of(world, incident.id)
    for _ in range(investigate.MOST_ATTEMPTS - 1):
        with pytest.raises(ZeroDivisionError):
            await investigate.investigate(world.desk, run.id)
    assert (await run_of(world, incident.id)).state == "running"
    await investigate.investigate(world.desk, run.id)
    assert (await run_of(world, incident.id)).state == "failed"
    (said,) = [line for line in await world.told(incident.id) if line.startswith("Triage failed")]
    assert "ZeroDivisionError" in said
    assert "a defect" not in said


async def test_another_look_sees_the_alerts_as_they_are_now_with_the_hint(world: World) -> None:
    seen: list[Scope] = []

    def looks(scope: Scope) -> Diagnosis:
        seen.append(scope)
        return diagnosis(scope)

    world.found.append(looks)
    await world.start_jobs()
    incident = await world.declared()
    await world.runner.idle()
    async with world.ledger.write() as tx:
        await deliveries.accept(tx, "Ev2", "command", {}, at=NOON)
        (delivery,) = await deliveries.pending(tx)
    run = await investigate.again(world.desk, incident.id, by="UNOBODY", surface="test", hint="cart", delivery=delivery.id)
    with pytest.raises(Conflict):
        await investigate.again(world.desk, incident.id, by="UNOBODY", surface="test", delivery=delivery.id)
    await world.runner.idle()
    assert run == f"{incident.id}/r2"
    assert [scope.alert.service for scope in seen] == ["checkout", "cart"]


def test_the_window_holds_the_first_alert_and_the_reference_ends_where_it_begins() -> None:
    early = Alert(fired_at=NOON - timedelta(minutes=20), summary="a", service="checkout")
    late = Alert(fired_at=NOON - timedelta(minutes=1), summary="b")
    scope = investigate.scope_of([early, late], windows=WINDOWS, now=NOON)
    assert scope.window.start == early.fired_at - timedelta(seconds=600)
    assert scope.window.end == NOON
    assert scope.reference is not None
    assert scope.reference.end == scope.window.start
    assert scope.alert == early  # the newer one names no service
    with pytest.raises(NotFound):
        investigate.scope_of([], windows=WINDOWS, now=NOON)


def test_a_monitor_whose_clock_is_ahead_does_not_make_triage_wait() -> None:
    ahead = Alert(fired_at=NOON + timedelta(days=1), summary="a")
    scope = investigate.scope_of([ahead], windows=WINDOWS, now=NOON)
    assert scope.window.end == NOON
    assert scope.window.start == NOON - timedelta(seconds=600)
