"""Who somebody is and whether a channel is ours alone, asked of Slack; never believed of a payload."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from app.domain.approval import Person
from app.domain.errors import Unreachable

PATIENCE_S = 5.0
_NOBODY = {"user_not_found", "user_not_visible"}
_GUEST = ("is_restricted", "is_ultra_restricted", "is_invited_user")
_SHARED = ("is_ext_shared", "is_pending_ext_shared")

Shared = Callable[[str], Awaitable[bool]]
"""Whether people of other organisations are, or are invited to be, in a channel, now. Raises `Unreachable`; that means yes."""


class SlackPeople:
    """Fills `Desk.people`. No answer is kept: between a press and its run somebody may be deactivated or become a guest."""

    def __init__(self, client: AsyncWebClient, home_team: str) -> None:
        self._slack, self._home_team = client, home_team

    async def __call__(self, id: str) -> Person | None:
        """None for whoever Slack does not know. Raises `Unreachable`, also for an answer that names nobody."""
        if id[:1] not in ("U", "W") or not id.isalnum():
            return None
        body = await _ask(f"who {id} is", self._slack.users_info(user=id), nobody=_NOBODY)
        if body is None:
            return None
        try:
            return person_of(body["user"], home_team=self._home_team)
        except (KeyError, TypeError, AttributeError) as error:
            raise Unreachable(f"Slack did not say who {id} is (its answer can't be read)") from error


class SlackGroups:
    """Fills `Desk.members`. No answer is kept, as in `SlackPeople`: who left a group has no authority through it any more."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._slack = client

    async def __call__(self, group: str) -> frozenset[str]:
        """Raises `Unreachable`, also for a group that there is not (any more)."""
        body = await _ask(f"who is in the group {group}", self._slack.usergroups_users_list(usergroup=group))
        try:
            return frozenset(str(one) for one in body["users"])
        except (KeyError, TypeError) as error:
            raise Unreachable(f"Slack did not say who is in the group {group} (its answer can't be read)") from error


class SlackChannels:
    """Asked at every press: a channel may become shared at any time."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._slack = client

    async def shared(self, channel: str) -> bool:
        """Fills `Shared`."""
        body = await _ask(f"whether {channel} is shared", self._slack.conversations_info(channel=channel))
        return body is None or any(bool(body["channel"].get(flag)) for flag in _SHARED)


def person_of(user: Any, *, home_team: str) -> Person:
    """A person from `user` as users.info shows it. Whoever has no team is a stranger."""
    team = str(user.get("team_id") or "")
    profile = user.get("profile") or {}
    return Person(
        id=str(user["id"]),
        team=team,
        name=str(profile.get("display_name") or user.get("real_name") or user.get("name") or ""),
        deleted=bool(user.get("deleted")),
        # Slackbot is no bot by its flags, yet nobody presses with it.
        bot=bool(user.get("is_bot") or user.get("is_workflow_bot")) or user["id"] == "USLACKBOT",
        guest=any(bool(user.get(flag)) for flag in _GUEST),
        stranger=bool(user.get("is_stranger")) or team != home_team,
    )


def word_of(error: SlackApiError) -> str:
    """Slack's own word for what is wrong; what stands before Slack answers without one."""
    answer = error.response.data
    return str(answer.get("error", "unknown")) if isinstance(answer, dict) else f"HTTP {error.response.status_code}"


async def _ask(what: str, asking: Awaitable[Any], *, nobody: set[str] | None = None) -> Any:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await asking
    except SlackApiError as error:
        told = word_of(error)
        if nobody and told in nobody:
            return None
        raise Unreachable(f"Slack did not say {what} ({told})") from error
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
        raise Unreachable(f"Slack did not say {what} ({type(error).__name__})") from error
