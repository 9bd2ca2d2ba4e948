"""How Slack is, for `firstmate doctor` and for a start that fails early instead of silently."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime

from slack_sdk.web.async_client import AsyncWebClient

from app.domain.errors import Misconfigured, Unreachable
from app.domain.plugin import Health
from app.domain.value import Value
from app.slack.connection import ask, try_app_token

MOST_SKEW_S = 60.0
"""Signatures older than five minutes are refused; a clock this far off is on its way there."""


class Workspace(Value):
    """Who we are, as Slack says."""

    team: str
    bot_user: str
    scopes: tuple[str, ...]
    skew_s: float | None  # our clock minus Slack's


async def whoami(client: AsyncWebClient, *, now: datetime) -> Workspace:
    """Raises `Misconfigured` for a token Slack refuses, `Unreachable` when Slack can't be asked."""
    answer = await ask("SLACK_BOT_TOKEN", client.auth_test())
    headers = {str(key).lower(): str(value) for key, value in answer.headers.items()}
    date = headers.get("date")
    return Workspace(
        team=str(answer.get("team_id")),
        bot_user=str(answer.get("user_id")),
        scopes=tuple(sorted(filter(None, headers.get("x-oauth-scopes", "").replace(" ", "").split(",")))),
        skew_s=(now - parsedate_to_datetime(date)).total_seconds() if date else None,
    )


async def check(
    client: AsyncWebClient, app_client: AsyncWebClient | None, *, needed: Iterable[str], now: datetime
) -> list[tuple[str, Health]]:
    """Token, scopes, clock and (for Socket Mode) connection, a line each."""
    told: list[tuple[str, Health]] = []
    try:
        here = await whoami(client, now=now)
    except (Misconfigured, Unreachable) as error:
        return [("slack token", Health(ok=False, line=str(error)))]
    told.append(("slack token", Health(ok=True, line=f"bot {here.bot_user} in workspace {here.team}")))
    missing = sorted(set(needed) - set(here.scopes))
    line = (
        f"all {len(here.scopes)} needed are granted"
        if not missing
        else f"missing: {', '.join(missing)}; reinstall the app from manifest.yml"
    )
    told.append(("slack scopes", Health(ok=not missing, line=line)))
    if here.skew_s is not None:
        off = abs(here.skew_s) > MOST_SKEW_S
        line = f"{abs(here.skew_s):.0f} s {'ahead of' if here.skew_s > 0 else 'behind'} Slack's"
        told.append(("clock", Health(ok=not off, line=f"{line}; set it with NTP" if off else line)))
    if app_client is not None:
        try:
            await try_app_token(app_client)
        except (Misconfigured, Unreachable) as error:
            told.append(("socket mode", Health(ok=False, line=str(error))))
        else:
            told.append(("socket mode", Health(ok=True, line="a connection can be opened")))
    return told
