"""What answered for a missing value and no longer does, one line before and after."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff


def kinds(before: str, after: str, *, path: str = "a.py") -> set[str]:
    return {effect.kind for effect in read_diff(f"@@\n-    {before}\n+    {after}\n", (path,)).effects if effect.weight >= 0.45}


@pytest.mark.parametrize(
    "step", ["unwrap", "expect", "orElseThrow", "getOrThrow", "requireNonNull", "first_or_fail", "findOrFail", "MustFind"]
)
def test_a_step_that_gives_up_where_nothing_is_found_is_one_guard_less(step: str) -> None:
    assert "unguarded" in kinds("row = find(key)", f"row = find(key).{step}()")


@pytest.mark.parametrize("step", ["orElse", "orElseGet", "unwrap_or", "unwrap_or_default", "unwrap_or_else", "ifBlank"])
def test_a_fallback_that_goes_is_one_guard_less(step: str) -> None:
    assert "unguarded" in kinds(f"row = find(key).{step}(EMPTY)", "row = find(key)")


@pytest.mark.parametrize("ask", ["get", "getattr", "getenv", "pop", "next", "fetch", "dig", "getProperty", "get_or"])
def test_a_default_that_a_lookup_goes_without_is_one_guard_less(ask: str) -> None:
    assert "unguarded" in kinds(f"row = {ask}(rows, EMPTY)", f"row = {ask}(rows)")
    assert "dropped" in kinds("row = made(rows, EMPTY)", "row = made(rows)")


@pytest.mark.parametrize(
    ("before", "after"), [("a?.b", "a.b"), ("a?.[0]", "a[0]"), ("a ?? b", "a"), ("a ?: b", "a"), ("a?[0]", "a[0]")]
)
def test_a_quiet_step_that_goes_is_one_guard_less_and_one_that_comes_is_none(before: str, after: str) -> None:
    assert "unguarded" in kinds(f"row = {before}", f"row = {after}", path="a.ts")
    assert "unguarded" not in kinds(f"row = {after}", f"row = {before}", path="a.ts")


def test_an_argument_more_or_another_one_is_none_less() -> None:
    assert kinds("row = made(rows)", "row = made(rows, EMPTY)") & {"dropped", "unguarded"} == set()
    assert kinds("row = made(rows, EMPTY)", "row = made(rows, BLANK)") & {"dropped", "unguarded"} == set()


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [("nick: str | None = None", "nick: str", "a.py"), ("nick: z.string().optional(),", "nick: z.string(),", "a.ts")],
)
def test_what_must_be_given_now_is_named(before: str, after: str, path: str) -> None:
    (tightened,) = read_diff(f"@@\n-    {before}\n+    {after}\n", (path,)).effects
    assert (tightened.kind, tightened.note) == ("tightened", "nick must be given now")


def test_of_several_arguments_that_go_the_longest_is_told_and_of_equally_long_ones_the_first_by_name() -> None:
    (dropped,) = read_diff("@@\n-    row = made(of(bb, aa, c))\n+    row = made()\n", ("a.py",)).effects
    assert dropped.note == "aa is no longer passed"
