"""The one description of what people are shown. Pure data: no Slack, no terminal.

Text that outsiders can write is only ever a `Quote`; a writer must show it inert. Everything else is ours.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.domain.finding import Plot
from app.domain.value import AwareDatetime, Value


class Text(Value):
    type: Literal["text"] = "text"
    text: str


class Strong(Value):
    type: Literal["strong"] = "strong"
    text: str


class Code(Value):
    """A name, an id, a number as measured."""

    type: Literal["code"] = "code"
    text: str


class Quote(Value):
    """Text that outsiders can write."""

    type: Literal["quote"] = "quote"
    text: str


class Who(Value):
    """A person by Slack user id, or an agent's name@version."""

    type: Literal["who"] = "who"
    id: str


class Place(Value):
    """A channel, by its id where the surface has channels, and by name everywhere."""

    type: Literal["place"] = "place"
    id: str
    name: str


class When(Value):
    """A moment, shown in the reader's own zone where the surface can, else as UTC."""

    type: Literal["when"] = "when"
    at: AwareDatetime


class Link(Value):
    type: Literal["link"] = "link"
    text: str
    url: str


Inline = Annotated[Text | Strong | Code | Quote | Who | Place | When | Link, Field(discriminator="type")]
Line = tuple[Inline, ...]


class Paragraph(Value):
    type: Literal["paragraph"] = "paragraph"
    lines: tuple[Line, ...]


class Labelled(Value):
    label: str
    line: Line


class Facts(Value):
    """Short labelled facts, at most ten."""

    type: Literal["facts"] = "facts"
    items: tuple[Labelled, ...] = Field(max_length=10)


class Note(Value):
    """Small print: status, footer, a warning."""

    type: Literal["note"] = "note"
    line: Line


class Exact(Value):
    """What will run, to the letter. Never cut: what does not fit is refused before it gets here."""

    type: Literal["exact"] = "exact"
    label: str
    text: str


class Picture(Value):
    """A series small enough to be read at a glance; `caption` says what it shows, for those who can't see it."""

    type: Literal["picture"] = "picture"
    plot: Plot
    caption: str


class Rule(Value):
    type: Literal["rule"] = "rule"


class Confirm(Value):
    title: str
    text: str
    yes: str
    no: str = "Not yet"


class Button(Value):
    """`value` is an opaque id; what it stands for is looked up by the server. Where it decides nothing it may be words."""

    label: str = Field(max_length=30)
    action: str
    value: str
    spoken: str  # what a screen reader says
    style: Literal["plain", "primary", "danger"] = "plain"
    confirm: Confirm | None = None


class Buttons(Value):
    type: Literal["buttons"] = "buttons"
    name: str
    buttons: tuple[Button, ...] = Field(max_length=5)


Part = Annotated[Paragraph | Facts | Note | Exact | Picture | Rule | Buttons, Field(discriminator="type")]


class Card(Value):
    """`gist` carries the whole point in one sentence: notifications and screen readers get nothing else."""

    kind: Literal["incident", "findings", "proposal", "outcome", "note", "help", "error"]
    gist: str = Field(min_length=1, max_length=600)
    title: str = ""
    parts: tuple[Part, ...] = ()


Piece = str | Text | Strong | Code | Quote | Who | Place | When | Link


def line(*pieces: Piece) -> Line:
    """A line from pieces; plain strings are our own words."""
    return tuple(Text(text=piece) if isinstance(piece, str) else piece for piece in pieces if piece != "")


def paragraph(*lines: Line) -> Paragraph:
    return Paragraph(lines=lines)


def note(text: str) -> Card:
    """A one-line message."""
    return Card(kind="note", gist=text[:600], parts=(paragraph(line(text)),))


BARS = "▁▂▃▄▅▆▇█"


def sparkline(plot: Plot) -> str:
    """The series as eight heights, zero-based unless it never comes near zero; `│` marks the onset, and what is usual
    stands before `┊`."""
    if not plot.values:
        return ""
    usual = () if plot.usual is None else (plot.usual,)
    low, high = min((*plot.values, *usual)), max((*plot.values, *usual))
    floor = min(0.0, low) if low < 0.5 * high else low - 0.1 * (high - low)
    reach = high - floor

    def bar(value: float) -> str:
        height = 0 if reach <= 0 else round((value - floor) / reach * (len(BARS) - 1))
        return BARS[max(0, min(len(BARS) - 1, height))]

    bars = [*map(bar, usual), *("┊" for _ in usual)]
    marked = False
    for at, value in zip(plot.times, plot.values, strict=True):
        if plot.onset is not None and not marked and at >= plot.onset:
            bars.append("│")
            marked = True
        bars.append(bar(value))
    return "".join(bars)


def words(card: Card) -> int:
    """How many words a reader sees above the buttons: the budget is 120."""
    count = len(card.title.split())
    for part in card.parts:
        if isinstance(part, Paragraph):
            count += sum(_line_words(each) for each in part.lines)
        elif isinstance(part, Facts):
            count += sum(len(item.label.split()) + _line_words(item.line) for item in part.items)
        elif isinstance(part, Note):
            count += _line_words(part.line)
        elif isinstance(part, Exact):
            count += len(part.text.split())
    return count


def plain(pieces: Line) -> str:
    """A line as plain words, times as UTC."""
    shown = []
    for piece in pieces:
        if isinstance(piece, When):
            shown.append(f"{piece.at:%H:%M} UTC")
        elif isinstance(piece, Who):
            shown.append(piece.id)
        elif isinstance(piece, Place):
            shown.append(f"#{piece.name}")
        else:
            shown.append(piece.text)
    return "".join(shown)


def _line_words(pieces: Line) -> int:
    return len(plain(pieces).split())
