"""The workspace in memory: people, channels, messages, views, and what was seen of the app. No I/O; ids are deterministic."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal[
    "member", "admin", "guest", "ultra_restricted", "invited", "bot", "workflow_bot", "app_user", "deleted", "stranger", "external"
]  # fmt: skip
HOME_TEAM, OTHER_TEAM = "T01HOME", "T02OTHER"
TRIGGER_LIFETIME_S = 3.0
RESPONSE_URL_USES, RESPONSE_URL_LIFETIME_S = 5, 30 * 60.0


class SlackError(Exception):
    """A documented refusal: becomes {"ok": false, "error": code, **extra}."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code, self.extra = code, extra


class ManualClock:
    """A clock that moves only when told: `clock.advance(3.1)`."""

    def __init__(self, start: float = 1_795_165_980.0) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class User:
    id: str
    name: str
    kind: Kind = "member"
    team_id: str = HOME_TEAM
    real_name: str = ""
    email: str = ""

    @property
    def is_home(self) -> bool:
        return self.team_id == HOME_TEAM

    def shape(self) -> Json:
        """As users.info shows it. Slack leaves most flags out for deactivated people; so does this."""
        real = self.real_name or self.name.title()
        profile = {"real_name": real, "display_name": self.name, "real_name_normalized": real, "display_name_normalized": self.name}
        shape: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.kind == "deleted",
            "profile": profile,
        }
        shape |= {"is_bot": self.kind in ("bot", "workflow_bot"), "is_app_user": self.kind == "app_user", "updated": 1_700_000_000}
        if self.kind == "deleted":
            return shape
        shape |= {
            "real_name": real,
            "tz": "Europe/Berlin",
            "tz_label": "Central European Time",
            "tz_offset": 3600,
            "color": "9f69e7",
        }
        shape |= {"is_admin": self.kind == "admin", "is_owner": False, "is_primary_owner": False, "is_email_confirmed": True}
        shape |= {
            "is_restricted": self.kind in ("guest", "ultra_restricted"),
            "is_ultra_restricted": self.kind == "ultra_restricted",
        }
        if self.kind == "workflow_bot":
            shape["is_workflow_bot"] = True
        if self.kind == "invited":
            shape["is_invited_user"] = True
        if not self.is_home:
            shape["is_stranger"] = self.kind == "stranger"
        return shape


@dataclass
class Channel:
    id: str
    name: str
    creator: str
    created: int
    kind: Literal["channel", "group", "im", "mpim"] = "channel"
    members: list[str] = field(default_factory=list)
    archived: bool = False
    topic: str = ""
    purpose: str = ""
    is_ext_shared: bool = False
    is_pending_ext_shared: bool = False
    is_org_shared: bool = False
    pins: list[str] = field(default_factory=list)
    bookmarks: list[Json] = field(default_factory=list)

    def shape(self, *, me: str, members: bool = False) -> Json:
        shape: Json = {"id": self.id, "created": self.created, "is_archived": self.archived, "is_im": self.kind == "im"}
        shape |= {"is_org_shared": self.is_org_shared, "is_ext_shared": self.is_ext_shared, "context_team_id": HOME_TEAM}
        if self.kind == "im":
            return shape | {"user": next((user for user in self.members if user != me), me), "is_open": True}
        shape |= {"name": self.name, "name_normalized": self.name, "creator": self.creator, "is_channel": self.kind == "channel"}
        shape |= {"is_group": self.kind == "group", "is_mpim": self.kind == "mpim", "is_private": self.kind != "channel"}
        shape |= {"is_shared": self.is_ext_shared or self.is_org_shared, "is_pending_ext_shared": self.is_pending_ext_shared}
        shape |= {"is_general": False, "unlinked": 0, "is_member": me in self.members}
        shape |= {key: {"value": getattr(self, key), "creator": "", "last_set": 0} for key in ("topic", "purpose")}
        return shape | ({"num_members": len(self.members)} if members else {})


