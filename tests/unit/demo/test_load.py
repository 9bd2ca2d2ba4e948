from __future__ import annotations

import pytest

from app.demo.faults import RUSH, plan
from app.demo.load import VISITS


def pace(*, crowd: float = 1.0, rush: bool = False) -> dict[str, float]:
    return {kind.path: kind.pace(crowd=crowd, rush=rush) for kind in VISITS}


def test_a_crowd_is_the_same_visitors_more_often() -> None:
    assert pace(crowd=1.5) == pytest.approx({path: 1.5 * per_s for path, per_s in pace().items()})


def test_in_a_rush_everybody_comes_more_often_and_orders_most() -> None:
    grown = {path: pace(rush=True)[path] / per_s for path, per_s in pace().items()}
    assert min(grown.values()) > 1
    assert max(grown, key=lambda path: grown[path]) == "/orders"


@pytest.mark.parametrize("seed", range(5))
def test_a_rush_lies_among_innocent_deploys_before_it_and_after_it(seed: int) -> None:
    kinds = [step.kind for step in plan(RUSH, seed=seed, shuffle=bool(seed % 2))]
    assert "guilty" not in kinds
    at = kinds.index("rush")
    assert "innocent" in kinds[:at]
    assert "innocent" in kinds[at + 1 :]
