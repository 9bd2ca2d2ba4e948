"""What the demo shows of what happens: one line each, in columns; cards whole; and what the story waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from rich.console import Console

from app.cards.card import Card, Code, Note, Paragraph, line, paragraph, plain
from app.cards.wording import clipped
from app.cli.steps import step_line
from app.cli.terminal import WIDEST, show, told

LOAD_EVERY_S = 5.0
"""Between two lines about the load, as long as nothing changes."""
FAILING_RATIO, SLOW_MS = 0.02, 400.0
MOST_FINDINGS = 6
"""In short: the brief, they and the proposal stand on one screen."""


class Scene:
    """Told every line of the shop and of the work process. Cards of the incident are shown when the story comes to them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._held: list[tuple[str, str, str, datetime]] | None = None
        self._loaded_at = 0.0
        self._well = True
        self._gists: dict[str, str] = {}
        self._incident: Card | None = None
        self._findings: Card | None = None
        self.ready: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.alerted = asyncio.Event()
        self.triaged = asyncio.Event()
        self.proposed: asyncio.Queue[Card] = asyncio.Queue()
        self.ended: asyncio.Queue[Card | None] = asyncio.Queue()  # None: the press was refused
        self.decided = asyncio.Event()  # a proposal was decided: the ledger has it
        self.asked: list[str] = []  # what each proposal would run, to the letter

    def tell(self, who: str, text: str, *, style: str = "", at: datetime | None = None) -> None:
        """One line: when (UTC), who, what. Kept back while somebody is being asked."""
        line = (who, text, style, at or datetime.now(UTC))
        if self._held is not None:
            self._held.append(line)
        else:
            self._print(*line)

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """Nothing is written while somebody is being asked; what happened meanwhile is told afterwards."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for line in held:
                self._print(*line)

    def _print(self, who: str, text: str, style: str, at: datetime) -> None:
        self._console.print(told(at, who, text, width=self._console.width, style=style))

    def brief(self, *, rest: str) -> None:
        """The incident's card as the channel has it, and what it rests on, a line each; `rest`: where to read more of that."""
        if self._incident is not None:
            show(self._console, self._incident)
        if self._findings is not None:
            show(self._console, in_short(self._findings, width=min(self._console.width, WIDEST) - 4, rest=rest))

    def findings(self) -> None:
        """What the brief rests on, as the channel has it: with queries, quotes and pictures."""
        if self._findings is not None:
            show(self._console, self._findings)

    # --- the shop

    def of_shop(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "ready":
            self.tell("shop", f"{', '.join(event['services'])} are up and serve; a baseline is taken first")
            self.ready.put_nowait(event)
        elif kind == "failed":
            self.tell("shop", f"could not start: {event.get('error')}", style="red")
        elif kind == "change":
            self._change(event)
        elif kind == "load":
            self._load(event)
        elif kind == "alert":
            firing = event.get("status") == "firing"
            said = str(event.get("summary") or event.get("alertname") or "an alert")
            self.tell(
                "ALERT" if firing else "alert", said if firing else f"resolved: {said}", style="bold red" if firing else "green"
            )
            self.alerted.set()

    def _change(self, event: dict[str, Any]) -> None:
        title = event.get("title", "")
        if event.get("version"):
            told = f"{event.get('service')} {event.get('previous_version')} → {event['version']}  “{title}”"
        else:
            told = f"{event.get('service')}  “{title}”"
        self.tell(str(event["kind"]), f"{told}, by {event.get('author', 'somebody')}", style="magenta")

    def _load(self, event: dict[str, Any]) -> None:
        if event.get("rps") is None:
            return
        failing, p95 = float(event["error_ratio"]), float(event["p95_ms"])
        well = failing < FAILING_RATIO and p95 < SLOW_MS
        if well is self._well and monotonic() - self._loaded_at < LOAD_EVERY_S:
            return
        self._well, self._loaded_at = well, monotonic()
        text = f"{event['rps']:>3.0f} requests/s  {100 * failing:4.1f}% fail  p95 {p95:4.0f} ms"
        self.tell("visitors", text, style="dim" if well else "yellow")

    # --- the work process

    def of_work(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "step":
            self._step(event)
        elif kind == "refused":
            self.tell("Firstmate", f"refused: {event.get('text')}", style="red")
            self.ended.put_nowait(None)
        elif kind in ("post", "update"):
            self._card(str(event["ts"]), Card.model_validate(event["card"]))

    def _step(self, event: dict[str, Any]) -> None:
        who, text = step_line(event)
        self.tell(who, text, style={"weigh": "bold", "report": "cyan"}.get(str(event.get("step")), "dim"))

    def _card(self, ts: str, card: Card) -> None:
        if card.kind == "incident":
            if self._incident is None:
                self.tell("Firstmate", card.gist, style="cyan")
            self._incident = card
            return
        if self._gists.get(ts) == card.gist:
            return
        self._gists[ts] = card.gist
        if card.kind == "findings":
            self._findings = card
            self.triaged.set()
        elif card.kind == "proposal" and any(part.type == "buttons" for part in card.parts):
            self.asked.append(" ".join(part.text for part in card.parts if part.type == "exact"))
            self.proposed.put_nowait(card)
        elif card.kind == "outcome":
            self.ended.put_nowait(card)
        else:
            if card.kind == "proposal":
                self.decided.set()
            self.tell("Firstmate", card.gist, style="cyan")


def in_short(findings: Card, *, width: int, rest: str) -> Card:
    """The findings' own sentences, each on one line of `width` columns, and every gap."""
    stated = [part.lines[0] for part in findings.parts if isinstance(part, Paragraph)][:MOST_FINDINGS]
    sentences = [" ".join(plain(tuple(piece for piece in each if not isinstance(piece, Code))).split()) for each in stated]
    gaps = [part for part in findings.parts if isinstance(part, Note) and plain(part.line).startswith("Gap ")]
    more = Note(line=line(f"{findings.gist}; {rest}"))
    return findings.model_copy(update={"parts": (paragraph(*(line(clipped(each, width)) for each in sentences)), *gaps, more)})
