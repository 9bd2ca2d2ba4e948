from __future__ import annotations

import re

from tests.unit.graphs.investigators.test_metrics import Telemetry, ask, traces


async def test_of_a_call_that_neither_end_accounts_for_it_is_told_which_end_is_blamed() -> None:
    report = await ask(Telemetry(spans=traces(60, lambda name: 80.0 if name == ">stock" else 0.0)))
    top = report.suspicions[0]
    assert re.match(r"stock: a call from \w+ spends [\d.]+ ms that neither end accounts for, [\d.]+ m?s before$", top.statement)
    callers = [one.statement for one in report.suspicions if one.kind == "network_delay" and one.target != "stock"]
    assert all(" a call to stock spends " in each for each in callers)
