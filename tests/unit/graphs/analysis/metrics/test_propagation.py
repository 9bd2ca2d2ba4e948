from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs.analysis.metrics.propagation import blame_of_edges, own_masses, sharpened

EDGES = [("web", "orders"), ("orders", "stock"), ("web", "stock"), ("orders", "mail")]


def test_who_only_waits_has_no_mass_of_its_own() -> None:
    own = own_masses(
        {"web": 1.0, "orders": 1.0, "stock": 1.0, "mail": 0.0}, {}, [("web", "orders"), ("orders", "stock"), ("orders", "mail")]
    )
    assert own == {"web": 0.0, "orders": 0.0, "stock": 1.0, "mail": 0.0}


def test_a_rarely_called_slow_service_explains_little() -> None:
    own = own_masses({"web": 0.5, "stock": 2.0}, {"web": 1.0, "stock": 0.01}, [("web", "stock")])
    assert own["web"] == pytest.approx(0.48)


def test_a_callees_time_is_shared_among_its_callers_by_their_traffic() -> None:
    own = own_masses({"a": 0.9, "b": 0.9, "c": 1.0}, {"a": 3.0, "b": 1.0, "c": 4.0}, [("a", "c"), ("b", "c")])
    assert own["a"] == own["b"] == 0.0


def test_a_service_that_is_not_measured_passes_on_what_lies_behind_it() -> None:
    own = own_masses({"web": 1.0, "stock": 1.0}, {}, [("web", "dark"), ("dark", "stock")])
    assert own == {"web": 0.0, "stock": 1.0}


def test_calls_in_a_circle_end() -> None:
    own = own_masses({"a": 1.0}, {}, [("a", "b"), ("b", "c"), ("c", "b"), ("c", "a")])
    assert own["a"] >= 0


def test_the_network_blamed_is_the_one_all_of_whose_edges_rose() -> None:
    edges = {("a", "x"): 2.0, ("b", "x"): 2.0, ("a", "y"): 0.0, ("b", "y"): 0.0, ("a", "z"): 0.0}
    blame = blame_of_edges(edges, {})
    assert max(blame, key=lambda node: blame[node]) == "x"
    assert blame["x"] > 3 * blame["a"]
    out = {("x", "a"): 2.0, ("x", "b"): 2.0, ("c", "a"): 0.0, ("c", "b"): 0.0}
    blame = blame_of_edges(out, {})
    assert max(blame, key=lambda node: blame[node]) == "x"
    assert blame_of_edges({("a", "b"): 0.0}, {}) == {}


@given(st.dictionaries(st.sampled_from(["web", "orders", "stock", "mail"]), st.floats(0, 10), min_size=1), st.floats(0.001, 1000))
def test_names_units_and_the_order_of_edges_change_no_ranking(rise: dict[str, float], scale: float) -> None:
    plain = own_masses(rise, {}, EDGES)
    renamed = {name: f"s{index}" for index, name in enumerate(("mail", "stock", "web", "orders"))}
    other = own_masses(
        {renamed[name]: value * scale for name, value in reversed(rise.items())},
        {},
        [(renamed[a], renamed[b]) for a, b in reversed(EDGES)],
    )
    for name, value in plain.items():
        assert other[renamed[name]] == pytest.approx(value * scale, rel=1e-6, abs=1e-9 * scale)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(-5, 1e6), min_size=1))
def test_sharpened_shares_sum_to_one_and_keep_the_order(scores: dict[str, float]) -> None:
    shares = sharpened(scores)
    if max(scores.values()) > 0:
        assert sum(shares.values()) == pytest.approx(1)
        assert all(shares.get(a, 0) >= shares.get(b, 0) for a in scores for b in scores if scores[a] >= scores[b])
    else:
        assert shares == {}


def test_a_callees_tail_explains_what_its_callers_wait_for_beyond_its_own_rise() -> None:
    rise = {"web": 0.5, "mail": 0.0}
    assert own_masses(rise, {}, [("web", "mail")])["web"] == 0.5
    own = own_masses(rise, {}, [("web", "mail")], explaining={"mail": 0.9})
    assert own == {"web": 0.0, "mail": 0.0}
