"""What people do, and what a scripted HTTP app was sent; the parts that Bolt alone wouldn't show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from tests.fake_slack import FakeSlack, Manifest, NotThere
from tests.fake_slack.page import add_page
from tests.fake_slack.plugin import seeded
from tests.fake_slack.sockets import SOCKETS_MOST

Make = Callable[..., Awaitable[FakeSlack]]


class ScriptedApp:
    """Keeps every request and answers with the next scripted response (then always 200)."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], str]] = []
        self.answers: list[Callable[[], Awaitable[web.Response]]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.text()))
        return await self.answers.pop(0)() if self.answers else web.Response()

    def will(self, body: Any = None, *, status: int = 200, times: int = 1, headers: dict[str, str] | None = None) -> None:
        """Script the next answers; each gets a response object of its own."""

        async def answer() -> web.Response:
            if body is None:
                return web.Response(status=status, headers=headers)
            return web.json_response(body, status=status, headers=headers)

        self.answers += [answer] * times


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[ScriptedApp]:
    app, server = ScriptedApp(), web.Application()
    server.router.add_post("/", app.handle)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield app
    await runner.cleanup()


@pytest_asyncio.fixture
async def slack(make_slack: Make, scripted: ScriptedApp) -> FakeSlack:
    made = await make_slack(ack_deadline_s=0.2, retry_delays_s=(0.0, 0.0, 0.0))
    made.deliver_to(scripted.url)
    return made


def option(value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": value.title()}, "value": value}


MENU = {
    "type": "static_select",
    "action_id": "sev",
    "placeholder": {"type": "plain_text", "text": "Severity"},
    "options": [option("sev1")],
}
GO = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}


def post(slack: FakeSlack, *elements: dict[str, Any], seen_by: str | None = None) -> str:
    blocks = [{"type": "actions", "block_id": "b", "elements": [dict(each) for each in elements]}]
    return slack.workspace.post(slack.place("general"), {"text": "x", "blocks": blocks}, seen_by=seen_by).ts


async def test_requests_are_signed_as_slack_signs_them(slack: FakeSlack, scripted: ScriptedApp) -> None:
    await slack.command("U01ALICE", "general", "/incident", "a & b")
    headers, body = scripted.requests[0]
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)
    form = {key: values[0] for key, values in parse_qs(body).items()}
    assert (form["command"], form["text"], form["user_id"], form["channel_name"]) == ("/incident", "a & b", "U01ALICE", "general")
    assert {"trigger_id", "response_url", "team_id", "api_app_id", "user_name", "channel_id", "token"} <= set(form)


async def test_press_looks_like_slacks(slack: FakeSlack, scripted: ScriptedApp) -> None:
    ts = post(slack, GO | {"value": "v1"})
    await slack.press("U02BOB", ts, "Go")
    payload = json.loads(parse_qs(scripted.requests[0][1])["payload"][0])
    assert payload["type"] == "block_actions"
    assert payload["container"] == {"type": "message", "message_ts": ts, "channel_id": "C01GEN", "is_ephemeral": False}
    assert payload["user"] == {"id": "U02BOB", "username": "bob", "name": "bob", "team_id": "T01HOME"}
    action = payload["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"], action["type"]) == ("go", "b", "v1", "button")
    assert {"api_app_id", "team", "channel", "message", "trigger_id", "response_url"} <= set(payload)


async def test_menu_choice_must_be_on_offer(slack: FakeSlack) -> None:
    ts = post(slack, MENU)
    result = await slack.press("U02BOB", ts, "sev", choose="sev1")
    assert result.payload["actions"][0]["selected_option"]["value"] == "sev1"
    with pytest.raises(LookupError, match="doesn't offer 'sev9'"):
        await slack.press("U02BOB", ts, "sev", choose="sev9")


async def test_equal_buttons_must_be_told_apart(slack: FakeSlack) -> None:
    ts = post(slack, GO | {"value": "one"}, GO | {"value": "two"})
    with pytest.raises(NotThere, match="2 elements"):
        await slack.press("U02BOB", ts, "go")
    result = await slack.press("U02BOB", ts, "go", value="two")
    assert result.payload["actions"][0]["value"] == "two"


async def test_person_may_back_out_of_the_confirmation(slack: FakeSlack, scripted: ScriptedApp) -> None:
    result = await slack.press("U02BOB", post(slack, GO | {"confirm": {}}), "go", confirm=False)
    assert (result.acked, scripted.requests) == (False, [])


async def test_nobody_presses_what_only_another_sees(slack: FakeSlack) -> None:
    ts = post(slack, GO, seen_by="U01ALICE")
    with pytest.raises(NotThere, match="shown to U01ALICE only"):
        await slack.press("U02BOB", ts, "go")
    assert "message" not in (await slack.press("U01ALICE", ts, "go")).payload


