"""How deliveries reach us: Socket Mode, or signed HTTP. Tokens are tried at the start: a wrong one fails there, with its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from fastapi import APIRouter, Request, Response
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import ClientDisconnect

from app.domain.errors import Misconfigured, Unreachable
from app.manifest import PATH
from app.slack.people import word_of

log = structlog.get_logger()

LARGEST = 1024 * 1024
PASSING = {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
"""Answers that say nothing about the token."""

UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What Bolt raises over a body of another shape than Slack's: it looks into it before it looks at the signature, and trusts it.
What our own listeners raise never comes this far."""


@dataclass(frozen=True)
class Home:
    """The workspace and the app that the bot token belongs to."""

    team: str
    bot_user: str
    bot: str
    app: str


async def sign_in(client: AsyncWebClient) -> Home:
    """Who we are. Raises `Misconfigured` for a token that Slack refuses, `Unreachable`."""
    me = await ask("SLACK_BOT_TOKEN", client.auth_test())
    if not me.get("bot_id"):
        raise Misconfigured("SLACK_BOT_TOKEN is no bot token; copy the one that begins with xoxb- from OAuth & Permissions")
    bot = await ask("SLACK_BOT_TOKEN", client.bots_info(bot=str(me["bot_id"])))
    return Home(
        team=str(me["team_id"]),
        bot_user=str(me["user_id"]),
        bot=str(me["bot_id"]),
        app=str(bot["bot"].get("app_id") or ""),
    )


async def try_app_token(app_client: AsyncWebClient) -> None:
    """Whether Socket Mode would open with this token. Bolt itself would try a wrong one for ever, in silence.

    Raises `Misconfigured`, `Unreachable`.
    """
    await ask("SLACK_APP_TOKEN", app_client.apps_connections_open(app_token=str(app_client.token)))


@asynccontextmanager
async def over_sockets(app: AsyncApp, app_client: AsyncWebClient) -> AsyncIterator[AsyncSocketModeHandler]:
    """Deliveries over Socket Mode while the context is open. `app_client` carries the app-level token (xapp-…); try it first."""
    handler = AsyncSocketModeHandler(app, str(app_client.token), web_client=app_client)
    await handler.client.connect()  # type: ignore[no-untyped-call]  # untyped in slack_sdk
    try:
        yield handler
    finally:
        await handler.client.close()  # type: ignore[no-untyped-call]  # untyped in slack_sdk


def router(app: AsyncApp) -> APIRouter:
    """`POST /slack/events` for commands, presses and events alike, to be mounted into the web application."""
    routes = APIRouter()

    @routes.post(PATH)
    async def events(request: Request) -> Response:
        held = bytearray()
        try:
            async for chunk in request.stream():
                held += chunk
                if len(held) > LARGEST:
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            answer = await app.async_dispatch(to_async_bolt_request(request, bytes(held)))
        except UNREADABLE as error:
            log.warning("slack.refused", action="slack.refused", why=f"no delivery of Slack's: {type(error).__name__}")
            return Response(status_code=400)
        return to_starlette_response(answer)

    return routes


async def ask(variable: str, asking: Awaitable[Any]) -> Any:
    """One call at the start; `variable` is where its token came from. Raises `Misconfigured`, `Unreachable`."""
    try:
        return await asking
    except SlackApiError as error:
        if not isinstance(error.response.data, dict) or word_of(error) in PASSING:
            raise Unreachable(f"Slack can't answer now ({word_of(error)}); try again in a minute") from error
        needed = f" (needs {error.response['needed']})" if error.response.get("needed") else ""
        raise Misconfigured(
            f"{variable}: Slack refuses it: {word_of(error)}{needed}; copy it again from the app's page, and if scopes "
            "are missing, install the app again from manifest.yml"
        ) from error
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
        raise Unreachable(
            f"Slack did not answer ({type(error).__name__}); check the network, the proxy and SLACK_API_URL"
        ) from error
