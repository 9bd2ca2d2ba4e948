"""Patterns whose matching takes time out of all proportion to the text's length."""

from __future__ import annotations

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.patterns import exponential, linear, quadratic, written
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.vocabulary.marks import PATTERN
from graphs.analysis.changes.vocabulary.resources import RESOURCE


def backtracking(one: Statement) -> Effect | None:
    """A pattern in which one stretch of text can be split between two repetitions: its cost grows with the text's length
    squared, or worse."""
    if file_kind(one.path) not in ("code", "config") or linear(one.path):
        return None
    named = PATTERN.search(one.text)
    found = list(written(one, named.end() if named is not None else None))
    worst = 0.7 if any(map(exponential, found)) else 0.65 if any(map(quadratic, found)) else 0.0
    if not worst:
        return None
    return effect_of("backtracking", worst, "a pattern that backtracks", one, resource=RESOURCE["cpu"])
