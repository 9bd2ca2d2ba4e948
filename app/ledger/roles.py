"""On PostgreSQL the processes connect as a role that owns nothing: it adds to the audit trail, and can neither change nor remove a
row of it, nor take the triggers away that refuse it too. The owner's URL is for the schema and for `firstmate audit erase` alone.

`grant` gives such a role what the program's own statements need, in one transaction; `beyond` says what a role could do besides.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from app.domain.errors import BadInput, Misconfigured
from app.ledger.ledger import Ledger, Tx
from app.ledger.migrations import queue
from app.ledger.tables import APPEND_ONLY, UNCHANGING, metadata

CHANGES = {
    "agents": "UPDATE (last_seen)",
    "alerts": "UPDATE",
    "approvals": "UPDATE (redeemed_at, redeemed_by, revoked_at)",
    "audit_heads": "UPDATE",
    "audit_payloads": "DELETE",  # of what is older than its retention; who does it unrecorded is found by `firstmate audit verify`
    "breakers": "UPDATE (body)",
    "catalogues": "UPDATE (last_seen)",
    "claims": "UPDATE",
    "confirmations": "UPDATE (counted, redeemed_at)",
    "deliveries": "UPDATE (finished_at, outcome), DELETE",
    "executions": "UPDATE (state, finished_at, verified_at, detail, observed)",
    "findings": "UPDATE (body)",
    "follows": "UPDATE (well_since, ended_at, sentence)",
    "incidents": "UPDATE",
    "messages": "UPDATE",
    "outbox": "UPDATE",
    "outcomes": "UPDATE (result, at)",
    "participants": "UPDATE (since, until)",
    "proposals": "UPDATE (state, expires_at, moved_at)",
    "reports": "UPDATE (body)",
    "runs": "UPDATE",
    "sequences": "UPDATE (value)",
    "states": "UPDATE",
    "supersessions": "UPDATE (again)",
    "switches": "UPDATE",
    "waits": "UPDATE, DELETE",
}
"""What the running program does to rows that are there already; a table that is not named it only reads and adds to."""

MAKE_ONE = (
    "make a role for the processes (CREATE ROLE firstmate_run LOGIN PASSWORD '…'), run firstmate ledger grant firstmate_run with "
    "the owner's URL, and give that role's URL to serve and work"
)

_TABLES = "SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
_NUMBERS = (  # of the columns that count by themselves
    "SELECT DISTINCT s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') "
    "JOIN pg_class c ON c.oid = d.refobjid WHERE s.relkind = 'S' AND c.relnamespace = current_schema()::regnamespace "
    "AND c.relname = ANY(:tables)"
)
_BEYOND = text(
    """
    SELECT r.rolsuper AS super, r.rolcreaterole AS makes_roles, has_schema_privilege(r.oid, n.oid, 'CREATE') AS creates,
      pg_has_role(r.oid, d.datdba, 'MEMBER') OR pg_has_role(r.oid, n.nspowner, 'MEMBER') AS owns_place,
      ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY(:ours)
        AND pg_has_role(r.oid, c.relowner, 'MEMBER') ORDER BY 1) AS owns,
      ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY(:ours)
        AND has_table_privilege(r.oid, c.oid, 'TRUNCATE, TRIGGER') ORDER BY 1) AS empties,
      ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = n.oid AND (
        c.relname = ANY(:append_only) AND has_table_privilege(r.oid, c.oid, 'DELETE')
        OR c.relname = ANY(:unchanging) AND has_any_column_privilege(r.oid, c.oid, 'UPDATE')) ORDER BY 1) AS changes
    FROM pg_roles r, pg_database d, pg_namespace n
    WHERE d.datname = current_database() AND n.nspname = current_schema()
      AND r.rolname = COALESCE(CAST(:role AS text), current_user)
    """
)


async def grant(ledger: Ledger, role: str) -> None:
    """Give `role` what running takes, and take from it whatever else it had on our tables. To be run again after an upgrade.

    Raises `BadInput` on SQLite and for a role that is not there, `Misconfigured` where whoever asks is not the owner, and where
    the role could do more all the same: nothing is granted then.
    """
    if not ledger.shared:
        raise BadInput("a ledger in a file has no roles: who may write the file may write all of it; keep its folder to one user")
    async with ledger.write() as tx:
        await _demand_owner(tx)
        if (await tx.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role").bindparams(role=role))).first() is None:
            raise BadInput(f"there is no role {role}; make it first: CREATE ROLE {role} LOGIN PASSWORD '…'")
        for statement in await _grants(tx, role):
            await tx.connection.exec_driver_sql(statement)
        if left := await _beyond(tx, role):
            raise Misconfigured(f"{role} was granted nothing, for it could do more than add to the trail: {'; '.join(left)}")


async def beyond(ledger: Ledger) -> tuple[str, list[str]]:
    """(whom this ledger is opened as, what they could do to it besides running the program, as sentences)."""
    async with ledger.read() as tx:
        return str((await tx.execute(text("SELECT current_user"))).scalar_one()), await _beyond(tx, None)


async def _demand_owner(tx: Tx) -> None:
    owner = "SELECT relowner::regrole::text AS name, pg_has_role(relowner, 'MEMBER') AS ours FROM pg_class"
    found = (await tx.execute(text(f"{owner} WHERE oid = 'audit'::regclass"))).one()
    if not found.ours:
        raise Misconfigured(f"only {found.name}, who owns the ledger's tables, can grant: use that one's URL")


async def _grants(tx: Tx, role: str) -> list[str]:
    quote = tx.connection.dialect.identifier_preparer.quote_identifier
    who = quote(role)
    schema = quote((await tx.execute(text("SELECT current_schema()"))).scalar_one())
    there = [str(name) for name in (await tx.execute(text(_TABLES))).scalars()]
    jobs = [name for name in there if name.startswith(queue.TABLES)]
    tables = {name: f"SELECT, INSERT, {CHANGES[name]}" if name in CHANGES else "SELECT, INSERT" for name in metadata.tables}
    tables |= dict.fromkeys(jobs, "SELECT, INSERT, UPDATE, DELETE") | {"alembic_version": "SELECT"}
    numbers = (await tx.execute(text(_NUMBERS).bindparams(tables=sorted(tables)))).scalars()
    return [
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {who}",
        f"GRANT USAGE ON SCHEMA {schema} TO {who}",
        *(f"REVOKE ALL ON {quote(name)} FROM PUBLIC, {who}" for name in tables),
        *(f"GRANT {verbs} ON {quote(name)} TO {who}" for name, verbs in tables.items()),
        *(f"GRANT USAGE ON SEQUENCE {quote(name)} TO {who}" for name in numbers),
    ]


async def _beyond(tx: Tx, role: str | None) -> list[str]:
    kept = {"append_only": [*APPEND_ONLY], "unchanging": [*APPEND_ONLY, *UNCHANGING], "ours": [*metadata.tables]}
    found: Any = (await tx.execute(_BEYOND.bindparams(role=role, **kept))).one()
    if found.super:  # everything else follows from it
        return ["it is a superuser"]
    told = {
        "it may make roles, and give itself the owner's rights (ALTER ROLE … NOCREATEROLE)": found.makes_roles,
        "it owns the database or the schema": found.owns_place,
        f"it owns {', '.join(found.owns[:3])} and so on, or is a member of who does": found.owns,
        "it may create tables beside ours (REVOKE CREATE ON SCHEMA … FROM PUBLIC)": found.creates and not found.owns_place,
        f"it may empty, or put triggers on, {', '.join(found.empties[:3])}": found.empties and not found.owns,
        f"it may change or remove rows of {', '.join(found.changes)}": found.changes and not found.owns,
    }
    return [sentence for sentence, holds in told.items() if holds]
