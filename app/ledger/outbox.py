"""What must be told to people, until it was. The sender takes from here; nobody else posts.

pending → sending → sent | failed | ambiguous; back to pending to be tried again; a refresh overtaken by a newer one is merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, case, or_, select, update

from app.domain.value import AwareDatetime, JsonObject, Value
from app.ledger.ledger import Tx
from app.ledger.tables import messages, outbox

Lane = Literal["decision", "card", "note"]
"""In the order they are served: what somebody waits for, what is kept up to date, everything else."""

REFRESH = "refresh"
"""The kind of a row that `put_refresh` writes: render the card as the ledger stands, and update it."""


class Outgoing(Value):
    """One thing to be sent. `attempts` counts how often it was tried."""

    id: int
    key: str
    incident: str | None
    lane: Lane
    kind: str
    card: str | None
    body: JsonObject
    state: Literal["pending", "sending", "sent", "failed", "ambiguous", "merged"]
    attempts: int
    created_at: AwareDatetime
    not_before: AwareDatetime
    changed_at: AwareDatetime
    result: JsonObject | None
    error: str | None


class Message(Value):
    """Where a card lives, and the hash of what it shows."""

    incident: str
    card: str
    channel: str
    ts: str
    content_hash: str
    updated_at: AwareDatetime


async def put(
    tx: Tx,
    key: str,
    *,
    incident: str | None,
    lane: Lane,
    kind: str,
    body: JsonObject,
    at: datetime,
    not_before: datetime | None = None,
) -> bool:
    """Ask for it to be sent, not before `not_before`. False when `key` was asked for before, sent or not."""
    row = tx.insert(outbox).values(
        _row(key, incident=incident, lane=lane, kind=kind, card=None, body=body, at=at, not_before=not_before or at)
    )
    return await tx.changed(row.on_conflict_do_nothing()) == 1


async def put_refresh(tx: Tx, incident: str, card: str, *, at: datetime, lane: Lane = "card") -> bool:
    """Ask for a card to be brought up to date. False when a refresh of it is waiting already: that one will do."""
    key = f"{REFRESH}:{incident}:{card}:{at.isoformat()}"
    row = tx.insert(outbox).values(_row(key, incident=incident, lane=lane, kind=REFRESH, card=card, body={}, at=at, not_before=at))
    waiting = _pending_refresh(incident, card)
    if (await tx.execute(select(outbox.c.id).where(waiting).limit(1))).first() is not None:
        return False
    # One more may have been written in between, or at the same microsecond: either way there is one.
    return await tx.changed(row.on_conflict_do_nothing()) == 1


async def due(tx: Tx, now: datetime, *, limit: int = 20) -> list[Outgoing]:
    """What may be sent now: decisions and answers to one person first, then cards, then notes; the oldest of a lane first.

    Within one lane of one incident the order is kept: nothing is due while something before it is unsent. What was put off at a
    moment that lies ahead is due: the clock was set back, and nobody waits for it to come round again.
    """
    before = outbox.alias()
    blocked = (
        select(before.c.id)
        .where(
            before.c.incident == outbox.c.incident,
            before.c.lane == outbox.c.lane,
            before.c.id < outbox.c.id,
            before.c.state.in_(("pending", "sending", "ambiguous")),
        )
        .exists()
    )
    may = (outbox.c.not_before <= now) | (outbox.c.changed_at > now)
    query = select(outbox).where(outbox.c.state == "pending", may, ~blocked)
    lane = case({"decision": 0, "card": 1, "note": 2}, value=outbox.c.lane)
    order = case((outbox.c.incident.is_(None), 0), else_=lane)  # an answer belongs to no incident, and somebody waits for it
    return [_read(row) for row in await tx.execute(query.order_by(order, outbox.c.id).limit(limit))]


async def mark_sending(tx: Tx, id: int, *, at: datetime) -> bool:
    """Take it, in a transaction that is committed before it is sent. False when another sender took it."""
    return await _move(tx, id, ("pending",), at, state="sending", attempts=outbox.c.attempts + 1)


async def mark_sent(tx: Tx, id: int, *, result: JsonObject, at: datetime) -> bool:
    """It arrived; `result` holds {"ts", "channel"} where there is a message."""
    return await _move(tx, id, ("sending", "ambiguous"), at, state="sent", result=result, error=None)


async def mark_failed(tx: Tx, id: int, *, error: str, at: datetime) -> bool:
    """It will never arrive; `error` is a sentence. What comes after it goes on."""
    return await _move(tx, id, ("pending", "sending", "ambiguous"), at, state="failed", error=error)


async def mark_ambiguous(tx: Tx, id: int, *, error: str, at: datetime) -> bool:
    """Sent, but no answer came: read back before it is tried again."""
    return await _move(tx, id, ("sending",), at, state="ambiguous", error=error)


async def retry(tx: Tx, id: int, *, not_before: datetime, error: str, at: datetime) -> bool:
    """Certainly not arrived: try again later. A refresh overtaken by a newer one of the same card is merged into that."""
    row = (await tx.execute(select(outbox.c.incident, outbox.c.card).where(outbox.c.id == id))).first()
    if row is not None and row.card is not None:
        overtaken = await tx.execute(select(outbox.c.id).where(_pending_refresh(row.incident, row.card)).limit(1))
        if overtaken.first() is not None:
            return await _move(tx, id, ("sending", "ambiguous"), at, state="merged", error=error)
    return await _move(tx, id, ("sending", "ambiguous"), at, state="pending", not_before=not_before, error=error)


async def under_way(tx: Tx) -> list[Outgoing]:
    """Being sent, or sent without an answer; oldest first. What a dead sender left is `sending`: its place's holder can tell."""
    rows = select(outbox).where(outbox.c.state.in_(("sending", "ambiguous")))
    return [_read(row) for row in await tx.execute(rows.order_by(outbox.c.id))]


