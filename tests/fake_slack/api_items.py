"""pins.*, bookmarks.*, reactions.*, files.*: things that hang on channels and messages."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from .arguments import names, structure
from .state import Channel, Json, SlackError, Workspace

PINS_MOST, BOOKMARKS_MOST = 100, 100
_TS = re.compile(r"\d+\.\d+")
_EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


def _channel(workspace: Workspace, channel_id: Any, *, write: bool = True) -> Channel:
    channel = workspace.visible_channel(channel_id, joined=True)
    if write and channel.archived:
        raise SlackError("is_archived")
    return channel


def _timestamp(args: Json) -> str:
    if not args.get("timestamp"):
        raise SlackError("no_item_specified")
    if not _TS.fullmatch(str(args["timestamp"])):
        raise SlackError("bad_timestamp")
    return str(args["timestamp"])


def pin(workspace: Workspace, args: Json) -> Json:
    channel = _channel(workspace, args["channel"])
    message = workspace.message_in(channel, _timestamp(args))
    if message.ts in channel.pins:
        raise SlackError("already_pinned")
    if len(channel.pins) >= PINS_MOST:
        raise SlackError("too_many_pins")
    channel.pins.append(message.ts)
    return {}


def unpin(workspace: Workspace, args: Json) -> Json:
    channel = _channel(workspace, args["channel"])
    message = workspace.message_in(channel, _timestamp(args))
    if message.ts not in channel.pins:
        raise SlackError("no_pin")
    channel.pins.remove(message.ts)
    return {}


def pinned(workspace: Workspace, args: Json) -> Json:
    channel = _channel(workspace, args["channel"], write=False)
    items = [{"type": "message", "channel": channel.id, "message": deepcopy(workspace.messages[ts].body)} for ts in channel.pins]
    return {"items": items}


def _check_link(link: Any) -> None:
    if link is not None and not str(link).startswith(("http://", "https://")):
        raise SlackError("invalid_link")


def bookmark(workspace: Workspace, args: Json) -> Json:
    channel = _channel(workspace, args.get("channel_id"))
    if args["type"] != "link":
        raise SlackError("invalid_bookmark_type")
    _check_link(args.get("link") or "")
    if len(channel.bookmarks) >= BOOKMARKS_MOST:
        raise SlackError("too_many_bookmarks")
    made = {"id": workspace.next_id("Bk"), "channel_id": channel.id, "type": "link", "title": args["title"], "link": args["link"]}
    channel.bookmarks.append(made | {"emoji": args.get("emoji") or ""})
    return {"bookmark": dict(channel.bookmarks[-1])}


def _bookmark_of(channel: Channel, args: Json) -> Json:
    for each in channel.bookmarks:
        if each["id"] == args["bookmark_id"]:
            return each
    raise SlackError("not_found")


def edit_bookmark(workspace: Workspace, args: Json) -> Json:
    bookmark = _bookmark_of(_channel(workspace, args["channel_id"]), args)
    _check_link(args.get("link"))
    bookmark.update({key: args[key] for key in ("title", "link", "emoji") if args.get(key) is not None})
    return {"bookmark": dict(bookmark)}


def remove_bookmark(workspace: Workspace, args: Json) -> Json:
    channel = _channel(workspace, args["channel_id"])
    channel.bookmarks.remove(_bookmark_of(channel, args))
    return {}


def bookmarks(workspace: Workspace, args: Json) -> Json:
    return {"bookmarks": [dict(each) for each in _channel(workspace, args["channel_id"], write=False).bookmarks]}


def _reactors(workspace: Workspace, args: Json) -> list[str]:
    channel = _channel(workspace, args.get("channel"))
    name = str(args["name"]).strip(":")
    if not _EMOJI.fullmatch(name):
        raise SlackError("invalid_name")
    message = workspace.message_in(channel, _timestamp(args))
    return workspace.reactions.setdefault((message.ts, name), [])


def react(workspace: Workspace, args: Json) -> Json:
    reactors = _reactors(workspace, args)
    if workspace.bot_user in reactors:
        raise SlackError("already_reacted")
    reactors.append(workspace.bot_user)
    return {}


def unreact(workspace: Workspace, args: Json) -> Json:
    reactors = _reactors(workspace, args)
    if workspace.bot_user not in reactors:
        raise SlackError("no_reaction")
    reactors.remove(workspace.bot_user)
    return {}


def upload_url(workspace: Workspace, args: Json) -> Json:
    length = str(args["length"])
    if not length.isdigit() or int(length) == 0:
        raise SlackError("missing_argument")
    if len(str(args.get("alt_txt") or "")) > 1000:
        raise SlackError("alt_txt_too_large")
    file_id = workspace.next_id("F")
    workspace.files[file_id] = {
        "id": file_id,
        "name": args["filename"],
        "size": int(length),
        "content": None,
        "title": args["filename"],
    }
    return {"file_id": file_id, "upload_url": f"{workspace.base_url}/upload/{workspace.secret('upload')}/{file_id}"}


def complete_upload(workspace: Workspace, args: Json) -> Json:
    wanted = structure(args, "files", error="file_not_found") or []
    files = []
    for each in wanted:
        file = workspace.files.get(str(each.get("id"))) if isinstance(each, dict) else None
        if file is None or file["content"] is None:
            raise SlackError("file_not_found")
        file["title"] = each.get("title") or file["title"]
        files.append({key: value for key, value in file.items() if key != "content"})
    targets = [_channel(workspace, each) for each in [args.get("channel_id"), *names(args.get("channels"))] if each]
    for channel in targets:
        thread = {"thread_ts": args["thread_ts"]} if args.get("thread_ts") else {}
        workspace.post(channel, {"text": args.get("initial_comment") or "", "files": deepcopy(files), "upload": True, **thread})
    return {"files": [{**file, "channels": [channel.id for channel in targets]} for file in files]}


METHODS = {
    "pins.add": pin,
    "pins.remove": unpin,
    "pins.list": pinned,
    "bookmarks.add": bookmark,
    "bookmarks.edit": edit_bookmark,
    "bookmarks.remove": remove_bookmark,
    "bookmarks.list": bookmarks,
    "reactions.add": react,
    "reactions.remove": unreact,
    "files.getUploadURLExternal": upload_url,
    "files.completeUploadExternal": complete_upload,
}
