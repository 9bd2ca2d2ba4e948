"""A shop on two machines: `left` runs web, orders and mail, `right` runs stock, pay and notes; the bank belongs to nobody."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from graphs.analysis.metrics.groups import Group, explanations

EDGES = [
    ("web", "orders"),
    ("web", "stock"),
    ("web", "pay"),
    ("orders", "pay"),
    ("orders", "mail"),
    ("stock", "notes"),
    ("mail", "notes"),
]
WHERE = {
    "web": {"left": 1.0},
    "orders": {"left": 1.0},
    "mail": {"left": 1.0},
    "stock": {"right": 1.0},
    "pay": {"right": 1.0},
    "notes": {"right": 1.0},
}


def best(slow: Mapping[str, float] | set[str], **told: Mapping[str, float]) -> Group:
    seen = {name: slow.get(name, 0.0) if isinstance(slow, Mapping) else float(name in slow) for name in WHERE}
    return explanations(seen, EDGES, WHERE, **told)[0]


def test_one_slow_service_and_who_waits_for_it_are_one_services_fault() -> None:
    assert (best({"pay", "orders", "web"}).name, best({"pay", "orders", "web"}).mode) == ("pay", "one")
    assert best({"web"}).name == "web"


def test_calls_that_cross_a_machines_boundary_and_only_they_are_its_networks_fault() -> None:
    found = best({"web", "orders", "mail", "pay", "notes"}, resends={"right": 1.0})
    assert (found.name, found.mode) == ("right", "boundary")
    assert set(found.members) == {"web", "orders", "mail", "pay", "notes"}


def test_of_two_machines_with_the_same_boundary_the_one_that_sends_more_again_is_meant() -> None:
    slow = {"web", "orders", "mail", "pay", "notes"}
    assert best(slow, resends={"left": 1.0}).name == "left"
    even = explanations({name: float(name in slow) for name in WHERE}, EDGES, WHERE)
    pair = [group.probability for group in even if group.mode == "boundary"]
    assert pair[0] == pair[1]


def test_everything_on_a_strained_machine_slow_and_nothing_else_is_that_machines_fault() -> None:
    slow = {"stock", "pay", "notes", "web", "orders", "mail"}
    assert best(slow, strained={"right": 1.0, "left": 0.0}).name == "right"
    assert best(slow, strained={"right": 1.0, "left": 0.0}).mode == "host"


def test_a_machine_that_shows_no_strain_is_not_blamed_for_slowing_who_runs_on_it() -> None:
    assert best({"stock", "notes", "web", "mail"}, strained={"left": 0.0, "right": 0.0}).mode != "host"


def test_one_sufferer_is_never_a_machines_fault() -> None:
    groups = explanations({"web": 1.0, "pay": 0.0}, [("web", "pay")], {"web": {"left": 1.0}, "pay": {"right": 1.0}})
    assert {group.mode for group in groups} == {"one"}


def test_who_was_not_looked_at_counts_for_nothing() -> None:
    seen = {"web": 1.0, "orders": 1.0, "mail": 1.0}
    some = explanations(seen, EDGES, WHERE)
    assert abs(sum(group.probability for group in some) - 1) < 1e-9
    assert {group.name for group in some if group.mode == "one"} == set(seen)


def test_a_circle_of_calls_ends() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a")]
    found = explanations({"a": 1.0, "b": 1.0, "c": 1.0}, edges, {name: {"x": 0.5, "y": 0.5} for name in "abc"})
    assert found


def test_renamed_services_and_machines_get_the_same_answer_renamed() -> None:
    slow = {"web", "orders", "mail", "pay", "notes"}
    names = {name: f"{index}-{name[::-1]}" for index, name in enumerate(sorted(WHERE, reverse=True))}
    where = {names[name]: {f"m-{node}": share for node, share in there.items()} for name, there in WHERE.items()}
    straight = explanations({name: float(name in slow) for name in WHERE}, EDGES, WHERE, resends={"right": 0.8})
    renamed = explanations(
        {names[name]: float(name in slow) for name in WHERE},
        [(names[a], names[b]) for a, b in reversed(EDGES)],
        where,
        resends={"m-right": 0.8},
    )
    assert renamed[0].name == f"m-{straight[0].name}"
    assert abs(renamed[0].probability - straight[0].probability) < 1e-9


PAIR = [("a", "b")]
ON_ONE = {"a": {"x": 1.0}, "b": {"x": 1.0}}


def test_a_machine_that_explains_no_more_than_a_service_is_less_likely_than_it() -> None:
    found = {group.mode: group for group in explanations({"a": 1.0, "b": 1.0}, PAIR, ON_ONE, strained={"x": 1.0})[::-1]}
    assert found["one"].name == "b"
    assert math.log(found["one"].probability / found["host"].probability) == pytest.approx(1.0)


def test_a_machine_without_strain_is_far_less_likely_than_a_strained_one() -> None:
    def host(strain: float) -> float:
        found = explanations({"a": 1.0, "b": 1.0}, PAIR, ON_ONE, strained={"x": strain})
        by_mode = {group.mode: group.probability for group in found[::-1]}
        return math.log(by_mode["host"] / by_mode["one"])

    assert host(1.0) - host(0.0) > 3


def test_who_runs_beside_the_only_sufferer_makes_it_no_machines_fault() -> None:
    assert {group.mode for group in explanations({"a": 1.0, "b": 0.0}, PAIR, ON_ONE)} == {"one"}


def test_only_those_that_a_group_explains_are_its_members() -> None:
    slow = {"pay", "orders", "web", "notes"}
    found = explanations({name: float(name in slow) for name in WHERE}, EDGES, WHERE)
    members = {group.name: group.members for group in found if group.mode == "one"}
    assert members["pay"] == ("orders", "pay", "web")


def test_who_is_called_only_from_its_own_machine_is_no_member_of_its_networks_fault() -> None:
    where = {name: {"y" if name == "c" else "x": 1.0} for name in "abcd"}
    found = explanations(dict.fromkeys("abcd", 1.0), [("a", "c"), ("b", "c"), ("a", "d")], where)
    assert {group.members for group in found if group.mode == "boundary"} == {("a", "b", "c")}
