"""Tokens and scopes: who may call what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .arguments import flag, names
from .catalogue import Method
from .state import Json, SlackError, Workspace

# What is granted when the product has no manifest yet: enough for an incident bot, nothing that it should do without.
FALLBACK_SCOPES = (
    "app_mentions:read", "channels:manage", "channels:read", "chat:write", "commands", "groups:read", "groups:write", "im:history",
    "im:write", "pins:read", "pins:write", "bookmarks:write", "usergroups:read", "users:read",
)  # fmt: skip
FALLBACK_EVENTS = ("app_mention", "app_home_opened", "message.im")
_FAMILY = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
_LISTED = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}


@dataclass
class Tokens:
    bot: str = "xoxb-test-token"
    app: str = "xapp-test-token"
    app_scopes: tuple[str, ...] = ("connections:write",)
    revoked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Manifest:
    """What the app declares: granted scopes, slash commands (None: any goes), subscribed events."""

    scopes: tuple[str, ...] = FALLBACK_SCOPES
    commands: tuple[str, ...] | None = None
    events: tuple[str, ...] = FALLBACK_EVENTS


def read_manifest(path: Path | None = None) -> Manifest:
    """The manifest at `path` (default: manifest.yml at the root of the repository); the fallback when there is none."""
    path = path or Path(__file__).resolve().parents[2] / "manifest.yml"
    if not path.exists():
        return Manifest()
    declared = yaml.safe_load(path.read_text()) or {}
    scopes = declared.get("oauth_config", {}).get("scopes", {}).get("bot", [])
    commands = declared.get("features", {}).get("slash_commands", [])
    events = declared.get("settings", {}).get("event_subscriptions", {}).get("bot_events", [])
    return Manifest(tuple(scopes), tuple(each["command"] for each in commands), tuple(events))


def check_token(tokens: Tokens, method: str, token: str) -> None:
    if not token:
        raise SlackError("not_authed")
    if token in tokens.revoked:
        raise SlackError("token_revoked")
    if token not in (tokens.bot, tokens.app):
        raise SlackError("invalid_auth")
    if (token == tokens.app) != (method == "apps.connections.open"):
        raise SlackError("not_allowed_token_type")
    if method == "apps.connections.open" and "connections:write" not in tokens.app_scopes:
        raise SlackError("missing_scope", needed="connections:write", provided=",".join(tokens.app_scopes))


def check_scope(workspace: Workspace, method: Method, args: Json) -> None:
    """Any documented scope of the right family (channels, groups, im, mpim) serves. Raises SlackError("missing_scope")."""
    for family in _families(workspace, method, args):
        accepted = [scope for scope in method.scopes if family is None or scope.partition(":")[0] == family] or list(method.scopes)
        if accepted and not set(accepted) & set(workspace.scopes):
            raise SlackError("missing_scope", needed=",".join(accepted), provided=",".join(workspace.scopes))


def _families(workspace: Workspace, method: Method, args: Json) -> list[str | None]:
    if not method.name.startswith("conversations."):
        return [None]
    if method.name == "conversations.create":
        return ["groups" if flag(args, "is_private") else "channels"]
    if method.name == "conversations.list":
        return [_LISTED.get(kind, "channels") for kind in names(args.get("types") or "public_channel")]
    if method.name == "conversations.open":
        return ["mpim" if len(names(args.get("users"))) > 1 else "im"]
    channel: Any = workspace.channels.get(str(args.get("channel")))
    return [_FAMILY[channel.kind]] if channel is not None else [None]
