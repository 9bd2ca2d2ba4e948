from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.window import Window
from app.incidents.monitors import alerts_of, changes_of
from app.ledger import changes, incidents
from app.ledger.deliveries import Pending
from app.web.deliveries import handlers
from app.web.server import ALERTS, CHANGES
from tests.unit.incidents.world import NOON, World, opened


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as held:
        yield held


def delivery(kind: str, items: list[object]) -> Pending:
    return Pending(id=1, key="k", kind=kind, body={"items": items}, received_at=NOON)


async def test_alerts_of_one_group_become_one_incident(world: World) -> None:
    body = {
        "groupKey": "g1",
        "alerts": [
            {"startsAt": "2026-03-01T11:59:00Z", "labels": {"alertname": name, "app": "checkout"}} for name in ("Slow", "Errors")
        ],
    }
    given = delivery(ALERTS, [each.model_dump(mode="json") for each in alerts_of(body)])
    for _ in range(2):
        assert await handlers(world.desk)[ALERTS](given) == "alerts of INC-0001"
    async with world.ledger.read() as tx:
        assert len(await incidents.list_open(tx)) == 1


async def test_changes_are_recorded_once(world: World) -> None:
    body = {"id": "c0ffee1", "kind": "deploy", "at": 1772366400, "service": "checkout"}
    given = delivery(CHANGES, [each.model_dump(mode="json") for each in changes_of(body)])
    said = [await handlers(world.desk)[CHANGES](given) for _ in range(2)]
    assert said == ["1 new change", "0 new changes"]
    async with world.ledger.read() as tx:
        (held,) = await changes.between(tx, Window(start=NOON - timedelta(hours=1), end=NOON + timedelta(hours=1)))
    assert held.at == NOON
    assert held.source == "intake"
