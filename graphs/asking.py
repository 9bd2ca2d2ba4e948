"""Asking every source of a kind at once, and turning what goes wrong into typed gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from app.domain.agent import Agent
from app.domain.errors import FirstmateError, Rejected
from app.domain.finding import Gap
from app.domain.telemetry import NoData


class _Named(Protocol):
    name: str


S = TypeVar("S", bound=_Named)
T = TypeVar("T")


async def ask_all(
    sources: Iterable[S], ask: Callable[[S], Awaitable[T | NoData]], *, agent: Agent, what: str
) -> tuple[list[T], list[Gap]]:
    """What each source answered, in the sources' order, and a gap for each that did not, or says that something was left out.

    `what` names the thing asked for in the gap's sentence ("metrics: it did not answer"). That none is connected at all is the
    supervisor's to say.
    """
    listed = list(sources)
    answers = await asyncio.gather(*(ask(source) for source in listed), return_exceptions=True)
    tables: list[T] = []
    gaps: list[Gap] = []
    for source, answer in zip(listed, answers, strict=True):
        if isinstance(answer, NoData):
            gaps.append(
                Gap(
                    agent=agent,
                    source=answer.source,
                    reason="no_data",
                    statement=f"{what}: {answer.reason}"[:400],
                    query=answer.query,
                )
            )
        elif isinstance(answer, FirstmateError):
            reason = "refused" if isinstance(answer, Rejected) else "failed"
            gaps.append(Gap(agent=agent, source=source.name, reason=reason, statement=f"{what}: {answer}"[:400]))
        elif isinstance(answer, BaseException):
            raise answer  # a defect, not a gap: the graph's edge records it and names this investigator
        else:
            tables.append(answer)
            if cut := getattr(answer, "truncated", None):
                gaps.append(Gap(agent=agent, source=source.name, reason="truncated", statement=f"{what}, in part: {cut}"[:400]))
    return tables, gaps
