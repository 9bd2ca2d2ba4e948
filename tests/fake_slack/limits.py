"""What Slack would refuse, or quietly cut: every documented or reported limit on messages and views. Usable on its own.

`problems(message)`, `problems(view)` and `problems(blocks)` answer with a list of sentences; an empty one means Slack takes it.
Where sources disagree the stricter figure stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .limits_parts import (
    IN_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    Findings,
    Obj,
    element,
    image_source,
    plain,
    string,
    text_object,
    unknown_keys,
)

TEXT_MOST = 4000  # chat.update refuses more, chat.postMessage cuts later; the same text travels through both
BLOCK_TEXT_MOST = 13_200  # undocumented; measured by others as msg_blocks_too_long
VIEW_BYTES_MOST = 250_000
MARKDOWN_MOST = 12_000

_MESSAGE_ONLY = {
    "markdown",
    "table",
    "data_table",
    "data_visualization",
    "context_actions",
    "task_card",
    "plan",
    "card",
    "carousel",
    "file",
}
_ANYWHERE = {"section", "header", "divider", "context", "actions", "image", "rich_text", "video", "alert", "container"}
# Input blocks in messages are documented in one place and refused in another: the stricter.
SURFACES = {"message": _ANYWHERE | _MESSAGE_ONLY, "modal": _ANYWHERE | {"input"}, "home": _ANYWHERE | {"input"}}


def problems(thing: Mapping[str, Any] | list[Any]) -> list[str]:
    """Everything Slack would object to in a message, a view ("type": "modal" or "home"), or a bare list of a message's blocks."""
    found = Findings()
    if isinstance(thing, list):
        _blocks(found, thing, surface="message", most=50)
        _total(found, thing)
    elif thing.get("type") in ("modal", "home"):
        _view(found, thing)
    elif "type" in thing and thing["type"] != "message":
        found.add("/type", f"{thing['type']!r} is neither a message nor a view")
    else:
        _message(found, thing)
    return list(found)


def block_text_length(blocks: Any) -> int:
    """Characters of visible text in blocks: what Slack's limit on the whole message counts, as far as is known."""
    return sum(len(text) for text in _visible(blocks))


def _message(found: Findings, message: Obj) -> None:
    blocks, markdown = message.get("blocks"), message.get("markdown_text")
    if markdown is not None:
        string(found, "/markdown_text", markdown, most=MARKDOWN_MOST)
        if message.get("text") or blocks:
            found.add("/markdown_text", "can't be combined with text or blocks")
    if message.get("text") is not None or markdown is None:
        string(found, "/text", message.get("text"), most=TEXT_MOST)
    if blocks is not None:
        _blocks(found, blocks, surface="message", most=50)
        _total(found, blocks)
    metadata = message.get("metadata")
    if metadata is not None and not (isinstance(metadata, Mapping) and metadata.get("event_type") and "event_payload" in metadata):
        found.add("/metadata", "needs event_type and event_payload")
    if isinstance(message.get("attachments"), list) and len(message["attachments"]) > 20:
        found.add("/attachments", f"{len(message['attachments'])} attachments, at most 20")


def _total(found: Findings, blocks: Any) -> None:
    total = block_text_length(blocks)
    if total > BLOCK_TEXT_MOST:
        found.add("/blocks", f"{total} characters of text in all blocks, at most {BLOCK_TEXT_MOST}")


_VIEW_KEYS = {"type", "blocks", "private_metadata", "callback_id", "external_id"}
_MODAL_KEYS = _VIEW_KEYS | {"title", "submit", "close", "clear_on_close", "notify_on_close", "submit_disabled"}


def _view(found: Findings, view: Obj) -> None:
    modal = view["type"] == "modal"
    unknown_keys(found, "", view, _MODAL_KEYS if modal else _VIEW_KEYS)
    _blocks(found, view.get("blocks"), surface=str(view["type"]), most=100)
    string(found, "/private_metadata", view.get("private_metadata"), most=3000, least=0, missing_ok=True)
    string(found, "/callback_id", view.get("callback_id"), most=255, least=0, missing_ok=True)
    string(found, "/external_id", view.get("external_id"), most=255, least=0, missing_ok=True)
    if modal:
        plain(found, "/title", view.get("title"), most=24)
        plain(found, "/submit", view.get("submit"), most=24, missing_ok=True)
        plain(found, "/close", view.get("close"), most=24, missing_ok=True)
        blocks = view.get("blocks") if isinstance(view.get("blocks"), list) else []
        if view.get("submit") is None and any(
            isinstance(block, Mapping) and block.get("type") == "input" for block in blocks or []
        ):
            found.add("/submit", "is missing though there is an input block")
    size = len(json.dumps(view, ensure_ascii=False).encode())
    if size > VIEW_BYTES_MOST:
        found.add("", f"the view is {size} bytes, at most {VIEW_BYTES_MOST}")


