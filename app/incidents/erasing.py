"""Erase: what the ledger carries about one subject goes, and the audit trail still holds. What can't go is told.

The payloads of audit rows lie in a table of their own: they go, and their rows and hashes stay. Who did what to which proposal
stays too, by id, in what is append-only or named by its hash: without it nobody could say any more who agreed to an action.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, or_, select, type_coerce, update

from app import verify_alone
from app.domain.errors import BadInput
from app.domain.value import Value
from app.ledger import audit
from app.ledger.ledger import Ledger, Tx
from app.ledger.tables import approvals, audit_payloads, deliveries, incidents, metadata, outbox
from app.ledger.tables import audit as rows
from app.ledger.types import Json, Words

SHORTEST = 4
"""A shorter subject would be found in what has nothing to do with it."""


class Erasure(Value):
    """`payloads`: by incident, which rows lose theirs. `emptied`: of what else, how many. `kept`: rows of open incidents.

    `left`: where it still stands, column → rows. `receipt` names the record in the trail; it names no subject. `scrubbed`: nothing
    of it is left in the database's files either.
    """

    payloads: dict[str, tuple[int, ...]]
    emptied: dict[str, int]
    kept: int
    left: dict[str, int]
    receipt: str = ""
    scrubbed: bool = False


async def look(ledger: Ledger, subject: str) -> Erasure:
    """What `erase` would do, doing nothing. Raises `BadInput` for a subject that names too much."""
    _demand_name(subject)
    async with ledger.read() as tx:
        payloads, kept = await _payloads(tx, subject)
        emptied = {name: len(await _concerned(tx, column, ended, subject)) for name, column, ended, _ in _BESIDE}
        return Erasure(payloads=payloads, emptied=emptied, kept=kept, left=await _standing(tx, subject))


async def erase(ledger: Ledger, subject: str, *, by: str, at: datetime, because: str) -> Erasure:
    """Take it out, record that under a receipt, and rewrite the database's files so that nothing of it is left in them.

    An open incident keeps what it carries until it is closed: its verbs still read it. Raises `BadInput`.
    """
    _demand_name(subject)
    if _names(because, subject) or _names(by, subject) or not because.strip():
        raise BadInput("say why without naming them: the reason stays in the trail for ever")
    if not await ledger.owned():
        raise BadInput(
            "only the owner of the ledger's tables can rewrite them, so that nothing is left in its files: run this once with that "
            "one's URL in FIRSTMATE_DATABASE_URL"
        )
    receipt = f"e-{secrets.token_hex(4)}"
    async with ledger.write() as tx:
        payloads, kept = await _payloads(tx, subject)
        for incident, seqs in payloads.items():
            await audit.erase(tx, incident, seqs, by=by, at=at, reason=f"{because} ({receipt})")
        emptied = {}
        for name, column, ended, empty in _BESIDE:
            found = await _concerned(tx, column, ended, subject)
            for id in found:
                await tx.execute(update(column.table).where(column.table.c.id == id).values({column.name: empty}))
            emptied[name] = len(found)
    scrubbed = await ledger.scrub()
    async with ledger.read() as tx:
        left = await _standing(tx, subject)
    return Erasure(payloads=payloads, emptied=emptied, kept=kept, left=left, receipt=receipt, scrubbed=scrubbed)


def _demand_name(subject: str) -> None:
    if len(subject.strip()) < SHORTEST or subject != subject.strip():
        raise BadInput(f"{subject!r} names too much or nothing; give a whole id or address, {SHORTEST} characters or more")


async def _payloads(tx: Tx, subject: str) -> tuple[dict[str, tuple[int, ...]], int]:
    """(by incident, the rows whose payload names it; how many more there are in open incidents)."""
    same = (rows.c.incident == audit_payloads.c.incident) & (rows.c.seq == audit_payloads.c.seq)
    body = type_coerce(audit_payloads.c.body, Text)
    query = select(rows.c.incident, rows.c.seq, body.label("text")).join(rows, same).where(_holds(body, subject))
    query = query.where(rows.c.action.not_in(verify_alone.ERASED)).order_by(rows.c.incident, rows.c.seq)
    still_open = set((await tx.execute(select(incidents.c.id).where(incidents.c.closed_at.is_(None)))).scalars())
    found: dict[str, tuple[int, ...]] = {}
    kept = 0
    for row in (await tx.execute(query)).all():
        if not _names(row.text, subject):
            continue
        if row.incident in still_open:
            kept += 1
        else:
            found[row.incident] = (*found.get(row.incident, ()), row.seq)
    return found, kept


_BESIDE: tuple[tuple[str, Column[Any], ColumnElement[bool], Any], ...] = (
    ("messages that were sent", outbox.c.body, outbox.c.state.in_(("sent", "failed", "merged")), {}),
    ("deliveries that were worked on", deliveries.c.body, deliveries.c.finished_at.is_not(None), {}),
    ("reasons people gave", approvals.c.reason, approvals.c.reason != "", ""),
)
"""What may be emptied besides: where, of which rows, and what is put in its place."""


async def _concerned(tx: Tx, column: Column[Any], ended: ColumnElement[bool], subject: str) -> list[int]:
    text = type_coerce(column, Text)
    found = await tx.execute(select(column.table.c.id, text.label("text")).where(ended, _holds(text, subject)))
    return [row.id for row in found if _names(row.text, subject)]


async def _standing(tx: Tx, subject: str) -> dict[str, int]:
    """In how many rows it still is, by column: every column of every table that holds text."""
    found: dict[str, int] = {}
    for column in [each for table in metadata.sorted_tables for each in table.columns if isinstance(each.type, Words | Json)]:
        text = type_coerce(column, Text)
        held = (await tx.execute(select(text).where(_holds(text, subject)))).scalars()
        if number := sum(_names(each, subject) for each in held):
            found[f"{column.table.name}.{column.name}"] = number
    return found


def _forms(subject: str) -> set[str]:
    """As it may be written: plain, and within JSON of either kind."""
    return {subject, json.dumps(subject)[1:-1], json.dumps(subject, ensure_ascii=False)[1:-1]}


def _holds(text: ColumnElement[str], subject: str) -> ColumnElement[bool]:
    return or_(*(text.contains(form, autoescape=True) for form in sorted(_forms(subject))))


def _names(text: str, subject: str) -> bool:
    """Whether the text names the subject as a whole: U12 is not in U123."""
    return any(_whole(text, form) for form in _forms(subject))


def _whole(text: str, form: str) -> bool:
    at = text.find(form)
    while at >= 0:
        if not (text[at - 1 : at].isalnum() or text[at + len(form) : at + len(form) + 1].isalnum()):
            return True
        at = text.find(form, at + 1)
    return False
