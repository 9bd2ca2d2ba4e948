"""Declare an incident: a number from the ledger, a commander, a card, and triage at once."""

from __future__ import annotations

from app.domain.errors import BadInput, Conflict
from app.domain.incident import Alert, Incident, Severity
from app.domain.redaction import redact
from app.incidents import investigate
from app.incidents.desk import INCIDENT_CARD, Desk
from app.ledger import alerts as alerts_store
from app.ledger import audit, deliveries, incidents, outbox, sequences, timeline
from app.ledger.alerts import StoredAlert
from app.ledger.ledger import Tx

LONGEST_TITLE = 150
UNSAID: Severity = "SEV3"
"""Looked at; nobody is woken for it alone."""


async def declare(
    desk: Desk,
    *,
    title: str,
    by: str,
    surface: str,
    severity: Severity | None = None,
    service: str | None = None,
    answer_to: str | None = None,
    delivery: int | None = None,
) -> Incident:
    """A person declares: they command it until they hand over.

    `severity`: what they say stands; where they say nothing it is `UNSAID`, and a worse alert that joins makes it worse.
    `answer_to`: where whoever declared is told which channel it lives in. `delivery`: the delivery that asked for it, finished in
    the same transaction, so that it declares once however often it is worked on.
    Raises `BadInput` for an empty title, `Conflict` when the delivery was worked on before.
    """
    title = redact(" ".join(title.split()))[:LONGEST_TITLE]  # it becomes a channel's name and topic
    if not title:
        raise BadInput("an incident needs a title: say in a few words what is wrong, as in `/incident declare checkout fails`")
    now = desk.clock()
    async with desk.ledger.write() as tx:
        if delivery is not None and not await deliveries.finish(tx, delivery, "declared", at=now):
            raise Conflict("this was declared already")
        incident = await _open(
            tx,
            Incident(
                id="",
                number=0,
                title=title,
                severity=severity or UNSAID,
                status="investigating",
                service=service,
                commander=by,
                declared_by=by,
                declared_at=now,
            ),
        )
        await audit.append(
            tx,
            audit.Action.PERSON_DECLARED,
            incident=incident.id,
            at=now,
            actor=by,
            surface=surface,
            subject=incident.id,
            payload={"title": title, "severity": severity, "service": service},
        )
        if answer_to:
            await outbox.put(
                tx,
                f"declared:{incident.id}",
                incident=incident.id,
                lane="note",
                kind="declared",
                body={"to": answer_to},
                at=now,
            )
        alert = Alert(fired_at=now, summary=title, service=service, severity=severity or UNSAID, status="firing", name=None)
        run = await investigate.queue(desk, tx, incident, alerts=[alert], asked_by=by, surface=surface)
    await investigate.submit(desk, run, incident)
    return incident


async def declare_for_alert(
    desk: Desk,
    tx: Tx,
    stored: StoredAlert,
    *,
    surface: str,
    title: str,
    service: str | None,
    group_key: str | None,
) -> tuple[Incident, str]:
    """A monitor's alert opens an incident nobody commands yet. Returns it and its first run (to be submitted after commit)."""
    alert, now = stored.alert, desk.clock()
    incident = await _open(
        tx,
        Incident(
            id="",
            number=0,
            title=title,
            severity=severity_of(alert.severity),
            status="investigating",
            service=service,
            commander=None,
            declared_by=alert.monitor or "monitor",
            declared_at=now,
            group_key=group_key,
        ),
    )
    await alerts_store.attach(tx, stored, incident.id)
    await audit.append(
        tx,
        audit.Action.MONITOR_DECLARED,
        incident=incident.id,
        at=now,
        actor=alert.monitor or "monitor",
        surface=surface,
        subject=incident.id,
        payload={"alert": stored.fingerprint, "title": title},
    )
    asked_by = alert.monitor or "monitor"
    run = await investigate.queue(desk, tx, incident, alerts=[stored.as_looked_at], asked_by=asked_by, surface=surface)
    return incident, run


def title_of(alert: Alert) -> str:
    """What an incident that this alert opens is called."""
    return " ".join(alert.summary.split())[:LONGEST_TITLE] or alert.name or "an alert without a text"


async def _open(tx: Tx, draft: Incident) -> Incident:
    number = await sequences.next_number(tx, "incident")
    incident = draft.model_copy(update={"number": number, "id": f"INC-{number:04d}"})
    await incidents.add(tx, incident)
    await timeline.append(
        tx, incident.id, at=incident.declared_at, actor=incident.declared_by, text=f"Declared: {incident.title}", details={}
    )
    await outbox.put_refresh(tx, incident.id, INCIDENT_CARD, at=incident.declared_at)
    return incident


_SEVERITIES: dict[str, Severity] = {
    "critical": "SEV1",
    "sev1": "SEV1",
    "page": "SEV2",
    "high": "SEV2",
    "error": "SEV2",
    "major": "SEV2",
    "sev2": "SEV2",
    "warning": "SEV3",
    "medium": "SEV3",
    "sev3": "SEV3",
    "info": "SEV4",
    "low": "SEV4",
    "sev4": "SEV4",
}


def severity_of(word: str) -> Severity:
    """A monitor's word as ours; an unknown one says nothing."""
    return _SEVERITIES.get(word.lower(), UNSAID)
