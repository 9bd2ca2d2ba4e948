"""A diff as a whole: what is unread, torn, hostile or in another order, and what weighs less than what."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff


def test_a_value_that_a_helper_of_its_name_makes_now_weighs_less_than_one_that_is_made_otherwise() -> None:
    def weight(after: str) -> float:
        old = 'val attempts = message.headers["attempts"]?.toInt() ?: 0'
        return read_diff(f"@@\n-    {old}\n+    val attempts = {after}\n", ("r.kt",)).weight

    assert weight("message.attempts()") < 0.4 < weight('message.headers["attempts"].toInt()')


def test_a_patch_of_the_base_image_weighs_less_than_another_system() -> None:
    def weight(after: str) -> float:
        return read_diff(f"@@\n-FROM python:3.11.4-bullseye\n+FROM python:{after}\n", ("Dockerfile",)).weight

    assert weight("3.11.5-bullseye") < weight("3.11.4-bookworm")


def test_the_mark_of_a_macro_is_no_negation() -> None:
    reading = read_diff('@@\n-    let q = format!("{}", id);\n+    let q = quoted(id);\n', ("q.rs",))
    assert "negation" not in {effect.kind for effect in reading.effects}
    assert read_diff("@@\n-    if !ready() {\n+    if ready() {\n", ("q.rs",)).effects[0].kind == "negation"


def test_a_select_over_channels_is_no_query() -> None:
    reading = read_diff("@@\n+\tselect {\n+\tcase <-done:\n+\t}\n", ("a.go",))
    assert "query" not in {effect.kind for effect in reading.effects}


def test_hostile_names_do_not_reach_our_sentence() -> None:
    effect = read_diff('@@\n-"<!channel> *x*`timeout`": 50\n+"<!channel> *x*`timeout`": 5\n', ("c.json",)).effects[0]
    assert not set("<>*`!") & set(effect.note.replace("->", ""))
    assert "<!channel>" in effect.line


def test_several_files_of_one_git_diff_are_told_apart() -> None:
    diff = (
        "diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-timeout 5\n+timeout 9\n"
        "diff --git a/conf.yaml b/conf.yaml\n--- a/conf.yaml\n+++ b/conf.yaml\n@@ -1 +1 @@\n-timeout_s: 5\n+timeout_s: 1\n"
    )
    reading = read_diff(diff)
    assert [effect.path for effect in reading.effects] == ["conf.yaml"]


def test_no_diff_is_unread_unless_the_files_say_enough() -> None:
    assert read_diff("", ("app/main.py",)).unread
    assert read_diff("", ("docs/a.md",)).neutral == "documentation only"
    assert read_diff("", ()).unread


def test_a_helper_with_one_number_changed_is_not_a_pure_move() -> None:
    moved = "@@\n-    if amount > 90:\n-        refuse(amount)\n"
    moved += "+    check(amount)\n+\n+def check(amount):\n+    if amount > 80:\n+        refuse(amount)\n"
    assert read_diff(moved, ("a.py",)).neutral is None


@pytest.mark.parametrize("garbage", ["@@", "+", "-\n+\n", "@@ @@ @@\n+((((", "\x00\n+\x00", "--- a\n+++ b\n", "+" + "(" * 5000])
def test_torn_text_is_read_without_a_complaint(garbage: str) -> None:
    assert read_diff(garbage, ()).weight <= 1.0


def test_file_order_changes_no_reading() -> None:
    one = "--- a/a.yaml\n+++ b/a.yaml\n@@\n-pool_max: 9\n+pool_max: 3\n"
    two = "--- a/b.py\n+++ b/b.py\n@@\n-if not ok:\n+if ok:\n"
    assert [e.note for e in read_diff(one + two).effects] == [e.note for e in read_diff(two + one).effects]


def test_demanding_a_number_of_a_value_that_was_text_is_an_effect_of_its_own() -> None:
    diff = "@@\n-    part = code[:2].strip()\n+    part = int(code[:2])\n"
    effect = read_diff(diff, ("a.py",)).effects[0]
    assert (effect.kind, effect.fault) == ("conversion", "strict_validation")
    assert effect.weight >= 0.4
