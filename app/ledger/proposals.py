"""Proposals: the body once and for all, its state beside it, moved by compare-and-set."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Text, select, type_coerce, update

from app.domain.errors import BadInput, Conflict, FirstmateError, NotFound
from app.domain.proposal import Proposal, State
from app.domain.value import AwareDatetime, Value
from app.ledger.ledger import Tx
from app.ledger.tables import proposals


class Altered(FirstmateError):
    """A stored proposal is not what its hash says. Nothing may run from it."""


class StoredProposal(Value):
    """A proposal and where it stands. `moved_at` is when it came into `state`."""

    proposal: Proposal
    state: State
    moved_at: AwareDatetime


class Reference(Value):
    """Which proposal, without its body: also of one that can't be read any more."""

    hash: str
    incident: str


async def add(tx: Tx, proposal: Proposal) -> bool:
    """Remember it as `proposed`. False when exactly this one is there already, in whatever state.

    Raises `BadInput` when its hash is not of its content.
    """
    if proposal.recomputed_hash() != proposal.hash:
        raise BadInput(f"{proposal.name} is not named by the hash of its content; build it with Proposal.of")
    row = tx.insert(proposals).values(
        hash=proposal.hash,
        incident=proposal.incident,
        body=proposal.model_dump(mode="json"),
        state="proposed",
        expires_at=proposal.expires_at,
        asked_at=proposal.asked_at,
        moved_at=proposal.asked_at,
    )
    return await tx.changed(row.on_conflict_do_nothing(index_elements=["hash"])) == 1


async def get(tx: Tx, hash: str) -> StoredProposal:
    """By its whole hash. Raises `NotFound`, and `Altered` when the stored body does not hash to it."""
    row = (await tx.execute(_proposals().where(proposals.c.hash == hash))).first()
    if row is None:
        raise NotFound(f"there is no proposal p-{hash[:8]}; it may be of another ledger")
    return _read(row)


async def asked_between(tx: Tx, start: datetime, end: datetime) -> list[str]:
    """Hashes of what was asked in [start, end), oldest first."""
    p = proposals.c
    query = select(p.hash).where(p.asked_at >= start, p.asked_at < end).order_by(p.asked_at, p.hash)
    return list((await tx.execute(query)).scalars())


async def by_name(tx: Tx, name: str) -> StoredProposal:
    """By what people call it: `p-` and the hash's first 8 or more digits.

    Raises `BadInput` for anything else, `NotFound`, and `Conflict` when two answer to it.
    """
    digits = name.removeprefix("p-")
    if not name.startswith("p-") or not 8 <= len(digits) <= 64 or not set(digits) <= set("0123456789abcdef"):
        raise BadInput(f"{name!r} names no proposal; a name looks like p-7f3ac91e")
    # A range instead of LIKE: the primary key's index serves it whatever the collation thinks of patterns.
    query = _proposals().where(proposals.c.hash >= digits, proposals.c.hash <= digits + "f" * (64 - len(digits))).limit(2)
    rows = list(await tx.execute(query))
    if not rows:
        raise NotFound(f"there is no proposal {name}")
    if len(rows) > 1:
        raise Conflict(f"{name} could be either of two proposals; give more digits of its hash")
    return _read(rows[0])


async def for_incident(tx: Tx, incident: str, *, states: Collection[State] | None = None) -> list[StoredProposal]:
    """In the order they were asked; only those in `states` when given. Altered ones are left out: `altered` names them."""
    query = _proposals().where(proposals.c.incident == incident)
    if states is not None:
        query = query.where(proposals.c.state.in_(sorted(states)))
    rows = (await tx.execute(query.order_by(proposals.c.asked_at, proposals.c.hash))).all()
    return [read for row in rows if isinstance(read := _try_read(row), StoredProposal)]


async def altered(tx: Tx) -> list[Reference]:
    """Of every incident, those that might still run or be running, and are not what their hash says."""
    query = _proposals().where(proposals.c.state.in_(("proposed", "approved", "executing"))).order_by(proposals.c.hash)
    rows = (await tx.execute(query)).all()
    return [Reference(hash=row.hash, incident=row.incident) for row in rows if isinstance(_try_read(row), Altered)]


async def reference(tx: Tx, hash: str) -> Reference:
    """Whose it is, without reading its body. Raises `NotFound`."""
    row = (await tx.execute(select(proposals.c.hash, proposals.c.incident).where(proposals.c.hash == hash))).first()
    if row is None:
        raise NotFound(f"there is no proposal p-{hash[:8]}; it may be of another ledger")
    return Reference(hash=row.hash, incident=row.incident)


async def in_state(tx: Tx, state: State) -> list[Reference]:
    """Those of every incident, in the order they were asked."""
    query = select(proposals.c.hash, proposals.c.incident).where(proposals.c.state == state)
    rows = await tx.execute(query.order_by(proposals.c.asked_at, proposals.c.hash))
    return [Reference(hash=row.hash, incident=row.incident) for row in rows]


async def move(tx: Tx, hash: str, from_states: Collection[State], to_state: State, *, at: datetime) -> bool:
    """Bring it from one of `from_states` to `to_state`. Of any number of callers at once, exactly one gets True."""
    one = update(proposals).where(proposals.c.hash == hash, proposals.c.state.in_(sorted(from_states)))
    return await tx.changed(one.values(state=to_state, moved_at=at)) == 1


async def expire_at(tx: Tx, hash: str, at: datetime) -> None:
    """When `expire_due` takes it. Never later than its body says: that stays as it is."""
    body = (await get(tx, hash)).proposal
    await tx.execute(update(proposals).where(proposals.c.hash == hash).values(expires_at=min(at, body.expires_at)))


async def expire_due(tx: Tx, now: datetime) -> list[str]:
    """Bring every proposal still waiting at its expiry to `expired`; their hashes.

    One that was asked after `now` too: the clock was set back, and nobody can tell any more when its time is over.
    """
    over = (proposals.c.expires_at <= now) | (proposals.c.asked_at > now)
    due = update(proposals).where(proposals.c.state == "proposed", over)
    return sorted((await tx.execute(due.values(state="expired", moved_at=now).returning(proposals.c.hash))).scalars())


def _proposals() -> Select[Any]:
    # The body as the text that is stored: what is no JSON any more must not break the reading of the rows beside it.
    body = type_coerce(proposals.c.body, Text).label("body")
    return select(proposals.c.hash, proposals.c.incident, body, proposals.c.state, proposals.c.moved_at)


def _read(row: Row[Any]) -> StoredProposal:
    read = _try_read(row)
    if isinstance(read, Altered):
        raise read
    return read


def _try_read(row: Row[Any]) -> StoredProposal | Altered:
    hash, state, moved_at = row.hash, row.state, row.moved_at
    try:
        proposal = Proposal.model_validate(json.loads(row.body))
        right = proposal.hash == hash == proposal.recomputed_hash()
    except (ValueError, RecursionError):  # of JSON, of pydantic, of the canonical form
        return Altered(f"the stored proposal p-{hash[:8]} cannot be read any more; nothing may run from it, propose it again")
    if not right:
        return Altered(f"the stored proposal p-{hash[:8]} was altered: its content has another hash; nothing may run from it")
    return StoredProposal(proposal=proposal, state=state, moved_at=moved_at)
