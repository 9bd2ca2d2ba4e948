"""Changes we were told of (webhooks, the command line), and the source that reads them back for investigators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

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
    """What took effect in `window`, oldest first; of more than `limit` the newest."""
    query = select(changes.c.body).where(changes.c.at >= window.start, changes.c.at < window.end)
    newest = await tx.execute(query.order_by(changes.c.at.desc(), changes.c.source.desc(), changes.c.id.desc()).limit(limit))
    return [Change.model_validate(body) for body in reversed(newest.scalars().all())]


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
