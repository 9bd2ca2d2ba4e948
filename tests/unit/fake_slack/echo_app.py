"""A small Bolt app, as a product would be wired: it echoes commands, answers presses, opens and checks a modal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from tests.fake_slack import FakeSlack

QUIET = {"unfurl_links": False, "unfurl_media": False}
BUTTON = {"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Approve"}, "value": "p1"}
BLOCKS = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "shall I?"}},
    {"type": "actions", "block_id": "decide", "elements": [BUTTON]},
]
TITLE_INPUT = {
    "type": "input",
    "block_id": "title",
    "label": {"type": "plain_text", "text": "Title"},
    "element": {"type": "plain_text_input", "action_id": "v"},
}
MODAL = {
    "type": "modal",
    "callback_id": "declare",
    "title": {"type": "plain_text", "text": "Declare"},
    "submit": {"type": "plain_text", "text": "Go"},
    "blocks": [TITLE_INPUT],
}


def echo_app(slack: FakeSlack) -> AsyncApp:
    app = AsyncApp(client=AsyncWebClient(token=slack.bot_token, base_url=slack.api_url), signing_secret=slack.signing_secret)

    @app.command("/incident")
    async def incident(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        if body["text"] == "form":
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
            return
        await ack(f"heard {body['text']}")
        await client.chat_postMessage(channel=body["channel_id"], text=f"asked: {body['text']}", blocks=BLOCKS, **QUIET)

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: AsyncWebClient, respond: Any) -> None:
        await ack()
        channel, ts = body["container"]["channel_id"], body["container"]["message_ts"]
        await client.chat_update(
            channel=channel, ts=ts, text=f"approved by {body['user']['id']} of {body['user']['team_id']}", blocks=[]
        )
        await respond(text="thank you")

    @app.view("declare")
    async def declare(ack: Any, body: dict[str, Any], view: dict[str, Any]) -> None:
        title = view["state"]["values"]["title"]["v"]["value"]
        if len(title) < 5:
            await ack(response_action="errors", errors={"title": "too short"})
        else:
            await ack()

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.chat_postMessage(channel=event["channel"], text="yes?", thread_ts=event["ts"], **QUIET)

    return app


@asynccontextmanager
async def over_sockets(slack: FakeSlack, app: AsyncApp | None = None) -> AsyncIterator[AsyncSocketModeHandler]:
    web_client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    before = len(slack.sockets.sockets)
    handler = AsyncSocketModeHandler(app or echo_app(slack), slack.app_token, web_client=web_client)
    await handler.connect_async()
    await slack.wait_for(lambda: len(slack.sockets.sockets) > before)
    try:
        yield handler
    finally:
        await handler.close_async()


@asynccontextmanager
async def over_http(slack: FakeSlack) -> AsyncIterator[None]:
    server = echo_app(slack).server(port=0, path="/slack/events", host="127.0.0.1")
    runner = web.AppRunner(server.web_app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    try:
        yield
    finally:
        await runner.cleanup()
