"""G5: eight processes decide on the same proposals at the same moment: each is won once, and a no wins every tie."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from app.incidents import execute
from app.ledger import audit, proposals
from app.ledger.audit import Action
from tests.drills.clicker import DENIES, decision_of
from tests.drills.lever import asked, levers
from tests.gates import Gate, size

PROCESSES, PROPOSALS = 8, size(full=1000, small=60)
RUN = size(full=200, small=20)
WHAT = "click race"
pytestmark = pytest.mark.timeout(size(full=2400, small=300))


async def clicked(folder: Path, hashes: list[str], *, twin: bool = False) -> dict[str, list[str]]:
    """What was won, by proposal: `approve` or `reject`, once for each process that was told it decided."""
    (folder / "hashes.json").write_text(json.dumps(hashes))
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.drills.clicker", str(folder), str(number), "twin" if twin else "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=16 * 1024 * 1024,
        )
        for number in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
    outs = await asyncio.gather(*(child.communicate(b"go\n") for child in children))
    assert [child.returncode for child in children] == [0] * PROCESSES
    won: dict[str, list[str]] = {hash: [] for hash in hashes}
    for out, _ in outs:
        for hash, wanted, complete in json.loads(out):
            won[hash] += [wanted] if complete else []
    return won


async def made(folder: Path, number: int) -> list[str]:
    """That many proposals of tier 1 that wait, fifty to an incident; their hashes."""
    hashes = []
    async with levers(folder) as (world, _):
        incident = ""
        for each in range(number):
            if each % 50 == 0:
                incident = (await world.declared(f"incident {each}")).id
            hashes.append((await asked(world, incident, tier=1, name=f"l{each}", by="UCOMMANDER")).hash)
    return hashes


async def test_of_eight_processes_exactly_one_decides_and_a_no_wins_every_tie(tmp_path: Path, gate: Gate) -> None:
    hashes = await made(tmp_path, PROPOSALS)
    won = await clicked(tmp_path, hashes)
    wrong = []
    async with levers(tmp_path) as (world, lever):
        async with world.ledger.read() as tx:
            states = {hash: (await proposals.get(tx, hash)).state for hash in hashes}
            rows = [row for end in await audit.heads(tx) for row in await audit.rows(tx, end.incident, limit=10**6)]
            broken = [problem for end in await audit.heads(tx) for problem in await audit.verify(tx, end.incident)]
        for number, hash in enumerate(hashes):
            denied = any(decision_of(process, number) == "reject" for process in range(PROCESSES))
            kinds = [row.action for row in rows if row.proposal == hash]
            # A no that comes while the yes has not started yet takes it back: then both were told that theirs decided.
            if won[hash].count("reject") != int(denied) or won[hash].count("approve") > 1 or len(won[hash]) > 1 + denied:
                wrong.append(f"{hash[:8]}: {won[hash]}")
            if states[hash] != ("rejected" if denied else "approved"):
                wrong.append(f"{hash[:8]} is {states[hash]}")
            if kinds.count(Action.REJECTED.value) != int(denied):
                wrong.append(f"{hash[:8]}: {kinds}")
        for number, hash in enumerate(hashes[:RUN]):
            await execute.execute(world.desk, hash)
            if number % 2:
                assert states[hash] == "rejected"
        ran = [each["name"] for each in lever.pulled]
    assert all(int(str(name)[1:]) % 2 == 0 for name in ran), "something ran that was refused"
    decided = sum(bool(each) for each in won.values())
    ties = sum(1 for number in range(PROPOSALS) if number % 2)
    assert DENIES < PROCESSES
    print(wrong[:5], broken[:5])
    gate(
        "G5",
        WHAT,
        figure=f"{decided:,} decided, {ties:,} ties, {len(wrong)} wrong",
        bar=f"{PROCESSES} × {PROPOSALS:,}: each won once, no wins ties",
        met=decided == PROPOSALS and not wrong and not broken,
    )


async def test_looking_before_writing_would_be_found_out(tmp_path: Path, gate: Gate) -> None:
    hashes = await made(tmp_path, 40)
    won = await clicked(tmp_path, hashes, twin=True)
    wins = sum(len(each) for each in won.values())
    gate.twin("G5", WHAT, figure=f"{wins} wins of {len(hashes)}", fails=wins > len(hashes))
