from __future__ import annotations

import pytest

from graphs.analysis.changes.suspects.taken import missed, named, overrun, taken_away
from graphs.analysis.changes.suspects.ties import Seen, of_finding
from tests.unit.graphs.said import finding

RIGHT = """@@ policies/vault.json @@
-  "Action": ["kms:Encrypt", "kms:Decrypt"]
@@ policies/writer.json @@
+  "Action": ["kms:Encrypt"]
"""
PORTS = """@@ network/rules.tf @@
-  from_port = 6379
-  to_port = 6380
+  from_port = each.value
@@ network/prod.tfvars @@
+ports = ["6380"]
"""


def seen(text: str) -> list[Seen]:
    return [of_finding(finding("new lines", signal="logs", excerpt=text))]


def test_a_name_that_went_and_stands_nowhere_else_is_taken_away_and_one_that_moved_is_not() -> None:
    gone = taken_away(RIGHT, ["policies/vault.json", "policies/writer.json"])
    assert gone == {"kms:Decrypt"}


@pytest.mark.parametrize(
    ("diff", "fails", "speaks"),
    [
        (RIGHT, "not authorized to perform kms:Decrypt", True),
        (RIGHT, "not authorized to perform kms:Encrypt", False),
        (PORTS, "dial tcp 10.2.1.3:6379: i/o timeout", True),
        (PORTS, "dial tcp 10.2.1.3:6380: i/o timeout", False),
        (PORTS.replace("6379", "6000"), "took 6000 ms", False),  # round: of anything
        (RIGHT.replace(".json", ".md"), "not authorized to perform kms:Decrypt", False),  # nothing that runs
    ],
)
def test_what_fails_speaks_of_what_was_taken_away(diff: str, fails: str, speaks: bool) -> None:
    assert missed(diff, (), seen(fails)) is speaks


AGE = """@@ features/account.py @@
-def account_age(rows): return (rows.now - rows.created).total_seconds()
+def account_age(): return (col("now") - col("created")).total_hours()
"""


@pytest.mark.parametrize(
    ("diff", "fails", "is_named"),
    [
        (AGE, "declined, reasons=account_age", True),
        (AGE, "declined, reasons=velocity_1h", False),
        (AGE.replace("-def account_age", "-def age"), "declined, reasons=account_age", False),  # only new: nothing was rewritten
        (AGE.replace("account.py", "test_account.py"), "declined, reasons=account_age", False),
        (AGE, "created too late", False),  # one word may be anybody's
    ],
)
def test_what_fails_names_what_was_rewritten(diff: str, fails: str, is_named: bool) -> None:
    assert named(diff, (), seen(fails)) is is_named


RULES = """@@ rules/pipes.json @@
+  { "id": "np-2", "criteria": { "field": 12, "op": "eq", "value": "x" } }
 @@ rules/old.json @@
   { "id": "np-1", "criteria": { "field": 7 } }
"""


@pytest.mark.parametrize(
    ("diff", "fails", "is_it"),
    [
        (RULES, "panic: runtime error: index out of range [12] with length 12", True),
        (RULES, "java.lang.ArrayIndexOutOfBoundsException: Index 12 out of bounds for length 12", True),
        (RULES, "index out of bounds: the len is 12 but the index is 12", True),
        (RULES, "panic: runtime error: index out of range [7] with length 7", False),  # it was named before
        (RULES, "took 12 ms", False),
        (
            RULES.replace("12", "1"),
            "panic: runtime error: index out of range [1] with length 1",
            False,
        ),  # anything is empty at times
        (RULES.replace('"field": 12', '"limit": 12'), "index out of range [12] with length 12", False),  # no place of anything
    ],
)
def test_what_reaches_beyond_the_end_by_the_very_place_that_a_change_names(diff: str, fails: str, is_it: bool) -> None:
    assert overrun(diff, (), seen(fails)) is is_it
