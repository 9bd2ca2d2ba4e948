"""Alerts become incidents: what is about the same joins the open one (`_home_of`), anything else opens its own, until there are too
many (`storm`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from app.domain.incident import Alert, Incident
from app.incidents import declare, investigate, shed, storm
from app.incidents.declare import severity_of
from app.incidents.desk import FIRSTMATE, INCIDENT_CARD, TOPIC, Desk
from app.ledger import alerts, audit, incidents, outbox, runs, timeline
from app.ledger.alerts import StoredAlert
from app.ledger.ledger import Tx

MOST_RUNS = 5
"""An incident is not triaged more often than this by alerts alone."""
TWINS_WITHIN = timedelta(minutes=10)
"""Alerts of two monitors in the same words, that come no further apart, are about the same."""
LINGERS = timedelta(minutes=10)
"""A monitor notices later than people that all is well again: so long an alert may fire on after its incident was closed."""


async def group(desk: Desk, alert: Alert, *, surface: str) -> str | None:
    """Remember the alert; the id of its incident, None for a resolved alert that belongs to none.

    A delivery of the same alert again changes nothing but its count, unless its incident was closed and it fires on: then it is
    grouped anew. The first alert of an incident triages it; a later one does so again where the cause is still not known.
    """
    now = desk.clock()
    run: str | None = None
    async with desk.ledger.write() as tx:
        ended = await alerts.end(tx, alert) if alert.status == "resolved" else []
        stored = await alerts.upsert(tx, alert, at=now)
        of = list(dict.fromkeys(each.incident for each in ended if each.incident is not None))
        for each in of:
            await _resolved(desk, each, stored, surface=surface, tx=tx)
        if stored.status == "resolved":  # also where its firing arrives late, after its end
            return stored.incident or (of[-1] if of else None)
        closed = None
        if stored.incident is not None:
            closed = await incidents.get(tx, stored.incident)
            if closed.closed_at is None or abs(now - closed.closed_at) <= LINGERS:
                return closed.id
        incident = await _home_of(desk, tx, alert)
        if incident is not None:
            await _join(desk, tx, incident, stored, surface=surface, after=closed)
            run = await _look_again(desk, tx, incident, stored, surface=surface)
        elif not await storm.blowing(desk, tx):
            title = declare.title_of(alert)
            if closed is not None:
                title = f"Still firing after {closed.id} was closed: {title}"[: declare.LONGEST_TITLE]
            incident, run = await declare.declare_for_alert(
                desk, tx, stored, surface=surface, title=title, service=alert.service, group_key=alert.group_key
            )
        elif (incident := await incidents.by_group_key(tx, storm.GROUP)) is not None:
            # No run: what joins here has nothing to do with what is there.
            await _join(desk, tx, incident, stored, surface=surface, after=closed)
        else:
            incident, run = await declare.declare_for_alert(
                desk, tx, stored, surface=surface, title=storm.TITLE, service=None, group_key=storm.GROUP
            )
        await _say_what_is_odd(desk, tx, incident, stored, closed=closed)
    if run is not None:
        await investigate.submit(desk, run, incident)
    return incident.id


def symptom_of(held: Sequence[StoredAlert]) -> Alert:
    """Of an incident's alerts (at least one) the one to be shown: one that fires, if any does; of those the worst; of these the
    newest."""
    firing = [each for each in held if each.status == "firing"] or held
    worst = min(severity_of(each.alert.severity) for each in firing)
    return max((each for each in firing if severity_of(each.alert.severity) == worst), key=lambda each: each.starts_at).alert


async def _home_of(desk: Desk, tx: Tx, alert: Alert) -> Incident | None:
    """The open incident that is about the same: of its group, of the same alert begun earlier, of its service, or one that somebody
    else (another monitor, a person) opened in the same words a moment ago."""
    if alert.group_key and (found := await incidents.by_group_key(tx, alert.group_key)) is not None:
        return found
    if (same := await alerts.open_incident_of(tx, alert)) is not None:
        return await incidents.get(tx, same)
    ongoing = await incidents.list_open(tx)
    if alert.service and (found := next((each for each in ongoing if each.service == alert.service), None)) is not None:
        return found
    return next((each for each in ongoing if _twins(desk, each, alert)), None)


def _twins(desk: Desk, incident: Incident, alert: Alert) -> bool:
    # One monitor's alerts in the same words are two all the same: it told them apart itself.
    apart = incident.declared_by == (alert.monitor or "monitor") or (incident.service and alert.service)
    if apart or abs(desk.clock() - incident.declared_at) > TWINS_WITHIN:
        return False
    words = _words(declare.title_of(alert))
    return bool(words) and words == _words(incident.title)


def _words(title: str) -> list[str]:
    return sorted(re.findall(r"\w+", title.casefold()))


async def _join(
    desk: Desk, tx: Tx, incident: Incident, stored: StoredAlert, *, surface: str, after: Incident | None = None
) -> None:
    now, alert = desk.clock(), stored.alert
    await alerts.attach(tx, stored, incident.id)
    stormy = incident.group_key == storm.GROUP
    text = await storm.join(desk, tx, incident, alert) if stormy else f"Alert joined: {alert.summary}"
    if after is not None:
        text = f"Still firing after {after.id} was closed. {text}"
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
    await _rise(desk, tx, incident, alert, surface=surface)
    await outbox.put_refresh(tx, incident.id, INCIDENT_CARD, at=now)


async def _rise(desk: Desk, tx: Tx, incident: Incident, alert: Alert, *, surface: str) -> None:
    """A worse alert makes its incident worse, never better; what a person said of its severity stands."""
    now, worse = desk.clock(), severity_of(alert.severity)
    if worse >= incident.severity:  # SEV1 is the worst
        return
    if await incidents.severity_is_a_persons(tx, incident.id):
        stays = f"The alert that joined is {worse} by its monitor; the severity stays {incident.severity}, as a person said"
        await timeline.append(tx, incident.id, at=now, actor=FIRSTMATE, text=stays)
        return
    await incidents.set_severity(tx, incident.id, worse)
    text = f"Severity rose from {incident.severity} to {worse}: {alert.summary}"
    await timeline.append(tx, incident.id, at=now, actor=FIRSTMATE, text=text[:400])
    await audit.append(
        tx,
        audit.Action.SEVERITY_FOLLOWED,
        incident=incident.id,
        at=now,
        actor=FIRSTMATE,
        surface=surface,
        subject=incident.id,
        payload={"severity": worse, "before": incident.severity},
    )
    await outbox.put(tx, f"{TOPIC}:{incident.id}:{worse}", incident=incident.id, lane="note", kind=TOPIC, body={}, at=now)


async def _say_what_is_odd(desk: Desk, tx: Tx, incident: Incident, stored: StoredAlert, *, closed: Incident | None) -> None:
    now, alert = desk.clock(), stored.alert
    if closed is not None:
        goes_on = f"An alert fires on after the closing: {incident.id} is about it now"
        await timeline.append(tx, closed.id, at=now, actor=alert.monitor or "monitor", text=goes_on)
    if stored.as_looked_at is not alert:
        dated = f"{alert.fired_at:%Y-%m-%d %H:%M}Z, more than a day before it arrived; triage looks from its arrival on"
        await timeline.append(tx, incident.id, at=now, actor=FIRSTMATE, text=f"The alert is dated {dated}")


async def _look_again(desk: Desk, tx: Tx, incident: Incident, stored: StoredAlert, *, surface: str) -> str | None:
    """A new symptom is a new chance where the last look was inconclusive; a few times, so that a storm can't run for ever."""
    ran = await runs.for_incident(tx, incident.id)
    last = ran[-1] if ran else None
    if last is None or last.state != "finished" or len(ran) >= MOST_RUNS:
        return None
    if last.diagnosis is not None and last.diagnosis.verdict != "inconclusive":
        return None
    if await shed.no_room_for_run(desk, tx, incident, surface=surface, at=desk.clock()):
        return None
    firing = [held.as_looked_at for held in await alerts.for_incident(tx, incident.id) if held.status == "firing"]
    asked_by = stored.alert.monitor or "monitor"
    return await investigate.queue(desk, tx, incident, alerts=firing or [stored.as_looked_at], asked_by=asked_by, surface=surface)


async def _resolved(desk: Desk, incident: str, stored: StoredAlert, *, surface: str, tx: Tx) -> None:
    now, alert = desk.clock(), stored.alert
    await timeline.append(tx, incident, at=now, actor=alert.monitor or "monitor", text=f"Alert resolved: {alert.summary}"[:400])
    await audit.append(
        tx,
        audit.Action.ALERT_RESOLVED,
        incident=incident,
        at=now,
        actor=alert.monitor or "monitor",
        surface=surface,
        subject=stored.fingerprint,
    )
    await outbox.put_refresh(tx, incident, INCIDENT_CARD, at=now)
