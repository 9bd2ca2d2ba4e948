"""What monitors said, once per alert however often it was delivered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, Row, case, func, select, update

from app.domain.incident import Alert
from app.domain.value import AwareDatetime, JsonObject, Value, digest
from app.ledger.ledger import Tx
from app.ledger.tables import alerts, incidents
from app.ledger.types import storable_json

APART = timedelta(seconds=5)
"""How far apart two monitors, or two replicas of one, may date the start of the same alert."""
OLDEST_START = timedelta(days=1)
"""An alert that began longer than this before it arrived comes of a clock nobody set, or fired long before anybody listened."""


class StoredAlert(Value):
    """An alert as delivered last, how often it came, and the incident it belongs to."""

    fingerprint: str
    starts_at: AwareDatetime
    incident: str | None
    count: int
    status: str
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    alert: Alert

    @property
    def as_looked_at(self) -> Alert:
        """The alert with the start that triage reckons from: its arrival, where its own lies more than `OLDEST_START` before."""
        if self.first_seen - self.alert.fired_at <= OLDEST_START:
            return self.alert
        return self.alert.model_copy(update={"fired_at": self.first_seen})


def fingerprint_of(alert: Alert) -> str:
    """The monitor's own fingerprint, with the monitor's name and the service's, since each monitor only knows its own; where it
    gives none, a hash of what names the alert."""
    if alert.fingerprint:
        named_by = (alert.fingerprint, alert.monitor or "", alert.service or "")
        return "@".join(quote(each, safe="", errors="surrogatepass") for each in named_by).rstrip("@")
    named: JsonObject = {"monitor": alert.monitor, "name": alert.name, "service": alert.service, "labels": {**alert.labels}}
    return "h-" + digest(storable_json(named))[:24]


async def upsert(tx: Tx, alert: Alert, *, at: datetime) -> StoredAlert:
    """Remember a delivery of `alert` at `at`; `count` is 1 the first time.

    The same fingerprint with the same start is the same alert. Once resolved it stays resolved: deliveries may be late.
    """
    body = alert.model_dump(mode="json")
    new = tx.insert(alerts).values(
        fingerprint=fingerprint_of(alert),
        starts_at=alert.fired_at,
        count=1,
        status=alert.status,
        first_seen=at,
        last_seen=at,
        body=body,
    )
    resolved = alerts.c.status == "resolved"
    again = new.on_conflict_do_update(
        index_elements=["fingerprint", "starts_at"],
        set_={
            "count": alerts.c.count + 1,
            "status": case((resolved, alerts.c.status), else_=new.excluded.status),
            "body": case((resolved, alerts.c.body), else_=new.excluded.body),
            # `max` of two values is spelt differently by the two databases
            "last_seen": case((alerts.c.last_seen > new.excluded.last_seen, alerts.c.last_seen), else_=new.excluded.last_seen),
        },
    )
    return _read((await tx.execute(again.returning(*alerts.c))).one())


async def end(tx: Tx, alert: Alert) -> list[StoredAlert]:
    """It resolved: so did whatever still fires of it and began no later, whoever dated that. What fired until now, oldest first."""
    began = (alerts.c.status == "firing") & (alerts.c.starts_at <= alert.fired_at + APART)
    same = select(alerts).where(alerts.c.fingerprint == fingerprint_of(alert), began).order_by(alerts.c.starts_at)
    fired = [_read(row) for row in await tx.execute(same)]
    for each in fired:
        body = each.alert.model_copy(update={"status": "resolved"}).model_dump(mode="json")
        await tx.execute(update(alerts).where(_one(each)).values(status="resolved", body=body))
    return fired


async def attach(tx: Tx, alert: StoredAlert, incident: str) -> bool:
    """Count it to `incident`, no longer to the one it was read with. False when it belongs to another by now: that stays."""
    held = alerts.c.incident.is_not_distinct_from(alert.incident)
    return await tx.changed(update(alerts).where(_one(alert), held).values(incident=incident)) == 1


async def open_incident_of(tx: Tx, alert: Alert) -> str | None:
    """The open incident that the same alert, begun at another moment, belongs to; the newest one's."""
    same = select(alerts.c.incident).join(incidents, incidents.c.id == alerts.c.incident)
    same = same.where(alerts.c.fingerprint == fingerprint_of(alert), incidents.c.closed_at.is_(None))
    return (await tx.execute(same.order_by(alerts.c.starts_at.desc()).limit(1))).scalar()


async def for_incident(tx: Tx, incident: str, *, limit: int = 500) -> list[StoredAlert]:
    """In the order they began to fire. Of more than `limit`: the first, and the newest, those that fire before the resolved."""
    query = select(alerts).where(alerts.c.incident == incident)
    newest = query.order_by(case((alerts.c.status == "firing", 0), else_=1), alerts.c.starts_at.desc(), alerts.c.fingerprint)
    rows = list(await tx.execute(newest.limit(limit)))
    first = (await tx.execute(query.order_by(alerts.c.starts_at, alerts.c.fingerprint).limit(1))).first()
    if first is not None and first not in rows:
        rows[-1] = first
    return sorted((_read(row) for row in rows), key=lambda held: (held.starts_at, held.fingerprint))


async def count(tx: Tx, incident: str) -> int:
    """How many alerts belong to it, resolved ones too."""
    query = select(func.count()).select_from(alerts).where(alerts.c.incident == incident)
    return int((await tx.execute(query)).scalar_one())


async def still_firing(tx: Tx, incident: str) -> int:
    """How many of the incident's alerts have not resolved."""
    query = select(func.count()).select_from(alerts).where(alerts.c.incident == incident, alerts.c.status == "firing")
    return int((await tx.execute(query)).scalar_one())


def _one(alert: StoredAlert) -> ColumnElement[bool]:
    return (alerts.c.fingerprint == alert.fingerprint) & (alerts.c.starts_at == alert.starts_at)


def _read(row: Row[Any]) -> StoredAlert:
    columns = dict(row._mapping)
    return StoredAlert(alert=Alert.model_validate(columns.pop("body")), **columns)
