"""conversations.*: channels, their members, topics and history."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from .arguments import flag, names, page
from .state import Channel, Json, Message, SlackError, Workspace

_NAME = re.compile(r"[a-z0-9_-]+")
_TS = re.compile(r"\d+(\.\d+)?")


def _check_name(workspace: Workspace, name: str) -> None:
    if not name:
        raise SlackError("invalid_name_required")
    if len(name) > 80:
        raise SlackError("invalid_name_maxlength")
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name_specials")
    if not name.strip("-_"):
        raise SlackError("invalid_name_punctuation")
    # An archived channel keeps its name.
    if not workspace.allow_duplicate_names and any(channel.name == name for channel in workspace.channels.values()):
        raise SlackError("name_taken")


def create(workspace: Workspace, args: Json) -> Json:
    name = str(args.get("name") or "")
    _check_name(workspace, name)
    kind = "group" if flag(args, "is_private") else "channel"
    made = workspace.add_channel(name, creator=workspace.bot_user, members=[workspace.bot_user], kind=kind)
    return {"channel": made.shape(me=workspace.bot_user)}


def info(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args["channel"])
    return {"channel": channel.shape(me=workspace.bot_user, members=bool(flag(args, "include_num_members")))}


def _writable(workspace: Workspace, channel_id: Any) -> Channel:
    channel = workspace.visible_channel(channel_id)
    if channel.kind == "im":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if workspace.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _invite_error(workspace: Workspace, channel: Channel, user_id: str) -> str | None:
    user = workspace.users.get(user_id)
    if user_id == workspace.bot_user:
        return "cant_invite_self"
    if user is None:
        return "user_not_found"
    if user_id in channel.members:
        return "already_in_channel"
    if user.kind == "deleted":
        return "cant_invite"
    if not user.is_home:
        return "no_external_invite_permission"
    if user.kind == "ultra_restricted" and any(
        user_id in each.members for each in workspace.channels.values() if each.kind != "im"
    ):
        return "ura_max_channels"
    return None


def invite(workspace: Workspace, args: Json) -> Json:
    channel, wanted = _writable(workspace, args["channel"]), names(args["users"])
    if not wanted:
        raise SlackError("no_user")
    errors = {user: error for user in wanted if (error := _invite_error(workspace, channel, user))}
    if errors and not (flag(args, "force") and len(errors) < len(wanted)):
        details = [{"user": user, "ok": False, "error": error} for user, error in errors.items()]
        raise SlackError(next(iter(errors.values())), errors=details)
    channel.members += [user for user in wanted if user not in errors]
    return {"channel": channel.shape(me=workspace.bot_user)}


def join(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args["channel"])
    if channel.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if workspace.bot_user not in channel.members:
        channel.members.append(workspace.bot_user)
    return {"channel": channel.shape(me=workspace.bot_user)}


def leave(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args["channel"])
    if workspace.bot_user not in channel.members:
        return {"not_in_channel": True}
    channel.members.remove(workspace.bot_user)
    return {}


def kick(workspace: Workspace, args: Json) -> Json:
    channel, user = workspace.visible_channel(args["channel"], joined=True), str(args["user"])
    if user == workspace.bot_user:
        raise SlackError("cant_kick_self")
    if user not in workspace.users:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("not_in_channel")
    channel.members.remove(user)
    return {"errors": {}}


def rename(workspace: Workspace, args: Json) -> Json:
    channel, name = workspace.visible_channel(args["channel"], joined=True), str(args["name"])
    _check_name(workspace, name)
    channel.name = name
    return {"channel": channel.shape(me=workspace.bot_user)}


_TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def listed(workspace: Workspace, args: Json) -> Json:
    types = names(args.get("types") or "public_channel")
    if not set(types) <= set(_TYPES):
        raise SlackError("invalid_types")
    kinds, me = {_TYPES[each] for each in types}, workspace.bot_user
    shown = [each for each in workspace.channels.values() if each.kind in kinds and (each.kind == "channel" or me in each.members)]
    if flag(args, "exclude_archived"):
        shown = [each for each in shown if not each.archived]
    some, cursor = page(args, shown)
    return {"channels": [each.shape(me=me, members=True) for each in some], "response_metadata": {"next_cursor": cursor}}


def members(workspace: Workspace, args: Json) -> Json:
    some, cursor = page(args, workspace.visible_channel(args["channel"]).members)
    return {"members": some, "response_metadata": {"next_cursor": cursor}}


def _describe(key: str) -> Callable[[Workspace, Json], Json]:
    def change(workspace: Workspace, args: Json) -> Json:
        channel, value = _writable(workspace, args["channel"]), str(args[key])
        if len(value) > 250:
            raise SlackError("too_long")
        setattr(channel, key, value)
        return {"channel": channel.shape(me=workspace.bot_user), key: value}

    return change


def _readable(workspace: Workspace, args: Json) -> Channel:
    for edge in ("oldest", "latest"):
        if args.get(edge) is not None and not _TS.fullmatch(str(args[edge])):
            raise SlackError(f"invalid_ts_{edge}")
    return workspace.visible_channel(args["channel"], joined=True)


def _between(messages: list[Message], args: Json) -> list[Message]:
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    inclusive = bool(flag(args, "inclusive"))
    return [m for m in messages if oldest < float(m.ts) < latest or (inclusive and float(m.ts) in (oldest, latest))]


def _shown(message: Message, args: Json, replies: int = 0) -> Json:
    body = deepcopy(message.body)
    if not flag(args, "include_all_metadata"):
        body.pop("metadata", None)
    if replies:
        body |= {"thread_ts": message.ts, "reply_count": replies}
    return body


def history(workspace: Workspace, args: Json) -> Json:
    channel = _readable(workspace, args)
    everything = workspace.shown(channel.id)
    top = [m for m in everything if m.thread_ts in (None, m.ts) or m.body.get("reply_broadcast")]
    some, cursor = page(args, list(reversed(_between(top, args))), most=999)
    replies = {m.ts: sum(each.thread_ts == m.ts and each.ts != m.ts for each in everything) for m in some}
    shown = [_shown(m, args, replies[m.ts]) for m in some]
    return {
        "messages": shown,
        "has_more": bool(cursor),
        "pin_count": len(channel.pins),
        "response_metadata": {"next_cursor": cursor},
    }


def replies(workspace: Workspace, args: Json) -> Json:
    channel = _readable(workspace, args)
    thread = workspace.thread(channel, str(args["ts"]))
    if not thread:
        raise SlackError("thread_not_found")
    some, cursor = page(args, [thread[0], *_between(thread[1:], args)])
    return {"messages": [_shown(m, args) for m in some], "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def archive(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args["channel"])
    if channel.kind in ("im", "mpim"):
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("already_archived")
    if workspace.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    channel.archived = True
    return {}


def opened(workspace: Workspace, args: Json) -> Json:
    if args.get("channel"):
        channel = workspace.visible_channel(args["channel"])
        if channel.kind not in ("im", "mpim"):
            raise SlackError("method_not_supported_for_channel_type")
        return {"channel": channel.shape(me=workspace.bot_user) if flag(args, "return_im") else {"id": channel.id}}
    users = names(args.get("users"))
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > 8:
        raise SlackError("too_many_users")
    for user_id in users:
        user = workspace.users.get(user_id)
        if user is None:
            raise SlackError("user_not_found")
        if user.kind == "deleted":
            raise SlackError("user_disabled")
    if len(users) == 1:
        channel = workspace.direct_channel(users[0])
    else:
        everyone = [workspace.bot_user, *users]
        same = [each for each in workspace.channels.values() if each.kind == "mpim" and set(each.members) == set(everyone)]
        name = "mpdm-" + "--".join(workspace.users[user].name for user in users) + "-1"
        channel = same[0] if same else workspace.add_channel(name, creator=workspace.bot_user, members=everyone, kind="mpim")
    return {"channel": channel.shape(me=workspace.bot_user) if flag(args, "return_im") else {"id": channel.id}}


METHODS = {
    "conversations.create": create,
    "conversations.info": info,
    "conversations.invite": invite,
    "conversations.join": join,
    "conversations.leave": leave,
    "conversations.kick": kick,
    "conversations.rename": rename,
    "conversations.list": listed,
    "conversations.members": members,
    "conversations.setTopic": _describe("topic"),
    "conversations.setPurpose": _describe("purpose"),
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.archive": archive,
    "conversations.open": opened,
}
