"""Witness: an incident's channel is told of the roots that cover it, so that the roots' file can't be cut without anybody seeing.

`firstmate audit verify --root SEQ:HASH` holds the file against such a line.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.value import JsonObject
from app.incidents.desk import Desk
from app.ledger import incidents, outbox
from app.ledger.outbox import Outgoing
from app.verify_alone import Root

ROOT = "root"
"""The kind of message that tells of one; below the incident's card."""
EVERY = timedelta(minutes=10)
"""How often at most a channel is told where nobody approved anything."""
AFTERWARDS = timedelta(hours=1)
"""For how long after its closing an incident's channel is still told."""
SHORT = 12
"""Digits of a hash that people are shown."""


async def tell(desk: Desk, incident: str) -> None:
    """The newest root, to this incident's channel: something was approved in it."""
    await _put(desk, await desk.roots.seal(), [incident])


async def tell_due(desk: Desk) -> None:
    """Sign how everything stands, and tell each live incident's channel that has not been told for a while of what moved in it."""
    root, now = await desk.roots.seal(), desk.clock()
    async with desk.ledger.read() as tx:
        live = [each.id for each in await incidents.list_live(tx, closed_after=now - AFTERWARDS) if each.channel]
        told = {incident: await outbox.newest(tx, incident, kind=ROOT) for incident in live}
    due = [each for each in live if _is_due(told[each], rows=desk.roots.covers(each), now=now)]
    if due:
        await _put(desk, root, due)


def _is_due(told: Outgoing | None, *, rows: int, now: datetime) -> bool:
    if told is None:
        return True
    return int(str(told.body["rows"])) < rows and not timedelta() <= now - told.created_at < EVERY


async def _put(desk: Desk, root: Root | None, told: list[str]) -> None:
    if root is None:
        return
    async with desk.ledger.write() as tx:
        for incident in told:
            rows = desk.roots.covers(incident)
            sentence = f"Audit root {root.seq}:{root.hash[:SHORT]} covers {incident} to row {rows}; signed by {root.key[:SHORT]}"
            key, body = f"{ROOT}:{incident}:{root.seq}", JsonObject(sentence=sentence, rows=rows)
            await outbox.put(tx, key, incident=incident, lane="note", kind=ROOT, body=body, at=desk.clock())
