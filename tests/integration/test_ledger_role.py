"""The processes on PostgreSQL connect as a role that owns nothing: the ledger's whole suite passes as it, and whatever would change
the audit trail, or take its triggers away, is refused to it by the server. Its owner could."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from app.doctor import doctor
from app.domain.errors import BadInput, Misconfigured
from app.incidents.erasing import erase
from app.ledger import audit, migrations
from app.ledger.ledger import Ledger
from app.ledger.roles import CHANGES, beyond, grant
from app.ledger.tables import APPEND_ONLY, UNCHANGING, metadata
from tests.gates import Gate
from tests.integration.test_bad_input import firstmate, one_sentence
from tests.integration.test_ledger_postgres import offered
from tests.postgres import role_in
from tests.unit.incidents.world import NOON

AS_OWNER = (
    *("newer_program", "tamper", "swapped", "without_the_audit_row", "database_refuses", "altered_", "_body_"),
    *("handed_to_the_verifier", "no_object"),
)
"""Tests named so do what only the owner can: alter a table or what is stored, or look for a trigger's own refusal."""
globals().update({name: each for name, each in offered().items() if not any(part in name for part in AS_OWNER)})


@pytest.fixture
def ledger_url(running_url: str) -> str:
    return running_url


async def test_the_suite_was_found() -> None:
    assert sum(name.startswith("test_") for name in globals()) > 60


TRAIL = (*APPEND_ONLY, *UNCHANGING)
TAMPERING = {
    **{f"UPDATE {table}": f"UPDATE {table} SET {column} = {column}" for table, column in
       (("audit", "actor"), ("audit", "hash"), ("timeline", "text"), ("audit_payloads", "body"))},
    **{f"DELETE {table}": f"DELETE FROM {table}" for table in APPEND_ONLY},
    **{f"TRUNCATE {table}": f"TRUNCATE {table}" for table in (*TRAIL, "audit_heads", "approvals")},
    **{f"DROP {table}": f"DROP TABLE {table} CASCADE" for table in (*TRAIL, "audit_heads", "approvals")},
    **{f"triggers off {table}": f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TRAIL},
    **{f"DROP TRIGGER {table}": f"DROP TRIGGER {table}_no_update ON {table}" for table in TRAIL},
    **{f"ALTER {table}": f"ALTER TABLE {table} RENAME TO gone" for table in TRAIL},
    **{f"RULE {table}": f"CREATE RULE gone AS ON INSERT TO {table} DO INSTEAD NOTHING" for table in TRAIL},
    "another trigger": "CREATE TRIGGER gone BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_no_update()",
    "another function": "CREATE OR REPLACE FUNCTION audit_no_update() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "another table": "CREATE TABLE alembic_version_too (version_num text)",
    "as a replica": "SET session_replication_role = replica",
    "another owner": "ALTER TABLE audit OWNER TO CURRENT_USER",
    "more rights": "GRANT ALL ON audit TO CURRENT_USER",
    "drop all": "DROP SCHEMA public CASCADE",
    "who said yes": "UPDATE approvals SET by = 'UEVIL'",
    "what it is": "UPDATE proposals SET body = '{}'",
    "what ran": "UPDATE executions SET proposal = proposal",
    "another schema": "UPDATE alembic_version SET version_num = '0000'",
    "heads away": "DELETE FROM audit_heads",
}  # fmt: skip
HARMLESS = {"more rights"}
"""The server only warns that nothing was granted."""


@pytest.fixture
async def written(running_url: str) -> AsyncIterator[str]:
    """As the role: rows of every append-only table."""
    ledger = await Ledger.open(running_url)
    async with ledger.write() as tx:
        for _ in range(3):
            await audit.append(tx, audit.Action.NOTED, at=NOON, actor="U1", surface="test", subject="x", payload={"a": 1})
    yield running_url
    await ledger.close()


