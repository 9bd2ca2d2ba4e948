"""Numbers that changed, and what the step is worth."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff


def test_how_long_a_pool_keeps_what_it_has_is_not_how_much_it_has() -> None:
    idle = read_diff("@@\n pool:\n-  max_idle_time: 30s\n+  max_idle_time: 5m\n", ("a.yaml",)).effects[0]
    size = read_diff("@@\n pool:\n-  max_idle: 30\n+  max_idle: 300\n", ("a.yaml",)).effects[0]
    assert idle.resource is None
    assert size.resource is not None


def test_a_step_in_the_harmless_direction_counts_the_more_the_larger_it_is() -> None:
    small, large = (read_diff(f"@@\n-timeout: 2s\n+timeout: {to}\n", ("a.yaml",)).effects[0].weight for to in ("3s", "90s"))
    assert small < 0.3 < 0.7 < large


def test_thousandths_of_a_core_are_less_than_two_cores() -> None:
    effect = read_diff('@@\n limits:\n-  cpu: "2"\n+  cpu: 200m\n', ("deploy/a.yaml",)).effects[0]
    assert effect.direction == "down"


def test_a_smaller_step_weighs_less_than_a_larger_one() -> None:
    def weight(after: int) -> float:
        return read_diff(f"@@\n-pool_size: 50\n+pool_size: {after}\n", ("a.yaml",)).weight

    assert weight(45) < weight(25) < weight(5)


def test_raising_a_pool_weighs_less_than_shrinking_it() -> None:
    up = read_diff("@@\n-max_connections: 10\n+max_connections: 50\n", ("a.yaml",)).weight
    down = read_diff("@@\n-max_connections: 50\n+max_connections: 10\n", ("a.yaml",)).weight
    assert up < down


def test_numbers_carry_their_units() -> None:
    old, new = "context.WithTimeout(p, 5*time.Second)", "context.WithTimeout(p, 300*time.Millisecond)"
    effect = read_diff(f"@@\n-\tctx, c := {old}\n+\tctx, c := {new}\n", ("a.go",)).effects[0]
    assert effect.before is not None
    assert effect.after is not None
    assert (effect.before.value, effect.after.value, effect.after.unit) == (5.0, 0.3, "s")
    assert effect.direction == "down"
    assert "5s -> 300ms" in effect.note


def test_nested_keys_are_named_in_our_sentence() -> None:
    effect = read_diff('@@\n {\n   "pool": {\n-    "max": 50\n+    "max": 5\n   }\n', ("app/config.json",)).effects[0]
    assert effect.note == "pool.max 50 -> 5"


@pytest.mark.parametrize(
    ("was", "now"),
    [("1" * 401, "2"), ("2", "1" * 5000), ("1e400", "1e-400"), ("1e300", "1e-300"), ("9e307h", "1h")],
)
def test_a_number_of_any_size_is_read_as_a_change_of_it(was: str, now: str) -> None:
    reading = read_diff(f"@@ -1 +1 @@\n-pool_size: {was}\n+pool_size: {now}\n", ("app.yaml",))
    assert [effect.kind for effect in reading.effects] == ["number"]
    assert reading.neutral is None
    assert 0.0 < reading.weight <= 1.0
