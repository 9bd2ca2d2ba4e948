"""What a kind of edit is: something asked of statements that answers with an effect, or with nothing.

A file of `kinds/` names its own in `KINDS`; the folder is the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from graphs.analysis.changes.effect import Effect
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import FileKind
from graphs.analysis.changes.reading.statements import Statement


@dataclass(frozen=True)
class Altered:
    """Asked of a statement and its new version, but where an error is only passed on. `of`: in files of this kind alone.

    `instead_of`: kinds of effects that tell the same, and less of it.
    """

    tells: Callable[[Statement, Statement], Effect | None]
    of: FileKind | None = None
    instead_of: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AlteredAmong:
    """The same, of what has to be held against the rest of the diff, and of errors too."""

    tells: Callable[[Statement, Statement, Sides], Effect | None]
    instead_of: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Added:
    """Asked of a statement without a predecessor, before the questions that are asked of each."""

    tells: Callable[[Statement, Sides], Effect | None]


@dataclass(frozen=True)
class Removed:
    """Asked of a statement without a successor, before the questions that are asked of each."""

    tells: Callable[[Statement, Sides], Effect | None]


@dataclass(frozen=True)
class Throughout:
    """Asked of a diff as a whole, for edits whose parts stand in several places."""

    tells: Callable[[Sides], Iterable[Effect]]


Kind = Altered | AlteredAmong | Added | Removed | Throughout
