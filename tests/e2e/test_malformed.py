"""What no Slack would send and a door must stand: other shapes than a delivery's, and halves of characters."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import structlog

from app.slack.connection import PATH
from tests.e2e.conftest import Rig, Start

HALF = "x\ud800y"
PRESS = {"type": "block_actions", "user": {"id": "U01ALICE"}, "team": {"id": "T1"}, "container": {"type": "message"}}


def payload(given: Any) -> bytes:
    return urlencode({"payload": json.dumps(given)}).encode()


SHAPES: dict[str, bytes] = {
    "no JSON": b"payload=%7B",
    "a NUL": b"payload=%00",
    "not UTF-8": b"payload=\xff",
    "a list": payload([1]),
    "a text": payload("x"),
    "a number that is none": b"payload=" + b"1" * 6000,
    "nested deeper than any reader goes": b"payload=" + b"[" * 50_000,
    "no user": payload({"type": "view_submission", "view": None, "user": {"id": "U1"}, "team": {"id": "T1"}}),
    "no button": payload({**PRESS, "actions": []}),
    "a number of buttons": payload({**PRESS, "actions": 5}),
    "a number for a team": payload({**PRESS, "team": 5}),
    "a number for an event": payload({"type": "event_callback", "event": 7}),
    "a number for an authorization": payload({"type": "event_callback", "authorizations": [1]}),
}


async def signed(rig: Rig, body: bytes) -> httpx2.Response:
    """What Slack's own secret vouches for."""
    at = str(int(time.time()))
    by = hmac.new(rig.slack.signing_secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"x-slack-request-timestamp": at, "x-slack-signature": f"v0={by}"}
    async with httpx2.AsyncClient(timeout=20) as http:
        headers["content-type"] = "application/x-www-form-urlencoded"
        return await http.post(f"{rig.url}{PATH}", content=body, headers=headers)


async def test_a_body_of_another_shape_is_a_bad_request_and_one_line_in_the_log(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = await start(mode="http")
    with structlog.testing.capture_logs() as logged:
        said = {name: (await signed(rig, body)).status_code for name, body in SHAPES.items()}
    assert said == dict.fromkeys(SHAPES, 400)
    assert [each["event"] for each in logged if each["event"] != "clock.kept"] == ["slack.refused"] * len(SHAPES)
    assert "Traceback" not in "".join(capsys.readouterr())
    assert await rig.inbox.waiting() == 0
    assert (await rig.slack.command("U01ALICE", "general", "/incident", "status")).acked


async def test_half_a_character_in_what_was_typed_is_acknowledged_and_declares(start: Start) -> None:
    rig = await start(mode="socket")
    assert (await rig.slack.command("U01ALICE", "general", "/incident", f"declare {HALF}")).acked
    await rig.quiet()
    assert (await rig.incident()).title == "x\ufffdy"
    assert rig.slack.violations == []


async def test_half_a_character_in_a_mention_declares(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    assert (await rig.slack.mention("U01ALICE", "general", f"declare {HALF}")).acked
    await rig.quiet()
    assert (await rig.incident()).title == "x\ufffdy"


async def test_half_a_character_in_a_dialog_declares(start: Start, mode: str) -> None:
    rig = await start(mode=mode)
    await rig.slack.command("U01ALICE", "general", "/incident", "declare")
    view = (await rig.slack.wait_for(lambda: rig.slack.views("U01ALICE")))[0]
    assert (await rig.slack.submit_view("U01ALICE", view.id, {"title": HALF, "severity": "SEV2"})).acked
    await rig.quiet()
    assert (await rig.incident()).title == "x\ufffdy"