@dataclass
class Message:
    """A message as shown now, and every earlier rendition of it. `seen_by` names the only reader of an ephemeral one."""

    channel: str
    ts: str
    body: Json
    renditions: list[Json] = field(default_factory=list)
    deleted: bool = False
    seen_by: str | None = None
    mine: bool = True

    @property
    def text(self) -> str:
        return str(self.body.get("text", ""))

    @property
    def blocks(self) -> list[Json]:
        return list(self.body.get("blocks", []))

    @property
    def thread_ts(self) -> str | None:
        return self.body.get("thread_ts")

    def rewrite(self, changes: Mapping[str, Any]) -> None:
        self.renditions.append(deepcopy(self.body))
        self.body.update(changes)


@dataclass
class View:
    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: Json = field(default_factory=dict)

    def shape(self, workspace: Workspace) -> Json:
        shape: Json = {"id": self.id, "team_id": HOME_TEAM, "app_id": workspace.app_id, "app_installed_team_id": HOME_TEAM}
        shape |= {"bot_id": workspace.bot_id, "hash": self.hash, "root_view_id": self.root_id, "previous_view_id": self.previous_id}
        shape |= {"state": {"values": self.values}, "private_metadata": "", "callback_id": "", "external_id": ""}
        shape |= {"title": None, "submit": None, "close": None, "clear_on_close": False, "notify_on_close": False}
        return shape | deepcopy(self.body)


@dataclass
class Trigger:
    user: str
    issued_at: float
    view_id: str | None = None
    exchanged: bool = False


@dataclass
class ResponseUrl:
    channel: str
    user: str
    issued_at: float
    message_ts: str | None = None
    uses: int = 0


@dataclass(frozen=True)
class Call:
    """One Web API call in order of arrival. `status` is the HTTP status, 0 when no answer was sent."""

    method: str
    arguments: Json
    token: str
    at: float
    status: int
    response: Json


@dataclass(frozen=True)
class Violation:
    """Something Slack lets pass, or refuses, that this product must never do."""

    method: str
    what: str
    arguments: Json


