from __future__ import annotations

from graphs.analysis.changes.place import Places
from tests.unit.graphs.said import SCOPE


def places(*edges: tuple[str, str]) -> Places:
    return Places({}, True, SCOPE.candidates, frozenset(), edges)


def test_beside_a_service_is_what_it_calls_and_what_calls_it() -> None:
    held = places(("front", "back"), ("back", "store"), ("front", "side"))
    assert held.beside("back", ["front", "store", "side", "back"]) == ("front", "store")


def test_where_nobody_knows_who_calls_whom_anything_may_be_beside_anything() -> None:
    assert places().beside("back", ["front", "side", "back"]) == ("front", "side")
    assert places().beside(None, ["front"]) == ()
