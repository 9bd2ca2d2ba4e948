"""Who did what, when, on whose behalf: one hash chain per incident, written in the transaction of what it records.

A chain alone does not show a cut tail or a chain rehashed from the start: `heads` are to be signed and kept elsewhere.

Stored format: a row's hash is SHA-256 over the RFC 8785 form of all its columns but the hash itself. Columns may only be appended,
with a default that is left out of the hash of older rows.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, Text, delete, select, type_coerce
from sqlalchemy.types import NullType

from app import verify_alone
from app.domain.errors import NotFound
from app.domain.value import AwareDatetime, JsonObject, Value, canonical, digest
from app.ledger.ledger import Tx
from app.ledger.tables import audit, audit_heads, audit_payloads
from app.ledger.types import storable, storable_json
from app.verify_alone import Check

AT_ONCE = 10_000
"""Rows of a chain that are read and checked before the next ones."""


class Action(StrEnum):
    """`source:subject:action`. The source is who made it happen: person, agent, monitor, policy or firstmate itself."""

    PERSON_DECLARED = "person:incident:declare"
    MONITOR_DECLARED = "monitor:incident:declare"
    SEVERITY_SET = "person:incident:set_severity"
    STATUS_SET = "person:incident:set_status"
    STATUS_FOLLOWED = "firstmate:incident:set_status"
    SEVERITY_FOLLOWED = "firstmate:incident:set_severity"
    TITLE_SET = "person:incident:set_title"
    COMMAND_TAKEN = "person:incident:take_command"
    COMMAND_HANDED_OVER = "person:incident:hand_over"
    ROLE_SET = "person:incident:set_role"
    CLOSED = "person:incident:close"
    REOPENED = "person:incident:reopen"
    REVIEWED = "person:incident:review"
    CHANNEL_CREATED = "firstmate:channel:create"
    ALERT_GROUPED = "monitor:alert:group"
    ALERT_RESOLVED = "monitor:alert:resolve"
    NOTED = "person:timeline:note"
    TOLD = "person:timeline:update"
    CHANGE_RECORDED = "monitor:change:record"
    RUN_QUEUED = "firstmate:run:queue"
    RUN_ASKED = "person:run:ask"
    RUN_STARTED = "firstmate:run:start"
    RUN_FINISHED = "agent:run:finish"
    RUN_FAILED = "firstmate:run:fail"
    AGENT_REPORTED = "agent:finding:report"
    AGENT_PROPOSED = "agent:proposal:propose"
    PERSON_PROPOSED = "person:proposal:propose"
    ACKNOWLEDGED = "agent:proposal:acknowledge"
    AGREED = "person:proposal:agree"
    """A yes that counts, and is not enough yet."""
    APPROVED = "person:proposal:approve"
    """The yes with which it was enough."""
    REJECTED = "person:proposal:reject"
    REFUSED = "policy:proposal:refuse"
    EXPIRED = "firstmate:proposal:expire"
    SUPERSEDED = "firstmate:proposal:supersede"
    SET_ASIDE = "firstmate:proposal:set_aside"
    CLAIMED = "firstmate:claim:acquire"
    CLAIM_RELEASED = "firstmate:claim:release"
    CLAIM_LOST = "firstmate:claim:lose"
    PRESSED_QUICKLY = "policy:proposal:flag"
    CONFIRMED = "person:proposal:confirm"
    REPLANNED = "person:proposal:replan"
    GLASS_BROKEN = "person:glass:break"
    GLASS_USED = "firstmate:glass:use"
    GLASS_REFUSED = "policy:glass:refuse"
    CLAIM_GRANTED = "agent:claim:acquire"
    CLAIM_REFUSED = "agent:claim:refuse"
    CLAIM_PREEMPTED = "agent:claim:preempt"
    CLAIM_EXECUTES = "agent:claim:execute"
    CLAIM_LEFT = "agent:claim:release"
    STATE_WRITTEN = "agent:state:write"
    STATE_REFUSED = "agent:state:refuse"
    CHANGE_REPORTED = "agent:change:report"
    CONFLICT = "agent:resource:meet"
    EXECUTION_STARTED = "firstmate:execution:start"
    EXECUTION_FINISHED = "firstmate:execution:finish"
    EXECUTION_FAILED = "firstmate:execution:fail"
    EXECUTION_UNKNOWN = "firstmate:execution:lose"
    EXECUTION_SETTLED = "person:execution:settle"
    VERIFIED = "firstmate:execution:verify"
    MISSED = "firstmate:execution:miss"
    STOPPED = "person:switch:stop"
    RESUMED = "person:switch:resume"
    STOP_REFUSED = "policy:switch:refuse"
    BREAKER_OPENED = "firstmate:breaker:open"
    BREAKER_TRIED = "firstmate:breaker:try"
    BREAKER_CLOSED = "firstmate:breaker:close"
    FOLLOWED = "firstmate:proposal:follow"
    SHED = "firstmate:delivery:shed"
    RUN_SHED = "firstmate:run:shed"
    PEOPLE_NOTIFIED = "firstmate:people:notify"
    PRESS_IGNORED = "firstmate:press:ignore"
    POLICY_LOADED = "firstmate:policy:load"
    POLICY_REFUSED = "firstmate:policy:refuse"
    CATALOGUE_LOADED = "firstmate:catalogue:load"
    EXPORTED = "person:audit:export"
    PAYLOAD_ERASED = "person:audit:erase"
    PAYLOAD_OUTDATED = "firstmate:audit:erase"
    """It was older than the retention."""


class AuditRow(Value):
    """One link of a chain. `incident` is "" for what belongs to none; `payload` is None once erased."""

    incident: str
    seq: int
    at: AwareDatetime
    action: str
    actor: str
    on_behalf_of: str
    surface: str
    agent: str
    policy: str
    proposal: str
    findings: str
    subject: str
    payload_hash: str
    prev: str
    hash: str
    payload: JsonObject | None = None


class Head(Value):
    """The end of one chain: what is to be signed and kept elsewhere."""

    incident: str
    seq: int
    hash: str


async def append(
    tx: Tx,
    action: Action,
    *,
    incident: str = "",
    at: datetime,
    actor: str,
    surface: str,
    subject: str,
    on_behalf_of: str = "",
    agent: str = "",
    policy: str = "",
    proposal: str = "",
    findings: Sequence[str] = (),
    payload: JsonObject | None = None,
) -> Head:
    """Add a row to the incident's chain, in the transaction of the change it records; the chain's new end.

    `actor`: a person's Slack id, an agent's name@version, or "firstmate". `subject`: what it was done to. `policy`: the version
    that had a say in it, "" where none had. `findings`: hashes of those it rests on (`findings.hashes`).
    """
    body = storable_json(payload or {})
    await tx.execute(tx.insert(audit_heads).values(incident=incident, seq=0, hash="").on_conflict_do_nothing())
    # Locks the chain until this transaction ends: two appends can never link to the same row.
    head = (await tx.execute(select(audit_heads).where(audit_heads.c.incident == incident).with_for_update())).one()
    row: dict[str, Any] = {
        "incident": incident,
        "seq": head.seq + 1,
        "at": at,
        "action": action.value,
        "actor": storable(actor),
        "on_behalf_of": storable(on_behalf_of),
        "surface": storable(surface),
        "agent": storable(agent),
        "policy": policy,
        "proposal": proposal,
        "findings": " ".join(findings),
        "subject": storable(subject),
        "payload_hash": digest(body),
        "prev": head.hash,
    }
    row["hash"] = row_hash(row)
    await tx.execute(audit.insert().values(row))
    await tx.execute(audit_payloads.insert().values(incident=incident, seq=row["seq"], body=body))
    moved = audit_heads.update().where(audit_heads.c.incident == incident).values(seq=row["seq"], hash=row["hash"])
    await tx.execute(moved)
    return Head(incident=incident, seq=row["seq"], hash=row["hash"])


def row_hash(row: dict[str, Any]) -> str:
    """The hash a row of these columns must carry."""
    return verify_alone.row_hash([moment(row[name]) if name == "at" else row[name] for name in verify_alone.COLUMNS])


def moment(at: datetime) -> str:
    """As it enters a row's hash: ISO 8601 UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


