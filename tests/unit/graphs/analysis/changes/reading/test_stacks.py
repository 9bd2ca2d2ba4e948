from __future__ import annotations

import json

from graphs.analysis.changes.reading.stacks import Frame, frames, hits, same_file, thrown, touched

PYTHON = """Traceback (most recent call last):
  File "/srv/app/web/views.py", line 12, in page
    return total(rows)
  File "/srv/lib/python3/site-packages/money/sum.py", line 3, in add
    raise ValueError(a)
  File "/srv/app/web/sums.py", line 7, in total
    return int(rows[0])
ValueError: invalid literal: 'x'
"""
NODE = "TypeError: x is undefined\n    at price (/app/src/cart/price.js:12:5)\n    at next (/app/node_modules/express/i.js:1:2)"
JVM = "com.acme.Broken: no stock\n\tat com.acme.Stock.take(Stock.java:41)\n\tat com.acme.Order.place(Order.java:9)"
GO = "goroutine 1 [running]:\nmain.take(...)\n\t/src/shop/stock.go:33 +0x1d\n"
DIFF = """diff --git a/app/web/sums.py b/app/web/sums.py
--- a/app/web/sums.py
+++ b/app/web/sums.py
@@ -4,5 +4,5 @@ def total(rows):
     one = 1
     two = 2

-    return rows[0]
+    return int(rows[0])
     four = 4
"""


def test_the_innermost_frame_of_own_code_comes_first() -> None:
    assert frames(PYTHON)[0] == Frame("/srv/app/web/sums.py", 7, "total")
    assert frames(NODE) == (Frame("/app/src/cart/price.js", 12, "price"),)
    assert frames(JVM)[0] == Frame("Stock.java", 41, "take")
    assert frames(GO) == (Frame("/src/shop/stock.go", 33),)


def test_a_hunk_at_no_line_there_could_be_costs_the_others_nothing() -> None:
    absurd = f"--- a/x.py\n+++ b/x.py\n@@ -1 +{'9' * 5000} @@\n+one\n"
    assert touched(absurd + DIFF) == touched(DIFF)


def test_what_is_thrown_is_read_from_the_fields_of_a_line() -> None:
    found = thrown(json.dumps({"route": "/x", "exception": "ValueError", "stack": PYTHON}))
    assert found is not None
    assert found.spoken == "ValueError: invalid literal: 'x' at /srv/app/web/sums.py:7 in total"
    nested = thrown(json.dumps({"error": {"type": "TypeError", "stack": NODE}}))
    assert nested is not None
    assert (nested.type, nested.message) == ("TypeError", "x is undefined")
    semantic = thrown(json.dumps({"exception.stacktrace": JVM}))
    assert semantic is not None
    assert semantic.type == "Broken"


def test_fields_without_an_exception_say_nothing() -> None:
    for fields in ("", "{", "[1]", '{"stack": "blue"}', '{"params": {"q": "a.py:3"}}'):
        assert thrown(fields) is None


def test_what_was_written_into_an_excerpt_is_read_back() -> None:
    found = thrown(json.dumps({"stack": PYTHON}))
    assert found is not None
    assert frames(found.spoken)[0] == found.frame


def test_a_diff_touches_the_lines_it_wrote_and_no_others() -> None:
    assert touched(DIFF) == {"app/web/sums.py": frozenset({7})}
    assert hits(Frame("/srv/app/web/sums.py", 7), touched(DIFF)) == 1.0
    assert hits(Frame("/srv/app/web/sums.py", 70), touched(DIFF)) == 0.15
    assert hits(Frame("/srv/app/web/views.py", 7), touched(DIFF)) == 0.0


def test_a_removed_sql_comment_is_no_head_of_a_file() -> None:
    diff = "--- a/x.sql\n+++ b/x.sql\n@@ -1,2 +1,2 @@\n--- the old one\n+select 2\n select 3\n"
    assert touched(diff) == {"x.sql": frozenset({1})}


def test_files_are_the_same_only_by_more_than_a_common_name() -> None:
    assert same_file("/srv/web/sums.py", "web/sums.py")
    assert same_file("Stock.java", "src/main/com/acme/Stock.java")
    assert not same_file("/srv/cart/handlers.py", "services/till/handlers.py")
    assert not same_file("/srv/cart/handlers.py", "handlers.py")
