"""Which agents were seen in which version, and which catalogues were in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, select

from app.domain.agent import Agent
from app.domain.value import AwareDatetime, JsonObject, Value
from app.ledger.ledger import Tx
from app.ledger.tables import agents, catalogues


class SeenAgent(Value):
    """One version of one agent, and when it was at work."""

    agent: Agent
    first_seen: AwareDatetime
    last_seen: AwareDatetime


class SeenCatalogue(Value):
    """One state of the plug-ins, the policy or the runbooks, by its hash."""

    kind: str
    hash: str
    body: JsonObject
    first_seen: AwareDatetime
    last_seen: AwareDatetime


async def saw(tx: Tx, agent: Agent, *, at: datetime) -> bool:
    """Note that it was at work. True when this version is new."""
    known = select(agents.c.name).where(agents.c.name == agent.name, agents.c.version == agent.version)
    new = (await tx.execute(known)).first() is None
    row = tx.insert(agents).values(name=agent.name, version=agent.version, first_seen=at, last_seen=at)
    latest = case((agents.c.last_seen > row.excluded.last_seen, agents.c.last_seen), else_=row.excluded.last_seen)
    await tx.execute(row.on_conflict_do_update(index_elements=["name", "version"], set_={"last_seen": latest}))
    return new


async def list_seen(tx: Tx) -> list[SeenAgent]:
    """By name, then by when each version came."""
    rows = await tx.execute(select(agents).order_by(agents.c.name, agents.c.first_seen, agents.c.version))
    return [
        SeenAgent(agent=Agent(name=row.name, version=row.version), first_seen=row.first_seen, last_seen=row.last_seen)
        for row in rows
    ]


async def catalogue_in_force(tx: Tx, kind: str, *, hash: str, body: JsonObject, at: datetime) -> bool:
    """Note which catalogue of `kind` the start found. True when it is not the one that was in force before."""
    before = await last_catalogue(tx, kind)
    row = tx.insert(catalogues).values(kind=kind, hash=hash, body=body, first_seen=at, last_seen=at)
    await tx.execute(row.on_conflict_do_update(index_elements=["kind", "hash"], set_={"last_seen": at}))
    return before is None or before.hash != hash


async def last_catalogue(tx: Tx, kind: str) -> SeenCatalogue | None:
    """The one of `kind` that was in force last."""
    query = select(catalogues).where(catalogues.c.kind == kind)
    row = (await tx.execute(query.order_by(catalogues.c.last_seen.desc(), catalogues.c.first_seen.desc()).limit(1))).first()
    return None if row is None else SeenCatalogue.model_validate(dict(row._mapping))


async def catalogue(tx: Tx, kind: str, hash: str) -> SeenCatalogue | None:
    """The one with this hash: what a proposal's policy version stood for, say."""
    row = (await tx.execute(select(catalogues).where(catalogues.c.kind == kind, catalogues.c.hash == hash))).first()
    return None if row is None else SeenCatalogue.model_validate(dict(row._mapping))