async def test_late_answer_over_http_counts_as_none_and_events_come_again(slack: FakeSlack, scripted: ScriptedApp) -> None:
    async def slow() -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    scripted.answers.append(slow)
    scripted.will(status=500)
    result = await slack.mention("U01ALICE", "general", "status")
    assert (result.acked, result.outcome) == (False, "late")
    await slack.settled()
    assert [each.outcome for each in result.attempts] == ["late", "refused", "acked"]
    seen = [(headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason")) for headers, _ in scripted.requests]
    assert seen == [(None, None), ("1", "http_timeout"), ("2", "http_error")]
    assert len({json.loads(body)["event_id"] for _, body in scripted.requests}) == 1


async def test_no_retry_header_is_honoured(slack: FakeSlack, scripted: ScriptedApp) -> None:
    scripted.will(status=500, headers={"X-Slack-No-Retry": "1"})
    await slack.mention("U01ALICE", "general", "status")
    await slack.settled()
    assert len(scripted.requests) == 1


async def test_three_retries_are_all(slack: FakeSlack, scripted: ScriptedApp) -> None:
    scripted.will(status=500, times=9)
    result = await slack.mention("U01ALICE", "general", "status")
    await slack.settled()
    assert len(scripted.requests) == 4
    assert {each.outcome for each in result.attempts} == {"refused"}


async def test_commands_and_presses_are_never_retried(slack: FakeSlack, scripted: ScriptedApp) -> None:
    scripted.will(status=500, times=2)
    assert (await slack.command("U01ALICE", "general", "/incident", "x")).outcome == "refused"
    assert (await slack.press("U01ALICE", post(slack, GO), "go")).outcome == "refused"
    await slack.settled()
    assert len(scripted.requests) == 2


async def test_modal_acknowledgements_push_update_and_clear(slack: FakeSlack, scripted: ScriptedApp) -> None:
    plain = {"type": "plain_text", "text": "x"}
    view = {
        "type": "modal",
        "title": plain,
        "submit": plain,
        "blocks": [{"type": "section", "text": plain}],
        "notify_on_close": True,
    }
    workspace = slack.workspace
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {slack.bot_token}"}) as session:
        await session.post(f"{slack.api_url}views.open", json={"trigger_id": workspace.new_trigger("U01ALICE"), "view": view})
    (opened,) = slack.views("U01ALICE")
    other = {**view, "callback_id": "second"}
    for action in ("update", "push"):
        scripted.will({"response_action": action, "view": other})
    await slack.submit_view("U01ALICE", opened.id)
    assert slack.views("U01ALICE")[0].body["callback_id"] == "second"
    await slack.submit_view("U01ALICE", opened.id)
    assert len(slack.views("U01ALICE")) == 2
    assert (await slack.close_view("U01ALICE", slack.views("U01ALICE")[1].id)) is not None
    scripted.will({"response_action": "clear"})
    await slack.submit_view("U01ALICE", opened.id)
    assert slack.views("U01ALICE") == []
    assert slack.violations == []


async def test_bad_acknowledgements_are_violations(slack: FakeSlack, scripted: ScriptedApp) -> None:
    scripted.will({"text": "x" * 4001})
    await slack.command("U01ALICE", "general", "/incident", "x")
    assert slack.ephemerals("U01ALICE") == []
    assert slack.violations[-1].what == "the answer in the acknowledgement was refused: msg_too_long"


async def test_eleventh_socket_is_turned_away(make_slack: Make) -> None:
    slack = await make_slack()
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(slack.sockets.new_url()) for _ in range(SOCKETS_MOST + 1)]
        hellos = [await each.receive_json() for each in sockets]
        assert [each["type"] for each in hellos] == ["hello"] * SOCKETS_MOST + ["disconnect"]
        assert hellos[9]["num_connections"] == 10
        url = slack.sockets.new_url()
        await session.ws_connect(url)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
        for each in sockets:
            await each.close()


async def test_page_drives_the_workspace_by_hand(scripted: ScriptedApp) -> None:
    slack = FakeSlack(rates="observe", manifest=Manifest())
    add_page(slack)
    async with seeded(slack), aiohttp.ClientSession() as session:
        slack.deliver_to(scripted.url)
        ts = post(slack, GO, MENU)
        slack.workspace.post(slack.place("general"), {"text": "<script>"})
        base = slack.workspace.base_url
        page = await (await session.get(f"{base}/")).text()
        assert ">Go</button>" in page
        assert "<script>" not in page
        form = {"user": "U02BOB", "channel": "C01GEN", "ts": ts, "action": "go", "value": "b"}
        assert (await session.post(f"{base}/_control/press", data=form)).status == 200
        told = {"user": "U02BOB", "channel": "C01GEN", "text": "/incident hi"}
        assert (await (await session.post(f"{base}/_control/command", json=told)).json())["outcome"] == "acked"
        assert (await (await session.post(f"{base}/_control/press", json=form | {"ts": "1.1"})).json())["outcome"] == "refused"
        assert len(await (await session.get(f"{base}/_control/messages?channel=C01GEN")).json()) == 2
    assert len(scripted.requests) == 2
