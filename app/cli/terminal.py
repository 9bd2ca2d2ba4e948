"""Card → terminal, with rich. The words are the channel's words; only the writing differs."""

from __future__ import annotations

import textwrap

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text as Styled

from app.cards.card import (
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
    Quote,
    Rule,
    Strong,
    Text,
    When,
    Who,
    sparkline,
)

_EDGE = {"proposal": "yellow", "outcome": "green", "incident": "cyan", "error": "red"}


def show(console: Console, card: Card) -> None:
    """Write the card out."""
    body = Group(*(each for part in card.parts for each in _part(part)))
    title = Styled(_safe(card.title), style="bold") if card.title else None
    console.print(Panel(body, title=title, title_align="left", border_style=_EDGE.get(card.kind, "dim"), padding=(0, 1)))


def _part(part: Part) -> list[RenderableType]:
    if isinstance(part, Paragraph):
        return [Padding(Group(*(styled(each) for each in part.lines)), (0, 0, 1, 0))]
    if isinstance(part, Facts):
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for item in part.items:
            table.add_row(_safe(item.label), styled(item.line))
        return [Padding(table, (0, 0, 1, 0))]
    if isinstance(part, Note):
        shown = styled(part.line)
        shown.stylize("dim")
        return [shown]
    if isinstance(part, Exact):
        text = textwrap.indent(_safe(part.text, keep_newlines=True), "  ")
        return [Styled(_safe(part.label), style="bold"), Padding(Styled(text, style="bold cyan"), (0, 0, 1, 0))]
    if isinstance(part, Picture):
        return [Styled.assemble(("    " + sparkline(part.plot), "cyan"), ("  " + _safe(part.caption), "dim")), Styled("")]
    if isinstance(part, Rule):
        return [Styled("─" * 40, style="dim")]
    assert isinstance(part, Buttons)
    return [Styled("  ".join(f"[ {button.label} ]" for button in part.buttons), style="dim")]


def styled(pieces: Line) -> Styled:
    return Styled.assemble(*(_inline(piece) for piece in pieces))


def _inline(piece: Inline) -> tuple[str, str]:
    if isinstance(piece, Strong):
        return _safe(piece.text), "bold"
    if isinstance(piece, Code):
        return _safe(piece.text), "cyan"
    if isinstance(piece, Quote):
        return f"“{_safe(piece.text)}”" if piece.text else "", "italic"
    if isinstance(piece, Who):
        return _safe(piece.id), "bold"
    if isinstance(piece, When):
        return f"{piece.at:%H:%M:%S} UTC", ""
    if isinstance(piece, Link):
        return f"{_safe(piece.text)} ({_safe(piece.url)})", "underline"
    assert isinstance(piece, Text)
    return _safe(piece.text), ""


def _safe(text: str, *, keep_newlines: bool = False) -> str:
    """No escape sequences, no control characters: a terminal obeys them."""
    return "".join(c if c.isprintable() or (c == "\n" and keep_newlines) else " " for c in text)
