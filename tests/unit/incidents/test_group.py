from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.domain.incident import Alert
from app.incidents import shed
from app.incidents.group import group
from app.ledger import alerts, incidents, runs
from app.ledger.audit import Action
from app.policy.policy import load
from tests.unit.incidents.world import NOON, POLICY, World, diagnosis


def alert(**fields: Any) -> Alert:
    given: dict[str, Any] = {
        "fired_at": NOON - timedelta(minutes=1),
        "summary": "checkout fails",
        "name": "CheckoutErrors",
        "service": "checkout",
        "severity": "critical",
        "fingerprint": "a1",
        "group_key": "g1",
        "monitor": "alertmanager",
        **fields,
    }
    return Alert(**given)


async def opened(world: World) -> list[str]:
    async with world.ledger.read() as tx:
        return [each.id for each in await incidents.list_open(tx)]


async def test_the_same_alert_three_times_at_once_is_one_incident_and_one_run(world: World) -> None:
    said = await asyncio.gather(*(group(world.desk, alert(), surface="webhook") for _ in range(3)))
    assert set(said) == {"INC-0001"}
    assert await opened(world) == ["INC-0001"]
    async with world.ledger.read() as tx:
        (held,) = await alerts.for_incident(tx, "INC-0001")
        assert held.count == 3
        assert len(await runs.for_incident(tx, "INC-0001")) == 1
    incident = await world.incident("INC-0001")
    assert incident.severity == "SEV1"
    assert incident.commander is None


async def naive_group(world: World, given: Alert) -> None:
    """Looks for the group's incident in one transaction and opens it in another."""
    async with world.ledger.read() as tx:
        found = await incidents.by_group_key(tx, given.group_key or "")
    if found is None:
        await world.declared(given.summary)


async def test_the_race_is_a_real_one_looking_first_opens_several(world: World) -> None:
    await asyncio.gather(*(naive_group(world, alert()) for _ in range(3)))
    assert len(await opened(world)) > 1


async def test_an_alert_of_the_same_group_joins(world: World) -> None:
    first = await group(world.desk, alert(), surface="webhook")
    second = await group(world.desk, alert(fingerprint="a2", service="cart", summary="cart fails"), surface="webhook")
    assert first == second == "INC-0001"
    assert "Alert joined: cart fails" in await world.told("INC-0001")
    assert Action.ALERT_GROUPED.value in await world.audited("INC-0001")


async def test_an_alert_of_the_same_service_joins_what_a_person_declared(world: World) -> None:
    declared = await world.declared()
    assert await group(world.desk, alert(group_key="g9"), surface="webhook") == declared.id


async def test_an_alert_of_another_group_and_service_is_an_incident_of_its_own(world: World) -> None:
    await group(world.desk, alert(), surface="webhook")
    other = await group(world.desk, alert(fingerprint="b", group_key="g2", service="payments"), surface="webhook")
    nameless = await group(world.desk, alert(fingerprint="c", group_key=None, service=None), surface="webhook")
    assert [other, nameless] == ["INC-0002", "INC-0003"]


async def test_a_resolved_alert_nobody_knew_opens_nothing(world: World) -> None:
    assert await group(world.desk, alert(status="resolved"), surface="webhook") is None
    assert await opened(world) == []


async def test_its_firing_arriving_after_its_end_opens_nothing(world: World) -> None:
    await group(world.desk, alert(status="resolved"), surface="webhook")
    assert await group(world.desk, alert(), surface="webhook") is None
    assert await opened(world) == []


async def test_that_an_alert_resolved_is_said_once_however_often_it_is_delivered(world: World) -> None:
    await group(world.desk, alert(), surface="webhook")
    for _ in range(3):
        assert await group(world.desk, alert(status="resolved"), surface="webhook") == "INC-0001"
    assert (await world.told("INC-0001")).count("Alert resolved: checkout fails") == 1
    assert (await world.audited("INC-0001")).count(Action.ALERT_RESOLVED.value) == 1


async def test_after_the_incident_was_closed_the_same_group_firing_anew_is_a_new_one(world: World) -> None:
    await group(world.desk, alert(), surface="webhook")
    async with world.ledger.write() as tx:
        await incidents.set_status(tx, "INC-0001", "closed", at=NOON)
    assert await group(world.desk, alert(fired_at=NOON), surface="webhook") == "INC-0002"


async def ended(world: World, incident: str, verdict: str) -> None:
    """The incident's newest run, finished with this verdict."""
    async with world.ledger.write() as tx:
        run = await runs.latest(tx, incident)
        assert run is not None
        await runs.start(tx, run.id, at=NOON)
        await runs.finish(tx, run.id, diagnosis(run.scope).model_copy(update={"verdict": verdict}), at=NOON)


async def test_a_new_symptom_is_looked_at_again_where_the_cause_is_not_known_yet(world: World) -> None:
    incident = await group(world.desk, alert(), surface="webhook")
    assert incident is not None
    await ended(world, incident, "inconclusive")

    await group(world.desk, alert(fingerprint="a2", name="CheckoutSlow", summary="p95 is high"), surface="webhook")

    async with world.ledger.read() as tx:
        ran = await runs.for_incident(tx, incident)
    assert [run.state for run in ran] == ["finished", "queued"]
    assert ran[-1].scope.alert.name == "CheckoutSlow"


