"""What people do in the workspace: type commands, mention the bot, press buttons, submit modals. The same in both modes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from . import api_chat, api_views, payloads
from .access import Manifest
from .delivery import DeliveryKind, DeliveryResult, Transport, retry_reason
from .state import Channel, Json, Message, ResponseUrl, SlackError, User, View, Workspace


class NotThere(LookupError):
    """A person could not have done this: the button is gone, the command unknown, the channel out of sight."""


class Driving:
    """The deliveries of a FakeSlack. Every method names who acts first and returns what became of the delivery."""

    workspace: Workspace
    transport: Transport
    manifest: Manifest
    retry_delays_s: tuple[float, ...]
    no_retry: set[bytes]
    deliveries: list[DeliveryResult]
    _held: list[tuple[asyncio.Future[None], asyncio.Event]] | None
    _background: set[asyncio.Task[None]]

    def person(self, user: str | User) -> User:
        found = self.workspace.users.get(user if isinstance(user, str) else user.id)
        if found is None:
            raise NotThere(f"nobody is called {user}; add them with slack.user(...)")
        return found

    def place(self, channel: str | Channel) -> Channel:
        if isinstance(channel, Channel):
            return channel
        for each in self.workspace.channels.values():
            if channel.lstrip("#") in (each.id, each.name):
                return each
        raise NotThere(f"there is no channel {channel}")

    async def command(self, user: str, channel: str | Channel, command: str, text: str = "") -> DeliveryResult:
        """Type a slash command into a channel."""
        who, where = self._actor(user), self.place(channel)
        if self.manifest.commands is not None and command not in self.manifest.commands:
            raise NotThere(f"{command} is not a valid command: the manifest declares {self.manifest.commands}")
        if not who.is_home:
            raise NotThere(f"{command} is not a valid command for {who.id} of another workspace")
        self._must_see(who, where, writing=True)
        payload = payloads.command(self.workspace, who, where, command, text)
        result = await self.deliver("slash_commands", payload)
        if result.acked and isinstance(result.ack_body, dict):
            self._publish(ResponseUrl(where.id, who.id, self.workspace.now()), result.ack_body)
        return result

    async def mention(self, user: str, channel: str | Channel, text: str, *, thread_ts: str | None = None) -> DeliveryResult:
        """Write a message that mentions the bot; in a channel without the bot nothing is delivered."""
        return await self.say(user, channel, f"<@{self.workspace.bot_user}> {text}", thread_ts=thread_ts, as_event="app_mention")

    async def say(
        self, user: str, channel: str | Channel, text: str, *, thread_ts: str | None = None, as_event: str = "message"
    ) -> DeliveryResult:
        """Write a message. The app hears of it as `as_event` if it is in the channel and subscribed."""
        who, where = self._actor(user), self.place(channel)
        self._must_see(who, where, writing=True)
        body = {"user": who.id, "text": text, "team": who.team_id, **({"thread_ts": thread_ts} if thread_ts else {})}
        message = self.workspace.post(where, body, mine=False)
        kind = {"channel": "channel", "group": "group"}.get(where.kind, where.kind)
        inner = {**message.body, "type": as_event, "channel": where.id, "event_ts": message.ts}
        inner |= {"channel_type": kind} if as_event == "message" else {}
        subscription = (
            {"channel": "message.channels", "group": "message.groups"}.get(kind, f"message.{kind}")
            if as_event == "message"
            else as_event
        )
        if self.workspace.bot_user not in where.members:
            return DeliveryResult("events_api", payloads.event(self.workspace, inner), not_sent="the bot is not in the channel")
        return await self.event(inner, subscription=subscription)

    async def open_home(self, user: str) -> DeliveryResult:
        who = self._actor(user)
        direct = self.workspace.direct_channel(who.id)
        inner = {
            "type": "app_home_opened",
            "user": who.id,
            "channel": direct.id,
            "tab": "home",
            "event_ts": self.workspace.next_ts(),
        }
        return await self.event(inner)

    async def event(self, inner: Json, *, subscription: str | None = None) -> DeliveryResult:
        """Any event. Returns after the first attempt; retries follow in the background (see `retry_delays_s`, `settled`)."""
        payload = payloads.event(self.workspace, inner)
        if (subscription or inner["type"]) not in self.manifest.events:
            return DeliveryResult(
                "events_api", payload, not_sent=f"the manifest doesn't subscribe to {subscription or inner['type']}"
            )
        result = await self.deliver("events_api", payload)
        if not result.acked:
            self._in_background(self._retry(result))
        return result

    async def press(
        self,
        user: str,
        message_ts: str,
        target: str,
        *,
        value: str | None = None,
        choose: Any = None,
        confirm: bool = True,
        stale: bool = False,
    ) -> DeliveryResult:
        """Use the button or menu whose action_id or label is `target` in the message as it is shown now.

        `value` or the block's id tells equal ones apart; `choose` is what is picked in a menu; `confirm=False` backs out of the
        dialog. `stale` presses what an earlier rendition showed, as a client does that hasn't caught up. Raises NotThere.
        """
        who = self._actor(user)
        message = self._message_for(who, message_ts, deleted_too=stale)
        renditions = [*message.renditions, message.body] if stale else [message.body]
        body, (block_id, element) = self._find(list(reversed(renditions)), target, value)
        if not confirm and "confirm" in element:
            return DeliveryResult("interactive", {}, not_sent="the person backed out of the confirmation")
        action = payloads.action(self.workspace, block_id, element, choose)
        where = self.workspace.channels[message.channel]
        return await self.deliver(
            "interactive", payloads.message_action(self.workspace, who, where, message, action, rendition=body)
        )

    async def press_in_view(
        self, user: str, view_id: str, target: str, *, value: str | None = None, choose: Any = None
    ) -> DeliveryResult:
        who, view = self._actor(user), self._view_of(user, view_id)
        _, (block_id, element) = self._find([view.body], target, value)
        if choose is not None and element["type"] not in ("button", "overflow"):
            state = {"type": element["type"], **payloads.state_of(element, choose)}
            view.values.setdefault(block_id, {})[element["action_id"]] = state
        action = payloads.action(self.workspace, block_id, element, choose)
        return await self.deliver("interactive", payloads.view_action(self.workspace, who, view, action))

    async def submit_view(self, user: str, view_id: str, values: Mapping[str, Any] | None = None) -> DeliveryResult:
        """Fill in a modal and submit it. `values` by block_id or action_id. Raises NotThere for a missing or unfit input."""
        who, view = self._actor(user), self._view_of(user, view_id)
        if view.body["type"] != "modal" or not view.body.get("submit"):
            raise NotThere("this view has no submit button")
        self._fill(view, dict(values or {}))
        result = await self.deliver("interactive", payloads.view_submission(self.workspace, who, view))
        if result.acked:
            api_views.acknowledged(self.workspace, view, result.ack_body)
        return result

    async def close_view(self, user: str, view_id: str, *, all_of_them: bool = False) -> DeliveryResult | None:
        """Close a modal; None when the app didn't ask to be told."""
        who, view = self._actor(user), self._view_of(user, view_id)
        api_views.close(self.workspace, view)
        if not view.body.get("notify_on_close"):
            return None
        return await self.deliver("interactive", payloads.view_closed(self.workspace, who, view, is_cleared=all_of_them))

    async def shortcut(self, user: str, callback_id: str, *, message_ts: str | None = None) -> DeliveryResult:
        who = self._actor(user)
        message = self._message_for(who, message_ts) if message_ts else None
        return await self.deliver("interactive", payloads.shortcut(self.workspace, who, callback_id, message))

    async def deliver(self, kind: DeliveryKind, payload: Json) -> DeliveryResult:
        """Send any payload, forged ones too; one attempt."""
        result = DeliveryResult(kind, payload, sealed=self.transport.seal(kind, payload))
        self.deliveries.append(result)
        await self._send(result, number=0, reason=None)
        return result

    async def redeliver(self, earlier: DeliveryResult) -> DeliveryResult:
        """Deliver the very same bytes again (same envelope id, or same signature and timestamp): a duplicate or a replay."""
        result = DeliveryResult(earlier.kind, earlier.payload, sealed=earlier.sealed)
        self.deliveries.append(result)
        await self._send(result, number=0, reason=None)
        return result

    def hold(self) -> None:
        """Keep deliveries back until `release`; start them with asyncio.create_task, they wait."""
        self._held = []

    async def release(self, order: str = "reversed") -> None:
        """Let held deliveries go one after another: "reversed" or "in order"."""
        held, self._held = self._held or [], None
        for go, done in reversed(held) if order == "reversed" else held:
            go.set_result(None)
            await done.wait()

    async def settled(self) -> None:
        """Wait for the retries in the background."""
        while self._background:
            await asyncio.gather(*self._background)

    async def _send(self, result: DeliveryResult, *, number: int, reason: str | None) -> None:
        done = asyncio.Event()
        if self._held is not None:
            go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._held.append((go, done))
            await go
        try:
            result.attempts.append(await self.transport.send(result.sealed, number=number, reason=reason))
        finally:
            done.set()
            self.workspace.changed()

    async def _retry(self, result: DeliveryResult) -> None:
        for number, delay_s in enumerate(self.retry_delays_s, start=1):
            if result.acked or getattr(result.sealed, "body", b"") in self.no_retry:
                return
            await asyncio.sleep(delay_s)
            result.sealed = self.transport.seal(result.kind, result.payload)
            await self._send(result, number=number, reason=retry_reason(result.attempts[-1]))

    def _in_background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _publish(self, place: ResponseUrl, body: Json) -> None:
        if not body.get("text") and not body.get("blocks"):
            return
        try:
            api_chat.answer(self.workspace, place, body, "ack")
        except SlackError as refused:
            self.workspace.violate("ack", f"the answer in the acknowledgement was refused: {refused.code}", body)

    def _actor(self, user: str) -> User:
        who = self.person(user)
        if who.kind == "deleted":
            raise NotThere(f"{who.id} is deactivated and can do nothing")
        return who

    def _must_see(self, who: User, where: Channel, *, writing: bool = False) -> None:
        if writing and where.archived:
            raise NotThere(f"#{where.name} is archived")
        open_to_all = where.kind == "channel" and who.is_home and who.kind not in ("guest", "ultra_restricted")
        if who.id not in where.members and not open_to_all:
            raise NotThere(f"{who.id} is not in #{where.name or where.id}")

    def _message_for(self, who: User, ts: str, *, deleted_too: bool = False) -> Message:
        message = self.workspace.messages.get(ts)
        if message is None or (message.deleted and not deleted_too):
            raise NotThere(f"message {ts} is not there (any more)")
        if message.seen_by not in (None, who.id):
            raise NotThere(f"message {ts} is shown to {message.seen_by} only")
        self._must_see(who, self.workspace.channels[message.channel])
        return message

    def _view_of(self, user: str, view_id: str) -> View:
        view = self.workspace.views.get(view_id)
        if view is None or view.user != user:
            raise NotThere(f"{user} has no open view {view_id}")
        return view

    def _find(self, bodies: list[Json], target: str, value: str | None) -> tuple[Json, tuple[str, Json]]:
        for body in bodies:
            shown = list(payloads.elements(body.get("blocks", [])))
            hits = [(block, each) for block, each in shown if target in (each["action_id"], payloads.label(each))]
            if value is not None:
                hits = [(block, each) for block, each in hits if value in (each.get("value"), block)]
            if len(hits) > 1:
                raise NotThere(f"{len(hits)} elements are called {target!r}; say which with value=")
            if hits:
                return body, hits[0]
        offered = [f"{each['action_id']} ({payloads.label(each)})" for _, each in payloads.elements(bodies[0].get("blocks", []))]
        raise NotThere(f"nothing called {target!r} is shown; there is: {', '.join(offered) or 'nothing to press'}")

    def _fill(self, view: View, values: dict[str, Any]) -> None:
        known: set[str] = set()
        for block in view.body["blocks"]:
            if block["type"] != "input":
                continue
            block_id, element = block["block_id"], block["element"]
            key = next((each for each in (block_id, element["action_id"]) if each in values), None)
            known |= {block_id, element["action_id"]}
            chosen = values[key] if key else _initial(element)
            if chosen in (None, "", []) and not block.get("optional"):
                raise NotThere(f"input {block_id!r} must be filled in")
            _check_length(element, chosen)
            state = {"type": element["type"], **payloads.state_of(element, chosen)}
            view.values.setdefault(block_id, {})[element["action_id"]] = state
        if set(values) - known:
            raise NotThere(f"the view has no input called {sorted(set(values) - known)}; it has {sorted(known)}")


def _initial(element: Mapping[str, Any]) -> Any:
    if "initial_option" in element:
        return element["initial_option"]["value"]
    if "initial_options" in element:
        return [each["value"] for each in element["initial_options"]]
    return next((value for key, value in element.items() if key.startswith("initial_")), None)


def _check_length(element: Mapping[str, Any], chosen: Any) -> None:
    if element["type"] != "plain_text_input" or not chosen:
        return
    if not element.get("min_length", 0) <= len(str(chosen)) <= element.get("max_length", 3000):
        raise NotThere(f"{len(str(chosen))} characters don't fit input {element['action_id']!r}")
