"""Makes the golden ledgers of this version: `python -m tests.golden.freeze`, once per release and never again for the same one.

Each is the copy of a ledger that is being worked on, as kill -9 would leave it at that moment, in one of four states. In the one
named `proposed` another incident's triage is under way as well, in a graph whose last node has a name that is gone today.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from langgraph.graph import END, START, StateGraph

from app.domain.proposal import Proposal
from app.incidents import execute, investigate
from app.ledger import proposals, runs
from graphs import triage
from graphs.context import TriageContext
from graphs.state import InvestigatorInput, TriageState
from tests.golden.place import Place, place

VERSION = "0.1.0"
GOLDEN = Path(__file__).parent
STATES = ("proposed", "approved", "executing", "finished")
GONE = "planner"
"""What the proposer's node was called in the graph whose checkpoint is frozen."""


class Graph:
    """Today's graph with its last node under another name; with `stays` it never gets past that."""

    def __init__(self) -> None:
        self.stays, self.reached = False, asyncio.Event()

    async def last(self, state: TriageState, runtime: Any) -> dict[str, Any]:
        self.reached.set()
        if self.stays:
            await asyncio.Event().wait()
        return await triage.finish(state, runtime)

    def build(self, saver: Any) -> triage.Graph:
        builder = StateGraph(TriageState, context_schema=TriageContext)
        builder.add_node("supervisor", triage.supervise)
        builder.add_node(
            "investigator", triage.investigate, input_schema=InvestigatorInput, error_handler=triage.investigator_failed
        )
        builder.add_node("judge", triage.weigh)
        builder.add_node(GONE, self.last)
        builder.add_edge(START, "supervisor")
        paths = {"supervisor": "supervisor", "judge": "judge", "proposer": GONE, "investigator": "investigator"}
        builder.add_conditional_edges("supervisor", triage.fan_out, paths)  # type: ignore[arg-type]
        builder.add_edge("investigator", "judge")
        builder.add_conditional_edges("judge", triage.after_judge, paths)  # type: ignore[arg-type]
        builder.add_edge(GONE, END)
        return builder.compile(checkpointer=saver)


async def proposed(there: Place) -> Proposal:
    """The proposal that a triage of a new incident comes to."""
    incident = (await there.world.declared()).id
    await thought(there, incident)
    async with there.world.ledger.read() as tx:
        (held,) = await proposals.in_state(tx, "proposed")
        return (await proposals.get(tx, held.hash)).proposal


async def thought(there: Place, incident: str) -> None:
    async with there.world.ledger.read() as tx:
        run = (await runs.for_incident(tx, incident))[-1]
    await investigate.investigate(there.world.desk, run.id)


async def make(into: Path, folder: Path) -> None:
    graph = Graph()
    async with place(folder, build=graph.build) as there:
        proposal = await proposed(there)
        graph.stays = True
        graph.reached.clear()
        other = (await there.world.declared("storefront fails")).id
        thinking = asyncio.create_task(thought(there, other))
        await graph.reached.wait()
        for name in ("ledger", "checkpoints"):
            keep(folder / f"{name}.sqlite", into / "proposed" / f"{name}.sqlite")
        thinking.cancel()
        await asyncio.gather(thinking, return_exceptions=True)
    async with place(folder / "more") as there:
        proposal = await proposed(there)
        assert (await there.world.press(proposal)).complete
        keep(folder / "more" / "ledger.sqlite", into / "approved" / "ledger.sqlite")
        there.world.tool.go_on.clear()
        running = asyncio.create_task(execute.execute(there.world.desk, proposal.hash))
        await there.world.tool.arrived.wait()
        keep(folder / "more" / "ledger.sqlite", into / "executing" / "ledger.sqlite")
        there.world.tool.go_on.set()
        await running
        keep(folder / "more" / "ledger.sqlite", into / "finished" / "ledger.sqlite")


def keep(database: Path, copy: Path) -> None:
    """As it is now, small."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(copy)) as kept:
        now.backup(kept)
        kept.execute("PRAGMA journal_mode = DELETE")
        kept.execute("PRAGMA page_size = 1024")
        kept.execute("VACUUM")


if __name__ == "__main__":
    if (GOLDEN / VERSION).exists():
        raise SystemExit(f"{VERSION} is frozen already: a released version's ledgers are never made anew")
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "more").mkdir()
        asyncio.run(make(GOLDEN / VERSION, Path(made)))
    for each in sorted((GOLDEN / VERSION).rglob("*.sqlite")):
        print(f"{each.relative_to(GOLDEN)}: {each.stat().st_size:,} bytes")
