"""Alerts, changes and deliveries: what came in from outside, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.agent import Agent
from app.domain.change import Change
from app.domain.errors import BadInput
from app.domain.incident import Alert
from app.domain.ports import ChangesSource
from app.domain.telemetry import NoData
from app.domain.window import Window
from app.ledger import agents, alerts, changes, deliveries, incidents, switches
from app.ledger.changes import RecordedChanges
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def alert(**fields: object) -> Alert:
    return Alert.model_validate({"fired_at": NOON, "summary": "too slow", "fingerprint": "f", **fields})


async def test_an_alert_delivered_again_is_counted(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        first = await alerts.upsert(tx, alert(), at=NOON)
        again = await alerts.upsert(tx, alert(summary="slower"), at=NOON + MINUTE)
        other = await alerts.upsert(tx, alert(fired_at=NOON + MINUTE), at=NOON + MINUTE)
    assert [a.count for a in (first, again, other)] == [1, 2, 1]
    assert again.alert.summary == "slower"
    assert (again.first_seen, again.last_seen) == (NOON, NOON + MINUTE)


async def test_a_resolved_alert_stays_resolved_when_an_old_delivery_comes_late(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        stored = await alerts.upsert(tx, alert(), at=NOON)
        assert await alerts.attach(tx, stored, incident)
        assert await alerts.still_firing(tx, incident) == 1
        await alerts.upsert(tx, alert(status="resolved"), at=NOON + MINUTE)
        late = await alerts.upsert(tx, alert(), at=NOON)
        assert (late.status, late.alert.status, late.last_seen) == ("resolved", "resolved", NOON + MINUTE)
        assert await alerts.still_firing(tx, incident) == 0


async def test_an_alert_belongs_to_the_incident_that_took_it_first(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        stored = await alerts.upsert(tx, alert(), at=NOON)
        assert await alerts.attach(tx, stored, incident)
        assert not await alerts.attach(tx, stored, incident)
        assert [a.fingerprint for a in await alerts.for_incident(tx, incident)] == ["f"]
        await alerts.upsert(tx, alert(fingerprint="of no incident"), at=NOON)
        assert await alerts.count(tx, incident) == 1
        assert (await alerts.upsert(tx, alert(), at=NOON)).incident == incident


async def test_of_more_alerts_than_asked_for_the_first_and_the_newest_are_given(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        for n in range(6):
            state = "resolved" if n == 4 else "firing"
            stored = await alerts.upsert(tx, alert(fingerprint=str(n), fired_at=NOON + n * MINUTE, status=state), at=NOON)
            await alerts.attach(tx, stored, incident)
        assert [a.fingerprint for a in await alerts.for_incident(tx, incident, limit=3)] == ["0", "3", "5"]
        assert [a.fingerprint for a in await alerts.for_incident(tx, incident)] == list("012345")
        assert await alerts.for_incident(tx, "INC-none") == []


async def test_an_alert_moves_from_the_incident_it_was_read_with_and_from_no_other(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        first = await incidents.get(tx, incident)
        for number in (2, 3):
            id = f"INC-000{number}"
            await incidents.add(tx, first.model_copy(update={"id": id, "number": number, "commander": None}))
        await alerts.attach(tx, await alerts.upsert(tx, alert(), at=NOON), incident)
        read = await alerts.upsert(tx, alert(), at=NOON)
        assert await alerts.attach(tx, read, "INC-0002")
        assert not await alerts.attach(tx, read, "INC-0003")
        assert await alerts.open_incident_of(tx, alert(fired_at=NOON + MINUTE)) == "INC-0002"
        await incidents.set_status(tx, "INC-0002", "closed", at=NOON)
        assert await alerts.open_incident_of(tx, alert(fired_at=NOON + MINUTE)) is None


def test_an_alert_without_a_fingerprint_is_known_by_what_names_it() -> None:
    plain = alert(fingerprint=None, name="slow", labels={"zone": "a", "x": "1"})
    assert alerts.fingerprint_of(plain) == alerts.fingerprint_of(plain.model_copy(update={"labels": {"x": "1", "zone": "a"}}))
    assert alerts.fingerprint_of(plain) != alerts.fingerprint_of(plain.model_copy(update={"labels": {"zone": "b", "x": "1"}}))
    assert alerts.fingerprint_of(plain) == alerts.fingerprint_of(plain.model_copy(update={"summary": "other words"}))


def change(id: str, at: datetime, **fields: object) -> Change:
    return Change.model_validate({"id": id, "kind": "deploy", "at": at, "source": "ci", **fields})


async def test_a_change_is_recorded_once(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        assert await changes.record(tx, change("a", NOON), at=NOON)
        assert not await changes.record(tx, change("a", NOON, title="again"), at=NOON)
        assert await changes.record(tx, change("a", NOON, kind="commit"), at=NOON)
        assert await changes.record(tx, change("a", NOON + MINUTE), at=NOON)
        assert await changes.record(tx, change("a", NOON, source="other"), at=NOON)


async def test_the_intake_answers_with_the_changes_of_the_window(ledger: Ledger) -> None:
    source = RecordedChanges(ledger)
    assert isinstance(source, ChangesSource)
    async with ledger.write() as tx:
        for id, at in (("late", NOON + MINUTE), ("first", NOON), ("end", NOON + 2 * MINUTE), ("before", NOON - MINUTE)):
            await changes.record(tx, change(id, at, details={"flag": "x"}), at=NOON)
    found = await source.changes(Window(start=NOON, end=NOON + 2 * MINUTE))
    assert not isinstance(found, NoData)
    assert list(found) == [change("first", NOON, details={"flag": "x"}), change("late", NOON + MINUTE, details={"flag": "x"})]
    assert isinstance(await source.changes(Window(start=NOON + 9 * MINUTE, end=NOON + 10 * MINUTE)), NoData)


async def test_of_too_many_changes_the_newest_are_told(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        for n in range(5):
            await changes.record(tx, change(str(n), NOON + n * MINUTE), at=NOON)
        found = await changes.between(tx, Window(start=NOON, end=NOON + 9 * MINUTE), limit=2)
    assert [c.id for c in found] == ["3", "4"]


async def test_a_delivery_takes_effect_once(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        assert await deliveries.accept(tx, "Ev1", "event", {"a": 1}, at=NOON)
        assert not await deliveries.accept(tx, "Ev1", "event", {"a": 2}, at=NOON)
        assert await deliveries.accept(tx, "Ev0", "event", {}, at=NOON - MINUTE)
        first, second = await deliveries.pending(tx)
        assert (first.key, first.body, second.key) == ("Ev1", {"a": 1}, "Ev0")
        assert await deliveries.finish(tx, first.id, "declared INC-0001", at=NOON)
        assert not await deliveries.finish(tx, first.id, "again", at=NOON)
        assert [d.key for d in await deliveries.pending(tx)] == ["Ev0"]
        assert not await deliveries.accept(tx, "Ev1", "event", {"a": 3}, at=NOON)
        assert await deliveries.forget(tx, before=NOON) == 0
        assert await deliveries.forget(tx, before=NOON + MINUTE) == 1


async def test_what_is_no_json_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="NaN"):
        async with ledger.write() as tx:
            await deliveries.accept(tx, "Ev1", "event", {"a": float("nan")}, at=NOON)


async def test_an_agent_is_new_once_per_version(ledger: Ledger) -> None:
    logs = Agent(name="logs", version="1.0.0")
    async with ledger.write() as tx:
        assert await agents.saw(tx, logs, at=NOON)
        assert not await agents.saw(tx, logs, at=NOON + MINUTE)
        assert await agents.saw(tx, Agent(name="logs", version="1.1.0"), at=NOON + 2 * MINUTE)
        assert not await agents.saw(tx, logs, at=NOON - MINUTE)
        seen = await agents.list_seen(tx)
    assert [str(s.agent) for s in seen] == ["logs@1.0.0", "logs@1.1.0"]
    assert (seen[0].first_seen, seen[0].last_seen) == (NOON, NOON + MINUTE)


async def test_a_catalogue_is_news_when_it_differs_from_the_last_one(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        assert await agents.catalogue_in_force(tx, "policy", hash="a", body={}, at=NOON)
        assert not await agents.catalogue_in_force(tx, "policy", hash="a", body={}, at=NOON + MINUTE)
        assert await agents.catalogue_in_force(tx, "policy", hash="b", body={"x": 1}, at=NOON + 2 * MINUTE)
        assert await agents.catalogue_in_force(tx, "policy", hash="a", body={}, at=NOON + 3 * MINUTE)
        found = await agents.catalogue(tx, "policy", "b")
        assert found is not None
        assert found.body == {"x": 1}
        assert await agents.catalogue(tx, "plugins", "b") is None


async def test_the_kill_switch_says_who_and_why(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        assert await switches.stopped(tx, "INC-1") is None
        await switches.turn(tx, switches.KILL, on=True, by="U1", reason="wrong region", at=NOON)
        assert await switches.stopped(tx, "INC-1") == "U1 stopped all actions at 12:00Z: wrong region"
        await switches.turn(tx, switches.KILL, on=False, by="U2", reason="", at=NOON)
        assert await switches.stopped(tx, "INC-1") is None
