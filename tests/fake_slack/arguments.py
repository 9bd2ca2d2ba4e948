"""Reading a Web API call's arguments as Slack does: form or JSON, numbers and booleans as strings, lists as JSON or commas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .catalogue import Method
from .limits import block_text_length, problems
from .state import Json, SlackError, Workspace


def invalid_arguments(*messages: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {message}" for message in messages]})


def require(method: Method, args: Mapping[str, Any]) -> None:
    missing = sorted(name for name in method.required if args.get(name) in (None, ""))
    if missing and method.name not in ("conversations.create", "chat.postMessage", "chat.update", "chat.postEphemeral"):
        raise invalid_arguments(*(f"missing required field: {name}" for name in missing))


def flag(args: Mapping[str, Any], name: str, *, default: bool | None = None) -> bool | None:
    value = args.get(name)
    if value is None or isinstance(value, bool):
        return default if value is None else value
    return str(value).lower() in ("1", "true")


def structure(args: Mapping[str, Any], name: str, *, error: str) -> Any:
    """A JSON argument, which a form sends as text. Raises SlackError(error) when it doesn't parse."""
    value = args.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise SlackError(error) from None


def names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [each.strip() for each in str(value or "").split(",") if each.strip()]


def page(args: Mapping[str, Any], things: list[Any], *, most: int = 1000, usual: int = 100) -> tuple[list[Any], str]:
    """One page and the next cursor ("" at the end). Raises SlackError for a bad limit or cursor."""
    try:
        limit, start = int(args.get("limit") or usual), int(str(args.get("cursor") or "cursor:0").removeprefix("cursor:"))
    except ValueError:
        raise SlackError("invalid_cursor") from None
    if not 0 < limit <= most:
        raise SlackError("invalid_limit")
    rest = f"cursor:{start + limit}" if start + limit < len(things) else ""
    return things[start : start + limit], rest


CONTENT = ("text", "blocks", "markdown_text", "attachments", "metadata")


def message_content(workspace: Workspace, method: str, args: Mapping[str, Any]) -> Json:
    """The validated content of a message to send. Raises SlackError with Slack's code and, for blocks, its messages."""
    content: Json = {key: args[key] for key in ("text", "markdown_text") if args.get(key) is not None}
    blocks = structure(args, "blocks", error="invalid_blocks_format")
    if blocks not in (None, []):
        content["blocks"] = blocks
    elif blocks == [] and "blocks" in args:
        content["blocks"] = []
    for key, error in (("attachments", "invalid_attachments"), ("metadata", "invalid_metadata_format")):
        if (value := structure(args, key, error=error)) not in (None, ""):
            content[key] = value
    found = problems(
        {**content, "blocks": content["blocks"]} if content.get("blocks") else {k: v for k, v in content.items() if k != "blocks"}
    )
    for problem in found:
        workspace.violate(method, problem, args)
    _refuse(workspace, content, found)
    return content


def _refuse(workspace: Workspace, content: Json, found: list[str]) -> None:
    text, blocks = content.get("text"), content.get("blocks")
    if content.get("markdown_text") and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if not any(content.get(key) for key in ("text", "blocks", "markdown_text", "attachments")):
        raise SlackError("no_text")
    if blocks and not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if any(problem.startswith(("/text:", "/markdown_text:")) and "characters" in problem for problem in found):
        raise SlackError("msg_too_long")
    refused = {block.get("type") for block in blocks or [] if isinstance(block, dict)} & workspace.refused_blocks
    bad = [each for each in found if each.startswith("/blocks") and "in all blocks" not in each]
    bad += [f"/blocks: unsupported type: {kind}" for kind in sorted(map(str, refused))]
    if bad:
        messages = [f"[ERROR] {what} [json-pointer:{at}]" for at, _, what in (each.partition(": ") for each in bad)]
        raise SlackError(
            "invalid_blocks", errors=[each.split(" [json")[0][8:] for each in messages], response_metadata={"messages": messages}
        )
    if blocks and block_text_length(blocks) > 13_200:
        raise SlackError("msg_blocks_too_long")
    if any(problem.startswith("/metadata") for problem in found):
        raise SlackError("invalid_metadata_format")
