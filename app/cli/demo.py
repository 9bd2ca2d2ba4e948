"""`firstmate demo`: a live incident on real local processes, from the first symptom to the verified repair."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Awaitable, Sequence
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from app.cards.card import Card
from app.cli.children import Children, Gone
from app.cli.clash import Clash
from app.cli.composition import Composition, DemoEnd, InboxPort
from app.cli.lines import CHANNEL, PRESS
from app.cli.scene import Scene
from app.cli.terminal import ask, show
from app.demo.faults import FAULTS
from app.demo.names import Names
from app.demo.shop import BASELINE_S
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
UP_WITHIN_S, ALERT_WITHIN_S, TRIAGE_WITHIN_S, RUN_WITHIN_S, EXPORT_WITHIN_S = 20.0, 75.0, 60.0, 75.0, 60.0
PROPOSAL_WITHIN_S = 2.0
"""After the findings: a proposal is stored before them, and is shown at the latest a moment later."""
CALM_WITHIN_S = 15.0
"""How long visitors may take to feel that the repair worked."""
UNDO = "shop_rollout_undo"
APPROVE, UNDO_IT = ("approve", "reject", "details"), ("undo", "finish")
ROOT = Path(__file__).resolve().parents[2]
"""Where `app` is imported from."""

T = TypeVar("T")


def demo(
    ctx: typer.Context,
    faults: Annotated[bool, typer.Option("--list", help="List the faults and stop.")] = False,
    fault: Annotated[str, typer.Option(help="Which fault the shop gets (see --list).")] = "pool",
    yes: Annotated[bool, typer.Option("--yes", help="Press Approve as the local operator.")] = False,
    seed: Annotated[int, typer.Option(help="Varies who deploys what when.")] = 1,
    rename: Annotated[list[str] | None, typer.Option(help="old=new: another name for a service or a flag.")] = None,
    shuffle: Annotated[bool, typer.Option("--shuffle-deploys", help="Innocent deploys in another order.")] = False,
    kill_scraper: Annotated[bool, typer.Option("--kill-scraper", help="Kill the scraper at the alert: see the gap.")] = False,
    baseline: Annotated[
        float, typer.Option(help="How long all is well first, seconds; triage looks back further with it.", min=13, max=600)
    ] = BASELINE_S,
    rush: Annotated[
        bool, typer.Option("--rush", help="No fault: visitors rush in, no change is guilty, nothing is repaired.")
    ] = False,
    crowd: Annotated[float, typer.Option(help="How many times the usual number of visitors.", min=0.25, max=4)] = 1.0,
    scenario: Annotated[
        str,
        typer.Option(help="shop: the incident. conflict: at 2:27 AM a cost agent wants the nodes gone that remediation starts."),
    ] = "shop",
    keep: Annotated[
        Path | None, typer.Option(help="Keep the data folder here, and in it the incident as a case to triage again.")
    ] = None,
) -> None:
    """See a real incident found, explained, approved in front of you, repaired and verified. No Slack, no key, no cluster.

    Exit code 0: the answer was right, no innocent change was blamed, and the shop is well at the end.
    1: one of that is not so, be it that you rejected or undid the repair.
    2: nothing was started, or the terminal was closed at a question. 130: stopped by Ctrl-C.
    """
    if faults:
        for known in FAULTS.values():
            print(f"{known.name:16}{known.summary}")
        return
    if scenario not in ("shop", "conflict"):
        raise BadInput(f"there is no scenario {scenario!r}; there are shop, conflict")
    if fault not in FAULTS:
        raise BadInput(f"there is no fault {fault!r}; there are {', '.join(FAULTS)}")
    try:
        Names.parse(rename or [])
    except ValueError as wrong:
        raise BadInput(str(wrong)) from wrong
    if not yes and scenario == "shop" and not sys.stdin.isatty():
        raise BadInput("the demo asks before it repairs, and there is no terminal to ask on: run it in one, or add --yes")
    extra = ["--fault", fault, "--seed", str(seed)]
    extra += ["--baseline", f"{baseline:g}", "--crowd", f"{crowd:g}"]
    extra += [word for pair in rename or [] for word in ("--rename", pair)] + (["--shuffle-deploys"] if shuffle else [])
    extra += ["--rush"] if rush else []
    with tempfile.TemporaryDirectory(prefix="firstmate-demo-", ignore_cleanup_errors=True) as temporary:
        folder = (keep or Path(temporary)).resolve()
        if keep and (folder / "ledger.sqlite").exists():
            raise BadInput(f"{folder} holds an earlier run; name another folder with --keep, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        if scenario == "conflict":
            raise typer.Exit(asyncio.run(Clash(ctx.obj, folder).run()))
        run = Demo(
            ctx.obj, folder, extra, yes=yes, kill_scraper=kill_scraper, keep=keep is not None, longer_s=baseline - BASELINE_S
        )
        raise typer.Exit(asyncio.run(run.run()))


class Demo:
    """The parent process: shows what happens, asks the person, and checks at the end whether it was right."""

    def __init__(
        self,
        compose: Composition,
        folder: Path,
        shop_arguments: list[str],
        *,
        yes: bool,
        kill_scraper: bool,
        keep: bool,
        longer_s: float = 0.0,
    ) -> None:
        """`longer_s`: how much longer than usual all is well first."""
        self._compose = compose
        self._folder = folder
        self._shop_arguments = shop_arguments
        self._yes = yes
        self._kill_scraper = kill_scraper
        self._keep = keep
        self._longer_s = longer_s
        self._work_env: dict[str, str] = {}
        self._rejected = self._undone = False
        self._console = Console(highlight=False, soft_wrap=False)
        self._scene = Scene(self._console)
        self._token = secrets.token_urlsafe(18)
        self._children = Children(folder)
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._control = ""
        self._stopped_by = 0
        self._began = monotonic()

    async def run(self) -> int:
        """The exit code: 0 only if it was right and ended well, 1 if not, 128 + the signal's number when stopped by one."""
        self._say("demo", "A small shop of five real services starts on this machine, with load on it. Nothing leaves it.", "bold")
        me = asyncio.current_task()
        assert me is not None  # this is a coroutine that runs
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop_by, number, me)
        (self._folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        try:
            async with self._compose.intake(self._folder, token=self._token) as (url, inbox):
                try:
                    return await self._live(url, inbox)
                finally:
                    await self._end()
        except asyncio.CancelledError:
            if not self._stopped_by:
                raise
            self._say("demo", "Stopped. Nothing is left running.", "yellow")
            return 128 + self._stopped_by
        except Gone as gone:
            self._say("demo", str(gone), "red")
            return 1

    def _stop_by(self, number: int, me: asyncio.Task[Any]) -> None:
        if not self._stopped_by:
            self._stopped_by = number
            me.cancel()

    async def _end(self) -> None:
        await self._no_longer_read(*self._reading)
        await self._children.stop()

    async def _no_longer_read(self, *names: str) -> None:
        """From now on the end of these processes is no accident."""
        tasks = [self._reading.pop(name) for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self, intake: str, inbox: InboxPort) -> int:
        await self._start_shop(intake)
        ready = await self._wait(self._scene.ready.get(), within_s=UP_WITHIN_S, otherwise="the shop did not come up")
        self._control = str(ready["control"])
        await self._start_work(ready)
        await self._wait(self._scene.alerted.wait(), within_s=ALERT_WITHIN_S + self._longer_s, otherwise="the shop raised no alert")
        if self._kill_scraper:
            await self._compose.post(self._control + "/scraper/kill")
            self._say("demo", "The scraper was killed, as asked: nobody can ask it for metrics now.", "yellow")
        proposal = await self._proposal()
        if proposal is None or not await self._decide(proposal, inbox):
            return await self._sum_up(repaired=False)
        return await self._sum_up(repaired=True, inbox=inbox)

    # --- the story

    async def _proposal(self) -> Card | None:
        """The first one, after the brief and what it rests on were shown. None when nothing is proposed."""
        await self._wait(self._scene.triaged.wait(), within_s=TRIAGE_WITHIN_S, otherwise="the triage came to no end")
        try:
            proposal = await asyncio.wait_for(self._scene.proposed.get(), PROPOSAL_WITHIN_S)
        except TimeoutError:
            proposal = None
        rest = "all of them are kept" if self._keep else "--keep DIR keeps all of them"
        self._scene.brief(rest=rest if self._yes or proposal is None else f"[d]etails shows the first in full, {rest}")
        if proposal is None:
            self._say("Firstmate", "Nothing is proposed: no action that it knows answers what was found.", "yellow")
        return proposal

    async def _decide(self, proposal: Card, inbox: InboxPort) -> bool:
        """Ask, until one proposal was approved and has run to its end, or all were rejected."""
        while True:
            show(self._console, proposal)
            if await self._pressed(proposal, inbox):
                outcome = await self._outcome()
                if outcome is not None:
                    return True
            if self._scene.proposed.empty():
                return False
            proposal = self._scene.proposed.get_nowait()

    async def _pressed(self, proposal: Card, inbox: InboxPort) -> bool:
        if self._yes:
            self._say("you", f"--yes: the local operator presses Approve on {_name(proposal)}", "bold")
            await self._press(proposal, "approve", inbox)
            return True
        while (answer := await self._choose("[a]pprove / [r]eject / [d]etails? ", APPROVE)) == "details":
            self._scene.findings()
            show(self._console, await self._compose.details(self._folder, _value(proposal)))
        self._rejected = answer == "reject"
        if self._rejected:
            reason = await self._typed("Why not? (one line; it is kept with the decision) ")
            self._scene.decided.clear()
            await self._press(proposal, "reject", inbox, reason=reason or "no reason given")
            await self._wait(self._scene.decided.wait(), within_s=RUN_WITHIN_S, otherwise="the rejection was not recorded")
            self._say("demo", "Nothing runs, so the shop stays as it is.", "yellow")
            return False
        await self._press(proposal, "approve", inbox)
        return True

    async def _outcome(self) -> Card | None:
        """What the run came to, once it was verified; None when the press was refused, which is said."""
        while True:
            card = await self._wait(self._scene.ended.get(), within_s=RUN_WITHIN_S, otherwise="the action came to no end")
            if card is None:
                return None
            show(self._console, card)
            if "being verified" not in card.gist:
                return card

    async def _sum_up(self, *, repaired: bool, inbox: InboxPort | None = None) -> int:
        if self._yes or not repaired:
            self._mention_undo()
            await self._no_longer_read("work")  # it has done its part; the ledger is read without it, in its memory's stead
            await self._children.stop("work")
        end = await (self._felt(well=True) if repaired else self._compose.demo_end(self._folder, self._control))
        recovered = bool(end.truth["recovered"]) and bool(end.actions)
        if repaired and not self._yes and inbox is not None and await self._offer_undo(inbox):
            self._undone = True
            end = await self._felt(well=False)
        kept = await self._export(end) if self._keep else ""
        self._console.print("\nTimeline (UTC)", style="bold")
        for entry in end.timeline:
            self._scene.tell(entry.actor.partition("@")[0], entry.text, at=entry.at)
        code = self._verdict(end, recovered=recovered)
        if kept:
            self._console.print(kept, markup=False)
        return code

    async def _felt(self, *, well: bool) -> DemoEnd:
        """How it ended, as soon as visitors feel it that way, and at the latest after a while."""
        end = await self._compose.demo_end(self._folder, self._control)
        latest = monotonic() + CALM_WITHIN_S
        while end.truth["recovered"] is not well and monotonic() < latest:
            await asyncio.sleep(1.0)
            end = await self._compose.demo_end(self._folder, self._control)
        return end

    async def _export(self, end: DemoEnd) -> str:
        """The incident as a case in the folder that is kept, what was true beside it; a sentence about both."""
        case, incident = self._folder / "case", end.timeline[0].incident
        await self._children.start("export", [sys.executable, "-m", "app.main", "export", incident, str(case)], self._work_env)
        trouble = await self._children.ended("export", within_s=EXPORT_WITHIN_S)
        if trouble is not None:
            return f"Everything is kept in {self._folder}, but not as a case ({trouble})"
        guilty = end.truth["service"]
        truth = {"service": [guilty] if guilty else [], "change_id": end.truth["change_id"], "decoys": end.truth["bait_change_ids"]}
        if end.truth["change_id"] is None:
            truth["level"] = "none"
        path = self._folder / "truth" / f"{json.loads((case / 'case.json').read_text(encoding='utf-8'))['id']}.json"
        path.parent.mkdir()
        path.write_text(json.dumps(truth) + "\n", encoding="utf-8")
        return f"Everything is kept in {self._folder}. To look again: firstmate triage --case {case} (--all: every finding)"

    def _mention_undo(self) -> None:
        if not self._scene.proposed.empty():
            undo = self._scene.proposed.get_nowait()
            self._say("Firstmate", f"The way back stays open: {_exactly(undo)} ({_name(undo)}).", "cyan")

    async def _offer_undo(self, inbox: InboxPort) -> bool:
        """Whether the repair was taken back."""
        try:
            undo = await asyncio.wait_for(self._scene.proposed.get(), 1.0)
        except TimeoutError:
            return False
        show(self._console, undo)
        if await self._choose("[u]ndo it / [f]inish? ", UNDO_IT) == "finish":
            return False
        await self._press(undo, "approve", inbox)
        return await self._outcome() is not None

    # --- processes

    async def _start_shop(self, intake: str) -> None:
        # Without site-packages, as everything it starts: the shop is standard library only.
        command = [sys.executable, "-S", "-m", "app.demo", "--dir", str(self._folder / "shop"), "--intake", intake]
        # The token goes by the environment: a command line can be read by everybody on the machine.
        env = {"SHOP_TOKEN": self._token, "PYTHONPATH": str(ROOT)}
        await self._children.start("shop", [*command, "--parent", str(os.getpid()), *self._shop_arguments], env)
        self._reading["shop"] = asyncio.create_task(self._follow("shop", self._scene.of_shop))

    async def _start_work(self, ready: dict[str, Any]) -> None:
        self._work_env = {
            "FIRSTMATE_DATA_DIR": str(self._folder),
            "FIRSTMATE_PROMETHEUS_URL": str(ready["prometheus"]),
            "FIRSTMATE_PROMETHEUS_STEP_S": "1",
            "FIRSTMATE_PROMETHEUS_RATE_WINDOW_S": "4",
            "FIRSTMATE_LOGFILE_PATHS": str(Path(str(ready["logs"])) / "*.jsonl"),
            "FIRSTMATE_SHOP_URL": str(ready["control"]),
            "FIRSTMATE_LOOKBACK_S": f"{15 + self._longer_s / 2:g}",
            "FIRSTMATE_REFERENCE_S": f"{14 + self._longer_s / 2:g}",
            "FIRSTMATE_SETTLE_S": "4",
            # A small machine's memory: few arenas, and no more threads than the few thousand lines need.
            "MALLOC_ARENA_MAX": "1",
            "MALLOC_MMAP_THRESHOLD_": "65536",
            "MALLOC_TRIM_THRESHOLD_": "65536",
            "_RJEM_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1",
            "POLARS_MAX_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "app.main", "work", "--demo", "--parent", str(os.getpid())]
        await self._children.start("work", command, self._work_env)
        self._reading["work"] = asyncio.create_task(self._follow("work", self._scene.of_work))

    async def _follow(self, name: str, told: Any) -> None:
        async for event in self._children.lines(name):
            told(event)

    async def _wait(self, awaited: Awaitable[T], *, within_s: float, otherwise: str) -> T:
        """What is waited for, unless it takes too long or a process goes away first. Raises `Gone`."""
        waited = asyncio.ensure_future(awaited)
        done, _ = await asyncio.wait([waited, *self._reading.values()], timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        if waited in done:
            return waited.result()
        waited.cancel()
        for task in done:
            task.result()
        raise Gone(f"{otherwise} within {within_s:g} s; --keep DIR keeps what every process wrote")

    # --- the person

    async def _press(self, card: Card, decision: str, inbox: InboxPort, *, reason: str = "") -> None:
        body: JsonObject = {"proposal": _value(card), "decision": decision, "reason": reason, "channel": CHANNEL}
        await inbox.put(f"{PRESS}:{_value(card)}:{decision}", PRESS, body)

    async def _choose(self, question: str, answers: Sequence[str]) -> str:
        """One of `answers`, typed as its first letter or whole: nothing else may stand for a decision."""
        while True:
            typed = (await self._typed(question)).lower()
            for answer in answers:
                if typed in (answer[0], answer):
                    return answer
            letters = [answer[0] for answer in answers]
            self._console.print(f"{', '.join(letters[:-1])} or {letters[-1]}; nothing has been decided", style="yellow")

    async def _typed(self, question: str) -> str:
        with self._scene.hushed():
            return await ask(self._console, question)

    # --- the end

    def _verdict(self, end: DemoEnd, *, recovered: bool) -> int:
        """0 only if the top hypothesis was right, no bait was blamed, nothing innocent was to be rolled back, and the shop
        recovered and still is. `recovered`: before anything was undone."""
        truth, top = end.truth, end.diagnosis.hypotheses[0] if end.diagnosis and end.diagnosis.hypotheses else None
        guilty = truth["change_id"]
        rollbacks = [text for text in self._scene.asked if UNDO in text]
        checks = {
            f"the top hypothesis is right: {truth['service'] or 'no service to blame'}, "
            + (f"change {guilty}" if guilty else "and no change is guilty"): top is not None
            and truth["service"] in (top.target, None)
            and top.change == guilty,
            "no innocent change was blamed": top is not None and top.change not in truth["bait_change_ids"],
            "no rollback of anything innocent was proposed": all(guilty and f'"{truth["service"]}"' in text for text in rollbacks),
        }
        choice = self._choice(end, recovered=recovered)
        if choice is None and truth.get("repairable", True):
            checks["the shop recovered"] = recovered
        self._console.print()
        for what, good in checks.items():
            self._console.print(f"{'✓' if good else '✗'} {what}", style="green" if good else "red", markup=False)
        if choice is not None:
            self._console.print(f"– {choice}", markup=False)
        self._console.print(f"{monotonic() - self._began:.0f} s from the first line to this one", style="dim")
        return 0 if all(checks.values()) and choice is None else 1

    def _choice(self, end: DemoEnd, *, recovered: bool) -> str | None:
        """How the shop is, where that is what the person chose, and no failure."""
        if self._undone and recovered:
            now = "visitors do not feel the fault yet" if end.truth["recovered"] else "the fault is back, as you asked"
            return f"the shop recovered, then you undid the repair: {now}"
        if self._rejected:
            return "the shop is still broken, because you rejected its repair"
        return None

    def _say(self, who: str, text: str, style: str) -> None:
        self._scene.tell(who, text, style=style)


def _value(card: Card) -> str:
    """The proposal a card's buttons stand for."""
    return next(
        button.value for part in card.parts if part.type == "buttons" for button in part.buttons if button.action == "approve"
    )


def _exactly(card: Card) -> str:
    """What a proposal would do, as its card says it to the letter: the first line."""
    return next((part.text.partition("\n")[0] for part in card.parts if part.type == "exact"), card.title)


def _name(card: Card) -> str:
    """The proposal's short name, as the card has it."""
    return next((part.label.rpartition(" ")[2] for part in card.parts if part.type == "exact"), "")


VERB = demo
