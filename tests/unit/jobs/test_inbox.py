from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.errors import BadInput, Misconfigured, Unreachable
from app.jobs import inbox as module
from app.jobs.inbox import Inbox

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    opened = await Inbox.open(tmp_path / "inbox.db", clock=lambda: NOON)
    yield opened
    await opened.close()


async def test_a_delivery_is_kept_once(inbox: Inbox) -> None:
    assert await inbox.put("Ev1", "event", {"text": "a \0 \ud800 b"})
    assert not await inbox.put("Ev1", "event", {"text": "other"})
    (kept,) = await inbox.take()
    assert (kept.key, kept.kind, kept.body, kept.received_at) == ("Ev1", "event", {"text": "a \0 \ud800 b"}, NOON)


async def test_what_was_moved_is_not_taken_again_and_its_key_stays_known(inbox: Inbox) -> None:
    for n in range(3):
        await inbox.put(f"Ev{n}", "event", {"n": n})
    first = await inbox.take(2)
    assert [d.key for d in first] == ["Ev0", "Ev1"]
    assert [d.key for d in await inbox.take(2)] == ["Ev0", "Ev1"]
    assert await inbox.moved([d.id for d in first]) == 2
    assert await inbox.moved([d.id for d in first]) == 0
    assert [d.key for d in await inbox.take()] == ["Ev2"]
    assert await inbox.waiting() == 1
    assert not await inbox.put("Ev0", "event", {})


async def test_only_what_was_moved_long_ago_is_forgotten(inbox: Inbox) -> None:
    await inbox.put("a", "event", {})
    await inbox.put("b", "event", {})
    (a, _) = await inbox.take()
    await inbox.moved([a.id])
    assert await inbox.prune(NOON) == 0
    assert await inbox.prune(NOON + timedelta(seconds=1)) == 1
    assert [d.key for d in await inbox.take()] == ["b"]


async def test_a_burst_is_kept_whole_and_in_few_commits(inbox: Inbox) -> None:
    said: list[str] = []
    await inbox._do(lambda connection: connection.set_trace_callback(said.append))
    assert sum(await asyncio.gather(*(inbox.put(f"Ev{n % 150}", "event", {"n": n}) for n in range(300)))) == 150
    assert await inbox.waiting() == 150
    assert said.count("COMMIT") < 30


async def test_two_processes_share_one_inbox(inbox: Inbox, tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom app.jobs.inbox import Inbox\n"
        "async def main():\n"
        "    inbox = await Inbox.open(sys.argv[1])\n"
        "    print(sum(await asyncio.gather(*(inbox.put(f'Ev{n}', 'event', {}) for n in range(50)))))\n"
        "    await inbox.close()\nasyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "inbox.db"), stdout=asyncio.subprocess.PIPE
    )
    ours = 0
    for n in range(50):
        ours += await inbox.put(f"Ev{n}", "event", {})
        await inbox.moved([d.id for d in await inbox.take(5)])
    out, _ = await child.communicate()
    assert ours + int(out) == 50


def test_what_was_promised_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import asyncio, itertools, sys\nfrom app.jobs.inbox import Inbox\n"
        "async def main():\n"
        "    inbox = await Inbox.open(sys.argv[1])\n"
        "    for n in itertools.count():\n"
        "        await inbox.put(f'Ev{n}', 'event', {})\n"
        "        print(f'Ev{n}', flush=True)\n"
        "asyncio.run(main())\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "inbox.db")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    promised = [child.stdout.readline().strip() for _ in range(40)]
    child.kill()
    promised += child.stdout.read().split("\n")[:-1]
    child.stdout.close()
    child.wait()
    with sqlite3.connect(tmp_path / "inbox.db") as connection:
        kept = {key for (key,) in connection.execute("SELECT key FROM deliveries")}
    connection.close()
    assert set(promised) <= kept
    assert len(promised) >= 40


async def test_what_could_not_be_written_is_not_promised(inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    impatient = await Inbox.open(tmp_path / "inbox.db")
    other = sqlite3.connect(tmp_path / "inbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unreachable, match="locked"):
        await impatient.put("Ev1", "event", {})
    other.execute("ROLLBACK")
    other.close()
    assert await impatient.put("Ev1", "event", {})
    await impatient.close()


async def test_a_full_disk_refuses_and_keeps_what_there_was(inbox: Inbox) -> None:
    await inbox.put("first", "event", {})
    await inbox._do(lambda connection: connection.execute("PRAGMA max_page_count = 8").fetchall())
    with pytest.raises(Unreachable, match="full"):
        await inbox.put("big", "event", {"text": "x" * 100_000})
    assert [d.key for d in await inbox.take()] == ["first"]


async def test_each_commit_is_synced(inbox: Inbox) -> None:
    said = await inbox._do(lambda c: [c.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")])
    assert said == ["wal", 2]


async def test_nobody_else_may_read_the_file(inbox: Inbox, tmp_path: Path) -> None:
    await inbox.put("a", "event", {})
    for name in ("inbox.db", "inbox.db-wal"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


async def test_what_is_no_json_is_refused(inbox: Inbox) -> None:
    with pytest.raises(BadInput):
        await inbox.put("a", "event", {"n": float("inf")})


async def test_a_closed_inbox_takes_nothing(tmp_path: Path) -> None:
    inbox = await Inbox.open(tmp_path / "inbox.db")
    await inbox.close()
    await inbox.close()
    with pytest.raises(Unreachable, match="closed"):
        await inbox.put("a", "event", {})


async def test_whoever_gives_up_waiting_harms_nobody(inbox: Inbox) -> None:
    waiting = asyncio.create_task(inbox.put("a", "event", {}))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await inbox.put("b", "event", {})
    assert [d.key for d in await inbox.take()] == ["a", "b"]


async def test_an_inbox_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "inbox.db") as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(Misconfigured, match="newer"):
        await Inbox.open(tmp_path / "inbox.db")


async def test_a_file_that_is_no_inbox_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inbox.db").write_text("this is a letter, not a database" * 100)
    with pytest.raises(Misconfigured, match="cannot be opened"):
        await Inbox.open(tmp_path / "inbox.db")


async def test_it_says_for_how_long_the_oldest_has_waited(tmp_path: Path) -> None:
    at = NOON
    inbox = await Inbox.open(tmp_path / "inbox.db", clock=lambda: at)
    assert await inbox.behind_s() == 0
    await inbox.put("a", "event", {})
    at += timedelta(seconds=40)
    await inbox.put("b", "event", {})
    assert await inbox.behind_s() == 40
    await inbox.moved([each.id for each in await inbox.take()])
    assert await inbox.behind_s() == 0
    await inbox.close()
