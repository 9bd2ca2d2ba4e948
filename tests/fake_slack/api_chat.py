"""chat.* and the response_url: sending, updating and deleting messages."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from .arguments import flag, message_content
from .state import RESPONSE_URL_LIFETIME_S, RESPONSE_URL_USES, Channel, Json, Message, ResponseUrl, SlackError, Workspace


def _note_careless(workspace: Workspace, method: str, args: Json, content: Json, *, unfurls: bool) -> None:
    """Record what Slack allows but the product must not do: unfurling, no text for screen readers, names turned into mentions."""
    if unfurls:
        for name in ("unfurl_links", "unfurl_media"):
            if flag(args, name) is not False:
                workspace.violate(method, f"{name} is not false", args)
    if not str(content.get("text") or "").strip():
        workspace.violate(method, "no top-level text: screen readers and notifications would have nothing", args)
    if flag(args, "link_names") or args.get("parse") == "full":
        workspace.violate(method, "link_names or parse=full turns plain names into mentions", args)
    if any(args.get(key) for key in ("username", "icon_emoji", "icon_url")) and "chat:write.customize" not in workspace.scopes:
        workspace.violate(method, "username and icon need chat:write.customize, which is not granted", args)


def _target(workspace: Workspace, channel_id: Any) -> Channel:
    user = workspace.users.get(str(channel_id))
    if user is not None and user.id != workspace.bot_user:
        return workspace.direct_channel(user.id)
    channel = workspace.visible_channel(channel_id)
    if channel.archived:
        raise SlackError("is_archived")
    if workspace.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _thread(workspace: Workspace, channel: Channel, args: Json) -> Json:
    thread_ts = args.get("thread_ts")
    if thread_ts in (None, ""):
        return {}
    parent = workspace.messages.get(str(thread_ts))
    if parent is None or parent.channel != channel.id or parent.deleted or parent.seen_by is not None:
        raise SlackError("cannot_reply_to_message")
    broadcast = {"reply_broadcast": True} if flag(args, "reply_broadcast") else {}
    return {"thread_ts": parent.thread_ts or parent.ts, **broadcast}


def post_message(workspace: Workspace, args: Json) -> Json:
    channel = _target(workspace, args.get("channel"))
    content = message_content(workspace, "chat.postMessage", args)
    _note_careless(workspace, "chat.postMessage", args, content, unfurls=True)
    message = workspace.post(channel, {**content, **_thread(workspace, channel, args)})
    return {"channel": channel.id, "ts": message.ts, "message": deepcopy(message.body)}


def post_ephemeral(workspace: Workspace, args: Json) -> Json:
    channel, user = _target(workspace, args.get("channel")), str(args.get("user") or "")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = message_content(workspace, "chat.postEphemeral", args)
    _note_careless(workspace, "chat.postEphemeral", args, content, unfurls=False)
    message = workspace.post(channel, {**content, **_thread(workspace, channel, args)}, seen_by=user)
    return {"message_ts": message.ts}


def update(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args.get("channel"))
    message = workspace.message_in(channel, args.get("ts"))
    if channel.archived:
        raise SlackError("is_inactive")
    if not message.mine:
        raise SlackError("cant_update_message")
    content = message_content(workspace, "chat.update", args)
    _note_careless(workspace, "chat.update", args, content, unfurls=False)
    _rewrite(workspace, message, content)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": deepcopy(message.body)}


def _rewrite(workspace: Workspace, message: Message, content: Json) -> None:
    """Slack keeps the blocks when an update doesn't mention them; an empty list removes them."""
    changes = deepcopy(content)
    if changes.get("blocks"):
        changes["blocks"] = workspace.with_ids(changes["blocks"])
    message.rewrite({**changes, "edited": {"user": workspace.bot_user, "ts": workspace.next_ts()}})
    workspace.changed()


def delete(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args["channel"])
    message = workspace.message_in(channel, args["ts"])
    if not message.mine:
        raise SlackError("cant_delete_message")
    _remove(workspace, message)
    return {"channel": channel.id, "ts": message.ts}


def _remove(workspace: Workspace, message: Message) -> None:
    message.deleted = True
    for channel in workspace.channels.values():
        if message.ts in channel.pins:
            channel.pins.remove(message.ts)
    workspace.changed()


def permalink(workspace: Workspace, args: Json) -> Json:
    channel = workspace.visible_channel(args["channel"])
    message = workspace.message_in(channel, args["message_ts"])
    link = f"https://fake.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": link}


def respond(workspace: Workspace, key: str, body: Any) -> None:
    """A POST to a response_url. Raises SlackError: used_url, expired_url, or what is wrong with the message."""
    place = workspace.response_urls.get(key)
    if place is None or workspace.now() - place.issued_at > RESPONSE_URL_LIFETIME_S:
        raise SlackError("expired_url")
    if place.uses >= RESPONSE_URL_USES:
        raise SlackError("used_url")
    place.uses += 1
    if not isinstance(body, dict):
        raise SlackError("invalid_payload")
    answer(workspace, place, body, "response_url")


def answer(workspace: Workspace, place: ResponseUrl, body: Json, method: str) -> None:
    """Publish what an app answered, through a response_url or in its acknowledgement, as `body` asks."""
    channel = workspace.channels[place.channel]
    source = workspace.messages.get(place.message_ts or "")
    if flag(body, "delete_original"):
        if source is not None:
            _remove(workspace, source)
        return
    content = message_content(workspace, method, body)
    public = body.get("response_type") == "in_channel"
    _note_careless(workspace, method, body, content, unfurls=public)
    if flag(body, "replace_original"):
        if source is None or source.deleted:
            raise SlackError("message_not_found")
        _rewrite(workspace, source, content)
        return
    if public and channel.archived:
        raise SlackError("is_archived")
    workspace.post(channel, {**content, **_thread(workspace, channel, body)}, seen_by=None if public else place.user)


METHODS = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": permalink,
}
