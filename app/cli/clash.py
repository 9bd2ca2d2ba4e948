"""`firstmate demo --scenario conflict`: 2:27 AM. Remediation starts two nodes; the cost agent sees nodes that do no work."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from app.cards.card import Card, Note, plain
from app.cards.conflict import RULE
from app.cli.children import Children, Gone
from app.cli.composition import ClashEnd, Composition
from app.cli.terminal import show, told
from app.domain.value import JsonObject
from app.policy.agents import hash_of, new_token

ROOT = Path(__file__).resolve().parents[2]
NODES = "shop/service/checkout/nodes"
STORY = {"remediation": ("autoscaler", "incident", "yellow"), "cost-agent": ("cost", "cost", "magenta")}
"""Name → which of the two in `app/demo/agents.py`, its class, the colour of its lines."""
UP_WITHIN_S, STORY_WITHIN_S, TOLD_WITHIN_S = 30.0, 60.0, 15.0
ASKS_AFTER_S = 1.0
"""The cost agent comes to look once nodes boot."""


class Clash:
    """The parent process: starts the work process and the two agents, shows what they say, and checks how it came out."""

    def __init__(self, compose: Composition, folder: Path) -> None:
        self._compose, self._folder = compose, folder
        self._console = Console(highlight=False, soft_wrap=False)
        self._children = Children(folder)
        self._webhook, self._tokens = secrets.token_urlsafe(18), {name: new_token() for name in STORY}
        self._declared, self._met = asyncio.Event(), asyncio.Event()
        self._said: dict[str, list[str]] = {name: [] for name in STORY}
        self._reading: list[asyncio.Task[None]] = []
        self._began = monotonic()
        self._stopped_by = 0

    async def run(self) -> int:
        """0 only if the nodes came up, the cost agent was told, and the trail holds; 128 + the signal's number when stopped."""
        me = asyncio.current_task()
        assert me is not None  # this is a coroutine that runs
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop_by, number, me)
        self._say(
            "demo", "2:27 AM. Remediation starts two nodes for checkout; nodes that boot look idle to the cost agent.", "bold"
        )
        self._say("demo", "Two agents in processes of their own, one ledger between them. Nothing leaves this machine.", "bold")
        (self._folder / "policy.yaml").write_text(self._policy(), encoding="utf-8")
        try:
            async with self._compose.intake(self._folder, token=self._webhook) as (url, _):
                try:
                    return await self._live(url)
                finally:
                    await self._end()
        except asyncio.CancelledError:
            if not self._stopped_by:
                raise
            self._say("demo", "Stopped. Nothing is left running.", "yellow")
            return 128 + self._stopped_by
        except (Gone, TimeoutError) as gone:
            self._say("demo", str(gone) or "it took too long; --keep DIR keeps what every process wrote", "red")
            return 1

    def _stop_by(self, number: int, me: asyncio.Task[Any]) -> None:
        self._stopped_by = self._stopped_by or number
        me.cancel()

    async def _live(self, url: str) -> int:
        env = {"FIRSTMATE_DATA_DIR": str(self._folder)}
        await self._children.start("work", [sys.executable, "-m", "app.main", "work", "--demo", "--parent", str(os.getpid())], env)
        self._reading.append(asyncio.create_task(self._hear_work()))
        now = datetime.now(UTC).isoformat()
        alert: JsonObject = {"status": "firing", "startsAt": now, "labels": {"alertname": "CheckoutSlow", "service": "checkout"}}
        alert["annotations"] = {"summary": "checkout is slow: p95 of /orders is 1.4 s"}
        await self._compose.post(f"{url}/webhooks/alertmanager", {"version": "4", "alerts": [alert]}, token=self._webhook)
        await asyncio.wait_for(self._declared.wait(), UP_WITHIN_S)
        first = await self._start("remediation", url)
        await asyncio.sleep(ASKS_AFTER_S)
        second = await self._start("cost-agent", url)
        await asyncio.wait_for(asyncio.gather(first, second), STORY_WITHIN_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._met.wait(), TOLD_WITHIN_S)
        return self._verdict(await self._compose.clash_end(self._folder, NODES))

    async def _start(self, name: str, url: str) -> asyncio.Task[None]:
        command = [sys.executable, "-S", str(ROOT / "app" / "demo" / "agents.py"), STORY[name][0], f"{url}/v1", NODES]
        await self._children.start(name, command, {"AGENT_TOKEN": self._tokens[name]})
        task = asyncio.create_task(self._hear_agent(name))
        self._reading.append(task)
        return task

    async def _hear_agent(self, name: str) -> None:
        with suppress(Gone):  # it ends when it has done its part; whether it did is seen in the ledger
            async for line in self._children.lines(name):
                self._said[name].append(str(line["text"]))
                self._say(name, str(line["text"]), STORY[name][2])

    async def _hear_work(self) -> None:
        async for event in self._children.lines("work"):
            if event["event"] not in ("post", "update"):
                continue
            card = Card.model_validate(event["card"])
            if card.kind == "incident" and not self._declared.is_set():
                self._say("Firstmate", card.gist, "cyan")
                self._declared.set()
            elif any(isinstance(part, Note) and plain(part.line) == RULE for part in card.parts):
                self._tell(card)

    def _tell(self, card: Card) -> None:
        """The first in full, as the channel has it; then in one line each."""
        if self._met.is_set():
            self._say("channel", card.gist, "cyan")
        else:
            show(self._console, card)
        self._met.set()

    async def _end(self) -> None:
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        await self._children.stop()

    def _verdict(self, end: ClashEnd) -> int:
        now = end.state
        stands = f"{now.get('ready', 0)} work, {now.get('booting', 0)} boot"
        checks = {
            f"both nodes came up: {stands}": now == {"ready": 6, "booting": 0},
            "the cost agent asked before it acted, and was told who executes and until when": self._heard(
                "is refused", "is executing on"
            ),
            "its turn came; what it had thought out meanwhile was refused, naming who changed it and when": self._heard(
                "may not write", "changed it at"
            ),
            f"the channel of {end.incident} heard of it, with who goes first and why": self._met.is_set() and end.conflicts > 0,
            f"every ask, refusal and write is in the trail, and its chains hold: {end.rows} rows": not end.problems,
        }
        self._console.print()
        for what, good in checks.items():
            self._console.print(f"{'✓' if good else '✗'} {what}", style="green" if good else "red", markup=False)
        self._console.print(f"{monotonic() - self._began:.0f} s from the first line to this one", style="dim")
        return 0 if all(checks.values()) else 1

    def _heard(self, *words: str) -> bool:
        return any(all(word in text for word in words) for text in self._said["cost-agent"])

    def _policy(self) -> str:
        entries = [
            f'  - {{name: {name}, version: "1", class: {class_}, token_sha256: "{hash_of(self._tokens[name])}"}}'
            for name, (_, class_, _) in STORY.items()
        ]
        return "\n".join(
            ["# The demo's own policy: two agents, who show their tokens by hash.", "format: 1", "agents:", *entries, ""]
        )

    def _say(self, who: str, text: str, style: str) -> None:
        self._console.print(told(datetime.now(UTC), who, text, width=self._console.width, style=style))
