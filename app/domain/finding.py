"""Something measured, and what could not be."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from app.domain.agent import Agent
from app.domain.value import AwareDatetime, Value, digest
from app.domain.window import Window

Signal = Literal["metrics", "logs", "traces", "changes", "objects", "status"]
"""The kinds of telemetry. `conclusive` needs findings of two different ones. `objects`: what is declared, held against itself;
`status`: what became of things, as probes, conditions and status pages report it."""


class Plot(Value):
    """A small picture of one series: epoch seconds UTC and values of the same length, NaN-free, oldest first.

    `usual` is the level that it is compared with where that was measured outside `times`; None where the picture shows it.
    """

    title: str
    unit: str = ""
    times: tuple[float, ...]
    values: tuple[float, ...]
    onset: float | None = None
    usual: float | None = None


class Finding(Value):
    """One measurement with everything needed to repeat it.

    `id` is a hash of the content: the same measurement made again (after a crash, say) is the same finding.
    `query` repeats it against `source` over `window`; `as_of` is the newest sample it rests on; `coverage` the share of
    the window that had data. `statement` is ours, written by code; `excerpt` is quoted text that outsiders can write.
    """

    id: str
    agent: Agent
    signal: Signal
    source: str
    query: str
    window: Window
    as_of: AwareDatetime
    coverage: float = Field(ge=0, le=1)
    statement: str = Field(max_length=400)
    entity: str | None = None
    at: AwareDatetime | None = None  # when what it describes happened
    numbers: dict[str, float] = Field(default_factory=dict)
    excerpt: str | None = Field(default=None, max_length=600)
    outsider_text: bool = False
    link: str | None = None
    plot: Plot | None = None

    @classmethod
    def of(
        cls,
        *,
        agent: Agent,
        signal: Signal,
        source: str,
        query: str,
        window: Window,
        as_of: AwareDatetime,
        statement: str,
        coverage: float = 1.0,
        entity: str | None = None,
        at: AwareDatetime | None = None,
        numbers: dict[str, float] | None = None,
        excerpt: str | None = None,
        outsider_text: bool = False,
        link: str | None = None,
        plot: Plot | None = None,
    ) -> Self:
        """A finding with its id derived from what was measured (not from when or by which run)."""
        named = {"agent": str(agent), "signal": signal, "source": source, "query": query, "statement": statement, "entity": entity}
        return cls(
            id="f_" + digest(named)[:12],
            agent=agent,
            signal=signal,
            source=source,
            query=query,
            window=window,
            as_of=as_of,
            statement=statement,
            coverage=coverage,
            entity=entity,
            at=at,
            numbers=numbers or {},
            excerpt=excerpt,
            outsider_text=outsider_text,
            link=link,
            plot=plot,
        )


class Gap(Value):
    """What is not known, and why: it stands on the card."""

    agent: Agent
    source: str
    reason: Literal["failed", "timed_out", "no_data", "stale", "truncated", "refused"]
    statement: str
    query: str = ""
