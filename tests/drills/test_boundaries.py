"""Killed before every single write and sync of the ledger, from the press to the end of the run; and what is acknowledged is on
disk first. Seen from outside, by strace."""

from __future__ import annotations

import re
import shutil
import sqlite3
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.incidents import decide
from app.ledger import audit
from tests.drills import approving
from tests.drills.nursery import Nursery, nursery
from tests.gates import FULL, Gate, size
from tests.unit.incidents.world import DeployTool

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not there: system calls are not seen")

CALLS = "pwrite64,pwritev,write,fdatasync,fsync,ftruncate"
"""How SQLite changes a file. Each one of the ledger's is a place to die."""
MOST = 1000
APPROVALS = size(full=100, small=20)


@dataclass
class Place:
    """A ledger with one proposal that waits, to be copied and spoilt; and the deploy tool."""

    folder: Path
    nursery: Nursery
    tool: DeployTool
    hash: str
    runs: int = 0

    def fresh(self) -> Path:
        self.runs += 1
        copy = self.folder / f"run-{self.runs}"
        shutil.copytree(self.folder / "waiting", copy)
        self.tool.version, self.tool.effects = "1.8.0", 0
        return copy


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    tool = DeployTool()
    async with tool.serve(), nursery(tmp_path, "tests.drills.approving") as held:
        async with approving.desk_on(waiting, tool.url) as (desk, _):
            (proposal,) = await approving.waiting(desk, ["checkout"])
        yield Place(tmp_path, held, tool, proposal.hash)


async def killed_at(place: Place, number: int, *, twin: str = "") -> tuple[bool, list[str]]:
    """The process dies just before its `number`-th change of the ledger's files; another carries on. Whether it died, and what is
    wrong afterwards."""
    folder = place.fresh()
    ledger, out = folder / "ledger.sqlite", f"{folder.name}.out"
    pid = await place.nursery.grow(
        "tests.drills.approving:press",
        traced=True, out=out, folder=str(folder), url=place.tool.url, hashes=[place.hash], twin=twin, verified=FULL,
    )  # fmt: skip
    trace = folder / "trace"
    files = [f"-P{ledger}{end}" for end in ("", "-wal")]
    strace = await create_subprocess_exec(
        "strace", "-f", "-o", str(trace), *files, f"-etrace={CALLS}", f"-einject={CALLS}:signal=KILL:when={number}", f"-p{pid}",
        stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
    )  # fmt: skip
    assert await place.nursery.gone(pid)
    await strace.wait()
    seen = trace.read_text()
    died = "+++ killed by SIGKILL +++" in seen
    changing = {line.split()[0] for line in seen.splitlines() if "(" in line and "+++" not in line}
    assert len(changing) <= 1, f"more than one thread changes the ledger, so that counting its calls misses some: {seen}"
    acknowledged = approving.ACKNOWLEDGED in place.nursery.output(out)
    assert died or acknowledged, place.nursery.output(out)
    wrong = await wrong_after(place, folder, acknowledged=acknowledged, twin=twin)
    shutil.rmtree(folder)
    return died, wrong


async def wrong_after(place: Place, folder: Path, *, acknowledged: bool, twin: str) -> list[str]:
    """Read from the ledger and the target alone, once another process has carried on."""
    before, tool = state(folder, place.hash), place.tool
    wrong = [f"acknowledged, and it is {before}"] if acknowledged and before == "proposed" else []
    async with approving.desk_on(folder, tool.url) as (desk, runner):
        await approving.carry_on(desk, runner, twin=twin)
        if before == "proposed":
            if tool.effects:
                wrong.append("it ran and nobody had approved it")
            await decide.decide(desk, proposal=place.hash, decision="approve", by=approving.BY, surface="test")
            await runner.idle()
        async with desk.ledger.read() as tx:
            wrong += await audit.verify(tx, "INC-0001")
    now = state(folder, place.hash)
    if tool.effects > 1:
        wrong.append(f"it ran {tool.effects} times")
    if (now, tool.effects) not in {("done", 1), ("unknown", 0), ("unknown", 1)} and not twin:
        wrong.append(f"it is {now} and ran {tool.effects} times")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as file:
        sound = file.execute("PRAGMA integrity_check").fetchall()
    return wrong if sound == [("ok",)] else [*wrong, f"{sound}"]


