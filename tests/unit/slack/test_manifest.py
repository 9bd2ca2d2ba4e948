from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.errors import BadInput
from app.manifest import needed_scopes, over_http
from app.slack.command import SLASH

ROOT = Path(__file__).parents[3]

# What each Web API method needs, in the public channels that we make ourselves (None: no scope; app: the app-level token's own).
SCOPES: dict[str, str | None] = {
    "auth_test": None,
    "apps_connections_open": None,
    "bots_info": "users:read",
    "chat_postEphemeral": "chat:write",
    "chat_postMessage": "chat:write",
    "chat_update": "chat:write",
    "conversations_create": "channels:manage",
    "conversations_history": "channels:history",
    "conversations_info": "channels:read",
    "conversations_invite": "channels:manage",
    "conversations_list": "channels:read",
    "conversations_replies": "channels:history",
    "conversations_setTopic": "channels:manage",
    "pins_add": "pins:write",
    "usergroups_users_list": "usergroups:read",
    "users_info": "users:read",
    "views_open": None,
    "views_update": None,
}
FAMILIES = tuple({name.partition("_")[0] + "_" for name in SCOPES} | {"reactions_", "files_", "usergroups_", "bookmarks_", "team_"})


def methods_called(source: str) -> set[str]:
    """Web API methods that Python code names, called at once or handed on."""
    names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    return {name for name in names if name.startswith(FAMILIES) and name in dir_of_client()}


def dir_of_client() -> set[str]:
    from slack_sdk.web.async_client import AsyncWebClient

    return set(dir(AsyncWebClient))


def all_methods() -> set[str]:
    return {method for path in (ROOT / "app").rglob("*.py") for method in methods_called(path.read_text(encoding="utf-8"))}


def declared() -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8"))
    return body


def test_the_scopes_are_exactly_those_that_the_code_needs() -> None:
    called = all_methods()
    assert called == set(SCOPES), "a method is called whose scope nobody noted, or noted and called no more"
    needed = {scope for method in called if (scope := SCOPES[method])} | {"commands", "app_mentions:read"}
    assert declared()["oauth_config"]["scopes"] == {"bot": sorted(needed)}
    assert needed_scopes() == tuple(sorted(needed))


def test_a_new_method_would_be_noticed() -> None:
    assert methods_called("async def f(c): await c.reactions_add(x=1); g(c.pins_add); c.chat_nothing") == {
        "reactions_add",
        "pins_add",
    }


def test_every_scope_says_why_it_is_there() -> None:
    text = (ROOT / "manifest.yml").read_text(encoding="utf-8")
    scopes = [line for line in text.splitlines() if line.strip().startswith("- ") and ":" in line and "#" in line]
    assert len(scopes) == len(declared()["oauth_config"]["scopes"]["bot"]) - 1  # `commands` has no colon of its own
    assert "- commands            # /incident" in text


def test_one_slash_command_and_socket_mode() -> None:
    body = declared()
    assert [each["command"] for each in body["features"]["slash_commands"]] == [SLASH]
    assert body["settings"]["socket_mode_enabled"] is True
    assert body["settings"]["event_subscriptions"] == {"bot_events": ["app_mention"]}
    assert "url" not in body["features"]["slash_commands"][0]


def test_the_http_variant_differs_in_where_slack_delivers_and_nowhere_else() -> None:
    text = (ROOT / "manifest.yml").read_text(encoding="utf-8")
    body = yaml.safe_load(over_http(text, "https://firstmate.example.com/"))
    to = "https://firstmate.example.com/slack/events"
    assert body["features"]["slash_commands"][0].pop("url") == to
    assert body["settings"]["event_subscriptions"].pop("request_url") == to
    assert body["settings"]["interactivity"].pop("request_url") == to
    assert body["settings"]["socket_mode_enabled"] is False
    body["settings"]["socket_mode_enabled"] = True
    assert body == declared()


@pytest.mark.parametrize("url", ["http://firstmate.example.com", "firstmate.example.com", "https://", "https://a.b/?x=1"])
def test_slack_delivers_to_https_addresses_only(url: str) -> None:
    with pytest.raises(BadInput, match="https addresses only"):
        over_http("{}", url)
