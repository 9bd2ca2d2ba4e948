"""Command: exactly one commander at any time; take it, hand it over. And the incident's status and end."""

from __future__ import annotations

from app.domain.errors import Conflict, Denied
from app.domain.incident import Incident, Status
from app.incidents.desk import INCIDENT_CARD, Desk
from app.ledger import audit, incidents, outbox, timeline


async def take_command(desk: Desk, incident_id: str, *, by: str, surface: str) -> Incident:
    """Become commander where nobody is. Raises `Conflict` naming who commands, `Denied` for whoever is no member."""
    person = await desk.people(by)
    if person is None or not person.full_member(desk.home_team):
        raise Denied("only full members of this workspace can command an incident")
    now = desk.clock()
    async with desk.ledger.write() as tx:
        incident = await incidents.get(tx, incident_id)
        if incident.commander == by:
            return incident
        if incident.commander is not None or not await incidents.set_commander(tx, incident_id, by, was=None, at=now):
            raise Conflict(f"{incident.commander} commands {incident_id}; ask them to hand over")
        await timeline.append(tx, incident_id, at=now, actor=by, text="Took command")
        await audit.append(
            tx, audit.Action.COMMAND_TAKEN, incident=incident_id, at=now, actor=by, surface=surface, subject=incident_id
        )
        await outbox.put_refresh(tx, incident_id, INCIDENT_CARD, at=now)
        return await incidents.get(tx, incident_id)


async def set_status(desk: Desk, incident_id: str, status: Status, *, by: str, surface: str) -> Incident:
    """The commander says where things stand. Raises `Denied` for anybody else."""
    now = desk.clock()
    async with desk.ledger.write() as tx:
        incident = await incidents.get(tx, incident_id)
        if incident.commander != by:
            raise Denied(f"only the commander sets the status of {incident_id}; take command first")
        await incidents.set_status(tx, incident_id, status, at=now)
        await timeline.append(tx, incident_id, at=now, actor=by, text=f"Status: {status}")
        action = audit.Action.CLOSED if status == "closed" else audit.Action.STATUS_SET
        await audit.append(
            tx, action, incident=incident_id, at=now, actor=by, surface=surface, subject=incident_id, payload={"status": status}
        )
        await outbox.put_refresh(tx, incident_id, INCIDENT_CARD, at=now)
        return await incidents.get(tx, incident_id)
