"""More comes in than there is room for: alerts are kept, changes are shed with a count, and that is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.doctor import doctor
from app.jobs import inbox as module
from app.jobs.inbox import Inbox, Overloaded
from app.jobs.runner import InProcessRunner
from app.jobs.work import SHED, WorkProcess
from app.ledger import audit
from app.web import server
from app.web.kinds import ALERTS, CHANGES
from tests.unit.incidents.world import World, opened

MOST = 20


async def _ready() -> list[str]:
    return []


def alert(n: int) -> dict[str, object]:
    fired = {"status": "firing", "startsAt": "2026-03-01T12:00:00Z", "fingerprint": f"f{n}", "labels": {"alertname": f"A{n}"}}
    return {"version": "4", "groupKey": f"g{n}", "alerts": [fired]}


def change(n: int) -> dict[str, object]:
    return {"id": f"c{n}", "kind": "deploy", "at": "2026-03-01T12:00:00Z", "service": "checkout"}


async def flooded(folder: Path) -> tuple[Inbox, list[int], list[int]]:
    """So many alerts and changes while nobody works; how each was answered."""
    held = await Inbox.open(folder / "inbox.sqlite")
    http = TestClient(server.create(held, token="t", ready=_ready), headers={"authorization": "Bearer t"})
    alerts, changes = [], []
    for n in range(2 * MOST):
        alerts.append(http.post("/webhooks/alertmanager", json=alert(n)).status_code)
        changes.append(http.post("/webhooks/changes", json=change(n)).status_code)
    return held, alerts, changes


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", MOST)


def wrong(kinds: list[str], alerts: list[int]) -> list[str]:
    lost = 2 * MOST - kinds.count(ALERTS)
    return [f"{lost} alerts lost", f"answered {set(alerts)}"] if lost or set(alerts) != {202} else []


async def test_no_alert_is_ever_lost_and_every_change_that_was_is_counted(tmp_path: Path) -> None:
    held, alerts, changes = await flooded(tmp_path)
    kinds = [each.kind for each in await held.take(10 * MOST)]
    assert wrong(kinds, alerts) == []
    assert changes.count(202) == kinds.count(CHANGES) == MOST // 2
    assert changes.count(503) == 2 * MOST - MOST // 2
    (shed,) = await held.shed()
    assert (shed.kind, shed.count, shed.told) == (CHANGES, changes.count(503), 0)
    with pytest.raises(Overloaded, match="20 deliveries wait already"):
        await held.put("x", CHANGES, {}, may_be_shed=True)
    await held.close()
    again = await Inbox.open(tmp_path / "inbox.sqlite")
    assert [each.count for each in await again.shed()] == [shed.count + 1]
    await again.moved([each.id for each in await again.take(5 * MOST)])
    assert await again.put("y", CHANGES, {}, may_be_shed=True)
    await again.close()


async def test_shedding_whatever_comes_would_be_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "NEVER_SHED", ())
    held, alerts, _ = await flooded(tmp_path)
    assert wrong([each.kind for each in await held.take(10 * MOST)], alerts) != []
    await held.close()


async def test_what_was_shed_is_told_once_recorded_and_said_by_the_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, _, changes = await flooded(tmp_path)
    many = changes.count(503)
    async with opened(tmp_path) as world:
        incident = (await world.declared()).id
        runner = InProcessRunner(retries_s=())
        process = WorkProcess(world.desk, runner, held, _no_surface(world), handlers={}, apologise=_no_apology)
        tell = process._own_handlers()[SHED]
        await tell({})
        await tell({})
        told = [each for each in await world.told(incident) if "could not be kept" in each]
        assert told == [f"{many} deliveries of {CHANGES} could not be kept: too much waited. Have them sent again"]
        async with world.ledger.read() as tx:
            rows = [row for row in await audit.rows(tx, "") if row.action == audit.Action.SHED]
        assert [row.payload for row in rows] == [{"new": many, "count": many}]
    await held.close()
    monkeypatch.setenv("FIRSTMATE_DATA_DIR", str(tmp_path))
    line = dict(await doctor())["inbox"]
    assert (line.ok, f"{many} were shed so far" in line.line) == (False, True)


def _no_surface(world: World) -> object:
    return object()


async def _no_apology(*_: object) -> None:
    return None
