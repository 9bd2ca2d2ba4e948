from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.ledger import migrations
from app.ledger.ledger import Ledger
from app.ledger.migrations import queue
from app.ledger.tables import metadata


async def test_the_migrations_make_exactly_the_tables(ledger: Ledger) -> None:
    def differences(connection: Connection) -> list[object]:
        opts = {"compare_type": True, "compare_server_default": True, "include_name": _is_ours}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, metadata))

    async with ledger.write() as tx:
        assert await tx.connection.run_sync(differences) == []


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Procrastinate's tables are its own affair."""
    return not (kind == "table" and str(name).startswith(queue.TABLES))


def test_every_revision_is_known_and_the_last_one_is_the_head() -> None:
    script = ScriptDirectory(migrations.__path__[0])
    assert [r.revision for r in script.walk_revisions()][::-1] == list(migrations.KNOWN)
    assert script.get_current_head() == migrations.HEAD
