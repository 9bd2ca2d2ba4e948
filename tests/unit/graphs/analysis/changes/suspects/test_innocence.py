"""Requests that come from nobody of ours, machines that are taken away, and answers that somebody hands on."""

from __future__ import annotations

import pytest

from app.domain.finding import Finding
from app.domain.telemetry import Topology
from graphs.analysis.changes.suspects.blame import explain
from graphs.analysis.changes.suspects.innocence import innocence
from graphs.analysis.changes.suspects.place import Places
from tests.unit.graphs.analysis.changes.suspects.test_blame import CALLS, LOOP, ONSET, POOL, REFACTOR, deploy, scope, symptom
from tests.unit.graphs.said import SCOPE, finding

SURGE = "more traffic than usual"


@pytest.mark.parametrize(
    ("times", "diff", "asked", "surges"),
    [
        (9.0, LOOP, (), True),
        (2.0, LOOP, (), False),  # as retries make it
        (9.0, POOL, (), False),  # less of something, and more asked for
        (9.0, LOOP, ("web",), False),  # our own callers are asked more
    ],
)
def test_many_times_the_requests_of_an_inner_service_are_strangers_where_no_caller_makes_them(
    times: float, diff: str, asked: tuple[str, ...], surges: bool
) -> None:
    def more(entity: str) -> Finding:
        found = symptom(entity, "", f"{entity}: it went up", base=100.0, level=100.0 * times, z=30.0)
        return found.model_copy(update={"signal": "metrics", "query": f"{entity}|http_requests_per_sec"})

    seen = [more(entity) for entity in ("orders", *asked)]
    suspects = explain(deploy("a", -20, "orders", diff, path="app/a.py"), scope(), ONSET, seen, CALLS)
    if asked:  # then it is one at the entrance, which is told as such
        assert innocence(suspects, scope(), seen, Topology(source="t", edges=(*CALLS.edges, ("edge", "web")))).remedy != SURGE
    else:
        assert (innocence(suspects, scope(), seen, CALLS).remedy == SURGE) is surges


def test_machines_that_are_reclaimed_are_nobody_s_change() -> None:
    text = "spot interruption notice: node will be reclaimed in 120 s; 9 nodes unschedulable"
    seen = [symptom("orders", text)]
    suspects = explain(deploy("a", -20, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, seen, CALLS)
    assert innocence(suspects, scope(), seen, CALLS).remedy == "a noisy neighbour"


def test_whose_answers_a_troubled_caller_hands_on_is_nearer_than_who_merely_shares_a_caller() -> None:
    calls = Topology(source="t", edges=(("shop", "pay"), ("shop", "prices")))
    asked = SCOPE.model_copy(update={"alert": SCOPE.alert.model_copy(update={"service": "pay"}), "candidates": ()})
    assert Places.of(asked, [finding("totals differ", entity="shop")], calls).nats("prices") == -0.5
    assert Places.of(asked, [finding("declined", entity="pay")], calls).nats("prices") == -2.0


def test_records_that_cannot_be_read_do_not_clear_a_change_that_explains_what_is_seen() -> None:
    lines = [
        symptom("orders", "pool exhausted: 5 of 5 connections in use, max reached, waiting for a connection"),
        symptom("orders", "malformed payload: cannot deserialize record, sent to the dead letter queue, poison message"),
    ]
    guilty = explain(deploy("a", -5, "orders", POOL), scope(), ONSET, lines, CALLS)
    innocent = explain(deploy("a", -5, "orders", REFACTOR, path="app/a.py"), scope(), ONSET, lines, CALLS)
    assert guilty[0].weight > 1.6 > innocent[0].weight
    assert innocence(guilty, scope(), lines, CALLS).weight < 0 < innocence(innocent, scope(), lines, CALLS).weight


def test_a_disk_that_fails_outweighs_a_query_that_changed_nearby() -> None:
    disk = symptom("orders", "kernel: blk_update_request: critical medium error, dev sdb; reads took more than 500 ms")
    suspects = explain(deploy("a", -5, "orders", LOOP, path="app/a.py"), scope(), ONSET, [disk], CALLS)
    assert innocence(suspects, scope(), [disk], CALLS).weight > 1.0
    calm = symptom("orders", "reads took more than 500 ms")
    assert innocence(suspects, scope(), [calm], CALLS).weight < 1.0


UNKNOWN = "@@\n     order = load(key)\n-    total = quote(order)\n+    total = estimate(order.lines)\n"


@pytest.mark.parametrize(
    ("minutes", "service", "diff", "due"),
    [
        (-5, "orders", UNKNOWN, True),
        (-5, "orders", REFACTOR, False),  # alters nothing
        (-5, "profile", UNKNOWN, False),  # nowhere near
        (20, "orders", UNKNOWN, False),  # too late
    ],
)
def test_an_edit_that_no_rule_knows_is_due_where_it_fails_unless_something_from_outside_reads_like_the_cause(
    minutes: float, service: str, diff: str, due: bool
) -> None:
    plain = [symptom("orders", "checksum differs for order 8812", z=20.0)]
    suspects = explain(deploy("a", minutes, service, diff, path="app/a.py"), scope(), ONSET, plain, CALLS)
    told = innocence(suspects, scope(), plain, CALLS)
    assert (told.weight < 0) is due
    outside = [symptom("orders", "spot interruption notice: node will be reclaimed in 120 s; 9 nodes unschedulable", z=20.0)]
    suspects = explain(deploy("a", minutes, service, diff, path="app/a.py"), scope(), ONSET, outside, CALLS)
    assert innocence(suspects, scope(), outside, CALLS).weight > 0
