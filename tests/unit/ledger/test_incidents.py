from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import Conflict, NotFound
from app.domain.incident import Incident
from app.ledger import audit, incidents, sequences, timeline
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def incident(number: int = 1, **fields: object) -> Incident:
    known = {
        "id": f"INC-{number:04}",
        "number": number,
        "title": "checkout is slow",
        "severity": "SEV2",
        "status": "investigating",
        "declared_by": "U1",
        "declared_at": NOON,
    }
    return Incident.model_validate({**known, **fields})


async def test_an_incident_comes_back_as_it_was_declared(ledger: Ledger) -> None:
    declared = incident(commander="U7", group_key="g", service="shop/checkout")
    async with ledger.write() as tx:
        await incidents.add(tx, declared)
    async with ledger.read() as tx:
        assert await incidents.get(tx, declared.id) == declared
        assert [(p.person, p.role) for p in await incidents.roles(tx, declared.id)] == [("U7", "commander")]


async def test_text_that_no_database_would_take_is_kept_readable(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await incidents.add(tx, incident(title="nul \0 and half a pair \ud800."))
        assert (await incidents.get(tx, "INC-0001")).title.startswith("nul \ufffd and half a pair \ufffd")


async def test_an_unknown_incident_is_not_found(ledger: Ledger) -> None:
    async with ledger.read() as tx:
        with pytest.raises(NotFound):
            await incidents.get(tx, "INC-9999")


async def test_an_alert_group_has_one_open_incident(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await incidents.add(tx, incident(1, group_key="g"))
    with pytest.raises(Conflict):
        async with ledger.write() as tx:
            await incidents.add(tx, incident(2, group_key="g"))
    async with ledger.write() as tx:
        assert await incidents.set_status(tx, "INC-0001", "closed", at=NOON)
        await incidents.add(tx, incident(2, group_key="g"))
    async with ledger.read() as tx:
        found = await incidents.by_group_key(tx, "g")
        assert found is not None
        assert found.id == "INC-0002"
    with pytest.raises(Conflict):
        async with ledger.write() as tx:
            await incidents.set_status(tx, "INC-0001", "investigating", at=NOON)


async def test_closing_notes_when_and_opening_again_forgets_it(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await incidents.add(tx, incident())
        assert await incidents.set_status(tx, "INC-0001", "closed", at=NOON)
        assert not await incidents.set_status(tx, "INC-0001", "closed", at=NOON + timedelta(hours=1))
        assert (await incidents.get(tx, "INC-0001")).closed_at == NOON
        assert await incidents.list_open(tx) == []
        assert await incidents.set_status(tx, "INC-0001", "monitoring", at=NOON)
        assert (await incidents.get(tx, "INC-0001")).closed_at is None
        assert len(await incidents.list_recent(tx)) == 1


async def test_the_first_channel_stays(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await incidents.add(tx, incident())
        assert await incidents.set_channel(tx, "INC-0001", channel="C1", name="inc-0001")
        assert not await incidents.set_channel(tx, "INC-0001", channel="C2", name="inc-0001-b")
        found = await incidents.by_channel(tx, "C1")
        assert found is not None
        assert found.channel_name == "inc-0001"
        assert await incidents.by_channel(tx, "C2") is None


async def test_command_is_handed_over_only_by_who_has_it(ledger: Ledger) -> None:
    later = NOON + timedelta(minutes=5)
    async with ledger.write() as tx:
        await incidents.add(tx, incident(commander="U1"))
        assert await incidents.set_commander(tx, "INC-0001", "U2", was="U1", at=later)
        assert not await incidents.set_commander(tx, "INC-0001", "U3", was="U1", at=later)
        await incidents.set_role(tx, "INC-0001", "U3", "scribe", at=later)
        assert {(p.person, p.role) for p in await incidents.roles(tx, "INC-0001")} == {("U2", "commander"), ("U3", "scribe")}
        ended = {p.person: p.until for p in await incidents.roles(tx, "INC-0001", ended=True)}
        assert ended["U1"] == later
        assert await incidents.set_commander(tx, "INC-0001", None, was="U2", at=later)
        assert (await incidents.get(tx, "INC-0001")).commander is None
        assert await incidents.set_commander(tx, "INC-0001", "U1", was=None, at=later)
        assert {p.person for p in await incidents.roles(tx, "INC-0001") if p.role == "commander"} == {"U1"}


async def test_title_and_severity_say_whether_they_changed(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await incidents.add(tx, incident())
        assert await incidents.set_severity(tx, "INC-0001", "SEV1")
        assert not await incidents.set_severity(tx, "INC-0001", "SEV1")
        assert await incidents.set_title(tx, "INC-0001", "checkout is down")
        assert not await incidents.set_title(tx, "INC-0009", "no such incident")


async def test_numbers_are_given_out_once_however_many_ask(ledger: Ledger) -> None:
    async def take() -> int:
        async with ledger.write() as tx:
            return await sequences.next_number(tx, "incident")

    assert sorted(await asyncio.gather(*(take() for _ in range(20)))) == list(range(1, 21))


async def test_a_number_comes_back_when_its_transaction_is_given_up(ledger: Ledger) -> None:
    async def give_up() -> None:
        async with ledger.write() as tx:
            assert await sequences.next_number(tx, "incident") == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up()
    async with ledger.write() as tx:
        assert await sequences.next_number(tx, "incident") == 1


async def test_the_timeline_keeps_the_order_things_were_written_in(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        await incidents.add(tx, incident())
        await timeline.append(tx, "INC-0001", at=NOON, actor="U1", text="first")
        await timeline.append(tx, "INC-0001", at=NOON - timedelta(hours=1), actor="U1", text="second", details={"a": 1})
    async with ledger.read() as tx:
        lines = await timeline.for_incident(tx, "INC-0001")
        assert [line.text for line in lines] == ["first", "second"]
        assert lines[1].details == {"a": 1}
        assert [line.text for line in await timeline.for_incident(tx, "INC-0001", limit=1)] == ["second"]


async def test_what_monitors_opened_lately_is_counted_and_what_people_declared_is_not(ledger: Ledger) -> None:
    by = {1: audit.Action.MONITOR_DECLARED, 2: audit.Action.PERSON_DECLARED, 3: audit.Action.MONITOR_DECLARED}
    async with ledger.write() as tx:
        for number, action in by.items():
            at = NOON + timedelta(minutes=number)
            declared = incident(number, declared_at=at, declared_by="somebody")
            await incidents.add(tx, declared)
            await audit.append(tx, action, incident=declared.id, at=at, actor="somebody", surface="test", subject=declared.id)
        await incidents.set_status(tx, "INC-0003", "closed", at=NOON)
        assert await incidents.opened_by_monitors(tx, since=NOON) == 2
        assert await incidents.opened_by_monitors(tx, since=NOON + timedelta(minutes=1)) == 1