def state(folder: Path, hash: str) -> str:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as file:
        return str(file.execute("SELECT state FROM proposals WHERE hash = ?", (hash,)).fetchone()[0])


async def test_killed_before_every_change_of_the_ledger_it_runs_once_or_is_unknown(place: Place, gate: Gate) -> None:
    wrong: list[str] = []
    died, number = True, 0
    while died and number < MOST:
        number += 1
        died, told = await killed_at(place, number)
        wrong += [f"boundary {number}: {each}" for each in told]
    print(f"{number - 1} boundaries, then a run that nobody killed", wrong)
    gate(
        "G3",
        "every write and sync of the ledger",
        figure=f"{number - 1} of {number - 1} boundaries, {len(wrong)} wrong",
        bar="100 % of boundaries, 0 violations",
        met=not died and number > 20 and not wrong,
    )


def unsynced(trace: str) -> tuple[int, int]:
    """How many acknowledgements there are, and how many came while something written to the ledger's log was not yet synced."""
    told = early = 0
    dirty = True  # nothing was seen yet: an acknowledgement without any write and sync before it counts as early
    for line in trace.splitlines():
        if f'"{approving.ACKNOWLEDGED} ' in line:
            told, early, dirty = told + 1, early + dirty, True
        elif re.search(r"pwrite64\(\d+<.*ledger\.sqlite-wal>", line):
            dirty = True
        elif re.search(r"f(data)?sync\(\d+<.*ledger\.sqlite-wal>\) += 0", line):
            dirty = False
    return told, early


async def approvals_traced(folder: Path, *, twin: str) -> tuple[int, int]:
    """`APPROVALS` of them one after another, each acknowledged on stdout by a process that strace looks at."""
    tool = DeployTool()
    folder.mkdir()  # noqa: ASYNC240 - a local disk, and nothing else runs
    async with tool.serve(), nursery(folder, "tests.drills.approving") as held:
        async with approving.desk_on(folder, tool.url) as (desk, _):
            hashes = [each.hash for each in await approving.waiting(desk, [f"s{number}" for number in range(APPROVALS)])]
        pid = await held.grow(
            "tests.drills.approving:press",
            traced=True, folder=str(folder), url=tool.url, hashes=hashes, twin=twin, runs=False,
        )  # fmt: skip
        trace = folder / "trace"
        calls = "-etrace=write,pwrite64,fdatasync,fsync"
        strace = await create_subprocess_exec(
            "strace", "-f", "-y", "-s", "40", "-o", str(trace), calls, f"-p{pid}", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        assert await held.gone(pid)
        await strace.wait()
        return unsynced(trace.read_text())


async def test_an_approval_is_on_disk_before_anybody_is_told(tmp_path: Path, gate: Gate) -> None:
    told, early = await approvals_traced(tmp_path / "real", twin="none")
    what = "approvals synced, then acknowledged"
    bar = f"{APPROVALS}/{APPROVALS}; fails with synchronous=OFF"
    gate("G4", what, figure=f"{told - early}/{told}", bar=bar, met=(told, early) == (APPROVALS, 0))
    told, early = await approvals_traced(tmp_path / "twin", twin="synchronous=OFF")
    gate.twin("G4", what, figure=f"{told - early}/{told}", fails=told == early == APPROVALS)


async def test_acting_before_noting_it_is_found_out_at_some_boundary(place: Place, gate: Gate) -> None:
    double: list[int] = []
    died, number = True, 0
    while died and number < MOST and (FULL or not double):
        number += 1
        died, told = await killed_at(place, number, twin="acts-before-noting")
        double += [number for each in told if "it ran 2 times" in each]
    gate.twin("G3", "every write and sync of the ledger", figure=f"{len(double)} double of {number}", fails=bool(double))
