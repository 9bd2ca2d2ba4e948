from __future__ import annotations

import pytest

from graphs.analysis.changes.suspects.taken import missed, named, taken_away
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
