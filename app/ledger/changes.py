"""Changes we were told of (webhooks, the command line), and the source that reads them back for investigators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from app.domain.change import Change
from app.domain.telemetry import NoData
from app.domain.window import Window
from app.ledger.ledger import Ledger, Tx
from app.ledger.tables import changes


async def record(tx: Tx, change: Change, *, at: datetime) -> bool:
    """Remember it. False when the same source told of the same kind, id and moment before; the first stays."""
    row = tx.insert(changes).values(
        source=change.source, kind=change.kind, id=change.id, at=change.at, recorded_at=at, body=change.model_dump(mode="json")
    )
    return await tx.changed(row.on_conflict_do_nothing()) == 1


async def between(tx: Tx, window: Window, *, limit: int = 2000) -> list[Change]:
    """What took effect in `window`, oldest first; of more than `limit` of one source its newest: whoever tells of many changes
    hides none that another told of."""
    c = changes.c
    place = func.row_number().over(partition_by=c.source, order_by=(c.at.desc(), c.id.desc())).label("place")
    told = select(c.body, c.at, c.source, c.id, place).where(c.at >= window.start, c.at < window.end).subquery()
    query = select(told.c.body).where(told.c.place <= limit).order_by(told.c.at, told.c.source, told.c.id)
    return [Change.model_validate(body) for body in (await tx.execute(query)).scalars()]


class RecordedChanges:
    """The ledger as a `ChangesSource`: what was sent to our intake."""

    name = "intake"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def changes(self, window: Window) -> Sequence[Change] | NoData:
        """Oldest first. NoData when nobody reported a change in `window`. Raises `Unreachable`."""
        async with self._ledger.read() as tx:
            found = await between(tx, window)
        if found:
            return found
        query = f"changes {window.start.isoformat()} to {window.end.isoformat()}"
        return NoData(source=self.name, query=query, reason="no change was reported to the intake in this window")
