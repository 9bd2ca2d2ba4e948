"""The fake Slack: one workspace, its Web API on 127.0.0.1, a way to the app, and what tests look at afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from .access import Manifest, Tokens, read_manifest
from .callbacks import Callbacks
from .catalogue import methods
from .delivery import DeliveryResult, Transport
from .driving import Driving
from .rates import Mode, RateLimits
from .server import HOW, Fault, Server
from .sockets import SocketHub
from .state import HOME_TEAM, OTHER_TEAM, Call, Channel, Kind, Message, User, View, Violation, Workspace

T = TypeVar("T")


class FakeSlack(Driving):
    """`async with FakeSlack() as slack:` then point the app at `slack.api_url` with `slack.bot_token` and `slack.app_token`.

    mode "socket" delivers over Socket Mode; "http" delivers signed requests to `app_url`. `now` is Slack's wall clock (timestamps,
    triggers, rate limits, response URLs); the acknowledgement deadline is measured on the event loop's clock.
    """

    def __init__(
        self,
        *,
        mode: Literal["socket", "http"] = "socket",
        now: Callable[[], float] = time.time,
        rates: Mode = "enforce",
        manifest: Manifest | None = None,
        signing_secret: str = "test-signing-secret",
        ack_deadline_s: float = 3.0,
        retry_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0),
    ) -> None:
        self.mode, self.signing_secret, self.retry_delays_s = mode, signing_secret, retry_delays_s
        self.manifest = manifest or read_manifest()
        self.tokens = Tokens()
        self.workspace = Workspace(now=now, scopes=self.manifest.scopes)
        self.rates = RateLimits(now, rates)
        self.sockets = SocketHub(self.workspace, ack_deadline_s=ack_deadline_s)
        self.callbacks = Callbacks(self.workspace, signing_secret=signing_secret, ack_deadline_s=ack_deadline_s)
        self.server = Server(self.workspace, tokens=self.tokens, rates=self.rates, sockets=self.sockets)
        self.transport: Transport = self.sockets if mode == "socket" else self.callbacks
        self.no_retry = self.callbacks.no_retry
        self.deliveries: list[DeliveryResult] = []
        self._held = None
        self._background = set()
        self._change = asyncio.Event()
        self.workspace.changed = self._change.set

    async def __aenter__(self) -> FakeSlack:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        await self.server.start(port)

    async def stop(self) -> None:
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self.callbacks.close()
        await self.server.stop()

    @property
    def api_url(self) -> str:
        """Base URL for slack_sdk clients, with the trailing slash they need."""
        return f"{self.workspace.base_url}/api/"

    @property
    def bot_token(self) -> str:
        return self.tokens.bot

    @property
    def app_token(self) -> str:
        return self.tokens.app

    @property
    def bot_user(self) -> str:
        return self.workspace.bot_user

    def deliver_to(
        self, url: str, *, commands: str | None = None, interactivity: str | None = None, events: str | None = None
    ) -> None:
        """Where the app listens for signed HTTP (one URL, or one per kind). Switches to mode "http"."""
        self.callbacks.urls = {"slash_commands": commands or url, "interactive": interactivity or url, "events_api": events or url}
        self.mode, self.transport = "http", self.callbacks

    async def verify_url(self) -> bool:
        """Slack's url_verification handshake: does the app answer the challenge?"""
        challenge = self.workspace.secret("challenge")
        result = await self.deliver("events_api", {"type": "url_verification", "token": "x", "challenge": challenge})
        return (
            result.acked
            and isinstance(result.ack_body, dict)
            and challenge in (result.ack_body.get("challenge"), result.ack_body.get("text"))
        )

    # the workspace

    def user(self, user_id: str, kind: Kind = "member", *, name: str = "", email: str = "", real_name: str = "") -> User:
        """Add or change a person. "stranger" and "external" are of another workspace ("external": is_stranger false)."""
        name = name or user_id.lstrip("UW0123456789").lower() or user_id.lower()
        team = OTHER_TEAM if kind in ("stranger", "external") else HOME_TEAM
        return self.workspace.add_user(User(user_id, name, kind, team, real_name, email or f"{name}@example.com"))

    def channel(
        self,
        name: str,
        *members: str,
        channel_id: str = "",
        private: bool = False,
        bot: bool = True,
        ext_shared: bool = False,
        pending_ext_shared: bool = False,
    ) -> Channel:
        """Add a channel with these people (and the bot, unless bot=False). Slack Connect: ext_shared."""
        people = [self.person(member).id for member in members]
        inside = [*people, *([self.bot_user] if bot else [])]
        kind = "group" if private else "channel"
        made = self.workspace.add_channel(
            name, creator=(inside or ["U00ADMIN"])[0], members=inside, kind=kind, channel_id=channel_id
        )
        made.is_ext_shared, made.is_pending_ext_shared = ext_shared, pending_ext_shared
        return made

    def usergroup(self, group_id: str, users: list[str], *, handle: str = "", enabled: bool = True) -> None:
        group = {
            "id": group_id,
            "team_id": HOME_TEAM,
            "is_usergroup": True,
            "handle": handle or group_id.lower(),
            "name": handle or group_id,
        }
        group |= {"users": list(users), "user_count": len(users), "date_delete": 0 if enabled else 1, "is_external": False}
        self.workspace.usergroups[group_id] = group

    def grant(self, *scopes: str) -> None:
        """The scopes of the bot token, from now on exactly these."""
        self.workspace.scopes = scopes

    def join(self, user: str, channel: str | Channel) -> None:
        """A person enters a channel (no event)."""
        where = self.place(channel)
        if user not in where.members:
            where.members.append(self.person(user).id)

    # what can go wrong

    def fail_next(self, method: str, what: str | int, *, times: int = 1) -> None:
        """The next call(s) of `method` ("*": any) fail: a documented error code, an HTTP status, "drop_before_commit",
        "drop_after_commit" (done, but the answer is lost) or "hang"."""
        known = methods().get(method)
        if method != "*" and known is None:
            raise ValueError(f"Slack has no method {method}")
        if isinstance(what, str) and what not in HOW and known is not None and what not in known.errors:
            raise ValueError(f"{method} never answers {what}; documented are {', '.join(sorted(known.errors))}")
        self.server.faults[method].extend([Fault(what)] * times)

    def rate_limit(self, method: str, times: int = 1, retry_after: int = 1) -> None:
        """The next call(s) of `method` get HTTP 429 with this Retry-After, in seconds."""
        self.server.faults[method].extend([Fault("ratelimited", retry_after)] * times)

    def refuse_blocks(self, *kinds: str) -> None:
        """This workspace doesn't know these block types (rich ones are rolled out in phases): invalid_blocks."""
        self.workspace.refused_blocks = set(kinds)

    def drop_sockets(self) -> None:
        self.sockets.drop()

    async def disconnect_sockets(
        self, reason: Literal["warning", "refresh_requested", "link_disabled"] = "refresh_requested"
    ) -> None:
        await self.sockets.disconnect(reason)

    def lose_acks(self, times: int = 1) -> None:
        """The next acknowledgement(s) over Socket Mode get lost on the way: the app thinks it answered."""
        self.sockets.lose_acks += times

    # looking

    @property
    def calls(self) -> list[Call]:
        """Every Web API call and response_url post, in order."""
        return self.workspace.calls

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.workspace.calls if call.method == method]

    @property
    def violations(self) -> list[Violation]:
        """What must stay empty: limits exceeded, unfurling not switched off, no text, undocumented arguments."""
        return self.workspace.violations

    def messages(self, channel: str | Channel | None = None) -> list[Message]:
        """What everybody sees now in a channel (or everywhere), oldest first, threads included."""
        if channel is None:
            return [each for each in self.workspace.messages.values() if not each.deleted and each.seen_by is None]
        return self.workspace.shown(self.place(channel).id)

    def ephemerals(self, user: str) -> list[Message]:
        """What only this person was shown, oldest first."""
        return [each for each in self.workspace.messages.values() if each.seen_by == user and not each.deleted]

    def direct_messages(self, user: str) -> list[Message]:
        return [each for each in self.messages() if set(self.workspace.channels[each.channel].members) == {self.bot_user, user}]

    def views(self, user: str) -> list[View]:
        """The modals a person has open (lowest first), and their Home tab if one was published."""
        return [each for each in self.workspace.views.values() if each.user == user]

    def channel_named(self, prefix: str) -> Channel:
        """The newest channel whose name starts so. Raises NotThere."""
        for channel in reversed(self.workspace.channels.values()):
            if channel.name.startswith(prefix):
                return channel
        return self.place(prefix)

    async def wait_for(self, predicate: Callable[[], T], timeout_s: float = 5.0) -> T:
        """The first truthy answer of `predicate`, asked again at every change. Raises TimeoutError with the latest calls."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            self._change.clear()
            if answer := predicate():
                return answer
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                recent = [f"{call.method} -> {call.response.get('error', 'ok')}" for call in self.calls[-8:]]
                raise TimeoutError(f"not seen within {timeout_s} s; the last calls were {recent}")
            try:
                # Also asked every 50 ms: the predicate may look at something that isn't ours.
                async with asyncio.timeout(min(left, 0.05)):
                    await self._change.wait()
            except TimeoutError:
                continue

    def dump(self, path: str | Path, channel: str | Channel | None = None) -> None:
        """Write the current messages as a JSON list of {"text", "blocks"}, for drawing them."""
        shown: list[dict[str, Any]] = [{"text": each.text, "blocks": each.blocks} for each in self.messages(channel)]
        Path(path).write_text(json.dumps(shown, indent=1, ensure_ascii=False))
