"""`firstmate demo --scenario conflict` as a newcomer runs it."""

from __future__ import annotations

import pytest

from tests.integration.test_demo import demo, firstmate


@pytest.mark.timeout(200)
def test_2_27_am_ends_well_and_says_so() -> None:
    done = demo("--scenario", "conflict")
    assert done.code == 0, done.out
    assert done.out.count("✓ ") == 5
    assert "✗" not in done.out
    assert done.says("cost-agent@1 (cost) wanted shop/service/checkout/nodes, which remediation@1 (incident) has")
    assert done.says("both nodes came up: 6 work, 0 boot")
    assert "fma_" not in done.out


def test_a_scenario_that_is_not_there_is_refused() -> None:
    assert firstmate("demo", "--scenario", "peace").code == 2
