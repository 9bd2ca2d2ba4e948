"""Kinds of edits: a file for each family, found by what it names in its `KINDS`."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, get_args

from app.plugins import discover
from graphs.analysis.changes.kind import Kind

Sort = TypeVar("Sort", bound=Kind)


def kinds(sort: type[Sort]) -> tuple[Sort, ...]:
    """Every kind of one sort, in alphabetical order of the files and in their own order within a file."""
    known: tuple[Sort, ...] = _known()[sort]
    return known


@cache
def _known() -> dict[type, tuple[Any, ...]]:
    families: dict[str, tuple[Kind, ...]] = discover(__name__, "KINDS")
    listed = [kind for family in families.values() for kind in family]
    return {sort: tuple(kind for kind in listed if isinstance(kind, sort)) for sort in get_args(Kind)}
