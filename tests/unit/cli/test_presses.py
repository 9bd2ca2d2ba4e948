from __future__ import annotations

from typing import Any, cast

import pytest

from app.cli import presses
from app.cli.lines import OPERATOR, PRESS
from app.domain.errors import BadInput
from app.ledger.deliveries import Pending


async def test_the_only_person_is_the_local_operator_who_has_no_workspace() -> None:
    person = await presses.operator(OPERATOR)
    assert person is not None
    assert (person.local_operator, person.team) == (True, "")


@pytest.mark.parametrize("name", ["root", "U123", "", "Operator"])
async def test_nobody_else_is_known(name: str) -> None:
    assert await presses.operator(name) is None


async def test_a_press_that_is_neither_yes_nor_no_is_refused_before_the_ledger_is_asked() -> None:
    nowhere = cast("Any", None)
    body = {"proposal": "p", "decision": "approve-all", "reason": "", "channel": "terminal"}
    delivery = cast("Pending", type("Delivery", (), {"body": body})())
    with pytest.raises(BadInput, match="approve-all"):
        await presses.handlers(nowhere)[PRESS](delivery)
