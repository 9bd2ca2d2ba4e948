"""Shed: what there was no room for is counted, recorded, and said where somebody works who may miss it."""

from __future__ import annotations

from datetime import datetime

from app.domain.incident import Incident
from app.domain.quantity import counted
from app.incidents.desk import FIRSTMATE, Desk
from app.incidents.score import SAID
from app.ledger import audit, incidents, outbox, runs, timeline
from app.ledger.ledger import Tx

MOST_RUNS = 100
"""So many triages may wait; then alerts that join an incident no longer ask for another one. Whoever presses always gets one."""


async def deliveries(desk: Desk, *, kind: str, count: int, new: int) -> None:
    """`new` deliveries of a kind were not kept since people were told last, `count` ever. Told again after a crash in between."""
    now = desk.clock()
    async with desk.ledger.write() as tx:
        await audit.append(
            tx, audit.Action.SHED, at=now, actor=FIRSTMATE, surface="jobs", subject=kind, payload={"new": new, "count": count}
        )
        what = counted(new, f"delivery of {kind}", f"deliveries of {kind}")
        said = f"{what} could not be kept: too much waited. Have them sent again"
        for each in await incidents.list_open(tx):
            await timeline.append(tx, each.id, at=now, actor=FIRSTMATE, text=said)
            key, body = f"{SAID}:shed:{kind}:{count}:{each.id}", {"sentence": f"{said}."}
            await outbox.put(tx, key, incident=each.id, lane="note", kind=SAID, body={**body}, at=now)


async def no_room_for_run(desk: Desk, tx: Tx, incident: Incident, *, surface: str, at: datetime) -> bool:
    """Whether too many triages wait for another one that nobody asked for; then that is said and recorded."""
    waiting = len(await runs.unfinished(tx))
    if waiting < MOST_RUNS:
        return False
    said = f"Not triaged again: {waiting} triages wait already. Press Triage again if it is needed"
    await timeline.append(tx, incident.id, at=at, actor=FIRSTMATE, text=said)
    await audit.append(
        tx,
        audit.Action.RUN_SHED,
        incident=incident.id,
        at=at,
        actor=FIRSTMATE,
        surface=surface,
        subject=incident.id,
        payload={"waiting": waiting},
    )
    return True
