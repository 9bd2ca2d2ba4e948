"""The only caller of `chat.*` and of everything else that shows people something in Slack. A lint rule keeps it so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from app.cards.card import Card
from app.domain.errors import FirstmateError
from app.domain.incident import Incident
from app.jobs.surface import Ambiguous, SentNowhere, TryLater

LATER = {"ratelimited", "service_unavailable", "internal_error", "fatal_error", "request_timeout", "team_added_to_org"}
"""Errors after which the same call may go through."""
EVENT = "firstmate_message"
LOOK_BACK = 50
"""How many of a channel's newest messages are searched for one that may have arrived."""
LONGEST_THREAD = 999
MOST_PAGES = 50
"""How many pages of the workspace's channels are searched for one that we made and lost sight of."""


class SlackSender:
    """A `Surface`. `message` and `modal` write a card as Slack's JSON; `us` is our own user id, as the maker of channels."""

    pace_s = 1.05  # Slack allows about one message per second and channel

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        message: Callable[[Card], dict[str, Any]],
        modal: Callable[[Card], dict[str, Any]],
        prefix: str,
        answers_at: str = "https://hooks.slack.com/",
        us: str = "",
    ) -> None:
        # The client's own retry after a dropped connection can post twice: what is ambiguous is looked for instead.
        client.retry_handlers = []
        self._slack = client
        self._message = message
        self._modal = modal
        self._prefix = prefix
        self._answers_at = answers_at
        self._us = us

    async def open_channel(self, incident: Incident, *, invite: Sequence[str]) -> tuple[str, str]:
        for suffix in ("", "-b", "-c", "-d"):
            name = f"{channel_name(self._prefix, incident)}{suffix}"
            try:
                made = await self._call("conversations.create", self._slack.conversations_create, name=name)
            except SentNowhere as error:
                if "name_taken" not in str(error):
                    raise
                channel = await self._made_before(name, incident)
                if channel is None:
                    continue  # never adopt a channel by its name alone
            else:
                channel = str(made["channel"]["id"])
            for person in invite:
                try:
                    await self._call("conversations.invite", self._slack.conversations_invite, channel=channel, users=person)
                except FirstmateError:
                    continue  # somebody who can't be invited must not keep the channel from being used
            return channel, name
        raise SentNowhere(f"four channels named {channel_name(self._prefix, incident)}… exist already; rename or archive them")

    async def _made_before(self, name: str, incident: Incident) -> str | None:
        """The channel of this name, where we made it ourselves for this incident and died before that was noted."""
        cursor = ""
        for _ in range(MOST_PAGES if self._us else 0):
            answer = await self._call(
                "conversations.list", self._slack.conversations_list, exclude_archived=True, limit=200, cursor=cursor or None
            )
            for each in answer.get("channels", []):
                ours = each.get("creator") == self._us and float(each.get("created", 0)) >= incident.declared_at.timestamp() - 1
                if each.get("name") == name and ours:
                    return str(each["id"])
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return None

    async def post(self, channel: str, card: Card, *, key: str, thread: str | None = None) -> str:
        body = self._message(card)
        metadata = {"event_type": EVENT, "event_payload": {"key": key}}
        answer = await self._call(
            "chat.postMessage", self._slack.chat_postMessage, channel=channel, thread_ts=thread, metadata=metadata, **body
        )
        return str(answer["ts"])

    async def find(self, channel: str, key: str, *, thread: str | None = None) -> str | None:
        if thread is None:
            answer = await self._call(
                "conversations.history",
                self._slack.conversations_history,
                channel=channel,
                limit=LOOK_BACK,
                include_all_metadata=True,
            )
        else:
            # A channel's history leaves out what is in its threads.
            answer = await self._call(
                "conversations.replies",
                self._slack.conversations_replies,
                channel=channel,
                ts=thread,
                limit=LONGEST_THREAD,
                include_all_metadata=True,
            )
        for message in answer.get("messages", []):
            if message.get("metadata", {}).get("event_payload", {}).get("key") == key:
                return str(message["ts"])
        return None

    async def update(self, channel: str, ts: str, card: Card) -> None:
        body = _without_unfurling(self._message(card))
        await self._call("chat.update", self._slack.chat_update, channel=channel, ts=ts, **body)

    async def pin(self, channel: str, ts: str) -> None:
        try:
            await self._call("pins.add", self._slack.pins_add, channel=channel, timestamp=ts)
        except SentNowhere as error:
            if "already_pinned" not in str(error):
                raise

    async def set_topic(self, channel: str, topic: str) -> None:
        plain = "".join(each if each.isprintable() else " " for each in topic)
        inert = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("://", "[:]//")
        await self._call("conversations.setTopic", self._slack.conversations_setTopic, channel=channel, topic=inert[:250])

    async def answer(self, to: str, card: Card) -> None:
        """`to`: a response_url, or `channel/user[/thread]` for a message only that person sees there.

        Whoever can't be shown something there (they or we are not in that channel) gets a direct message.
        """
        body = self._message(card)
        if "://" in to:
            if not to.startswith(self._answers_at):
                raise SentNowhere("an answer goes to Slack's own address and nowhere else")
            hook = AsyncWebhookClient(to, retry_handlers=[])
            try:
                sent = await hook.send(text=body["text"], blocks=body["blocks"], response_type="ephemeral", replace_original=False)
            except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
                raise SentNowhere(f"the answer could not be delivered: {type(error).__name__}") from error
            if sent.status_code != 200:
                raise SentNowhere(f"Slack did not take the answer ({sent.status_code})")
            return
        channel, user, *thread = to.split("/")
        place = {"channel": channel, "user": user, "thread_ts": thread[0] if thread else None}
        try:
            await self._call("chat.postEphemeral", self._slack.chat_postEphemeral, **place, **_without_unfurling(body))
        except SentNowhere:
            await self._call("chat.postMessage", self._slack.chat_postMessage, channel=user, **body)

    async def show(self, view: str, card: Card) -> None:
        await self._call("views.update", self._slack.views_update, view_id=view, view=self._modal(card))

    async def _call(self, what: str, method: Callable[..., Any], **arguments: Any) -> Any:
        """One call; whatever goes wrong becomes one of the three words."""
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            return await method(**given)
        except SlackApiError as error:
            if not isinstance(error.response.data, dict):
                # Not Slack's own answer but that of something before it: nobody knows how far the call came.
                raise Ambiguous(f"{what}: HTTP {error.response.status_code} instead of an answer") from error
            told = str(error.response.get("error", "unknown"))
            if error.response.status_code == 429 or told in LATER:
                wait = float(error.response.headers.get("Retry-After", 1) or 1)
                raise TryLater(f"{what}: {told}", after_s=wait) from error
            more = error.response.get("errors", []) or error.response.get("response_metadata", {}).get("messages", [])
            detail = "; ".join(map(str, more))  # some methods list objects
            raise SentNowhere(f"{what}: {told}{' (' + detail + ')' if detail else ''}") from error
        except aiohttp.ClientConnectorError as error:
            raise TryLater(f"{what}: Slack could not be reached", after_s=2.0) from error
        except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
            raise Ambiguous(f"{what}: no answer ({type(error).__name__})") from error


def channel_name(prefix: str, incident: Incident) -> str:
    """`inc-0042-checkout-fails`: the number is from the ledger, so two incidents never share one. At most 70 characters."""
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in incident.title.lower()).split()
    return "-".join([prefix, f"{incident.number:04d}", *words])[:70].rstrip("-")


def _without_unfurling(body: dict[str, Any]) -> dict[str, Any]:
    """Only chat.postMessage knows those two arguments."""
    return {key: value for key, value in body.items() if key not in ("unfurl_links", "unfurl_media")}
