"""What agents say of a resource's state, by version: a write on top of an older one is refused, for its reasons were overtaken."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field
from sqlalchemy import select, update

from app.domain.value import AwareDatetime, JsonObject, Value
from app.ledger.ledger import Tx
from app.ledger.tables import states


class State(Value):
    """As it was written last. Version 0: never."""

    resource: str
    version: int
    token: int = 0  # of the claim it was written under
    by: str = ""
    at: AwareDatetime | None = None
    body: JsonObject = Field(default_factory=dict)


async def get(tx: Tx, resource: str) -> State:
    """In a writing transaction it stays so until the end."""
    query = select(states).where(states.c.resource == resource)
    row = (await tx.execute(query.with_for_update() if tx.writing else query)).first()
    return State(resource=resource, version=0) if row is None else State.model_validate(dict(row._mapping))


async def write(tx: Tx, resource: str, body: JsonObject, *, version: int, token: int, by: str, at: datetime) -> bool:
    """Write what follows on `version`. False when that is not the last one. Whether `token` holds is the caller's to ask."""
    columns = {"version": version + 1, "token": token, "by": by, "at": at, "body": body}
    if version == 0:
        first = tx.insert(states).values(resource=resource, **columns)
        return await tx.changed(first.on_conflict_do_nothing()) == 1
    follows = update(states).where(states.c.resource == resource, states.c.version == version)
    return await tx.changed(follows.values(columns)) == 1
