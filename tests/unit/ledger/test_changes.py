"""What was changed, as whoever looks for causes reads it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.domain.change import Change
from app.domain.window import Window
from app.ledger import changes
from app.ledger.ledger import Ledger

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def test_who_tells_of_many_changes_hides_none_that_another_told_of(ledger: Ledger) -> None:
    guilty = Change(id="guilty", kind="deploy", at=NOON, source="intake", title="1.8.0", service="checkout")
    flood = [guilty.model_copy(update={"id": f"{n}", "source": "saver", "at": NOON + timedelta(seconds=n)}) for n in range(1, 30)]
    async with ledger.write() as tx:
        for each in (guilty, *flood):
            assert await changes.record(tx, each, at=NOON)
    async with ledger.read() as tx:
        found = await changes.between(tx, Window(start=NOON, end=NOON + timedelta(hours=1)), limit=10)
    assert found == [guilty, *flood[-10:]]