async def rows(tx: Tx, incident: str, *, after: int = 0, limit: int = 10_000) -> list[AuditRow]:
    """The chain's rows with a seq above `after`, in order."""
    query = _with_payload(*audit.c).where(audit.c.incident == incident, audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    return [_read(row) for row in await tx.execute(query)]


async def every_row(tx: Tx, incident: str) -> AsyncIterator[AuditRow]:
    """The whole chain, in order."""
    seq = 0
    while chunk := await rows(tx, incident, after=seq):
        for row in chunk:
            yield row
        seq = chunk[-1].seq


async def heads(tx: Tx) -> list[Head]:
    """The end of every chain."""
    found = await tx.execute(select(audit_heads).order_by(audit_heads.c.incident))
    return [Head.model_validate(dict(row._mapping)) for row in found]


async def hash_of(tx: Tx, incident: str, seq: int) -> str | None:
    """Of one row; None where there is none."""
    return (await tx.execute(select(audit.c.hash).where(audit.c.incident == incident, audit.c.seq == seq))).scalar()


async def read_into(check: Check, tx: Tx) -> None:
    """Every row of every chain, chain by chain, in order. One that can't be read ends its chain there."""
    for incident in (await tx.execute(select(audit.c.incident).distinct().order_by(audit.c.incident))).scalars():
        await _read_chain(check, tx, incident)


async def verify(tx: Tx, incident: str) -> list[str]:
    """What is wrong with the chain by itself, as sentences; empty when nothing is.

    Finds changed, missing, swapped and added rows, and a tail cut off against the head kept here. It cannot find a chain
    rewritten whole, head included: that takes the signed roots (`app.ledger.roots`).
    """
    check = Check()
    for chain in ("", incident) if incident else ("",):  # what was erased is recorded in the chain of none
        await _read_chain(check, tx, chain)
    kept = [(head.incident, head.seq, head.hash) for head in await heads(tx) if head.incident in ("", incident)]
    return check.end(kept).problems.get(incident, [])


async def _read_chain(check: Check, tx: Tx, incident: str) -> None:
    # As the driver gives it: a moment that somebody altered into something else must not keep the rest from being read.
    at = type_coerce(audit.c.at, NullType()).label("at")
    columns = [at if name == "at" else audit.c[name] for name in verify_alone.READ]
    seq = 0
    while True:
        query = _with_payload(*columns).where(audit.c.incident == incident, audit.c.seq > seq).order_by(audit.c.seq)
        chunk = (await tx.execute(query.limit(AT_ONCE))).all()
        for row in chunk:
            check.take([moment(value) if isinstance(value, datetime) else value for value in row])
        if not chunk or not isinstance(chunk[-1].seq, int):
            return
        seq = chunk[-1].seq


async def erase(
    tx: Tx, incident: str, seqs: Sequence[int], *, by: str, at: datetime, reason: str, action: Action = Action.PAYLOAD_ERASED
) -> None:
    """Remove what these rows carried (a person's data, or what is too old), and say so in the chain of no incident.

    The rows stay, and so do their hashes. Raises `NotFound` when one has no payload any more.
    """
    gone = delete(audit_payloads).where(audit_payloads.c.incident == incident, audit_payloads.c.seq.in_(seqs))
    if await tx.changed(gone) != len(set(seqs)):
        raise NotFound(f"not all of the rows {sorted(seqs)} of {incident or 'the common chain'} hold something to erase")
    payload: JsonObject = {"incident": incident, "seqs": [*sorted(set(seqs))], "reason": reason}
    await append(tx, action, at=at, actor=by, surface="", subject=incident, payload=payload)


def _with_payload(*columns: Any) -> Select[Any]:
    same = (audit_payloads.c.incident == audit.c.incident) & (audit_payloads.c.seq == audit.c.seq)
    # As text: one that somebody altered must not keep the rest from being read.
    payload = type_coerce(audit_payloads.c.body, Text).label("payload")
    return select(*columns, payload).select_from(audit.outerjoin(audit_payloads, same))


def _read(row: Row[Any]) -> AuditRow:
    known = dict(row._mapping)
    known["payload"] = _payload(known["payload"])
    return AuditRow.model_validate(known)


def _payload(stored: str | None) -> JsonObject | None:
    """What is no object was altered: it is kept as what it is, and has another hash."""
    if stored is None:
        return None
    try:
        body = json.loads(stored)
        canonical(body)
    except (ValueError, RecursionError):
        body = stored
    return body if isinstance(body, dict) else {"unreadable": storable(str(body))}