class Workspace:
    """Everything the fake remembers. `now` gives seconds since 1970; `changed` is called after every change."""

    app_id, bot_id, bot_user = "A01FAKE", "B01FAKE", "U01FAKEBOT"

    def __init__(self, *, now: Callable[[], float] = time.time, scopes: tuple[str, ...] = ()) -> None:
        self.now, self.scopes = now, scopes
        self.base_url = ""
        self.plan: Literal["free", "paid"] = "paid"
        self.allow_duplicate_names = False
        self.refused_blocks: set[str] = set()
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}
        self.views: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.usergroups: dict[str, Json] = {}
        self.files: dict[str, Json] = {}
        self.reactions: dict[tuple[str, str], list[str]] = {}
        self.calls: list[Call] = []
        self.violations: list[Violation] = []
        self.changed: Callable[[], None] = lambda: None
        self._serial: dict[str, int] = {}
        self._last_tick = 0
        self.add_user(User(self.bot_user, "firstmate", kind="bot"))

    def add_user(self, user: User) -> User:
        self.users[user.id] = user
        return user

    def add_channel(self, name: str, *, creator: str, members: list[str], kind: str = "channel", channel_id: str = "") -> Channel:
        prefix = {"im": "D", "mpim": "G"}.get(kind, "C")
        made = Channel(channel_id or self.next_id(prefix), name, creator, int(self.now()), kind, list(members))
        self.channels[made.id] = made
        return made

    def next_id(self, prefix: str) -> str:
        self._serial[prefix] = self._serial.get(prefix, 0) + 1
        return f"{prefix}09F{self._serial[prefix]:06d}"

    def secret(self, label: str) -> str:
        """An id that can't be guessed from its neighbours, yet is the same in every run."""
        return hashlib.sha256(f"{label}:{self.next_id(label)}".encode()).hexdigest()[:24]

    def next_ts(self) -> str:
        """Strictly ascending whatever the clock does, as Slack's are within a channel."""
        tick = max(int(self.now() * 1_000_000), self._last_tick + 1)
        self._last_tick = tick
        return f"{tick // 1_000_000}.{tick % 1_000_000:06d}"

    def violate(self, method: str, what: str, arguments: Mapping[str, Any]) -> None:
        self.violations.append(Violation(method, what, dict(arguments)))

    def visible_channel(self, channel_id: Any, *, joined: bool = False, missing: str = "channel_not_found") -> Channel:
        """The channel, if the bot can see it. Private ones it isn't in don't exist for it. Raises SlackError."""
        channel = self.channels.get(str(channel_id))
        if channel is None or (channel.kind != "channel" and self.bot_user not in channel.members):
            raise SlackError(missing)
        if joined and self.bot_user not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def message_in(self, channel: Channel, ts: Any) -> Message:
        message = self.messages.get(str(ts))
        if message is None or message.deleted or message.channel != channel.id or message.seen_by is not None:
            raise SlackError("message_not_found")
        return message

    def direct_channel(self, user_id: str) -> Channel:
        pair = {self.bot_user, user_id}
        for channel in self.channels.values():
            if channel.kind == "im" and set(channel.members) == pair:
                return channel
        return self.add_channel("", creator=self.bot_user, members=[self.bot_user, user_id], kind="im")

    def post(self, channel: Channel, body: Json, *, mine: bool = True, seen_by: str | None = None) -> Message:
        ts = self.next_ts()
        blocks = deepcopy(body.get("blocks")) or []
        author: Json = {"user": self.bot_user, "bot_id": self.bot_id, "app_id": self.app_id, "team": HOME_TEAM} if mine else {}
        whole = {"type": "message", **author, **{key: value for key, value in body.items() if value is not None}, "ts": ts}
        if blocks:
            whole["blocks"] = self.with_ids(blocks)
        message = Message(channel.id, ts, whole, mine=mine, seen_by=seen_by)
        self.messages[ts] = message
        self.changed()
        return message

    def with_ids(self, blocks: list[Json]) -> list[Json]:
        """Slack fills in the ids that the sender left out."""
        for block in blocks:
            block.setdefault("block_id", self.secret("block")[:5])
            parts = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
            for part in parts:
                if (
                    isinstance(part, dict)
                    and part.get("type") not in (None, "plain_text", "mrkdwn", "image")
                    and "rich" not in part["type"]
                ):
                    part.setdefault("action_id", self.secret("action")[:5])
        return blocks

    def new_trigger(self, user_id: str, *, view_id: str | None = None) -> str:
        trigger_id = f"{self.next_id('trigger')[-6:]}.{HOME_TEAM}.{self.secret('trigger-secret')}"
        self.triggers[trigger_id] = Trigger(user_id, self.now(), view_id)
        return trigger_id

    def exchange(self, trigger_id: Any) -> Trigger:
        """Use up a trigger. Raises SlackError for an unknown, used or expired one."""
        trigger = self.triggers.get(str(trigger_id))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.exchanged:
            raise SlackError("exchanged_trigger_id")
        if self.now() - trigger.issued_at > TRIGGER_LIFETIME_S:
            raise SlackError("expired_trigger_id")
        trigger.exchanged = True
        return trigger

    def new_response_url(self, channel_id: str, user_id: str, *, message_ts: str | None = None) -> str:
        key = self.secret("response-url")
        self.response_urls[key] = ResponseUrl(channel_id, user_id, self.now(), message_ts)
        return f"{self.base_url}/response/{key}"

    def thread(self, channel: Channel, ts: str) -> list[Message]:
        return [message for message in self.shown(channel.id) if message.ts == ts or message.thread_ts == ts]

    def shown(self, channel_id: str) -> list[Message]:
        """Messages that everybody in the channel sees, oldest first."""
        return [each for each in self.messages.values() if each.channel == channel_id and not each.deleted and each.seen_by is None]
