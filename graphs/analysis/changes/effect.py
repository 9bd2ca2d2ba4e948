"""What one edit alters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from graphs.analysis.changes.reading.measures import Measure
from graphs.analysis.changes.reading.names import words_of
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.resources import Resource
from graphs.analysis.changes.vocabulary.symptoms import KIND_OF_EFFECT

Direction = Literal["down", "up", "gone", "new", "other"]
NEUTRAL_BELOW = 0.1
HARD = listed(
    "gone number negation condition swapped loop_call loop_query switch schema query conversion unawaited unguarded tightened "
    "rounding renewed dropped pattern backtracking swallowed identity fixed whole blocking members zone endless unfiltered "
    "fanout borrowed retyped untracked reused shared weaker stronger refusing pooled sent"
)
"""Effects that no helper extraction explains away."""


@dataclass(frozen=True)
class Effect:
    """One alteration of behaviour. `weight` 0..1: how likely such an edit changes what users see, whatever the symptom.

    `words` are stems of what it touches, `context` of what stands around it (lines, path). `note` is ours: cleaned names and
    numbers only; `line` is quoted from the diff.
    """

    kind: str
    weight: float
    note: str
    words: frozenset[str]
    context: frozenset[str]
    path: str
    line: str
    resource: Resource | None = None
    direction: Direction = "other"
    before: Measure | None = None
    after: Measure | None = None

    @property
    def fault(self) -> str:
        """Our word for what this breaks."""
        if self.resource is not None and self.kind in ("number", "gone", "switch", "literal", "came"):
            return self.resource.kind
        return KIND_OF_EFFECT.get(self.kind, "code_regression")

    def scaled(self, factor: float) -> Effect:
        return replace(self, weight=self.weight * factor)


def effect_of(
    kind: str,
    weight: float,
    note: str,
    one: Statement,
    *,
    resource: Resource | None = None,
    direction: Direction = "other",
    before: Measure | None = None,
    after: Measure | None = None,
    other: Statement | None = None,
) -> Effect:
    words = words_of(one) | (words_of(other) if other is not None else frozenset()) | stem_set(one.parents[-2:])
    context = stem_set([one.nearby, *one.parents, *one.path.rsplit("/", 3)[-3:]]) - words
    line = f"- {other.text}\n+ {one.text}" if other is not None else f"{one.sign} {one.text}"
    return Effect(kind, weight, note[:140], words, context, one.path, line[:400], resource, direction, before, after)


ANOTHER_CALL = frozenset({"changed", "called", "call_removed"})
"""Effects that say no more than that something else is named or called."""
ANOTHER_VALUE = ANOTHER_CALL | {"literal", "query", "dropped", "swapped", "arithmetic"}
"""Effects that say no more than that something else is given or made."""
