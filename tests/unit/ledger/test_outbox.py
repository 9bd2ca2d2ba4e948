from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.ledger import outbox
from app.ledger.ledger import Ledger, Tx
from app.ledger.outbox import Lane

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def put(tx: Tx, key: str, incident: str | None, lane: Lane = "note") -> bool:
    return await outbox.put(tx, key, incident=incident, lane=lane, kind="post", body={"key": key}, at=NOON)


async def keys(tx: Tx, now: datetime = NOON) -> list[str]:
    return [row.key for row in await outbox.due(tx, now)]


async def test_a_key_is_asked_for_once(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        assert await put(tx, "a", incident)
        assert not await put(tx, "a", incident)
        (row,) = await outbox.due(tx, NOON)
        assert await outbox.mark_sending(tx, row.id, at=NOON)
        assert await outbox.mark_sent(tx, row.id, result={"ts": "1.2", "channel": "C1"}, at=NOON)
        assert not await put(tx, "a", incident)
        found = await outbox.get(tx, "a")
    assert found is not None
    assert (found.state, found.attempts, found.result) == ("sent", 1, {"ts": "1.2", "channel": "C1"})


async def test_decisions_and_answers_go_first_and_one_lane_of_an_incident_keeps_its_order(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        await put(tx, "note 1", incident)
        await put(tx, "note 2", incident)
        await put(tx, "card", incident, "card")
        await put(tx, "decision", incident, "decision")
        await put(tx, "answer", None)
        await put(tx, "another answer", None)
        assert await keys(tx) == ["decision", "answer", "another answer", "card", "note 1"]
        first = next(row for row in await outbox.due(tx, NOON) if row.key == "note 1")
        await outbox.mark_sending(tx, first.id, at=NOON)
        assert "note 2" not in await keys(tx)
        await outbox.mark_failed(tx, first.id, error="channel_not_found", at=NOON)
        assert "note 2" in await keys(tx)


async def test_what_is_tried_again_later_holds_back_what_follows_it(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        await put(tx, "a", incident)
        await put(tx, "b", incident)
        (a,) = await outbox.due(tx, NOON)
        await outbox.mark_sending(tx, a.id, at=NOON)
        later = NOON + timedelta(seconds=30)
        assert await outbox.retry(tx, a.id, not_before=later, error="ratelimited", at=NOON)
        assert await keys(tx) == []
        assert await keys(tx, later) == ["a"]


async def test_one_sender_takes_a_row(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        await put(tx, "a", incident)
        (a,) = await outbox.due(tx, NOON)
        assert await outbox.mark_sending(tx, a.id, at=NOON)
        assert not await outbox.mark_sending(tx, a.id, at=NOON)


async def test_what_a_dead_sender_left_is_ambiguous_until_read_back(ledger: Ledger, incident: str) -> None:
    later = NOON + timedelta(minutes=1)
    async with ledger.write() as tx:
        await put(tx, "a", incident, "decision")
        (a,) = await outbox.due(tx, NOON)
        await outbox.mark_sending(tx, a.id, at=NOON)
        assert [(row.key, row.state) for row in await outbox.under_way(tx)] == [("a", "sending")]
        assert await outbox.mark_ambiguous(tx, a.id, error="its sender stopped", at=later)
        assert [(row.key, row.state) for row in await outbox.under_way(tx)] == [("a", "ambiguous")]
        assert await keys(tx, later) == []
        assert [row.key for row in await outbox.undelivered(tx, before=later)] == ["a"]
        assert await outbox.mark_sent(tx, a.id, result={"ts": "1", "channel": "C"}, at=later)
        assert await outbox.undelivered(tx, before=later) == []


async def test_a_waiting_refresh_serves_all_who_ask(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        assert await outbox.put_refresh(tx, incident, "brief", at=NOON)
        assert not await outbox.put_refresh(tx, incident, "brief", at=NOON + timedelta(seconds=1))
        assert await outbox.put_refresh(tx, incident, "incident", at=NOON)
        first = (await outbox.due(tx, NOON))[0]
        await outbox.mark_sending(tx, first.id, at=NOON)
        # what is being sent now may show the state before this moment
        assert await outbox.put_refresh(tx, incident, "brief", at=NOON + timedelta(seconds=2))


async def test_a_refresh_that_failed_merges_into_a_newer_one(ledger: Ledger, incident: str) -> None:
    async with ledger.write() as tx:
        await outbox.put_refresh(tx, incident, "brief", at=NOON)
        (old,) = await outbox.due(tx, NOON)
        await outbox.mark_sending(tx, old.id, at=NOON)
        await outbox.put_refresh(tx, incident, "brief", at=NOON + timedelta(seconds=2))
        assert await outbox.retry(tx, old.id, not_before=NOON, error="ratelimited", at=NOON)
        found = await outbox.get(tx, old.key)
        assert found is not None
        assert found.state == "merged"
        assert len(await outbox.due(tx, NOON + timedelta(seconds=2))) == 1


async def test_a_card_has_one_place(ledger: Ledger, incident: str) -> None:
    at = outbox.Message(incident=incident, card="brief", channel="C1", ts="1.1", content_hash="a", updated_at=NOON)
    async with ledger.write() as tx:
        assert await outbox.placed(tx, incident, "brief") is None
        await outbox.place(tx, at)
        await outbox.place(tx, at.model_copy(update={"content_hash": "b"}))
        found = await outbox.placed(tx, incident, "brief")
        assert found is not None
        assert found.content_hash == "b"
        assert await outbox.placed_at(tx, "C1", "1.1") == found
        assert await outbox.placed_at(tx, "C1", "1.2") is None


async def test_what_was_put_off_before_the_clock_was_set_back_does_not_wait_for_it(ledger: Ledger, incident: str) -> None:
    before = NOON - timedelta(hours=1)
    async with ledger.write() as tx:
        await put(tx, "a", incident, "decision")
        assert await keys(tx, before) == ["a"]
        (row,) = await outbox.due(tx, before)
        await outbox.mark_sending(tx, row.id, at=before)
        later = before + timedelta(seconds=30)
        await outbox.retry(tx, row.id, not_before=later, error="ratelimited", at=before)
        assert await keys(tx, before) == []  # put off by the clock as it is now
        assert await keys(tx, later) == ["a"]
