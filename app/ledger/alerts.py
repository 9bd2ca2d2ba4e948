"""What monitors said, once per alert however often it was delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, select, update

from app.domain.incident import Alert
from app.domain.value import AwareDatetime, JsonObject, Value, digest
from app.ledger.ledger import Tx
from app.ledger.tables import alerts
from app.ledger.types import storable_json


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


def fingerprint_of(alert: Alert) -> str:
    """The monitor's own fingerprint; where it gives none, a hash of what names the alert."""
    if alert.fingerprint:
        return alert.fingerprint
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


async def find(tx: Tx, alert: Alert) -> StoredAlert | None:
    """The same alert as it was delivered last; None when it never was."""
    same = (alerts.c.fingerprint == fingerprint_of(alert)) & (alerts.c.starts_at == alert.fired_at)
    row = (await tx.execute(select(alerts).where(same))).first()
    return None if row is None else _read(row)


async def attach(tx: Tx, alert: StoredAlert, incident: str) -> bool:
    """Count it to `incident`. False when it belongs to one already: the first stays."""
    one = (alerts.c.fingerprint == alert.fingerprint) & (alerts.c.starts_at == alert.starts_at)
    return await tx.changed(update(alerts).where(one, alerts.c.incident.is_(None)).values(incident=incident)) == 1


async def for_incident(tx: Tx, incident: str, *, limit: int = 500) -> list[StoredAlert]:
    """In the order they began to fire."""
    query = select(alerts).where(alerts.c.incident == incident).order_by(alerts.c.starts_at, alerts.c.fingerprint).limit(limit)
    return [_read(row) for row in await tx.execute(query)]


async def count(tx: Tx, incident: str) -> int:
    """How many alerts belong to it, resolved ones too."""
    query = select(func.count()).select_from(alerts).where(alerts.c.incident == incident)
    return int((await tx.execute(query)).scalar_one())


async def still_firing(tx: Tx, incident: str) -> int:
    """How many of the incident's alerts have not resolved."""
    query = select(func.count()).select_from(alerts).where(alerts.c.incident == incident, alerts.c.status == "firing")
    return int((await tx.execute(query)).scalar_one())


def _read(row: Row[Any]) -> StoredAlert:
    columns = dict(row._mapping)
    return StoredAlert(alert=Alert.model_validate(columns.pop("body")), **columns)
