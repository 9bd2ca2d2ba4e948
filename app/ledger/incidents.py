"""Incidents and who has which role in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.exc import IntegrityError

from app.domain.errors import Conflict, NotFound
from app.domain.incident import Incident, Severity, Status
from app.domain.value import AwareDatetime, Value
from app.ledger.audit import Action
from app.ledger.ledger import Tx
from app.ledger.tables import audit, audit_payloads, incidents, participants

COMMANDER = "commander"
"""The role that `set_commander` keeps in step with the incident's own column."""


class Participant(Value):
    """Somebody's role in an incident. `until` is None while they hold it."""

    incident: str
    person: str
    role: str
    since: AwareDatetime
    until: AwareDatetime | None = None


async def add(tx: Tx, incident: Incident) -> None:
    """Remember a new incident, and its commander's role.

    Raises `Conflict` when its number, channel or open alert group is taken; the transaction must then be given up.
    """
    try:
        await tx.execute(incidents.insert().values(incident.model_dump()))
    except IntegrityError as error:
        raise Conflict(f"{incident.id} cannot be declared: its number, channel or alert group already has an incident") from error
    if incident.commander is not None:
        await set_role(tx, incident.id, incident.commander, COMMANDER, at=incident.declared_at)


async def get(tx: Tx, incident: str) -> Incident:
    """Raises `NotFound`."""
    found = await _first(tx, select(incidents).where(incidents.c.id == incident))
    if found is None:
        raise NotFound(f"there is no incident {incident}; `/incident status` outside an incident lists the open ones")
    return found


async def by_channel(tx: Tx, channel: str) -> Incident | None:
    """The incident that lives in this Slack channel, open or closed."""
    return await _first(tx, select(incidents).where(incidents.c.channel == channel))


async def by_group_key(tx: Tx, group_key: str) -> Incident | None:
    """The open incident of this alert group."""
    return await _first(tx, select(incidents).where(incidents.c.group_key == group_key, incidents.c.closed_at.is_(None)))


async def list_open(tx: Tx) -> list[Incident]:
    """Oldest first."""
    rows = await tx.execute(select(incidents).where(incidents.c.closed_at.is_(None)).order_by(incidents.c.number))
    return [_read(row) for row in rows]


async def list_live(tx: Tx, *, closed_after: datetime) -> list[Incident]:
    """Open, or closed after that moment; oldest first."""
    live = incidents.c.closed_at.is_(None) | (incidents.c.closed_at > closed_after)
    return [_read(row) for row in await tx.execute(select(incidents).where(live).order_by(incidents.c.number))]


async def list_recent(tx: Tx, *, limit: int = 50) -> list[Incident]:
    """Open and closed, newest first."""
    return [_read(row) for row in await tx.execute(select(incidents).order_by(incidents.c.number.desc()).limit(limit))]


async def opened_by_monitors(tx: Tx, *, since: datetime) -> int:
    """How many of those declared after `since` a monitor's alert opened, closed ones too."""
    by_monitor = select(audit.c.seq).where(audit.c.incident == incidents.c.id, audit.c.action == Action.MONITOR_DECLARED.value)
    query = select(func.count()).select_from(incidents).where(incidents.c.declared_at > since, by_monitor.exists())
    return int((await tx.execute(query)).scalar_one())


async def set_channel(tx: Tx, incident: str, *, channel: str, name: str) -> bool:
    """Note the channel made for it. False when it has one already: the first stays."""
    return await _set(tx, incident, incidents.c.channel.is_(None), channel=channel, channel_name=name)


async def set_status(tx: Tx, incident: str, status: Status, *, at: datetime) -> bool:
    """Closing notes `at`; any other status opens it again. False when it has that status already.

    Raises `Conflict` when it is opened again while its alert group has another open incident.
    """
    closed_at = at if status == "closed" else None
    try:
        return await _set(tx, incident, incidents.c.status != status, status=status, closed_at=closed_at)
    except IntegrityError as error:
        raise Conflict(f"{incident} cannot be opened again: its alert group has another open incident; work there") from error


async def set_severity(tx: Tx, incident: str, severity: Severity) -> bool:
    """False when it has that severity already."""
    return await _set(tx, incident, incidents.c.severity != severity, severity=severity)


async def severity_is_a_persons(tx: Tx, incident: str) -> bool:
    """Whether a person said how bad it is, when they declared it or since."""
    by_people = (Action.PERSON_DECLARED.value, Action.SEVERITY_SET.value)
    said = select(audit_payloads.c.body).join(
        audit, (audit.c.incident == audit_payloads.c.incident) & (audit.c.seq == audit_payloads.c.seq)
    )
    found = await tx.execute(said.where(audit.c.incident == incident, audit.c.action.in_(by_people)))
    return any(body.get("severity") for body in found.scalars())


async def set_title(tx: Tx, incident: str, title: str) -> bool:
    """False when it is called that already."""
    return await _set(tx, incident, incidents.c.title != title, title=title)


async def set_commander(tx: Tx, incident: str, person: str | None, *, was: str | None, at: datetime) -> bool:
    """Hand command over from `was` to `person` (None: nobody). False when `was` is not the commander any more."""
    if not await _set(tx, incident, incidents.c.commander.is_not_distinct_from(was), commander=person):
        return False
    if was is not None and was != person:
        await end_role(tx, incident, was, COMMANDER, at=at)
    if person is not None and person != was:
        await set_role(tx, incident, person, COMMANDER, at=at)
    return True


async def set_role(tx: Tx, incident: str, person: str, role: str, *, at: datetime) -> None:
    """Give `person` a role from `at` on; nothing changes when they hold it already."""
    row = tx.insert(participants).values(incident=incident, person=person, role=role, since=at)
    again = row.on_conflict_do_update(
        index_elements=["incident", "person", "role"],
        set_={"since": at, "until": None},
        where=participants.c.until.is_not(None),
    )
    await tx.execute(again)


async def end_role(tx: Tx, incident: str, person: str, role: str, *, at: datetime) -> bool:
    """False when they don't hold it."""
    p = participants.c
    held = (p.incident == incident) & (p.person == person) & (p.role == role) & p.until.is_(None)
    return await tx.changed(update(participants).where(held).values(until=at)) == 1


async def roles(tx: Tx, incident: str, *, ended: bool = False) -> list[Participant]:
    """Who holds which role, in the order they took it; with `ended`, who held one too."""
    query = select(participants).where(participants.c.incident == incident).order_by(participants.c.since, participants.c.person)
    if not ended:
        query = query.where(participants.c.until.is_(None))
    return [Participant.model_validate(dict(row._mapping)) for row in await tx.execute(query)]


async def _set(tx: Tx, incident: str, condition: Any, **columns: object) -> bool:
    return await tx.changed(update(incidents).where(incidents.c.id == incident, condition).values(columns)) == 1


async def _first(tx: Tx, query: Select[Any]) -> Incident | None:
    row = (await tx.execute(query)).first()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> Incident:
    return Incident.model_validate(dict(row._mapping))
