from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.ledger import migrations
from app.ledger.ledger import Ledger
from app.ledger.tables import metadata


async def test_the_migrations_make_exactly_the_tables(ledger: Ledger) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async with ledger.write() as tx:
        assert await tx.connection.run_sync(differences) == []


def test_every_revision_is_known_and_the_last_one_is_the_head() -> None:
    script = ScriptDirectory(migrations.__path__[0])
    assert [r.revision for r in script.walk_revisions()][::-1] == list(migrations.KNOWN)
    assert script.get_current_head() == migrations.HEAD
