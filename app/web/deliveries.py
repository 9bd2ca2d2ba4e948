"""What the work process does with what the web side took in."""

from __future__ import annotations

from app.domain.change import Change
from app.domain.incident import Alert
from app.domain.quantity import counted
from app.incidents.desk import Desk
from app.incidents.group import group
from app.incidents.meet import ESCALATED
from app.jobs.intake import Handle
from app.ledger import changes
from app.ledger.deliveries import Pending
from app.web.kinds import ALERTS, CHANGES


def handlers(desk: Desk) -> dict[str, Handle]:
    """By kind of delivery."""

    async def alerts_came(delivery: Pending) -> str:
        joined = [await group(desk, Alert.model_validate(item), surface="webhook") for item in _items(delivery)]
        return "alerts of " + (", ".join(sorted({each for each in joined if each})) or "no open incident")

    async def changes_came(delivery: Pending) -> str:
        recorded = 0
        async with desk.ledger.write() as tx:
            for item in _items(delivery):
                recorded += await changes.record(tx, Change.model_validate(item), at=desk.clock())
        return counted(recorded, "new change")

    return {ALERTS: alerts_came, CHANGES: changes_came, ESCALATED: alerts_came}


def _items(delivery: Pending) -> list[object]:
    items = delivery.body["items"]
    assert isinstance(items, list)
    return list(items)
