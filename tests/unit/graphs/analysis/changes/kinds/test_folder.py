"""The folder of kinds as a registry."""

from __future__ import annotations

from typing import get_args

from app.plugins import discover
from graphs.analysis.changes.kind import Kind
from graphs.analysis.changes.kinds import kinds


def test_every_entry_of_every_file_is_asked() -> None:
    listed = [kind for family in discover("graphs.analysis.changes.kinds", "KINDS").values() for kind in family]
    assert sorted(map(id, listed)) == sorted(id(kind) for sort in get_args(Kind) for kind in kinds(sort))
