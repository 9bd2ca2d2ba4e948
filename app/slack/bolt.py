"""The surface: verify, keep, acknowledge. It never reads or writes the ledger, and of Slack it calls `views.open` alone.

A listener keeps the delivery in the inbox (on disk when `put` returns) and then acknowledges; nothing behind the acknowledgement
raises, because Bolt takes it back when something is raised within moments of it. What could not be kept is not acknowledged, so
that Slack sends it again or shows the person that it did not work. What is kept and not worked on says so in a dialog.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from app.domain.errors import FirstmateError, Unreachable
from app.domain.redaction import redact
from app.jobs.inbox import BEHIND_S, Inbox
from app.slack import modals
from app.slack.blocks import escaped
from app.slack.buttons import BUTTONS
from app.slack.command import SLASH, read
from app.slack.connection import Home
from app.slack.heard import COMMAND, PRESS, SUBMISSION, Command, Heard, Press, Submission, mend
from app.slack.submissions import DIALOGS

log = structlog.get_logger()

OPEN_WITHIN_S = 2.0
"""A dialog opens within this, or not: the whole delivery must be acknowledged within three seconds."""

TAKEN_WITHIN_S = 1.0
"""What nobody has taken over after this long is shown to wait. Slack allows three seconds to open the dialog that says so."""

Body = dict[str, Any]


def build(
    inbox: Inbox,
    *,
    client: AsyncWebClient,
    home: Home,
    signing_secret: str = "",
    actions: Sequence[modals.Offered] = (),
) -> AsyncApp:
    """The Bolt application. `client` carries the bot token; `signing_secret` is needed where Slack delivers over HTTP: without
    one every HTTP delivery is refused. `actions` are what people may propose."""
    quiet = logging.getLogger("firstmate.slack")
    quiet.setLevel(logging.ERROR)  # while it is made, Bolt warns that it reads the token from the client alone, as is meant

    async def authorize(**_: Any) -> AuthorizeResult:
        # Known since the start: no listener waits for Slack to say who we are.
        return AuthorizeResult(
            enterprise_id=None, team_id=home.team, bot_user_id=home.bot_user, bot_id=home.bot, bot_token=client.token
        )

    app = AsyncApp(
        name="firstmate",
        logger=quiet,
        client=AsyncWebClient(base_url=client.base_url),
        authorize=authorize,
        signing_secret=signing_secret,
    )
    quiet.setLevel(logging.WARNING)  # below that Bolt logs whole bodies, and with them what answers a person
    surface = Listeners(inbox, client=client, home=home, actions=tuple(actions))
    app.middleware(only_whole_characters)
    app.middleware(surface.keep_events)
    app.event("app_mention")(surface.kept)
    app.command(SLASH)(surface.command)
    for name in BUTTONS:
        app.action(name)(surface.press)
    app.action(re.compile(".*"))(surface.press)  # a button of an older version: it is answered, too
    for name in DIALOGS:
        app.view(name)(surface.submission)
    app.error(not_acknowledged)
    return app


@dataclass(frozen=True)
class Listeners:
    """One method per kind of delivery."""

    inbox: Inbox
    client: AsyncWebClient
    home: Home
    actions: tuple[modals.Offered, ...]

    async def command(self, ack: Any, body: Body) -> None:
        unseen = False  # whether nothing yet tells the person that nobody works
        try:
            given = _typed(body)
            verb, rest = read(str(body.get("text") or ""))
            dialog = verb.dialog(rest)
            if dialog:
                given = given.model_copy(update={"view": await self._open(body["trigger_id"], self._view(dialog, given.channel))})
            if not dialog or verb.looks:
                await self._keep(f"trigger:{body['trigger_id']}", COMMAND, given)
            said = verb.acknowledgement(rest)
            if not dialog:
                behind_s = await self.inbox.behind_s()
                unseen = behind_s <= BEHIND_S
                said = said if unseen else _away(behind_s)
        except FirstmateError as error:
            said = _sentence(error)
        await (ack(text=escaped(said)) if said else ack())
        if unseen:
            await self._say_if_it_waits(body["trigger_id"])

    async def keep_events(self, body: Body, next: Any) -> Any:
        """Before any listener: Bolt acknowledges an event before its listener runs, and this must be kept first."""
        event = body.get("event") or {}
        if body.get("type") == "event_callback" and event.get("type") == "app_mention" and _by_a_person(event):
            await self._keep(f"event:{body['event_id']}", COMMAND, self._mentioned(body, event))
        return await next()

    async def kept(self, ack: Any) -> None:
        await ack()

    def _mentioned(self, body: Body, event: Body) -> Command:
        channel, user = str(event["channel"]), str(event["user"])
        thread = str(event.get("thread_ts") or "")
        return Command(
            user=user,
            team=str(body["team_id"]),
            user_team=str(event.get("user_team") or event.get("team") or ""),
            app=str(body.get("api_app_id") or ""),
            answer_to="/".join(filter(None, (channel, user, thread))),
            channel=channel,
            text=redact(_behind(str(event.get("text") or ""), self.home.bot_user)),
            slash=False,
        )

    async def press(self, ack: Any, body: Body) -> None:
        action, container = body["actions"][0], body.get("container") or {}
        unseen = False
        if container.get("type") == "message" and "value" in action:
            press = _press(body, action, container)
            known = BUTTONS.get(press.action)
            if known and known.opens:
                press = press.model_copy(update={"view": await self._open(body["trigger_id"], known.opens(press))})
            if known is None or known.kept:
                moment = "once" if known and known.once else str(action.get("action_ts"))
                await self._keep(_key_of(press, moment), PRESS, press)
                unseen = not press.view
        await ack()
        if unseen:
            await self._say_if_it_waits(body["trigger_id"])

    async def submission(self, ack: Any, body: Body) -> None:
        view = body["view"]
        values = modals.answers(view)
        wrong = modals.wrong_with(view["callback_id"], values)
        if not wrong:
            try:
                await self._keep(f"trigger:{body['trigger_id']}", SUBMISSION, _submission(body, view, values))
            except FirstmateError as error:
                log.error("slack.not_kept", action="slack.not_kept", kind=SUBMISSION, why=str(error))
                wrong = {str(view["blocks"][0]["block_id"]): "This was not kept. Send it again."}
        if wrong:
            await ack(response_action="errors", errors=wrong)
        else:
            await ack()
            await self._say_if_it_waits(body["trigger_id"])

    async def _keep(self, key: str, kind: str, heard: Heard) -> None:
        await self.inbox.put(key, kind, heard.model_dump(mode="json"))

    async def _say_if_it_waits(self, trigger: str) -> None:
        """Behind an acknowledgement: where nobody has taken over what was kept, a dialog says so. Else a button would seem dead."""
        await asyncio.sleep(TAKEN_WITHIN_S)
        try:
            if await self.inbox.behind_s() >= TAKEN_WITHIN_S:
                await self._open(trigger, modals.waiting())
        except FirstmateError as error:
            log.error("slack.not_shown", action="slack.not_shown", why=str(error))

    async def _open(self, trigger: str, view: modals.View) -> str:
        """The id of the dialog that opened. Raises `Unreachable`."""
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                opened = await self.client.views_open(trigger_id=trigger, view=view)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable("Slack did not open the dialog; try again, or say it all behind the command") from error
        return str(opened["view"]["id"])

    def _view(self, dialog: str, channel: str) -> modals.View:
        about = {"channel": channel}
        return modals.propose_view(about, self.actions) if dialog == modals.PROPOSE else modals.declare_view(about)


async def only_whole_characters(body: Body, next: Any) -> Any:
    """Before anything reads it: what can't be written in UTF-8 can't be searched for secrets, and what was kept must be written."""
    try:
        mend(body)
    except RecursionError:
        return BoltResponse(status=400, body="nested too deeply")
    return await next()


async def not_acknowledged(error: Exception) -> None:
    """What no listener caught: noted without the delivery's content, and left unacknowledged."""
    log.error("slack.not_acknowledged", action="slack.not_acknowledged", why=f"{type(error).__name__}: {error}")


