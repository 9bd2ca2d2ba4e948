"""How the schema grows: Alembic, configured here. One file per revision in `versions/`, each written out in full.

A ledger newer than this program is refused; an older one is brought up to date when it is opened, on PostgreSQL by its owner alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, inspect, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from app.domain.errors import Misconfigured

HEAD = "0001"
"""The newest revision this program knows."""
KNOWN = ("0001",)
"""Every revision, oldest first."""
NOT_PERMITTED = "42501"
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""
GRANT = (
    "stop the processes, then run firstmate ledger grant ROLE once, with the owner's URL in FIRSTMATE_DATABASE_URL; ROLE is "
    "the one that serve and work connect as"
)


def upgrade(url: URL) -> None:
    """Bring the database at `url` to `HEAD`, in one transaction, one process at a time. Blocking: call it in a thread.

    Raises `Misconfigured` when its schema is newer than this program, and when it is older and `url` is not its owner's.
    """
    sync = url.set(drivername="sqlite+pysqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")
    connect = {"isolation_level": None, "timeout": 30.0} if sync.get_backend_name() == "sqlite" else {}
    engine = create_engine(sync, poolclass=NullPool, connect_args=connect)
    try:
        with engine.connect() as connection:
            if sync.get_backend_name() == "sqlite":
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.exec_driver_sql("PRAGMA synchronous=FULL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('firstmate schema', 0))"))
            version = _version(connection)
            if version != HEAD:
                _refuse_newer(version)
                _demand_owner(connection, version)
                _run(connection)
            connection.commit()
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != NOT_PERMITTED:
            raise
        raise not_permitted(url, error) from error
    finally:
        engine.dispose()


def not_permitted(url: URL, error: Exception) -> Misconfigured:
    """PostgreSQL lets this role do less than the program needs."""
    cause = (str(getattr(error, "orig", None) or error).splitlines() or ["it was refused"])[0]
    return Misconfigured(f"the role {url.username} may not do this in the ledger ({cause}): {GRANT}")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _refuse_newer(version: str | None) -> None:
    if version is not None and version not in KNOWN:
        raise Misconfigured(
            f"this ledger has schema {version} and this Firstmate knows schemas up to {HEAD}: it was written by a newer one; "
            "start that version, or give this one a ledger of its own"
        )


def _demand_owner(connection: Connection, version: str | None) -> None:
    """Tables that another role made would not be the owner's."""
    if version is None or connection.dialect.name != "postgresql":
        return
    ours = "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'alembic_version'::regclass"
    if not connection.execute(text(ours)).scalar():
        raise Misconfigured(f"this ledger has schema {version} and this Firstmate needs {HEAD}: {GRANT}")


def _run(connection: Connection) -> None:
    # Imported here: an up-to-date ledger, the usual case, never needs Alembic.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(__file__).parent))

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
