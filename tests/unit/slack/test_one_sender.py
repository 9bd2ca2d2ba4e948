"""Whatever people are shown in Slack goes through the outbox and its one sender."""

from __future__ import annotations

import ast
from pathlib import Path

APP = Path(__file__).parents[3] / "app"
SENDER = APP / "jobs" / "sender.py"
HELPERS = {"say", "respond", "say_stream"}  # Bolt's arguments that post
CLIENTS = {"WebhookClient", "AsyncWebhookClient"}


def posting(source: str) -> list[str]:
    """What in `source` could post: calls of chat.*, by attribute or by name, Bolt's helpers, response URLs."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("chat_"):
            found.append(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("chat."):
            found.append(node.value)
        elif isinstance(node, ast.arg) and node.arg in HELPERS:
            found.append(node.arg)
        elif isinstance(node, ast.alias) and node.name in CLIENTS:
            found.append(node.name)
    return found


def test_nothing_but_the_sender_posts() -> None:
    found = {path.relative_to(APP): posting(path.read_text(encoding="utf-8")) for path in APP.rglob("*.py") if path != SENDER}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_the_sender_is_seen_posting() -> None:
    assert {"chat_postMessage", "chat_update", "AsyncWebhookClient"} <= set(posting(SENDER.read_text(encoding="utf-8")))


def test_every_way_around_the_sender_is_found() -> None:
    around = """
from slack_sdk.webhook.async_client import AsyncWebhookClient
async def listener(ack, say, client):
    await client.chat_postMessage(channel="C")
    await client.api_call("chat.update")
    getattr(client, "chat.delete")
"""
    assert sorted(posting(around)) == ["AsyncWebhookClient", "chat.delete", "chat.update", "chat_postMessage", "say"]