async def test_a_new_symptom_of_a_known_cause_is_not(world: World) -> None:
    incident = await group(world.desk, alert(), surface="webhook")
    assert incident is not None
    await ended(world, incident, "likely")

    await group(world.desk, alert(fingerprint="a2", name="CheckoutSlow"), surface="webhook")

    async with world.ledger.read() as tx:
        assert len(await runs.for_incident(tx, incident)) == 1


async def test_a_storm_of_alerts_does_not_triage_for_ever(world: World) -> None:
    incident = await group(world.desk, alert(), surface="webhook")
    assert incident is not None
    for number in range(2, 12):
        async with world.ledger.read() as tx:
            last = await runs.latest(tx, incident)
        if last is not None and last.state == "queued":
            await ended(world, incident, "inconclusive")
        await group(world.desk, alert(fingerprint=f"a{number}"), surface="webhook")

    async with world.ledger.read() as tx:
        assert len(await runs.for_incident(tx, incident)) == 5


async def test_where_too_many_triages_wait_an_alert_asks_for_no_other_and_that_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await group(world.desk, alert(), surface="webhook")
    assert incident is not None
    await ended(world, incident, "inconclusive")
    monkeypatch.setattr(shed, "MOST_RUNS", 0)
    await group(world.desk, alert(fingerprint="a2"), surface="webhook")
    async with world.ledger.read() as tx:
        assert len(await runs.for_incident(tx, incident)) == 1
    assert (await world.told(incident))[-1] == "Not triaged again: 0 triages wait already. Press Triage again if it is needed"
    assert "firstmate:run:shed" in await world.audited(incident)


def gale(number: int, **fields: Any) -> Alert:
    """One of many alerts that have nothing in common."""
    named = {"fingerprint": f"s{number}", "group_key": f"g{number}", "service": f"service-{number}", "summary": f"{number} fails"}
    return alert(**{**named, "severity": "warning", **fields})


async def storm_of(world: World, many: int) -> list[str | None]:
    return [await group(world.desk, gale(number), surface="webhook") for number in range(many)]


async def test_a_storm_of_unrelated_alerts_opens_few_incidents_and_loses_none_of_them(world: World) -> None:
    said = await storm_of(world, 300)

    assert len(await opened(world)) == 11
    assert said[9:12] == ["INC-0010", "INC-0011", "INC-0011"]
    async with world.ledger.read() as tx:
        assert len(await runs.unfinished(tx)) == 11
        assert await alerts.count(tx, "INC-0011") == 290
    storm = await world.incident("INC-0011")
    assert storm.title == "Alert storm: 290 alerts beyond 10 incidents in 10 min"
    assert storm.service is None
    told = await world.told("INC-0011")
    assert (told[0], told[-1]) == ("Declared: Alert storm", "Alert 290 of the storm joined: 299 fails")
    assert (await world.audited("INC-0011")).count(Action.ALERT_GROUPED.value) == 289


async def test_the_storm_s_severity_is_that_of_the_worst_alert_in_it(world: World) -> None:
    await storm_of(world, 12)
    assert (await world.incident("INC-0011")).severity == "SEV3"
    await group(world.desk, gale(12, severity="critical"), surface="webhook")
    await group(world.desk, gale(13, severity="info"), surface="webhook")
    assert (await world.incident("INC-0011")).severity == "SEV1"


async def test_in_a_storm_an_alert_still_joins_its_own_incident_and_people_still_declare(world: World) -> None:
    await storm_of(world, 15)
    assert await group(world.desk, gale(3, fingerprint="again"), surface="webhook") == "INC-0004"
    assert (await world.declared("a person says so")).id == "INC-0012"
    assert (
        await group(world.desk, alert(fingerprint="c", group_key="c"), surface="webhook") == "INC-0012"
    )  # of the service a person declared


async def test_what_people_declare_does_not_count_towards_a_storm(world: World) -> None:
    for number in range(12):
        await world.declared(f"declared {number}")
    assert await group(world.desk, gale(1), surface="webhook") == "INC-0013"
    assert (await world.incident("INC-0013")).title == "1 fails"


async def test_after_the_storm_alerts_open_incidents_again_and_those_in_it_stay_there(world: World) -> None:
    await storm_of(world, 12)
    world.clock.move(minutes=10)
    assert await group(world.desk, gale(50), surface="webhook") == "INC-0012"
    assert await group(world.desk, gale(11), surface="webhook") == "INC-0011"
    assert await group(world.desk, gale(11, status="resolved"), surface="webhook") == "INC-0011"


async def test_the_policy_says_what_a_storm_is(world: World) -> None:
    policy = load(POLICY + "storm: {most_incidents: 2, within_minutes: 1}")
    assert await storm_of(world.with_(policy=policy), 4) == ["INC-0001", "INC-0002", "INC-0003", "INC-0003"]
    assert (await world.incident("INC-0003")).title == "Alert storm: 2 alerts beyond 2 incidents in 1 min"
