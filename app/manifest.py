"""The Slack app's manifest: the file that comes with Firstmate, its variant for HTTP, and what it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from app.domain.errors import BadInput

PATH = "/slack/events"


def manifest_text() -> str:
    """The file beside the code in a checkout, inside the package in an installation."""
    packaged = Path(__file__).parent / "_manifest.yml"
    file = packaged if packaged.is_file() else Path(__file__).parent.parent / "manifest.yml"
    return file.read_text(encoding="utf-8")


def needed_scopes() -> tuple[str, ...]:
    """What the bot token must be granted."""
    return tuple(yaml.safe_load(manifest_text())["oauth_config"]["scopes"]["bot"])


def over_http(text: str, url: str) -> str:
    """The manifest in `text` with every delivery sent to `url`. Raises `BadInput` for anything but an https address."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme == "https" and parts.hostname and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:  # brackets or a port that are none
        fits = False
    if not fits:
        raise BadInput(f"--http {url}: Slack delivers to https addresses only; write it like https://firstmate.example.com")
    to = url.rstrip("/").removesuffix(PATH) + PATH
    body: dict[str, Any] = yaml.safe_load(text)
    for command in body["features"]["slash_commands"]:
        command["url"] = to
    settings = body["settings"]
    settings["event_subscriptions"]["request_url"] = to
    settings["interactivity"]["request_url"] = to
    settings["socket_mode_enabled"] = False
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=132)
