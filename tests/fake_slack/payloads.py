"""What Slack sends for a command, a press, a submitted view, an event: pure functions of the workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from .state import HOME_TEAM, Channel, Json, Message, User, View, Workspace

TEAM = {"id": HOME_TEAM, "domain": "fake"}
VERIFICATION_TOKEN = "deprecated-verification-token"


def command(workspace: Workspace, user: User, channel: Channel, name: str, text: str) -> Json:
    payload: Json = {"token": VERIFICATION_TOKEN, "team_id": HOME_TEAM, "team_domain": "fake", "channel_id": channel.id}
    payload |= {"channel_name": {"im": "directmessage", "group": "privategroup"}.get(channel.kind, channel.name)}
    payload |= {"user_id": user.id, "user_name": user.name, "command": name, "text": text, "api_app_id": workspace.app_id}
    payload |= {"is_enterprise_install": "false", "response_url": workspace.new_response_url(channel.id, user.id)}
    return payload | {"trigger_id": workspace.new_trigger(user.id)}


def _interaction(workspace: Workspace, kind: str, user: User) -> Json:
    # The payload's team stays the home team even when somebody of another one presses; only user.team_id tells.
    who = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
    whole: Json = {"type": kind, "user": who, "api_app_id": workspace.app_id, "token": VERIFICATION_TOKEN, "team": dict(TEAM)}
    return whole | {"enterprise": None, "is_enterprise_install": False}


def message_action(workspace: Workspace, user: User, channel: Channel, message: Message, action: Json, *, rendition: Json) -> Json:
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.seen_by is not None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload = _interaction(workspace, "block_actions", user) | {"container": container}
    payload |= {"channel": {"id": channel.id, "name": channel.name or "directmessage"}, "state": {"values": {}}}
    if message.seen_by is None:
        payload["message"] = deepcopy(rendition)
    payload["response_url"] = workspace.new_response_url(channel.id, user.id, message_ts=message.ts)
    return payload | {"trigger_id": workspace.new_trigger(user.id), "actions": [action]}


def view_action(workspace: Workspace, user: User, view: View, action: Json) -> Json:
    payload = _interaction(workspace, "block_actions", user) | {"container": {"type": "view", "view_id": view.id}}
    return payload | {
        "trigger_id": workspace.new_trigger(user.id, view_id=view.id),
        "view": view.shape(workspace),
        "actions": [action],
    }


def view_submission(workspace: Workspace, user: User, view: View) -> Json:
    trigger = workspace.new_trigger(user.id, view_id=view.id)
    return _interaction(workspace, "view_submission", user) | {
        "trigger_id": trigger,
        "view": view.shape(workspace),
        "response_urls": [],
    }


def view_closed(workspace: Workspace, user: User, view: View, *, is_cleared: bool) -> Json:
    return _interaction(workspace, "view_closed", user) | {"view": view.shape(workspace), "is_cleared": is_cleared}


def shortcut(workspace: Workspace, user: User, callback_id: str, message: Message | None) -> Json:
    payload = _interaction(workspace, "shortcut" if message is None else "message_action", user)
    payload |= {"callback_id": callback_id, "trigger_id": workspace.new_trigger(user.id), "action_ts": workspace.next_ts()}
    if message is not None:
        channel = workspace.channels[message.channel]
        payload |= {
            "channel": {"id": channel.id, "name": channel.name},
            "message_ts": message.ts,
            "message": deepcopy(message.body),
        }
        payload["response_url"] = workspace.new_response_url(channel.id, user.id, message_ts=message.ts)
    return payload


def event(workspace: Workspace, inner: Json) -> Json:
    """The envelope of the Events API around `inner` (which names its type and, mostly, its channel)."""
    place = inner.get("channel") if isinstance(inner.get("channel"), str) else None
    channel = workspace.channels.get(place or "")
    grant = {
        "enterprise_id": None,
        "team_id": HOME_TEAM,
        "user_id": workspace.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    payload: Json = {"token": VERIFICATION_TOKEN, "team_id": HOME_TEAM, "api_app_id": workspace.app_id, "event": inner}
    payload |= {"type": "event_callback", "event_id": workspace.next_id("Ev"), "event_time": int(workspace.now())}
    return payload | {
        "authorizations": [grant],
        "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        "event_context": workspace.secret("event-context"),
    }


def elements(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """Every interactive element with the id of its block, in the order shown."""
    for block in blocks:
        block_id = str(block.get("block_id", ""))
        parts = [*(block.get("elements") or []), *(block.get("actions") or []), block.get("accessory"), block.get("element")]
        for part in parts:
            if isinstance(part, Mapping) and part.get("action_id"):
                yield block_id, dict(part)
        yield from elements([child for child in block.get("child_blocks") or [] if isinstance(child, dict)])


def label(element: Mapping[str, Any]) -> str:
    for key in ("text", "placeholder"):
        if isinstance(element.get(key), Mapping):
            return str(element[key].get("text", ""))
    return ""


def action(workspace: Workspace, block_id: str, element: Json, chosen: Any) -> Json:
    """The entry of `actions` for an element that was used; `chosen` is what was picked in a menu."""
    told: Json = {
        "action_id": element["action_id"],
        "block_id": block_id,
        "type": element["type"],
        "action_ts": workspace.next_ts(),
    }
    if element["type"] in ("button", "workflow_button"):
        return told | {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    return told | state_of(element, chosen)


def state_of(element: Mapping[str, Any], chosen: Any) -> Json:
    """What an input or menu holds after a person chose `chosen` (options by value or label, people and channels by id).

    Raises LookupError when a menu doesn't offer it.
    """
    kind = str(element["type"])
    if kind == "overflow" or kind in ("static_select", "radio_buttons"):
        return {"selected_option": _option(element, chosen) if chosen is not None else None}
    if kind in ("multi_static_select", "checkboxes"):
        return {"selected_options": [_option(element, each) for each in chosen or []]}
    if kind in ("external_select", "multi_external_select"):
        options = [{"text": {"type": "plain_text", "text": str(each)}, "value": str(each)} for each in _list(chosen)]
        return {"selected_option": options[0]} if kind == "external_select" else {"selected_options": options}
    for source in ("users", "conversations", "channels"):
        if kind == f"{source}_select":
            return {f"selected_{source[:-1]}": chosen}
        if kind == f"multi_{source}_select":
            return {f"selected_{source}": _list(chosen)}
    pickers = {"datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time"}
    if kind in pickers:
        return {pickers[kind]: chosen}
    return {"rich_text_value": chosen} if kind == "rich_text_input" else {"value": None if chosen is None else str(chosen)}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _option(element: Mapping[str, Any], wanted: Any) -> Json:
    options = [*(element.get("options") or [])]
    for group in element.get("option_groups") or []:
        options += group["options"]
    for option in options:
        if wanted in (option.get("value"), option["text"]["text"]):
            return deepcopy(dict(option))
    raise LookupError(f"{element.get('action_id')} doesn't offer {wanted!r}, only {[each.get('value') for each in options]}")
