"""`firstmate demo`: a live incident on real local processes, from the first symptom to the verified repair."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.cards.card import Card
from app.cli.composition import Composition, DemoEnd
from app.cli.lines import CHANNEL
from app.cli.presses import OPERATOR, PRESS
from app.cli.terminal import show
from app.domain.errors import BadInput
from app.domain.value import JsonObject

POLICY = """\
# The demo's own policy: its local operator may approve what is done to the demo's shop, and nothing else.
format: 1
local_operator:
  target_prefix: shop/
verification:
  hold_s: 4
  within_s: 30
"""
LONGEST_S = 180.0
AFTERGLOW_S = 1.0


def demo(
    ctx: typer.Context,
    faults: Annotated[bool, typer.Option("--list", help="List the faults and stop.")] = False,
    fault: Annotated[str, typer.Option(help="Which fault the shop gets.")] = "pool",
    yes: Annotated[bool, typer.Option("--yes", help="Press Approve as the local operator.")] = False,
    seed: Annotated[int, typer.Option(help="Varies who deploys what when.")] = 1,
    rename: Annotated[list[str] | None, typer.Option(help="old=new: another name for a service.")] = None,
    shuffle: Annotated[bool, typer.Option("--shuffle-deploys", help="Innocent deploys in another order.")] = False,
    kill_scraper: Annotated[bool, typer.Option("--kill-scraper", help="Kill the scraper at the alert: see the gap.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the data folder here.")] = None,
) -> None:
    """See a real incident found, explained, approved in front of you, repaired and verified. No Slack, no key, no cluster."""
    if faults:
        raise typer.Exit(_list_faults())
    extra = ["--fault", fault, "--seed", str(seed)]
    extra += [word for pair in rename or [] for word in ("--rename", pair)] + (["--shuffle-deploys"] if shuffle else [])
    with tempfile.TemporaryDirectory(prefix="firstmate-demo-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run = Demo(ctx.obj, folder, extra, yes=yes, kill_scraper=kill_scraper)
        try:
            code = asyncio.run(run.run())
        except KeyboardInterrupt:
            code = 130
    raise typer.Exit(code)


class Demo:
    """The parent process: shows what happens, asks the person, and checks at the end whether it was right."""

    def __init__(self, compose: Composition, folder: Path, shop_arguments: list[str], *, yes: bool, kill_scraper: bool) -> None:
        self._compose = compose
        self._folder = folder
        self._shop_arguments = shop_arguments
        self._yes = yes
        self._kill_scraper = kill_scraper
        self._console = Console(highlight=False)
        self._token = secrets.token_urlsafe(18)
        self._children: list[asyncio.subprocess.Process] = []
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self._proposed: asyncio.Queue[Card] = asyncio.Queue()
        self._ended: asyncio.Queue[Card] = asyncio.Queue()
        self._diagnosed = asyncio.Event()
        self._shown: dict[str, str] = {}
        self._brief: Card | None = None
        self._control = ""
        self._errors = (folder / "stderr.log").open("ab")

    async def run(self) -> int:
        self._say(
            "A small shop of five services is starting on this machine, with load on it. Nothing leaves this machine.", "bold"
        )
        self._ready = asyncio.get_running_loop().create_future()
        (self._folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        try:
            async with asyncio.timeout(LONGEST_S), self._compose.intake(self._folder, token=self._token) as (url, inbox):
                self._inbox = inbox
                shop = await self._start_shop(url)
                reading = [asyncio.create_task(self._read_shop(shop))]
                ready = await self._ready
                self._control = str(ready["control"])
                work = await self._start_work(ready)
                reading.append(asyncio.create_task(self._read_work(work)))
                code = await self._story(reading)
                for task in reading:
                    task.cancel()
                return code
        except TimeoutError:
            self._say(f"Nothing came of it within {LONGEST_S:g} s.", "red")
            return 1
        except _Gone as gone:
            self._say(str(gone), "red")
            return 1
        finally:
            await self._stop()

    async def _story(self, reading: list[asyncio.Task[None]]) -> int:
        proposal = await self._wait(self._proposed.get(), reading)
        if not await self._ask(proposal):
            self._say("Rejected: nothing ran. The shop stays broken until you say otherwise.", "yellow")
            return 1
        outcome = await self._wait(self._ended.get(), reading)
        while not any(word in outcome.gist for word in ("recovered", "not met", "failed", "unknown", "not be verified")):
            outcome = await self._wait(self._ended.get(), reading)
        with suppress(TimeoutError):
            undo = await asyncio.wait_for(self._proposed.get(), AFTERGLOW_S)
            if not self._yes and await self._choose("[u]ndo it / [f]inish? ", {"u": True, "f": False}):
                await self._press(undo, "approve")
                await self._wait(self._ended.get(), reading)
        end = await self._compose.demo_end(self._folder, self._control)
        self._timeline(end)
        return self._verdict(end)

    # --- processes

    async def _start_shop(self, intake: str) -> asyncio.subprocess.Process:
        return await self._child(
            [
                sys.executable,
                "-m",
                "app.demo",
                "--dir",
                str(self._folder / "shop"),
                "--intake",
                intake,
                "--token",
                self._token,
                *self._shop_arguments,
            ],
            env={},
        )

    async def _start_work(self, ready: dict[str, Any]) -> asyncio.subprocess.Process:
        return await self._child(
            [sys.executable, "-m", "app.main", "work", "--demo"],
            env={
                "FIRSTMATE_DATA_DIR": str(self._folder),
                "FIRSTMATE_PROMETHEUS_URL": str(ready["prometheus"]),
                "FIRSTMATE_PROMETHEUS_STEP_S": "1",
                "FIRSTMATE_PROMETHEUS_RATE_WINDOW_S": "4",
                "FIRSTMATE_LOGFILE_PATHS": str(Path(str(ready["logs"])) / "*.jsonl"),
                "FIRSTMATE_SHOP_URL": str(ready["control"]),
                "FIRSTMATE_LOOKBACK_S": "15",
                "FIRSTMATE_REFERENCE_S": "14",
                "FIRSTMATE_SETTLE_S": "4",
            },
        )

    async def _child(self, arguments: list[str], *, env: dict[str, str]) -> asyncio.subprocess.Process:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG", "TERM") if name in os.environ}
        child = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._errors,
            env={**kept, **env},
            limit=4 * 1024 * 1024,
            start_new_session=True,
        )
        self._children.append(child)
        return child

    async def _stop(self) -> None:
        for child in reversed(self._children):
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.send_signal(signal.SIGTERM)
        for child in self._children:
            try:
                await asyncio.wait_for(child.wait(), 5.0)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                await child.wait()

    async def _wait(self, what: Any, reading: list[asyncio.Task[None]]) -> Card:
        """The next card, unless a process went away first."""
        waited = asyncio.ensure_future(what)
        done, _ = await asyncio.wait([waited, *reading], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {waited}:
            task.result()
        if waited in done:
            return waited.result()  # type: ignore[no-any-return]
        raise _Gone("a process of the demo ended early")

    # --- what happens

    async def _read_shop(self, shop: asyncio.subprocess.Process) -> None:
        async for event in _lines(shop):
            kind = event["event"]
            if kind == "ready":
                assert self._ready is not None
                self._ready.set_result(event)
                self._say(f"shop: {', '.join(event['services'])} are up; taking a baseline", "dim")
            elif kind == "failed":
                raise _Gone(f"the shop could not start: {event.get('error')}")
            elif kind == "change":
                version = f" {event['previous_version']} → {event['version']}" if event.get("version") else ""
                self._say(f"shop: {event['kind']} {event.get('service') or ''}{version} “{event.get('title', '')}”", "magenta")
            elif kind == "load" and event.get("rps") is not None:
                self._say(
                    f"shop: {event['rps']:.0f} requests/s, {100 * event['error_ratio']:.1f}% fail, p95 {event['p95_ms']:.0f} ms",
                    "dim",
                )
            elif kind == "alert":
                self._say(
                    f"shop: alert {event.get('summary') or event.get('alertname') or ''} ({event.get('status', 'firing')})",
                    "bold red",
                )
                if self._kill_scraper:
                    self._kill_scraper = False
                    await self._compose.post(self._control + "/scraper/kill")
                    self._say("demo: the scraper was killed, as asked", "yellow")
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(_Gone("the shop ended before it was ready"))
        raise _Gone("the shop ended")

    async def _read_work(self, work: asyncio.subprocess.Process) -> None:
        async for event in _lines(work):
            if event["event"] == "step":
                self._say(f"  {event['agent']}: {event['text']}", "dim")
            elif event["event"] in ("post", "update"):
                self._card(str(event["ts"]), Card.model_validate(event["card"]))
        raise _Gone(f"Firstmate's work process ended; see {self._folder}/stderr.log (use --keep DIR to keep it)")

    def _card(self, ts: str, card: Card) -> None:
        """Show what is worth a look: the brief before the first question, then proposals and outcomes."""
        if card.kind == "incident":
            if not self._shown:
                self._say(f"Firstmate: {card.gist}", "cyan")
            self._shown["incident"] = ""
            self._brief = card
            return
        if self._shown.get(ts) == card.gist:
            return
        self._shown[ts] = card.gist
        waits = any(part.type == "buttons" for part in card.parts)
        if card.kind == "proposal" and not waits:
            self._say(f"Firstmate: {card.gist}", "cyan")
            return
        if card.kind in ("proposal", "findings") and self._brief is not None and not self._diagnosed.is_set():
            self._diagnosed.set()
            show(self._console, self._brief)
        show(self._console, card)
        if card.kind == "proposal":
            self._proposed.put_nowait(card)
        elif card.kind == "outcome":
            self._ended.put_nowait(card)

    # --- the person

    async def _ask(self, card: Card) -> bool:
        if self._yes:
            self._say(f"--yes: {OPERATOR} presses Approve", "bold")
            await self._press(card, "approve")
            return True
        while True:
            answer = await self._choose("[a]pprove / [r]eject / [d]etails? ", {"a": "approve", "r": "reject", "d": "details"})
            if answer != "details":
                await self._press(card, str(answer))
                return bool(answer == "approve")
            show(self._console, await self._compose.details(self._folder, _value(card)))

    async def _press(self, card: Card, decision: str) -> None:
        reason = "rejected in the demo" if decision == "reject" else ""
        body: JsonObject = {"proposal": _value(card), "decision": decision, "reason": reason, "channel": CHANNEL}
        await self._inbox.put(f"{PRESS}:{_value(card)}:{decision}", PRESS, body)

    async def _choose(self, question: str, answers: dict[str, Any]) -> Any:
        if not sys.stdin.isatty():
            raise BadInput("there is no terminal to ask you on; run it in one, or with --yes")
        while True:
            typed = (await asyncio.to_thread(self._console.input, question)).strip().lower()[:1]
            if typed in answers:
                return answers[typed]

    # --- the end

    def _timeline(self, end: DemoEnd) -> None:
        self._say("\nTimeline", "bold")
        for entry in end.timeline:
            self._say(f"  {entry.at:%H:%M:%S} {entry.actor}: {entry.text}", "")

    def _verdict(self, end: DemoEnd) -> int:
        """0 only if the top hypothesis was right, no bait was blamed, and the shop recovered."""
        truth, top = end.truth, end.diagnosis.hypotheses[0] if end.diagnosis and end.diagnosis.hypotheses else None
        checks = {
            f"the top hypothesis is right ({truth['service']}, {truth['change_id'] or 'no guilty change'})": top is not None
            and top.target == truth["service"]
            and top.change == truth["change_id"],
            "no bait was blamed": top is not None and top.change not in truth["bait_change_ids"],
            "nothing innocent was rolled back": truth["change_id"] is not None or "shop_rollout_undo" not in end.actions,
            "the shop recovered": bool(truth["recovered"]),
        }
        for what, good in checks.items():
            self._say(f"{'✓' if good else '✗'} {what}", "green" if good else "red")
        return 0 if all(checks.values()) else 1

    def _say(self, text: str, style: str) -> None:
        self._console.print(text, style=style, markup=False)


class _Gone(Exception):
    """A process the demo needs is gone."""


def _value(card: Card) -> str:
    """The proposal a card's buttons stand for."""
    return next(
        button.value for part in card.parts if part.type == "buttons" for button in part.buttons if button.action == "approve"
    )


async def _lines(child: asyncio.subprocess.Process) -> Any:
    assert child.stdout is not None
    async for raw in child.stdout:
        with suppress(ValueError):
            yield json.loads(raw)


def _list_faults() -> int:
    return subprocess.run([sys.executable, "-m", "app.demo", "--list"], check=False).returncode


VERB = demo