def refused(url: str, statement: str) -> bool:
    """Whether the server refuses it, each in a transaction that is rolled back."""
    with psycopg.connect(url) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            return True
        except psycopg.errors.RaiseException:
            return False  # by a trigger: whoever may ask for it may take that away too
        finally:
            connection.rollback()
    return False


async def test_the_running_role_can_not_tamper_and_the_owner_can(written: str, owner_url: str, gate: Gate) -> None:
    ways = {what: how for what, how in TAMPERING.items() if what not in HARMLESS}
    let = [what for what, how in ways.items() if not refused(written, how)]
    figure = f"{len(ways) - len(let)} of {len(ways)} refused by role"
    gate("G18", "append-only by role", figure=figure, bar="all, beside the triggers", met=not let)
    let = [what for what, how in ways.items() if not refused(owner_url, how)]
    gate.twin("G18", "append-only by role", figure=f"as the owner: {len(ways) - len(let)} refused", fails=len(let) == len(ways))


async def test_rights_it_gives_itself_are_none(written: str, owner_url: str) -> None:
    with psycopg.connect(written, autocommit=True) as connection:
        connection.execute(TAMPERING["more rights"].encode())
    assert refused(written, "UPDATE audit SET actor = actor")


async def test_every_table_that_is_changed_is_one_and_none_of_the_trail_is_updated() -> None:
    assert set(CHANGES) <= set(metadata.tables)
    assert not set(APPEND_ONLY) & set(CHANGES)
    assert [CHANGES[name] for name in UNCHANGING] == ["DELETE"]


async def test_to_be_granted_again_gives_no_more_and_takes_away_what_was_added(written: str, owner_url: str) -> None:
    role = written.split("://")[1].split(":")[0]
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(f"GRANT UPDATE (actor), DELETE ON audit TO {role}".encode())
        connection.execute(b"GRANT TRUNCATE ON audit TO PUBLIC")
    running, owner = await Ledger.open(written), await Ledger.open(owner_url)
    try:
        assert len((await beyond(running))[1]) == 2
        await grant(owner, role)
        assert await beyond(running) == (role, [])
    finally:
        await running.close()
        await owner.close()


async def test_whoever_could_do_more_is_granted_nothing(postgres_url: str) -> None:
    owner = await Ledger.open(postgres_url)
    try:
        with role_in(postgres_url) as (role, url), psycopg.connect(postgres_url, autocommit=True) as connection:
            for attribute, told in (("SUPERUSER", "superuser"), ("CREATEROLE", "make roles")):
                connection.execute(f"ALTER ROLE {role} {attribute}".encode())
                with pytest.raises(Misconfigured, match=f"was granted nothing.*{told}"):
                    await grant(owner, role)
                connection.execute(f"ALTER ROLE {role} NO{attribute}".encode())
            (us,) = connection.execute("SELECT quote_ident(current_user)").fetchone() or ("",)
            connection.execute(f"GRANT {us} TO {role}".encode())
            with pytest.raises(Misconfigured, match="owns the database"):
                await grant(owner, role)
            connection.execute(f"REVOKE {us} FROM {role}".encode())
            assert refused(url, "SELECT 1 FROM audit")
            await grant(owner, role)
            assert not refused(url, "SELECT 1 FROM audit")
        with pytest.raises(BadInput, match="there is no role nobody; make it first"):
            await grant(owner, "nobody")
    finally:
        await owner.close()


async def test_who_is_not_the_owner_can_not_grant(written: str) -> None:
    running = await Ledger.open(written)
    try:
        with pytest.raises(Misconfigured, match=r"only .*, who owns the ledger's tables, can grant"):
            await grant(running, "firstmate")
    finally:
        await running.close()


async def test_a_file_has_no_roles(tmp_path: Path) -> None:
    ledger = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    with pytest.raises(BadInput, match="a file has no roles"):
        await grant(ledger, "firstmate_run")
    await ledger.close()