def _away(behind_s: float) -> str:
    return (
        f"Heard, and it is kept. My work process has taken over nothing for {behind_s:.0f} s; it is started again, and then "
        "you are told what became of it. If that takes longer than a minute, tell whoever runs me."
    )


def _typed(body: Body) -> Command:
    return Command(
        user=str(body["user_id"]),
        team=str(body["team_id"]),
        app=str(body.get("api_app_id") or ""),
        answer_to=str(body["response_url"]),
        channel=str(body["channel_id"]),
        text=redact(str(body.get("text") or "")),
        slash=True,
    )


def _press(body: Body, action: Body, container: Body) -> Press:
    user, channel = body["user"], str(container["channel_id"])
    # A press in a thread is answered there. Not through its response_url: that dies after half an hour.
    thread = str(container.get("thread_ts") or "")
    return Press(
        user=str(user["id"]),
        team=str((body.get("team") or {}).get("id") or ""),
        user_team=str(user.get("team_id") or ""),
        app=str(body.get("api_app_id") or ""),
        answer_to="/".join(filter(None, (channel, str(user["id"]), thread))),
        action=str(action["action_id"]),
        value=str(action["value"]),
        channel=channel,
        message_ts=str(container["message_ts"]),
    )


def _key_of(press: Press, moment: str) -> str:
    """One press, however often it is delivered. Two presses of one button differ in their moment; the ledger tells those apart."""
    return ":".join(("press", press.team, press.channel, press.message_ts, moment, press.user, press.action))


def _submission(body: Body, view: Body, values: dict[str, str]) -> Submission:
    about, user = modals.about_of(view), body["user"]
    return Submission(
        user=str(user["id"]),
        team=str((body.get("team") or {}).get("id") or ""),
        user_team=str(user.get("team_id") or ""),
        app=str(body.get("api_app_id") or ""),
        answer_to=f"{about.get('channel', '')}/{user['id']}",
        dialog=str(view["callback_id"]),
        # Not what will run, nor a resource's name: both are held against what a card shows.
        values={name: value if name in modals.TO_THE_LETTER else redact(value) for name, value in values.items()},
        about=about,
    )


def _by_a_person(event: Body) -> bool:
    """Other apps mention us too, and an edited message is told again; neither is somebody asking."""
    return bool(event.get("user")) and not event.get("bot_id") and not event.get("edited")


def _behind(text: str, bot_user: str) -> str:
    """What was written behind the mention of us."""
    _, found, after = text.partition(f"<@{bot_user}")
    return after.partition(">")[2].strip() if found else text


def _sentence(error: FirstmateError) -> str:
    return str(error)[:1].upper() + str(error)[1:] + ("" if str(error).endswith((".", "?", "!")) else ".")
