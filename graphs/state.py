"""What travels through the graph: plain JSON values and ids. Bodies live in the run store, so a checkpoint stays small and
may be thrown away at any time."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict


class Asked(TypedDict):
    """One question of the supervisor, by reference: `symptoms` are finding ids, `onset` ISO 8601 or None."""

    investigator: str
    round: int
    text: str
    entities: list[str]
    symptoms: list[str]
    onset: str | None


class TriageState(TypedDict, total=False):
    """`run` is the id everything is stored under; `asked` holds every question of the run; `pending` this round's."""

    run: str
    round: int
    pending: list[Asked]
    asked: Annotated[list[str], operator.add]
    answered: Annotated[list[str], operator.add]  # "metrics/1": whose report of which round is stored
    stop_reason: str
    ended: bool  # set by the last node: a checkpoint without a next one may also be from before a node was renamed


class InvestigatorInput(TypedDict):
    """What one investigator's branch is sent."""

    run: str
    question: Asked
