"""Card → terminal, with rich. The words are the channel's words; only the writing differs."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import textwrap
from datetime import datetime
from typing import TextIO

from rich.console import Console, Group, RenderableType
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
    Place,
    Quote,
    Rule,
    Strong,
    Text,
    When,
    Who,
    sparkline,
)
from app.domain.errors import BadInput

WIDEST = 110
"""Cards are not drawn wider than this: a line is read more easily than it is found again."""
WHO = 12
"""Columns for who says it."""
_EDGE = {"proposal": "yellow", "outcome": "green", "incident": "cyan", "error": "red"}


def show(console: Console, card: Card) -> None:
    """Write the card out, but for its buttons: here nobody could press them, and whoever asks says what can be typed."""
    parts = [part for part in card.parts if not isinstance(part, Buttons)]
    written: list[RenderableType] = []
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        written += _part(part)
        if not isinstance(part, (Note, Rule)) and not isinstance(following, Note | None):
            written.append(Styled(""))
    body = Group(*written)
    title = Styled(_safe(card.title), style="bold") if card.title else None
    width = min(console.width, WIDEST)
    console.print(
        Panel(body, title=title, title_align="left", border_style=_EDGE.get(card.kind, "dim"), padding=(0, 1), width=width)
    )


def say(text: str, *, to: TextIO | None = None) -> None:
    """One line of plain text. What outsiders wrote into it (a reason, a target's answer, a row) is never obeyed by the terminal."""
    print(_safe(text), file=to)


def told(at: datetime, who: str, text: str, *, width: int, style: str = "") -> Styled:
    """One line of what happens: the time (as given), who, what; wrapped under itself in a narrow terminal."""
    lead = f"{at:%H:%M:%S}  {_safe(who)[:WHO]:<{WHO}} "
    lines = textwrap.wrap(_safe(text), max(20, width - len(lead) - 1), break_on_hyphens=False) or [""]
    return Styled.assemble((lead, "dim"), (("\n" + " " * len(lead)).join(lines), style))


async def ask(console: Console, question: str) -> str:
    """One line typed after the question was shown, without line end. The event loop goes on meanwhile, so that Ctrl-C and the
    other processes are heard.

    What was typed before is thrown away: it answers something that nobody had read yet. A pipe can't be emptied like that; its
    lines answer one question after another. Raises `BadInput` when the terminal is closed.
    """
    keyboard = sys.stdin.fileno()
    if os.isatty(keyboard):
        termios.tcflush(keyboard, termios.TCIFLUSH)
    console.print(Styled(question, style="bold"), end="")
    console.file.flush()
    loop, typed = asyncio.get_running_loop(), bytearray()
    line: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        piece = os.read(keyboard, 1)  # one sign, so that what follows the line is left for the next question
        typed.extend(piece)
        if (b"\n" in typed or not piece) and not line.done():
            line.set_result(bytes(typed))

    loop.add_reader(keyboard, read)
    try:
        said = await line
    finally:
        loop.remove_reader(keyboard)
    if b"\n" not in said:
        raise BadInput("the terminal was closed while a question was open; nothing was decided")
    return said.partition(b"\n")[0].decode(errors="replace").strip()


def _part(part: Part) -> list[RenderableType]:
    if isinstance(part, Paragraph):
        return [styled(each) for each in part.lines]
    if isinstance(part, Facts):
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for item in part.items:
            table.add_row(_safe(item.label), styled(item.line))
        return [table]
    if isinstance(part, Note):
        shown = styled(part.line)
        shown.stylize("dim")
        return [shown]
    if isinstance(part, Exact):
        text = textwrap.indent(_safe(part.text, keep_newlines=True), "  ")
        return [Styled(_safe(part.label), style="bold"), Styled(text, style="bold cyan")]
    if isinstance(part, Picture):
        return [Styled.assemble(("    " + sparkline(part.plot), "cyan"), ("  " + _safe(part.caption), "dim"))]
    assert isinstance(part, Rule)
    return [Styled("─" * 40, style="dim")]


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
    if isinstance(piece, Place):
        return f"#{piece.name}", "cyan"
    if isinstance(piece, When):
        return f"{piece.at:%H:%M:%S} UTC", ""
    if isinstance(piece, Link):
        return f"{_safe(piece.text)} ({_safe(piece.url)})", "underline"
    assert isinstance(piece, Text)
    return _safe(piece.text), ""


def _safe(text: str, *, keep_newlines: bool = False) -> str:
    """No escape sequences, no control characters: a terminal obeys them."""
    return "".join(c if c.isprintable() or (c == "\n" and keep_newlines) else " " for c in text)
