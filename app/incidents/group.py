"""Alerts become incidents: the same group joins the open one, anything else opens its own, until there are too many (`storm`)."""

from __future__ import annotations

from app.domain.incident import Alert, Incident
from app.incidents import declare, investigate, storm
from app.incidents.desk import INCIDENT_CARD, Desk
from app.ledger import alerts, audit, incidents, outbox, runs, timeline
from app.ledger.alerts import StoredAlert
from app.ledger.ledger import Tx

MOST_RUNS = 5
"""An incident is not triaged more often than this by alerts alone."""


async def group(desk: Desk, alert: Alert, *, surface: str) -> str | None:
    """Remember the alert; the id of its incident, None for a resolved alert that belongs to none.

    A delivery of the same alert again changes nothing but its count. A new alert of an open incident's group or service joins
    it. The first one of an incident triages it; a later one does so again where the cause is still not known.
    """
    now = desk.clock()
    run: str | None = None
    async with desk.ledger.write() as tx:
        before = await alerts.find(tx, alert)
        stored = await alerts.upsert(tx, alert, at=now)
        if stored.incident is not None:
            if stored.status == "resolved" and (before is None or before.status != "resolved"):
                await _resolved(desk, stored.incident, alert, surface=surface, tx=tx)
            return stored.incident
        if stored.status == "resolved":  # also where its firing arrives late, after its end
            return None
        incident = await incidents.by_group_key(tx, alert.group_key) if alert.group_key else None
        if incident is None and alert.service:
            incident = next((i for i in await incidents.list_open(tx) if i.service == alert.service), None)
        if incident is not None:
            await _join(desk, tx, incident, stored, surface=surface)
            run = await _look_again(desk, tx, incident, alert, surface=surface)
        elif not await storm.blowing(desk, tx):
            title = declare.title_of(alert)
            incident, run = await declare.declare_for_alert(
                desk, tx, stored, surface=surface, title=title, service=alert.service, group_key=alert.group_key
            )
        elif (incident := await incidents.by_group_key(tx, storm.GROUP)) is not None:
            await _join(desk, tx, incident, stored, surface=surface)  # no run: what joins here has nothing to do with what is there
        else:
            incident, run = await declare.declare_for_alert(
                desk, tx, stored, surface=surface, title=storm.TITLE, service=None, group_key=storm.GROUP
            )
    if run is not None:
        await investigate.submit(desk, run, incident)
    return incident.id


async def _join(desk: Desk, tx: Tx, incident: Incident, stored: StoredAlert, *, surface: str) -> None:
    now, alert = desk.clock(), stored.alert
    await alerts.attach(tx, stored, incident.id)
    stormy = incident.group_key == storm.GROUP
    text = await storm.join(desk, tx, incident, alert) if stormy else f"Alert joined: {alert.summary}"
    await timeline.append(tx, incident.id, at=now, actor=alert.monitor or "monitor", text=text[:400])
    await audit.append(
        tx,
        audit.Action.ALERT_GROUPED,
        incident=incident.id,
        at=now,
        actor=alert.monitor or "monitor",
        surface=surface,
        subject=stored.fingerprint,
        payload={"because": "storm"} if stormy else None,
    )
    await outbox.put_refresh(tx, incident.id, INCIDENT_CARD, at=now)


async def _look_again(desk: Desk, tx: Tx, incident: Incident, alert: Alert, *, surface: str) -> str | None:
    """A new symptom is a new chance where the last look was inconclusive; a few times, so that a storm can't run for ever."""
    ran = await runs.for_incident(tx, incident.id)
    last = ran[-1] if ran else None
    if last is None or last.state != "finished" or len(ran) >= MOST_RUNS:
        return None
    if last.diagnosis is not None and last.diagnosis.verdict != "inconclusive":
        return None
    firing = [held.alert for held in await alerts.for_incident(tx, incident.id) if held.status == "firing"]
    return await investigate.queue(
        desk, tx, incident, alerts=firing or [alert], asked_by=alert.monitor or "monitor", surface=surface
    )


async def _resolved(desk: Desk, incident: str, alert: Alert, *, surface: str, tx: Tx) -> None:
    now = desk.clock()
    await timeline.append(tx, incident, at=now, actor=alert.monitor or "monitor", text=f"Alert resolved: {alert.summary}"[:400])
    await audit.append(
        tx,
        audit.Action.ALERT_RESOLVED,
        incident=incident,
        at=now,
        actor=alert.monitor or "monitor",
        surface=surface,
        subject=alert.fingerprint or "",
    )
    await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=now)
