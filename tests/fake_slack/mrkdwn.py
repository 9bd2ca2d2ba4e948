"""Which mentions and links a text would bring to life when Slack shows it: the oracle for "hostile text is inert"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# Unescaped angle brackets are Slack's only mention syntax; `&lt;!channel&gt;` is inert. Case is ignored: stricter than needed.
_BRACKETED = re.compile(r"<([^<>]*)>", re.DOTALL)
_LIVE = re.compile(r"(@[UWB][A-Z0-9]+|!(?:channel|here|everyone|group)\b|!subteam\^|#[CGD][A-Z0-9]+)", re.IGNORECASE)
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*://|mailto:|tel:)", re.IGNORECASE)
_DATE_LINK = re.compile(r"!date\^[^^]*\^[^^|]*\^([^|]+)", re.IGNORECASE)
_BARE_URL = re.compile(r"(?<![\w])(?:https?|ftp|slack)://[^\s<>|`]+", re.IGNORECASE)
_BARE_NAME = re.compile(r"(?<![\w@])@(?:channel|here|everyone)\b", re.IGNORECASE)
_LINKED_NAME = re.compile(r"(?<![\w@&])[@#][a-z0-9][\w.-]*", re.IGNORECASE)
_MARKDOWN_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")


def live_tokens(text: str, *, verbatim: bool = False, parse: str = "none", link_names: bool = False) -> list[str]:
    """The mentions and links in `text`, as written, in order of kind then place.

    Code spans don't protect: Slack's own handling of mentions in them has differed by client, so they count as live here.
    Bare URLs count unless `verbatim`. `parse="full"` and `link_names` bring plain @names and #names to life as well.
    """
    found = [match.group(0) for match in _BRACKETED.finditer(text) if _is_live(match.group(1))]
    outside = _BRACKETED.sub(" ", text)
    if not verbatim:
        found += _BARE_URL.findall(outside)
    if parse == "full":
        found += _BARE_NAME.findall(outside)
    if parse == "full" or link_names:
        found += [name for name in _LINKED_NAME.findall(outside) if name not in found]
    return found


def live_in(message: Mapping[str, Any]) -> list[str]:
    """The live tokens of a whole message or view: text, every mrkdwn object, markdown block, button URL, rich-text mention."""
    text, parse = message.get("text"), str(message.get("parse") or "none")
    found = live_tokens(text, parse=parse, link_names=bool(message.get("link_names"))) if isinstance(text, str) else []
    markdown = message.get("markdown_text")
    if isinstance(markdown, str):
        found += _markdown_tokens(markdown)
    for part in ("blocks", "attachments"):
        found += [token for node in message.get(part) or [] for token in _of_node(node)]
    return found


def _is_live(inner: str) -> bool:
    linked_date = _DATE_LINK.match(inner)
    return bool(linked_date or _LIVE.match(inner) or _SCHEME.match(inner))


def _markdown_tokens(text: str) -> list[str]:
    return live_tokens(text) + [target for target in _MARKDOWN_LINK.findall(text) if not _BARE_URL.match(target)]


def _of_node(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _of_node(child)
    elif isinstance(node, Mapping):
        yield from _of_object(node)


def _of_object(node: Mapping[str, Any]) -> Iterator[str]:
    kind = node.get("type")
    if kind == "mrkdwn":
        yield from live_tokens(str(node.get("text", "")), verbatim=bool(node.get("verbatim")))
    elif kind == "markdown":
        yield from _markdown_tokens(str(node.get("text", "")))
    elif kind == "user":
        yield f"<@{node.get('user_id')}>"
    elif kind == "usergroup":
        yield f"<!subteam^{node.get('usergroup_id')}>"
    elif kind == "broadcast":
        yield f"<!{node.get('range')}>"
    elif kind == "link":
        yield str(node.get("url"))
    elif kind in ("button", "workflow_button") and node.get("url"):
        yield str(node["url"])
    for value in node.values():
        if isinstance(value, (list, Mapping)):
            yield from _of_node(value)
