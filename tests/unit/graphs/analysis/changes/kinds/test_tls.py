"""The oldest version of TLS that is spoken."""

from __future__ import annotations

import pytest

from graphs.analysis.changes.diff import read_diff


@pytest.mark.parametrize(("text", "heard"), [("TLSv1.2,TLSv1.3", "1.2 -> 1.3"), ("policy-TLS13-1-2-2021", "1.2 -> 1.3")])
def test_a_default_of_a_module_that_raises_the_oldest_tls_is_told_where_the_setting_went(text: str, heard: str) -> None:
    made = f'@@ edge/a.tf @@\n-resource "listener" "a" {{\n-  tls_policy = "{text}"\n-}}\n+module "a" {{\n+  source = "../m"\n+}}\n'
    newer = text.replace("TLSv1.2,", "").replace("1-2", "1-3")
    made += f'@@ m/variables.tf @@\n+variable "policy" {{\n+  type = string\n+  default = "{newer}"\n+}}\n'
    assert any(one.kind == "tightened" and heard in one.note for one in read_diff(made).effects)
