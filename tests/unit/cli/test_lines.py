from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.cards.card import Card, note
from app.cli.lines import LineSurface
from app.domain.incident import Incident

INCIDENT = Incident(
    id="INC-0007",
    number=7,
    title="slow",
    severity="SEV3",
    status="investigating",
    service=None,
    commander=None,
    declared_by="somebody",
    declared_at=datetime(2026, 1, 1, tzinfo=UTC),
)


async def test_every_message_is_one_line_with_its_whole_card(capsys: pytest.CaptureFixture[str]) -> None:
    surface, card = LineSurface(), note("first\nsecond \u2028 third")
    ts = await surface.post("terminal", card, key="a")
    await surface.update("terminal", ts, card)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(each)["event"] for each in lines] == ["post", "update"]
    assert all(Card.model_validate(json.loads(each)["card"]) == card for each in lines)
    assert {json.loads(each)["ts"] for each in lines} == {ts}


async def test_a_posted_message_is_found_again_by_its_key_and_no_other() -> None:
    surface = LineSurface()
    first = await surface.post("terminal", note("x"), key="a")
    second = await surface.post("terminal", note("x"), key="b")
    assert first != second
    assert await surface.find("terminal", "b") == second
    assert await surface.find("terminal", "c") is None


async def test_the_channel_bears_the_incidents_number() -> None:
    assert await LineSurface().open_channel(INCIDENT, invite=()) == ("terminal", "terminal-0007")
