"""Storm: monitors open so many incidents within a time and no more; what comes beyond joins one incident, and is counted there.

Nobody reads thirty channels at once. Nothing is lost: each alert is kept, recorded and attached, and whoever knows better declares
an incident of its own, which is never capped.
"""

from __future__ import annotations

from datetime import timedelta

from app.domain.incident import Alert, Incident
from app.incidents.desk import Desk
from app.ledger import alerts, incidents
from app.ledger.ledger import Tx
from app.policy.policy import Storm

GROUP = "firstmate/storm"
"""Stands for the alert group of the storm's incident: so there is one open at a time, whoever opens it first."""
TITLE = "Alert storm"


async def blowing(desk: Desk, tx: Tx) -> bool:
    """Whether monitors have opened as many incidents as they may for now."""
    limit = _limit(desk)
    since = desk.clock() - timedelta(minutes=limit.within_minutes)
    return await incidents.opened_by_monitors(tx, since=since) >= limit.most_incidents


async def join(desk: Desk, tx: Tx, incident: Incident, alert: Alert) -> str:
    """The storm's incident, with one more alert attached: its title counts them. The timeline's line."""
    limit, number = _limit(desk), await alerts.count(tx, incident.id)
    beyond = f"beyond {limit.most_incidents} incidents in {limit.within_minutes} min"
    await incidents.set_title(tx, incident.id, f"{TITLE}: {number} alerts {beyond}")
    return f"Alert {number} of the storm joined: {alert.summary}"


def _limit(desk: Desk) -> Storm:
    return desk.policy.storm if desk.policy else Storm()
