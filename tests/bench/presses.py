"""How long people wait: from the press to the start of the run, with others writing to the ledger; and for Slack's acknowledgement,
with the ledger locked and the work process busy. Real processes, real files, a Slack of our own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.bench.table import Row
from tests.drills import approving
from tests.drills.stack import POLICY, Stack, stack

APPROVALS = 60
ACKNOWLEDGED = 200
PACE_S = 0.06
LOCKED_S, FREE_S = 2.0, 0.5
GOAL_MS, MOST_MS = 100.0, 500.0
PATIENCE_S = 300.0


async def presses(folder: Path, part: float) -> list[Row]:
    async with stack(folder / "presses") as s:
        count = max(5, int(APPROVALS * part))
        (s.data / "policy.yaml").write_text(POLICY + "presses_per_hour: 1000\n")
        services = [f"s{number}" for number in range(count + 1)]
        s.target.versions |= dict.fromkeys(services, "1.8.0")
        async with approving.desk_on(s.data, s.target.url) as (desk, _):
            waiting = {each.hash: each.incident for each in await approving.waiting(desk, services, by="U01ALICE")}
        await s.start()
        await s.until("every card is there", lambda: all(map(s._card, waiting.values())), PATIENCE_S)
        await s.rest(PATIENCE_S)
        first, *others = waiting
        started = await started_after(s, {hash: waiting[hash] for hash in others})
        acks, busy = await acknowledged_after(s, str(s._card(waiting[first])), max(20, int(ACKNOWLEDGED * part)))
        return [*_rows(started, acks), Row("  share of a core that the work process used", f"{busy:.0%}")]


def _rows(started: list[float], acks: list[float]) -> list[Row]:
    a50, a99, s50, s99 = _at(acks, 50), _at(acks, 99), _at(started, 50), _at(started, 99)
    return [
        Row(f"an approval's press to the start of its run, {len(started)} of them, p50", f"{s50:.0f} ms"),
        Row("  p99, the ledger written to by others all the time", f"{s99:.0f} ms"),
        Row(f"Slack's acknowledgement, {len(acks)} presses, p50", f"{a50:.0f} ms"),
        Row(
            f"  p99, the ledger locked for {LOCKED_S:g} s at a time", f"{a99:.0f} ms", "", "", f"< {MOST_MS:.0f} ms", a99 < MOST_MS
        ),
        Row("  the goal", f"{a99:.0f} ms", "", "", f"≤ {GOAL_MS:.0f} ms", a99 <= GOAL_MS),
    ]


def _at(times_s: list[float], share: int) -> float:
    return float(np.percentile(times_s, share)) * 1000


async def started_after(s: Stack, waiting: dict[str, str]) -> list[float]:
    """Seconds from each press to `started` in the ledger, while another process's transactions come as fast as they can."""
    pressed: dict[str, float] = {}
    async with beside(lambda: _written(s.data / "ledger.sqlite")):
        for hash, incident in waiting.items():
            card = str(s._card(incident))
            pressed[hash] = time.time()
            assert (await s.slack.press("U02BOB", card, "approve")).acked
            await s.until("it has started", lambda hash=hash: s.count("executions", f"proposal = '{hash}'"), PATIENCE_S)
    begun = {hash: _epoch(str(at)) for hash, at in s.rows("SELECT proposal, started_at FROM executions") if hash in pressed}
    return [begun[hash] - at for hash, at in pressed.items()]


async def acknowledged_after(s: Stack, card: str, count: int) -> tuple[list[float], float]:
    """Seconds from each press to its acknowledgement, and the share of a core that the work process used meanwhile."""
    worker = s.work()
    assert worker is not None
    s.arm("spin")
    used, began, waited = _processor_s(worker), time.monotonic(), list[float]()
    async with beside(lambda: _locked(s.data / "ledger.sqlite")):
        for _ in range(count):
            result = await s.slack.press("U02BOB", card, "approve", stale=True)
            assert result.acked
            assert result.latency_s is not None
            waited.append(result.latency_s)
            await asyncio.sleep(PACE_S)
    s.open_gates()
    return waited, (_processor_s(worker) - used) / (time.monotonic() - began)


@asynccontextmanager
async def beside(step: Callable[[], None]) -> AsyncIterator[None]:
    """`step` again and again in a thread, until the block ends."""
    going = True

    def work() -> None:
        while going:
            step()

    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        yield
    finally:
        going = False
        await task


def _written(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as other:
        for _ in range(20):
            other.execute("BEGIN IMMEDIATE")
            other.execute("CREATE TABLE IF NOT EXISTS load (id INTEGER PRIMARY KEY, text TEXT)")
            other.execute("INSERT INTO load (text) VALUES (?)", ("x" * 500,))
            other.execute("COMMIT")
            time.sleep(0.005)


def _locked(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)
        other.execute("ROLLBACK")
    time.sleep(FREE_S)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _epoch(moment: str) -> float:
    read = datetime.fromisoformat(moment)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