def _blocks(found: Findings, blocks: Any, *, surface: str, most: int) -> None:
    if not isinstance(blocks, list):
        found.add("/blocks", "must be a list")
        return
    if not 1 <= len(blocks) <= most:
        found.add("/blocks", f"{len(blocks)} blocks, must be 1 to {most}")
    for index, block in enumerate(blocks):
        _block(found, f"/blocks/{index}", block, surface)
    _unique(found, "/blocks", "block_id", [block for block in blocks if isinstance(block, Mapping)])
    _once_per_message(found, [block for block in blocks if isinstance(block, Mapping)])


def _once_per_message(found: Findings, blocks: list[Obj]) -> None:
    kinds = [block.get("type") for block in blocks]
    for kind, most in (("table", 1), ("data_table", 1), ("data_visualization", 2)):
        if kinds.count(kind) > most:
            found.add("/blocks", f"{kinds.count(kind)} {kind} blocks, at most {most} in a message")
    markdown = sum(len(str(block.get("text", ""))) for block in blocks if block.get("type") == "markdown")
    if markdown > MARKDOWN_MOST:
        found.add("/blocks", f"{markdown} characters in markdown blocks, at most {MARKDOWN_MOST} together")


def _unique(found: Findings, at: str, key: str, things: list[Obj]) -> None:
    values = [thing[key] for thing in things if isinstance(thing.get(key), str)]
    for value in sorted({value for value in values if values.count(value) > 1}):
        found.add(at, f"{key} {value!r} appears twice")


def _block(found: Findings, at: str, block: Any, surface: str) -> None:
    if not isinstance(block, Mapping):
        found.add(at, "a block must be an object")
        return
    kind = block.get("type")
    if kind not in KINDS:
        found.add(at, f"unknown block type {kind!r}")
        return
    if kind not in SURFACES[surface]:
        found.add(at, f"{kind} blocks don't belong in a {surface}")
    keys, check = KINDS[str(kind)]
    unknown_keys(found, at, block, keys | {"type", "block_id"})
    if "block_id" in block:
        string(found, f"{at}/block_id", block["block_id"], most=255)
    check(found, at, block)


def _many(found: Findings, at: str, value: Any, *, most: int, least: int = 1) -> list[Any]:
    if not isinstance(value, list):
        found.add(at, "must be a list" if value is not None else "is missing")
        return []
    if not least <= len(value) <= most:
        found.add(at, f"{len(value)} entries, must be {least} to {most}")
    return value


def _section(found: Findings, at: str, block: Obj) -> None:
    if block.get("text") is None and block.get("fields") is None:
        found.add(at, "a section needs text or fields")
    if block.get("text") is not None:
        text_object(found, f"{at}/text", block["text"], most=3000)
    if block.get("fields") is not None:
        for index, field in enumerate(_many(found, f"{at}/fields", block["fields"], most=10)):
            text_object(found, f"{at}/fields/{index}", field, most=2000)
    if block.get("accessory") is not None:
        element(found, f"{at}/accessory", block["accessory"], allowed=IN_SECTION, place="a section")


def _header(found: Findings, at: str, block: Obj) -> None:
    plain(found, f"{at}/text", block.get("text"), most=150)


def _context(found: Findings, at: str, block: Obj) -> None:
    for index, part in enumerate(_many(found, f"{at}/elements", block.get("elements"), most=10)):
        if isinstance(part, Mapping) and part.get("type") == "image":
            element(found, f"{at}/elements/{index}", part, allowed=("image",), place="context")
        else:
            text_object(found, f"{at}/elements/{index}", part, most=3000)


def _elements(most: int, allowed: Any, place: str) -> Callable[[Findings, str, Obj], None]:
    def check(found: Findings, at: str, block: Obj) -> None:
        parts = _many(found, f"{at}/elements", block.get("elements"), most=most)
        for index, part in enumerate(parts):
            element(found, f"{at}/elements/{index}", part, allowed=allowed, place=place)
        _unique(found, f"{at}/elements", "action_id", [part for part in parts if isinstance(part, Mapping)])

    return check


def _image(found: Findings, at: str, block: Obj) -> None:
    image_source(found, at, block)
    plain(found, f"{at}/title", block.get("title"), most=2000, missing_ok=True)


def _input(found: Findings, at: str, block: Obj) -> None:
    plain(found, f"{at}/label", block.get("label"), most=2000)
    plain(found, f"{at}/hint", block.get("hint"), most=2000, missing_ok=True)
    element(found, f"{at}/element", block.get("element"), allowed=IN_INPUT, place="an input block")


def _rich_text(found: Findings, at: str, block: Obj) -> None:
    known = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for index, part in enumerate(_many(found, f"{at}/elements", block.get("elements"), most=1000)):
        if not isinstance(part, Mapping) or part.get("type") not in known:
            found.add(f"{at}/elements/{index}", "is not a rich text element")