async def undelivered(tx: Tx, *, before: datetime, lanes: Sequence[Lane] = ("decision",)) -> list[Outgoing]:
    """Asked for before `before` and still not sent: somebody must be told another way."""
    waiting = or_(outbox.c.state.in_(("pending", "sending", "ambiguous")), outbox.c.state == "failed")
    query = select(outbox).where(waiting, outbox.c.lane.in_(list(lanes)), outbox.c.created_at < before)
    return [_read(row) for row in await tx.execute(query.order_by(outbox.c.id))]


async def get(tx: Tx, key: str) -> Outgoing | None:
    """By its key."""
    row = (await tx.execute(select(outbox).where(outbox.c.key == key))).first()
    return None if row is None else _read(row)


async def newest(tx: Tx, incident: str, *, kind: str) -> Outgoing | None:
    """The last of this kind that was asked for, sent or not."""
    query = select(outbox).where(outbox.c.incident == incident, outbox.c.kind == kind)
    row = (await tx.execute(query.order_by(outbox.c.id.desc()).limit(1))).first()
    return None if row is None else _read(row)


async def place(tx: Tx, message: Message) -> None:
    """Note where a card lives and what it shows; a card has one place, the newest."""
    columns = message.model_dump()
    row = tx.insert(messages).values(columns)
    moved = {name: value for name, value in columns.items() if name not in ("incident", "card")}
    await tx.execute(row.on_conflict_do_update(index_elements=["incident", "card"], set_=moved))


async def placed(tx: Tx, incident: str, card: str) -> Message | None:
    """Where a card lives, None before it was posted."""
    row = (await tx.execute(select(messages).where(messages.c.incident == incident, messages.c.card == card))).first()
    return None if row is None else Message.model_validate(dict(row._mapping))


async def placed_at(tx: Tx, channel: str, ts: str) -> Message | None:
    """The card shown by this message: what a press came from is held against it."""
    row = (await tx.execute(select(messages).where(messages.c.channel == channel, messages.c.ts == ts))).first()
    return None if row is None else Message.model_validate(dict(row._mapping))


def _row(
    key: str,
    *,
    incident: str | None,
    lane: Lane,
    kind: str,
    card: str | None,
    body: JsonObject,
    at: datetime,
    not_before: datetime,
) -> dict[str, object]:
    return {
        "key": key,
        "incident": incident,
        "lane": lane,
        "kind": kind,
        "card": card,
        "body": body,
        "state": "pending",
        "attempts": 0,
        "created_at": at,
        "not_before": not_before,
        "changed_at": at,
    }


def _pending_refresh(incident: str, card: str) -> ColumnElement[bool]:
    return (outbox.c.incident == incident) & (outbox.c.card == card) & (outbox.c.state == "pending")


async def _move(tx: Tx, id: int, states: tuple[str, ...], at: datetime, **columns: Any) -> bool:
    one = update(outbox).where(outbox.c.id == id, outbox.c.state.in_(states))
    return await tx.changed(one.values(changed_at=at, **columns)) == 1


def _read(row: Row[Any]) -> Outgoing:
    return Outgoing.model_validate(dict(row._mapping))
