"""Switches that hold everything: read in the very transaction that would start something."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import switches

KILL = "kill"
"""While on, nothing is approved and nothing runs."""


def of_incident(incident: str) -> str:
    """The switch that holds one incident alone."""
    return f"{KILL}:{incident}"


class Switch(Value):
    """One switch as it was set last."""

    name: str
    on: bool
    by: str
    reason: str
    at: AwareDatetime


async def turn(tx: Tx, name: str, *, on: bool, by: str, reason: str, at: datetime) -> None:
    """Set it. Whoever starts something afterwards sees it."""
    columns = {"on": int(on), "by": by, "reason": reason, "at": at}
    row = tx.insert(switches).values(name=name, **columns)
    await tx.execute(row.on_conflict_do_update(index_elements=["name"], set_=columns))


async def read(tx: Tx, name: str) -> Switch | None:
    """As it was set last, None when it never was."""
    row = (await tx.execute(select(switches).where(switches.c.name == name))).first()
    return None if row is None else Switch.model_validate({**row._mapping, "on": bool(row._mapping["on"])})


async def stopped(tx: Tx, incident: str) -> str | None:
    """Why everything, or this incident, is stopped, as a sentence; None when it is not."""
    for name, what in ((KILL, "all actions"), (of_incident(incident), f"the actions of {incident}")):
        switch = await read(tx, name)
        if switch is not None and switch.on:
            return f"{switch.by} stopped {what} at {switch.at:%H:%M}Z: {switch.reason or 'no reason given'}"
    return None
