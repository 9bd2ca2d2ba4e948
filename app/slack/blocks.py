"""Card → Block Kit. Pure. Classic blocks only: approval messages must look the same in every workspace.

Escaping is here and nowhere else: every string is escaped last, so whatever outsiders wrote stays inert.
Limits from Slack's reference: 3000 characters per section, 150 per header, 2000 per field, 75 per button.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from app.cards.card import (
    Button,
    Buttons,
    Card,
    Code,
    Exact,
    Facts,
    Inline,
    Line,
    Link,
    Note,
    Paragraph,
    Part,
    Picture,
    Place,
    Quote,
    Rule,
    Strong,
    Text,
    When,
    Who,
    plain,
    sparkline,
)
from app.domain.errors import BadInput

Block = dict[str, Any]

SECTION, HEADER, FIELD, TEXT = 3000, 150, 2000, 4000
MOST_BLOCKS, MOST_TEXT = 50, 12_000
"""Of one message. Slack's limit on its whole text is about 13,200 characters and nowhere documented."""

_INVISIBLE = dict.fromkeys([*range(8203, 8208), *range(8234, 8239), *range(8288, 8304), 65279, 173, 1564])
_CONTROL = dict.fromkeys([*range(9), 11, 12, *range(13, 32), *range(127, 160)], " ")


def message(card: Card) -> dict[str, Any]:
    """`text` and `blocks` for chat.postMessage and chat.update; links never unfurl."""
    return {
        "text": _gist(card.gist),
        "blocks": _fitting(blocks(card)) if card.kind == "findings" else blocks(card),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def blocks(card: Card) -> list[Block]:
    """The card's blocks, in order."""
    shown: list[Block] = []
    if card.title:
        shown.append({"type": "header", "text": {"type": "plain_text", "text": cleaned(card.title)[:HEADER], "emoji": False}})
    for part in card.parts:
        shown.extend(_part(part))
    return shown


def modal(card: Card, *, callback: str = "shown") -> dict[str, Any]:
    """The card as a modal that is only read."""
    return {
        "type": "modal",
        "callback_id": callback,
        "title": {"type": "plain_text", "text": cleaned(card.title or "Firstmate")[:24]},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks(card.model_copy(update={"title": ""})),
    }


def cleaned(text: str) -> str:
    """Compatibility forms folded, invisible and direction-changing characters dropped, control characters made blanks."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_CONTROL)


def escaped(text: str) -> str:
    """`cleaned`, then &, < and > escaped: last, because folding can produce them."""
    return cleaned(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fitting(shown: list[Block]) -> list[Block]:
    """A list of evidence, shortened at its end to what one message takes, and saying so. Nothing that is decided on comes here."""
    kept: list[Block] = []
    length = 0
    for block in shown:
        length += sum(len(each["text"]) for each in (block.get("text"), *block.get("elements", ())) if each and "text" in each)
        if length > MOST_TEXT or len(kept) == MOST_BLOCKS - 1:
            more = _mrkdwn(f"{len(shown) - len(kept)} more blocks did not fit; all of it is in the run's record.")
            return [*kept, {"type": "context", "elements": [more]}]
        kept.append(block)
    return kept


def _gist(text: str) -> str:
    """Top-level text has no verbatim: an address that outsiders wrote is made unclickable."""
    return escaped(text).replace("://", "[:]//")[:TEXT]


def _part(part: Part) -> list[Block]:
    if isinstance(part, Paragraph):
        return [_section("\n".join(mrkdwn(each) for each in part.lines))]
    if isinstance(part, Facts):
        fields = [_mrkdwn(f"*{escaped(i.label)}*\n{mrkdwn(i.line)}"[:FIELD]) for i in part.items]
        return [{"type": "section", "fields": fields}]
    if isinstance(part, Note):
        return [{"type": "context", "elements": [_mrkdwn(mrkdwn(part.line)[:SECTION])]}]
    if isinstance(part, Exact):
        return [_exact(part)]
    if isinstance(part, Picture):
        return [_section(f"`{sparkline(part.plot)}`\n{escaped(part.caption)}")]
    if isinstance(part, Rule):
        return [{"type": "divider"}]
    return [_actions(part)]


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text[:SECTION])}


def _mrkdwn(text: str) -> Block:
    """Verbatim: Slack makes no links of what merely looks like one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _exact(part: Exact) -> Block:
    body = escaped(part.text).replace("```", "'''")
    text = f"*{escaped(part.label)}*\n```{body}```"
    if len(text) > SECTION:
        raise BadInput(
            f"what will run is {len(text)} characters, more than Slack shows in one block ({SECTION}); it is refused, never cut"
        )
    return _section(text)


def _actions(part: Buttons) -> Block:
    return {"type": "actions", "block_id": part.name, "elements": [_button(button) for button in part.buttons]}


def _button(button: Button) -> Block:
    element: Block = {
        "type": "button",
        "action_id": button.action,
        "text": {"type": "plain_text", "text": cleaned(button.label)[:75], "emoji": False},
        "value": button.value,
        "accessibility_label": cleaned(button.spoken)[:75],
    }
    if button.style != "plain":
        element["style"] = button.style
    if button.confirm is not None:
        element["confirm"] = {
            "title": {"type": "plain_text", "text": cleaned(button.confirm.title)[:100]},
            "text": {"type": "plain_text", "text": cleaned(button.confirm.text)[:300]},
            "confirm": {"type": "plain_text", "text": cleaned(button.confirm.yes)[:30]},
            "deny": {"type": "plain_text", "text": cleaned(button.confirm.no)[:30]},
        }
    return element


def mrkdwn(pieces: Line) -> str:
    """One line as mrkdwn; only what this function writes itself is markup."""
    return "".join(_inline(piece) for piece in pieces)


def _inline(piece: Inline) -> str:
    if isinstance(piece, Text):
        return _inert(piece.text)
    if isinstance(piece, Strong):
        return _strong(_inert(piece.text))
    if isinstance(piece, Code):
        return f"`{_code(piece.text)}`" if piece.text else ""
    if isinstance(piece, Quote):
        return f"`{_code(piece.text)}`" if piece.text else ""
    if isinstance(piece, Who):
        return f"<@{piece.id}>" if piece.id[:1] in "UW" and piece.id.isalnum() else f"`{_code(piece.id)}`"
    if isinstance(piece, Place):
        return f"<#{piece.id}>" if piece.id[:1] in "CG" and piece.id.isalnum() else f"`#{_code(piece.name)}`"
    if isinstance(piece, When):
        return f"<!date^{int(piece.at.timestamp())}^{{date_short_pretty}} {{time}}|{plain((piece,))}>"
    assert isinstance(piece, Link)
    return f"<{_url(piece.url)}|{_inert(piece.text)}>"


def _strong(text: str) -> str:
    """Slack shows the asterisks themselves when a blank stands inside them, so blanks stay outside."""
    inner = text.strip()
    if not inner:
        return text
    lead = text[: len(text) - len(text.lstrip())]
    return f"{lead}*{inner}*{text[len(text.rstrip()) :]}"


def _inert(text: str) -> str:
    """Escaped, and without characters that would begin bold, strike, code or a quote in the middle of our own words."""
    return escaped(text).replace("`", "'").replace("*", "∗").replace("~", "∼")


def _code(text: str) -> str:
    return escaped(text).replace("`", "'").replace("\n", " ")


def _url(url: str) -> str:
    return escaped(url).replace("|", "%7C").replace(" ", "%20")
