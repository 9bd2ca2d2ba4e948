"""How an edit is tied to what is seen: names as they are spelled, and what it would have made people see."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff
from graphs.analysis.changes.suspects.ties import Tie, of_finding, overrun, tie
from tests.unit.graphs.said import finding

HEADER = """@@ web/api.ts @@
 export const api = axios.create({
+  headers: { "X-Shop-Cart": cart() },
 });
"""
FETCH = "@@ Props.java @@\n-    p.put(FETCH_MAX_BYTES_CONFIG, 16777216);\n+    p.put(FETCH_MAX_BYTES_CONFIG, 67108864);\n"


def tied(diff: str, line: str) -> Tie:
    effect = read_diff(diff).effects[0]
    seen = [of_finding(finding("new lines", signal="logs", excerpt=line))]
    return tie(effect, seen, dict.fromkeys(effect.words | effect.context, 1.0))


@pytest.mark.parametrize(
    ("line", "spelled"),
    [
        ('OPTIONS /orders 403 acrh="authorization,x-shop-cart"', 1.0),
        ('OPTIONS /orders 403 acrh="X-Shop-Cart"', 1.0),
        ('OPTIONS /orders 403 acrh="authorization"', 0.0),
    ],
)
def test_a_header_is_the_same_in_either_case(line: str, spelled: float) -> None:
    assert tied(HEADER, line).spelled == spelled


def test_words_in_common_weigh_less_where_nothing_is_seen_of_what_a_number_does() -> None:
    chance = tied(FETCH, "fetch position is not where it was")
    meant = tied(FETCH, "fetch took the heap: memory at its limit, killed")
    assert chance.mechanism == 0.0 < meant.mechanism
    bare = Tie(chance.effect, 0.0, 0.0, 0.0, ())
    full = Tie(chance.effect, chance.link, 0.1, 0.0, ())
    assert bare.nats < chance.nats < full.nats - 0.1


def test_a_place_beyond_the_end_is_a_number_and_none_of_the_first() -> None:
    assert overrun("index out of range [9] with length 9") == {"9"}
    assert overrun("Index 2 out of bounds for length 2") == frozenset()
    assert overrun("order 9 is out of stock") == frozenset()
