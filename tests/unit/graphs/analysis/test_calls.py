from __future__ import annotations

from graphs.analysis.calls import behind, callees_of, reach

EDGES = [("web", "orders"), ("orders", "stock"), ("web", "stock"), ("orders", "mail")]


def test_reach_counts_the_calls_between() -> None:
    assert reach("web", callees_of(EDGES)) == {"web": 0, "orders": 1, "stock": 1, "mail": 2}


def test_calls_in_a_circle_are_walked_once() -> None:
    assert reach("a", callees_of([("a", "b"), ("b", "a")])) == {"a": 0, "b": 1}


def test_who_is_not_seen_stands_for_what_lies_behind_it() -> None:
    assert behind("web", callees_of(EDGES), {"mail", "stock"}) == ["stock", "mail"]
