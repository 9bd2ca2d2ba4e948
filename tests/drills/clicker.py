"""One of many processes that decide at once: `python -m tests.drills.clicker FOLDER NUMBER TWIN`. Prints what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

from app.domain.errors import FirstmateError
from app.incidents.decide import decide
from app.ledger import proposals
from app.ledger.ledger import Ledger
from app.ledger.tables import proposals as table
from tests.drills.lever import levers

DENIES = 6
"""Processes with this number and above say no to every second proposal."""


def decision_of(process: int, number: int) -> Literal["approve", "reject"]:
    return "reject" if process >= DENIES and number % 2 else "approve"


async def naive(ledger: Ledger, hash: str, wanted: str) -> bool:
    """Looks first, then writes: what deciding would be without the compare-and-set."""
    async with ledger.read() as tx:
        waiting = (await proposals.get(tx, hash)).state == "proposed"
    if waiting:
        async with ledger.write() as tx:
            await tx.execute(table.update().where(table.c.hash == hash).values(state=wanted))
    return waiting


async def main(folder: Path, process: int, twin: bool) -> None:
    hashes = json.loads((folder / "hashes.json").read_text())
    ledger = await Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
    async with levers(folder / str(process)) as (world, _):
        desk = replace(world.desk, ledger=ledger)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        won = []
        for number, hash in enumerate(hashes):
            wanted = decision_of(process, number)
            if twin:
                state = "approved" if wanted == "approve" else "rejected"
                won.append([hash, wanted, await naive(ledger, hash, state)])
                continue
            for _ in range(20):
                try:
                    by = "UCOMMANDER" if wanted == "reject" else ("UAPPROVER", "USECOND", "UCOMMANDER")[process % 3]
                    said = await decide(desk, proposal=hash, decision=wanted, by=by, surface="test", reason="no")
                    break
                except FirstmateError:  # the ledger is busy: whoever pressed presses again
                    continue
            won.append([hash, wanted, said.complete])
        print(json.dumps(won), flush=True)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "twin"))
