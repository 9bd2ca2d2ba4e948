"""Monitors that date, name and end the same thing differently, or go on about what people have closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.incident import Alert
from app.incidents import declare, investigate
from app.incidents.group import group
from app.incidents.monitors import alerts_of
from app.jobs.outgoing import incident_card_of
from app.ledger import alerts, audit, incidents, outbox, runs
from app.ledger.audit import Action
from tests.unit.incidents.test_group import alert, ended, opened
from tests.unit.incidents.world import NOON, World

SECOND = timedelta(seconds=1)


def bare(**fields: Any) -> Alert:
    """Without a service and a group: only its words and its fingerprint say what it is about."""
    return alert(**{"service": None, "group_key": None, "fired_at": NOON, **fields})


async def firing(world: World, incident: str) -> int:
    async with world.ledger.read() as tx:
        return await alerts.still_firing(tx, incident)


async def close(world: World, incident: str) -> None:
    async with world.ledger.write() as tx:
        await incidents.set_status(tx, incident, "closed", at=world.clock())


# An incident that was closed while its alert fires on


async def test_an_alert_that_fires_on_after_its_incident_was_closed_opens_one_that_names_it(world: World) -> None:
    first = await group(world.desk, alert(), surface="webhook")
    assert first == "INC-0001"
    await close(world, first)
    world.clock.move(hours=5)
    second = await group(world.desk, alert(), surface="webhook")
    assert second == "INC-0002"
    opened_anew = await world.incident(second)
    assert opened_anew.title == "Still firing after INC-0001 was closed: checkout fails"
    assert "Still firing after INC-0001 was closed" in (await incident_card_of(world.desk, opened_anew)).title
    assert (await world.told(first))[-1] == "An alert fires on after the closing: INC-0002 is about it now"
    async with world.ledger.read() as tx:
        assert len(await runs.for_incident(tx, second)) == 1
        assert [await alerts.count(tx, each) for each in (first, second)] == [0, 1]
    assert await group(world.desk, alert(), surface="webhook") == second
    assert await group(world.desk, alert(status="resolved"), surface="webhook") == second
    assert await opened(world) == [second]


async def test_it_joins_the_open_one_of_its_service_and_says_so_there(world: World) -> None:
    await group(world.desk, alert(), surface="webhook")
    await close(world, "INC-0001")
    declared = await world.declared("checkout again")
    world.clock.move(minutes=11)
    assert await group(world.desk, alert(), surface="webhook") == declared.id
    assert "Still firing after INC-0001 was closed. Alert joined: checkout fails" in await world.told(declared.id)


async def test_for_a_while_after_the_closing_a_monitor_may_still_be_behind(world: World) -> None:
    await group(world.desk, alert(), surface="webhook")
    await close(world, "INC-0001")
    world.clock.move(minutes=10)
    assert await group(world.desk, alert(), surface="webhook") == "INC-0001"
    assert await opened(world) == []


# One fingerprint, two monitors; one alert, two starts


@pytest.mark.parametrize("other", [{"monitor": "other"}, {"service": "cart"}], ids=["another monitor", "another service"])
async def test_the_same_fingerprint_of_another_monitor_or_service_swallows_nothing(world: World, other: dict[str, str]) -> None:
    given: dict[str, Any] = {"group_key": None, "service": "payments", "summary": "payments is down"}
    first = await group(world.desk, alert(**given), surface="webhook")
    second = await group(world.desk, alert(**{**given, "summary": "cart is slow", "service": "cart", **other}), surface="webhook")
    assert (first, second) == ("INC-0001", "INC-0002")
    async with world.ledger.read() as tx:
        said = [[held.alert.summary for held in await alerts.for_incident(tx, each)] for each in ("INC-0001", "INC-0002")]
    assert said == [["payments is down"], ["cart is slow"]]


def test_what_names_an_alert_can_not_be_made_up_from_the_other_parts() -> None:
    parts = [("a", "b", "c"), ("a@b", "c", None), ("a", "b@c", None), ("a", None, "b@c"), ("a", "bc", ""), ("a@b@c", None, None)]
    named = [alerts.fingerprint_of(bare(fingerprint=f, monitor=m, service=s)) for f, m, s in parts]
    assert len(set(named)) == len(parts)
    assert alerts.fingerprint_of(bare(fingerprint="x\ud800", monitor=None))


async def test_one_alert_dated_twice_is_one_incident(world: World) -> None:
    assert await group(world.desk, bare(), surface="webhook") == "INC-0001"
    assert await group(world.desk, bare(fired_at=NOON + SECOND), surface="webhook") == "INC-0001"
    assert await opened(world) == ["INC-0001"]


async def test_one_alert_of_two_monitors_in_the_same_words_is_one_incident(world: World) -> None:
    assert await group(world.desk, bare(), surface="webhook") == "INC-0001"
    other = bare(fired_at=NOON + SECOND, monitor="other", fingerprint="o", summary="Fails: checkout!")
    assert await group(world.desk, other, surface="webhook") == "INC-0001"


@pytest.mark.parametrize(
    "apart",
    [{"summary": "checkout is slow"}, {"monitor": "alertmanager"}, {"after_minutes": 11}, {"service": "cart"}],
    ids=["other words", "the same monitor", "much later", "another service"],
)
async def test_what_is_not_said_to_be_the_same_is_not_taken_for_it(world: World, apart: dict[str, Any]) -> None:
    assert await group(world.desk, bare(service="checkout"), surface="webhook") == "INC-0001"
    world.clock.move(minutes=apart.get("after_minutes", 0))
    other = {key: value for key, value in apart.items() if key != "after_minutes"}
    assert await group(world.desk, bare(**{"monitor": "other", "fingerprint": "o", **other}), surface="webhook") == "INC-0002"


@pytest.mark.parametrize("off", [timedelta(milliseconds=1), -timedelta(milliseconds=1), timedelta(minutes=3)])
async def test_an_end_that_is_dated_a_little_off_ends_it_all_the_same(world: World, off: timedelta) -> None:
    await group(world.desk, alert(fired_at=NOON), surface="webhook")
    for _ in range(2):
        await group(world.desk, alert(fired_at=NOON + off, status="resolved"), surface="webhook")
    assert await firing(world, "INC-0001") == 0
    assert (await world.told("INC-0001")).count("Alert resolved: checkout fails") == 1
    async with world.ledger.read() as tx:
        assert await alerts.count(tx, "INC-0001") == 1


async def test_the_late_end_of_an_earlier_time_does_not_end_what_fires_now(world: World) -> None:
    await group(world.desk, alert(fired_at=NOON), surface="webhook")
    await group(world.desk, alert(fired_at=NOON + timedelta(minutes=9)), surface="webhook")
    await group(world.desk, alert(fired_at=NOON, status="resolved"), surface="webhook")
    assert await firing(world, "INC-0001") == 1


async def test_the_end_by_one_monitor_is_not_that_of_the_other(world: World) -> None:
    await group(world.desk, bare(), surface="webhook")
    await group(world.desk, bare(monitor="other"), surface="webhook")
    await group(world.desk, bare(status="resolved"), surface="webhook")
    assert await firing(world, "INC-0001") == 1


# Clocks nobody set


@pytest.mark.parametrize("dated", [datetime(1970, 1, 1, tzinfo=UTC), NOON - timedelta(hours=25)])
async def test_an_alert_dated_long_before_it_came_does_not_widen_what_triage_looks_at(world: World, dated: datetime) -> None:
    incident = await group(world.desk, alert(fired_at=dated), surface="webhook")
    assert incident is not None
    async with world.ledger.read() as tx:
        (run,) = await runs.for_incident(tx, incident)
    assert run.scope.window.start == NOON - timedelta(seconds=world.desk.windows.lookback_s)
    assert any(f"is dated {dated:%Y-%m-%d}" in line for line in await world.told(incident))

    world.clock.move(hours=2)
    await ended(world, incident, "inconclusive")
    await group(world.desk, alert(fingerprint="a2", fired_at=NOON + timedelta(hours=2)), surface="webhook")
    await investigate.again(world.desk, incident, by="UCOMMANDER", surface="test")
    async with world.ledger.read() as tx:
        ran = await runs.for_incident(tx, incident)
    assert len(ran) == 3
    assert {each.scope.window.start for each in ran} == {run.scope.window.start}  # from when it came, whenever one looks


async def test_an_alert_a_few_hours_old_is_believed(world: World) -> None:
    """The twin of the bound: it does not shorten what is real."""
    fired = NOON - timedelta(hours=23)
    incident = await group(world.desk, alert(fired_at=fired), surface="webhook")
    assert incident is not None
    async with world.ledger.read() as tx:
        (run,) = await runs.for_incident(tx, incident)
    assert run.scope.window.start == fired - timedelta(seconds=world.desk.windows.lookback_s)
    assert not any("is dated" in line for line in await world.told(incident))


# How bad it is


async def test_a_worse_alert_that_joins_makes_the_incident_worse_and_a_milder_one_does_not_make_it_better(world: World) -> None:
    incident = await group(world.desk, alert(severity="warning"), surface="webhook")
    assert incident is not None
    await group(world.desk, alert(fingerprint="a2", severity="critical", summary="checkout is down"), surface="webhook")
    assert (await world.incident(incident)).severity == "SEV1"
    assert "Severity rose from SEV3 to SEV1: checkout is down" in await world.told(incident)
    assert (await incident_card_of(world.desk, await world.incident(incident))).title.startswith("[SEV1]")
    async with world.ledger.read() as tx:
        rose = [row.payload for row in await audit.rows(tx, incident) if row.action == Action.SEVERITY_FOLLOWED]
        topic = await outbox.get(tx, f"topic:{incident}:SEV1")
    assert rose == [{"severity": "SEV1", "before": "SEV3"}]
    assert topic is not None
    await group(world.desk, alert(fingerprint="a3", severity="info"), surface="webhook")
    assert (await world.incident(incident)).severity == "SEV1"


async def test_what_a_person_said_of_the_severity_stands_and_it_is_said_what_the_monitor_says(world: World) -> None:
    declared = await world.declared(severity="SEV4")
    await group(world.desk, alert(severity="critical"), surface="webhook")
    assert (await world.incident(declared.id)).severity == "SEV4"
    told = "The alert that joined is SEV1 by its monitor; the severity stays SEV4, as a person said"
    assert told in await world.told(declared.id)


async def test_where_the_person_who_declared_said_nothing_of_it_the_severity_follows_the_alerts(world: World) -> None:
    declared = await declare.declare(world.desk, title="checkout fails", by="UCOMMANDER", surface="test", service="checkout")
    assert declared.severity == "SEV3"
    await group(world.desk, alert(severity="critical"), surface="webhook")
    assert (await world.incident(declared.id)).severity == "SEV1"


# What the card says of many


async def test_the_card_counts_every_alert_and_shows_the_worst_of_those_that_fire(world: World) -> None:
    incident = await group(world.desk, alert(severity="warning", summary="the first"), surface="webhook")
    assert incident is not None
    worst = alert(fingerprint="w", severity="critical", summary="nobody can pay", fired_at=NOON + timedelta(minutes=1))
    await group(world.desk, worst, surface="webhook")
    async with world.ledger.write() as tx:
        for number in range(600):
            fired = NOON + timedelta(seconds=number) if number < 550 else NOON - timedelta(hours=1)
            later = alert(fingerprint=f"l{number}", severity="warning", summary="slow", fired_at=fired)
            await alerts.attach(tx, await alerts.upsert(tx, later, at=NOON), incident)
    shown = str(await incident_card_of(world.desk, await world.incident(incident)))
    assert "nobody can pay" in shown
    assert "(and 601 more alerts)" in shown
    await group(world.desk, worst.model_copy(update={"status": "resolved"}), surface="webhook")
    assert "nobody can pay" not in str(await incident_card_of(world.desk, await world.incident(incident)))


def test_no_monitor_s_group_can_pass_for_one_of_ours() -> None:
    (read,) = alerts_of({"groupKey": "firstmate/storm", "alerts": [{"startsAt": "2026-03-01T12:00:00Z"}]})
    assert read.group_key is not None
    assert read.group_key.startswith("h-")


HOSTILE = ('"} or up{', "../../etc/passwd", "\u202e<!channel>", "x\x00y", "", " ", "%", "@", "'; DROP TABLE alerts;--")


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_text_may_name_anything(world: World, name: str) -> None:
    given = alert(service=name, fingerprint=name or "e", summary=name, group_key=name)
    incident = await group(world.desk, given, surface="webhook")
    assert incident is not None
    assert await group(world.desk, given, surface="webhook") == incident
    assert await group(world.desk, given.model_copy(update={"status": "resolved"}), surface="webhook") == incident
    assert await firing(world, incident) == 0
