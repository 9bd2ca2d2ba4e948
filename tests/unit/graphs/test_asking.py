from __future__ import annotations

from dataclasses import dataclass

from app.domain.agent import Agent
from app.domain.change import Changes
from app.domain.telemetry import NoData, Topology
from graphs.asking import ask_all

AGENT = Agent(name="deploys", version="1.0.0")


@dataclass(frozen=True)
class Source:
    name: str
    answer: Changes | Topology | NoData


async def test_what_a_source_left_out_is_a_gap_beside_its_answer() -> None:
    cut = Changes((), truncated="1 line of changes.jsonl could not be read")
    sources = [Source("case", cut), Source("git", Changes(()))]

    async def ask(source: Source) -> Changes | Topology | NoData:
        return source.answer

    answers, gaps = await ask_all(sources, ask, agent=AGENT, what="changes")
    assert answers == [cut, Changes(())]
    assert [(gap.source, gap.reason, gap.statement) for gap in gaps] == [
        ("case", "truncated", "changes, in part: 1 line of changes.jsonl could not be read")
    ]
