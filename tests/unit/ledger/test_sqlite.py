"""What holds of the SQLite file itself."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.errors import Misconfigured, Unreachable
from app.ledger import audit, sequences
from app.ledger import ledger as door
from app.ledger.ledger import Ledger
from tests.unit.incidents.world import NOON


async def test_nobody_else_may_read_the_file(ledger: Ledger, tmp_path: Path) -> None:
    async with ledger.write() as tx:
        await sequences.next_number(tx, "a")
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


async def test_writers_sync_each_commit_and_keep_references_whole(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        said = {
            name: (await tx.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


async def test_a_writer_that_waits_too_long_says_so(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BUSY_S", 0.05)
    impatient = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unreachable, match="locked"):
        async with impatient.write():
            pass
    assert not (await impatient.check()).ok
    other.execute("ROLLBACK")
    assert (await impatient.check()).ok
    other.close()
    await impatient.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://a/b", "not a url", ""])
async def test_what_cannot_hold_a_ledger_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        await Ledger.open(url)


async def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"file/ledger\.db"):
        await Ledger.open(f"sqlite:///{tmp_path}/file/ledger.db")


async def test_a_moment_that_is_none_any_more_is_told_and_hides_none_of_the_others(ledger: Ledger) -> None:
    async with ledger.write() as tx:
        for number in range(3):
            await audit.append(tx, audit.Action.NOTED, at=NOON, actor=f"U{number}", surface="test", subject="x")
        await tx.execute(text("DROP TRIGGER audit_no_update"))
        await tx.execute(text("UPDATE audit SET at = 'yesterday' WHERE seq = 2"))
        assert await audit.verify(tx, "") == ["row 2 was changed: its content has another hash"]