# --- the schema


async def test_a_role_without_rights_makes_no_schema_and_is_told_what_to_do(postgres_url: str) -> None:
    with role_in(postgres_url) as (role, url):
        with pytest.raises(Misconfigured, match=f"the role {role} may not .*firstmate ledger grant ROLE"):
            await Ledger.open(url)
        await (await Ledger.open(postgres_url)).close()
        with pytest.raises(Misconfigured, match=f"the role {role} may not .*alembic_version.*firstmate ledger grant ROLE"):
            await Ledger.open(url)


async def test_an_older_schema_is_brought_up_to_date_by_its_owner_alone(
    running_url: str, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "HEAD", "0002")
    monkeypatch.setattr(migrations, "KNOWN", ("0001", "0002"))
    with pytest.raises(Misconfigured, match="has schema 0001 and this Firstmate needs 0002: stop the processes"):
        await Ledger.open(running_url)
    await (await Ledger.open(owner_url)).close()  # it tries


async def test_a_right_that_is_missing_is_told_with_what_to_do(written: str, owner_url: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(b"REVOKE INSERT ON audit FROM " + written.split("://")[1].split(":")[0].encode())
    ledger = await Ledger.open(written)
    try:
        with pytest.raises(Misconfigured, match=r"permission denied for table audit.*firstmate ledger grant ROLE"):
            async with ledger.write() as tx:
                await audit.append(tx, audit.Action.NOTED, at=NOON, actor="U1", surface="test", subject="x")
    finally:
        await ledger.close()


async def test_erasing_takes_the_owner(written: str, owner_url: str) -> None:
    ledger = await Ledger.open(written)
    with pytest.raises(BadInput, match="only the owner"):
        await erase(ledger, "customer-1", by="auditor", at=NOON, because="they asked")
    await ledger.close()
    ledger = await Ledger.open(owner_url)
    assert (await erase(ledger, "customer-1", by="auditor", at=NOON, because="they asked")).scrubbed
    await ledger.close()


# --- the command line


def test_it_is_granted_at_a_shell_and_doctor_tells_one_from_the_other(postgres_url: str, tmp_path: Path) -> None:
    as_owner = {"FIRSTMATE_DATABASE_URL": postgres_url}
    with role_in(postgres_url) as (role, url):
        assert "firstmate ledger grant ROLE" in one_sentence(
            firstmate("audit", "verify", folder=tmp_path, FIRSTMATE_DATABASE_URL=url)
        )
        told = firstmate("ledger", "grant", role, folder=tmp_path, **as_owner)
        assert (told.returncode, told.stderr) == (0, "")
        assert f"{role} may run Firstmate" in told.stdout
        said = one_sentence(firstmate("ledger", "grant", role, folder=tmp_path, FIRSTMATE_DATABASE_URL=url))
        assert "only" in said
        told = firstmate("doctor", folder=tmp_path, FIRSTMATE_DATABASE_URL=url)
        assert f"connects as {role}, which adds to the audit trail and can't change it" in told.stdout
        told = firstmate("doctor", folder=tmp_path, **as_owner)
        (line,) = [each for each in told.stdout.splitlines() if "connects as" in each]
        assert line.startswith("MEND role")
        assert "superuser" in line
        assert "CREATE ROLE firstmate_run LOGIN PASSWORD '…'" in line


async def test_doctor_says_when_it_is_the_owner(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with role_in(postgres_url) as (role, url):
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {postgres_url.rsplit('/', 1)[1]} OWNER TO {role}".encode())
        monkeypatch.setenv("FIRSTMATE_DATABASE_URL", url)
        monkeypatch.setenv("FIRSTMATE_DATA_DIR", str(tmp_path))
        try:
            told = dict(await doctor())["role"]
            assert (told.ok, "it owns the database or the schema; it owns" in told.line) == (False, True)
        finally:
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER".encode())