def _markdown(found: Findings, at: str, block: Obj) -> None:
    string(found, f"{at}/text", block.get("text"), most=MARKDOWN_MOST)


def _table(found: Findings, at: str, block: Obj) -> None:
    rows = _many(found, f"{at}/rows", block.get("rows"), most=100)
    for index, row in enumerate(rows):
        _many(found, f"{at}/rows/{index}", row, most=20)


def _data_table(found: Findings, at: str, block: Obj) -> None:
    rows = _many(found, f"{at}/rows", block.get("rows"), least=2, most=101)
    for index, row in enumerate(rows):
        _many(found, f"{at}/rows/{index}", row, most=20)
    if not block.get("caption"):
        found.add(f"{at}/caption", "is missing")
    size = block.get("page_size", 5)
    if not isinstance(size, int) or not 1 <= size <= 100:
        found.add(f"{at}/page_size", "must be 1 to 100")


def _video(found: Findings, at: str, block: Obj) -> None:
    string(found, f"{at}/alt_text", block.get("alt_text"), most=2000)
    plain(found, f"{at}/title", block.get("title"), most=200)
    for key in ("video_url", "thumbnail_url"):
        string(found, f"{at}/{key}", block.get(key), most=3000)


def _text_in(**limits: int) -> Callable[[Findings, str, Obj], None]:
    """For the newer blocks: lengths of texts that may be strings or text objects, and nothing else that is known for sure."""

    def check(found: Findings, at: str, block: Obj) -> None:
        for key, most in limits.items():
            value = block.get(key)
            text = value.get("text") if isinstance(value, Mapping) else value
            if text is not None:
                string(found, f"{at}/{key}", text, most=most)

    return check


def _carousel(found: Findings, at: str, block: Obj) -> None:
    for index, card in enumerate(_many(found, f"{at}/elements", block.get("elements"), most=10)):
        if not isinstance(card, Mapping) or card.get("type") != "card":
            found.add(f"{at}/elements/{index}", "a carousel holds cards only")
        else:
            _block(found, f"{at}/elements/{index}", card, "message")


def _container(found: Findings, at: str, block: Obj) -> None:
    _text_in(title=150)(found, at, block)
    for index, child in enumerate(_many(found, f"{at}/child_blocks", block.get("child_blocks"), most=10)):
        _block(found, f"{at}/child_blocks/{index}", child, "message")


def _nothing(found: Findings, at: str, block: Obj) -> None:
    return None


_CARD = {"icon", "title", "subtitle", "hero_image", "body", "subtext", "actions"}
_CONTAINER = {"title", "subtitle", "icon", "child_blocks", "is_collapsible", "default_collapsed", "width"}
_DATA_TABLE = {"rows", "caption", "page_size", "column_settings", "row_header_column_index"}
_TASK = {"task_id", "title", "details", "output", "sources", "status"}
_VIDEO = {
    "title", "title_url", "description", "alt_text", "video_url", "thumbnail_url", "author_name", "provider_name",
    "provider_icon_url",
}  # fmt: skip
KINDS: dict[str, tuple[set[str], Callable[[Findings, str, Obj], None]]] = {
    "section": ({"text", "fields", "accessory", "expand"}, _section),
    "header": ({"text"}, _header),
    "divider": (set(), _nothing),
    "context": ({"elements"}, _context),
    "actions": ({"elements"}, _elements(25, IN_ACTIONS, "actions")),
    "context_actions": ({"elements"}, _elements(5, ("feedback_buttons", "icon_button"), "context_actions")),
    "image": ({"image_url", "slack_file", "alt_text", "title"}, _image),
    "input": ({"label", "element", "hint", "optional", "dispatch_action"}, _input),
    "rich_text": ({"elements"}, _rich_text),
    "markdown": ({"text"}, _markdown),
    "table": ({"rows", "column_settings"}, _table),
    "data_table": (_DATA_TABLE, _data_table),
    "data_visualization": ({"title", "chart"}, _text_in(title=50)),
    "alert": ({"text", "level"}, _text_in(text=3000)),
    "card": (_CARD, _text_in(title=150, subtitle=150, body=200)),
    "carousel": ({"elements"}, _carousel),
    "container": (_CONTAINER, _container),
    "task_card": (_TASK, _text_in(title=3000)),
    "plan": ({"title", "tasks"}, _text_in(title=3000)),
    "video": (_VIDEO, _video),
    "file": ({"external_id", "source"}, _nothing),
}

_VISIBLE = {"text", "alt_text", "title", "label", "description", "caption", "body", "subtitle", "hint", "placeholder"}


def _visible(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _visible(child)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if isinstance(value, str):
                if key in _VISIBLE:
                    yield value
            else:
                yield from _visible(value)
