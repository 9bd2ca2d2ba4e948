"""What was acknowledged is kept, whatever dies right afterwards; and nothing is acknowledged late because the ledger is locked."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.drills.stack import FULL, ROOT, Stack, stack

ROUNDS = 10 if FULL else 1


async def acknowledged_then_killed(s: Stack, rounds: int) -> None:
    """A burst of every kind of delivery; the surface dies the moment the last acknowledgement is there. The work process is held
    back meanwhile, so that nothing was taken over before."""
    await s.start()
    incident = await s.declare("the first")
    await s.rest()
    for number in range(rounds):
        card = s.rows("SELECT ts FROM messages WHERE incident = ? AND card = 'incident'", incident)[0][0]
        s.arm("moving", lingering=True)
        acks = await asyncio.gather(
            s.slack.command("U01ALICE", "general", "/incident", f"declare command {number}"),
            s.slack.mention("U01ALICE", "general", f"declare mention {number}"),
            s.slack.press("U02BOB", card, "triage"),
        )
        answer = await s.alert(f"Alert{number}", service=f"service-{number}")
        await s.kill_surface("acknowledged")
        assert [each.acked for each in acks] == [True] * 3
        assert answer.status_code == 202
        s.open_gates()
        await s.start()
        await s.rest()


def lost(s: Stack, rounds: int) -> list[str]:
    titles = {str(title) for (title,) in s.rows("SELECT title FROM incidents")}
    wanted = {f"{kind} {number}" for kind in ("command", "mention") for number in range(rounds)}
    wanted |= {f"Alert{number} fires" for number in range(rounds)}
    told = sorted(wanted - titles)
    if (asked := s.count("runs", "incident = 'INC-0001'")) != rounds + 1:
        told.append(f"{rounds} presses for another triage, {asked - 1} runs")
    return told


async def test_what_was_acknowledged_is_kept(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await acknowledged_then_killed(s, ROUNDS)
        wrong = [*await s.wrong(), *lost(s, ROUNDS)]
        print(s.summary(f"acknowledged ({4 * ROUNDS} deliveries), then killed", wrong))
        assert wrong == [], wrong


async def test_acknowledging_before_writing_would_be_found_out(tmp_path: Path) -> None:
    async with stack(tmp_path / "s", twin="acks-before-writing") as s:
        await acknowledged_then_killed(s, 1)
        assert lost(s, 1) != []


async def test_a_locked_ledger_delays_nobody_who_is_waiting_for_an_acknowledgement(tmp_path: Path) -> None:
    async with stack(tmp_path / "s") as s:
        await s.start()
        await s.declare("the first")
        await s.rest()
        with closing(sqlite3.connect(s.data / "ledger.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held = asyncio.create_task(asyncio.sleep(5))
            acked = 0
            while not held.done():
                result = await s.slack.command("U01ALICE", "general", "/incident", f"declare while locked {acked}")
                answer = await s.alert(f"Locked{acked}", service=f"locked-{acked}")
                assert result.acked
                assert answer.status_code == 202
                acked += 1
                await asyncio.sleep(1)
            other.execute("ROLLBACK")
        await s.rest()
        wrong = await s.wrong()
        if s.count("incidents") != 1 + 2 * acked:
            wrong.append(f"{s.count('incidents')} incidents, {1 + 2 * acked} were declared")
        print(s.summary(f"ledger locked for 5 s, {2 * acked} deliveries acknowledged meanwhile", wrong))
        assert wrong == [], wrong


PUT = """
import asyncio, os, sys
from app.jobs.inbox import Inbox
async def main():
    inbox = await Inbox.open(sys.argv[1])
    await inbox.put("k1", "test", {"n": 1})
    os.write(1, b"ACKNOWLEDGED")
    await inbox.close()
asyncio.run(main())
"""


@pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not there: the order of fsync and acknowledgement is not seen"
)
def test_a_delivery_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", str(trace)]
    subprocess.run([*command, sys.executable, "-c", PUT, str(tmp_path / "inbox.sqlite")], cwd=ROOT, check=True, capture_output=True)
    seen = trace.read_text().splitlines()
    said = next(i for i, line in enumerate(seen) if "ACKNOWLEDGED" in line)
    wal = [i for i, line in enumerate(seen[:said]) if re.search(r"pwrite64\(\d+<.*inbox\.sqlite-wal>", line)]
    synced = [i for i, line in enumerate(seen[:said]) if re.search(r"f(data)?sync\(\d+<.*inbox\.sqlite-wal>", line)]
    assert wal
    assert synced
    assert synced[-1] > wal[-1]
