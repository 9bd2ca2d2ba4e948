"""A whole Firstmate on real processes: `firstmate serve` and the work process it starts, a fake Slack, a target that counts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from app.ledger import audit
from app.ledger.ledger import Ledger
from tests.drills.target import Target
from tests.e2e.shop import write_case
from tests.fake_slack import FakeSlack, Message
from tests.fake_slack.plugin import seeded
from tests.gates import FULL as FULL

ROOT = Path(__file__).resolve().parents[2]
HOOKS = Path(__file__).parent / "hooks"
TOKEN = "drills-webhook-token"
PATIENCE_S = 30.0
"""How long anything may take before a drill counts it as lost; nothing here is a measurement of speed."""
POLICY = """
format: 1
approvers:
  - target: shop/**
    people: [U02BOB]
verification: {hold_s: 1, within_s: 2}
breaker: {bad_ends: 100}
storm: {most_incidents: 1000}
"""


S = TypeVar("S", bound="Stack")


class Lost(AssertionError):
    """Something did not happen within a generous time."""


class Stack:
    """One data folder and everything around it. `serve` may be killed and started again as often as a drill likes."""

    def __init__(self, folder: Path, slack: FakeSlack, target: Target, *, twin: str = "") -> None:
        self.folder, self.slack, self.target = folder, slack, target
        self.data, self.gates = folder / "data", folder / "gates"
        folder.mkdir()
        self.data.mkdir(mode=0o700)
        self.gates.mkdir()
        (self.data / "policy.yaml").write_text(POLICY)
        self.kills: Counter[str] = Counter()
        self.port = free_port()
        self.surface: asyncio.subprocess.Process | None = None
        self._log = (folder / "serve.log").open("ab")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": f"{HOOKS}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "FIRSTMATE_DRILL": str(self.gates),
            "FIRSTMATE_DRILL_TWIN": twin,
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "FIRSTMATE_WEBHOOK_TOKEN": TOKEN,
            "FIRSTMATE_DATA_DIR": str(self.data),
            "FIRSTMATE_PORT": str(self.port),
            "FIRSTMATE_CASE_PATH": str(recorded(folder / "case")),
            "FIRSTMATE_INVITE": "U02BOB",
            "FIRSTMATE_SHOP_URL": target.url,
            "FIRSTMATE_LOOKBACK_S": "720",
            "FIRSTMATE_REFERENCE_S": "1800",
        }

    # the processes

    async def start(self, *, listening: bool = True, **more: str) -> asyncio.subprocess.Process:
        """`firstmate serve`; with `listening`, once Slack has a socket and the work process runs."""
        self.surface = await self.another(**more)
        if listening:
            await self.until("serve listens", lambda: self.slack.sockets.sockets and self.work() is not None)
        return self.surface

    async def another(self, **more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.main", "serve", cwd=ROOT, env={**self.environment, **more},
            stdin=asyncio.subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    async def working(self) -> None:
        """Until a work process has begun its work: past its imports and everything it opens."""
        await self.until("it works", lambda: any(int(each.name) == self.work() for each in self._begun()))

    def _begun(self) -> list[Path]:
        folder = self.folder / "working"
        return [each for each in folder.iterdir() if each.name.isdigit()] if folder.exists() else []

    def work(self) -> int | None:
        """The pid of the work process that `serve` keeps."""
        parent = self.surface.pid if self.surface is not None and self.surface.returncode is None else -1
        return next((pid for pid, (of, command) in processes(self.data).items() if of == parent and "work" in command), None)

    def workers(self) -> list[int]:
        """Every work process on this data folder, orphans too."""
        return [pid for pid, (_, command) in processes(self.data).items() if "work" in command]

    async def kill_work(self, window: str = "", *, open_gates: bool = True) -> int:
        """kill -9 of the work process; `serve` starts it again by itself."""
        pid = self.work() or await self.until("there is a work process", self.work)
        await self.kill(pid)
        if open_gates:
            self.open_gates()
        self._note("work", window)
        return pid

    async def kill_surface(self, window: str = "") -> None:
        """kill -9 of `serve` alone: the work process is an orphan from then on."""
        assert self.surface is not None
        self.surface.send_signal(signal.SIGKILL)
        await self.surface.wait()
        self._note("serve", window)

    async def kill(self, pid: int) -> None:
        """kill -9 of any of ours, until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await self.until(f"process {pid} is gone", lambda: pid not in processes(self.data))

    async def end(self) -> None:
        """SIGTERM, as a service manager does it."""
        self.open_gates()
        if self.surface is not None and self.surface.returncode is None:
            self.surface.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self.surface.wait(), PATIENCE_S)

    async def abandon(self) -> None:
        """After a drill: nothing of it stays."""
        if self.surface is not None and self.surface.returncode is None:
            self.surface.send_signal(signal.SIGKILL)
            await self.surface.wait()
        for pid in processes(self.data):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._log.close()

    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    # the gates

    def arm(self, name: str, *, lingering: bool = False) -> None:
        """From now on whoever comes to this gate stays there; `lingering` with its event loop running."""
        (self.gates / name).write_text("wait" if lingering else "")

    async def reached(self, name: str) -> int:
        """The pid of whoever stands at the gate."""
        marker = self.gates / f"{name}.reached"
        await self.until(f"the window {name!r} is reached", lambda: marker.exists() and marker.read_text().isdigit())
        return int(marker.read_text())

    def open_gates(self) -> None:
        for each in self.gates.iterdir():
            each.unlink()

    # what people and monitors do

    async def declare(self, title: str = "checkout requests fail") -> str:
        """The incident's id, once the ledger has it."""
        known = self.count("incidents")
        result = await self.slack.command("U01ALICE", "general", "/incident", f"declare {title}")
        assert result.acked
        await self.until("the incident is declared", lambda: self.count("incidents") > known)
        return str(self.rows("SELECT id FROM incidents ORDER BY number DESC LIMIT 1")[0][0])

    async def proposal(self, incident: str, *, patience_s: float = PATIENCE_S) -> Message:
        """The card that asks for approval of the rollback."""
        placed = await self.until("the proposal's card is there", lambda: self._card(incident), patience_s)
        return self.slack.workspace.messages[placed]

    def _card(self, incident: str) -> str | None:
        query = (
            "SELECT m.ts FROM messages m JOIN proposals p ON m.card = 'proposal:' || p.hash "
            "WHERE m.incident = ? AND p.state = 'proposed' AND m.content_hash != '' ORDER BY p.asked_at LIMIT 1"
        )
        found = self.rows(query, incident)
        return str(found[0][0]) if found else None

    async def approve(self, incident: str) -> str:
        """Bob presses Approve; the proposal's hash."""
        card = await self.proposal(incident)
        result = await self.slack.press("U02BOB", card.ts, "approve")
        assert result.acked
        hash = self.rows("SELECT card FROM messages WHERE ts = ?", card.ts)[0][0]
        return str(hash).removeprefix("proposal:")

    async def alert(self, name: str, *, service: str = "checkout", token: str = TOKEN) -> httpx2.Response:
        fired = {"status": "firing", "labels": {"alertname": name, "service": service, "severity": "critical"}}
        fired |= {"annotations": {"summary": f"{name} fires"}, "startsAt": datetime.now(UTC).isoformat(), "fingerprint": name}
        body = {"version": "4", "groupKey": name, "status": "firing", "receiver": "x", "alerts": [fired]}
        async with httpx2.AsyncClient(timeout=10) as http:
            url = f"http://127.0.0.1:{self.port}/webhooks/alertmanager"
            return await http.post(url, json=body, headers={"authorization": f"Bearer {token}"} if token else {})

    # what there is

    def rows(self, query: str, *values: object, file: str = "ledger.sqlite") -> list[Any]:
        """Straight from the file, past our own code. Nothing while there is no such table yet."""
        try:
            with closing(sqlite3.connect(f"file:{self.data / file}?mode=ro", uri=True, timeout=5)) as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            raise

    def count(self, table: str, where: str = "1", *, file: str = "ledger.sqlite") -> int:
        found = self.rows(f"SELECT count(*) FROM {table} WHERE {where}", file=file)
        return int(found[0][0]) if found else 0

    async def until(self, what: str, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + patience_s
        while not (answer := holds()):
            if time.monotonic() > deadline:
                raise Lost(f"not within {patience_s:g} s: {what}")
            await asyncio.sleep(0.02)
        return answer

    async def rest(self, patience_s: float = PATIENCE_S) -> None:
        """Until everything that came in is worked on and everything that must be told is told."""
        calm = 0
        deadline = time.monotonic() + patience_s
        while calm < 3:
            calm = calm + 1 if not (left := self.unfinished()) else 0
            if time.monotonic() > deadline:
                raise Lost(f"still unfinished after {patience_s:g} s: {left}")
            await asyncio.sleep(0.1)

    def unfinished(self) -> dict[str, int]:
        left = {
            "inbox": self.count("deliveries", "moved_at IS NULL", file="inbox.sqlite"),
            "deliveries": self.count("deliveries", "finished_at IS NULL"),
            "runs": self.count("runs", "state IN ('queued', 'running')"),
            "approved": self.count("proposals", "state = 'approved'"),
            "executions": self.count("executions", "state IN ('started', 'finished')"),
            "outbox": self.count("outbox", "state IN ('pending', 'sending', 'ambiguous')"),
        }
        return {name: n for name, n in left.items() if n}

    def _note(self, which: str, window: str) -> None:
        if window:
            self.kills[f"{which}@{window}"] += 1

    async def wrong(self) -> list[str]:
        """Every broken promise, read from the ledger, the target and Slack. Nothing is read from logs."""
        return [*self._wrong_in_ledger(), *self._wrong_effects(), *self._wrong_in_slack(), *await self._wrong_in_audit()]

    def _wrong_in_ledger(self) -> list[str]:
        told = [f"unfinished: {left}"] if (left := self.unfinished()) else []
        told += [f"two work processes at once: {each.name}" for each in (self.folder / "working").glob("*-with-*")]
        for file in ("ledger.sqlite", "inbox.sqlite"):
            if (found := self.rows("PRAGMA integrity_check", file=file)) != [("ok",)]:
                told.append(f"{file}: {found}")
        kept = {key for (key,) in self.rows("SELECT key FROM deliveries", file="inbox.sqlite")}
        if missing := kept - {key for (key,) in self.rows("SELECT key FROM deliveries")}:
            told.append(f"kept and never moved: {missing}")
        for incident, call, n in self.rows(
            "SELECT incident, json_extract(body, '$.call'), count(*) FROM proposals GROUP BY 1, 2 HAVING count(*) > 1"
        ):
            told.append(f"{incident}: proposed {n} times: {call}")
        for table, name, why in (("outbox", "key", "error"), ("runs", "id", "stop_reason")):
            failed = self.rows(f"SELECT {name}, {why} FROM {table} WHERE state = 'failed'")
            told += [f"{table}: {each} failed: {reason}" for each, reason in failed]
        return told

    def _wrong_effects(self) -> list[str]:
        told = [f"{key} took effect {n} times" for key, n in self.target.times().items() if n > 1]
        allowed = self.count("approvals", "decision = 'approve'")
        if len(self.target.effects) > allowed:
            told.append(f"{len(self.target.effects)} effects for {allowed} approvals")
        for hash, state, ran in self.rows(
            "SELECT a.proposal, p.state, x.state FROM approvals a JOIN proposals p ON p.hash = a.proposal "
            "LEFT JOIN executions x ON x.proposal = a.proposal WHERE a.decision = 'approve'"
        ):
            if state not in ("done", "failed", "unknown", "superseded"):
                told.append(f"approved p-{hash[:8]} stands as {state}")
            if state == "done" and ran not in ("verified", "missed", "unverified"):
                told.append(f"p-{hash[:8]} is done and its execution {ran}")
            if state != "superseded" and not self.count("outbox", f"key LIKE 'outcome:x-{hash[:16]}:%' AND state = 'sent'"):
                told.append(f"nobody was told how p-{hash[:8]} came out")
            if state == "done" and not self.count("outbox", f"key = 'outcome:x-{hash[:16]}:verified' AND state = 'sent'"):
                told.append(f"nobody was told whether p-{hash[:8]} helped")
        return told

    def _wrong_in_slack(self) -> list[str]:
        told = [f"Slack: {each}" for each in self.slack.violations]
        for incident, number, channel in self.rows("SELECT id, number, channel FROM incidents"):
            made = [c for c in self.slack.workspace.channels.values() if c.name.startswith(f"inc-{number:04d}")]
            if len(made) != 1:
                told.append(f"{incident} has {len(made)} channels")
            shown = self.slack.messages(channel) if channel else []
            keys = Counter(str(m.body.get("metadata", {}).get("event_payload", {}).get("key")) for m in shown if m.mine)
            told += [f"{incident}: {key} was posted {n} times" for key, n in keys.items() if n > 1]
            cards = [m.ts for m in shown if m.text.startswith("SEV") and m.thread_ts in (None, m.ts)]
            placed = [ts for (ts,) in self.rows("SELECT ts FROM messages WHERE incident = ?", incident)]
            if len(cards) != 1:
                told.append(f"{incident} has {len(cards)} cards")
            elif (pins := self.slack.workspace.channels[channel].pins) != cards:
                told.append(f"{incident}: pinned is {pins}, the card is {cards}")
            asks = [m for m in shown if m.ts not in placed and any(block.get("type") == "actions" for block in m.blocks)]
            told += [f"{incident}: a card with buttons that nobody keeps: {m.text}" for m in asks]
            runs = self.count("runs", f"incident = '{incident}' AND state = 'finished'")
            findings = [m for m in shown if m.thread_ts not in (None, m.ts) and not m.text.startswith("Audit root")]
            if len(findings) != runs:
                told.append(f"{incident}: {len(findings)} sets of findings for {runs} runs")
        return told

    async def _wrong_in_audit(self) -> list[str]:
        ledger = await Ledger.open(f"sqlite:///{self.data / 'ledger.sqlite'}")
        try:
            told: list[str] = []
            for (incident,) in self.rows("SELECT id FROM incidents"):
                async with ledger.read() as tx:
                    told += await audit.verify(tx, incident)
            return told
        finally:
            await ledger.close()

    def summary(self, drill: str, wrong: list[str]) -> str:
        where = ", ".join(f"{window} {n}" for window, n in sorted(self.kills.items()))
        double = sum(n - 1 for n in self.target.times().values())
        unapproved = max(0, len(self.target.effects) - self.count("approvals", "decision = 'approve'"))
        kills = f"{sum(self.kills.values())} kills ({where})"
        return f"{drill}: {kills}; broken promises {len(wrong)}, double {double}, unapproved {unapproved}"


@asynccontextmanager
async def stack(folder: Path, *, twin: str = "", kind: type[S] = Stack) -> AsyncIterator[S]:  # type: ignore[assignment]
    """Up to its folders; `start` starts the processes. `folder` must be new."""
    target = Target()
    runner = await target.start()
    async with FakeSlack(rates="observe") as slack:
        seeded(slack)
        made = kind(folder, slack, target, twin=twin)
        try:
            yield made
        except BaseException:
            print(json.dumps(made.unfinished()), made.log()[-6000:])
            raise
        finally:
            await made.abandon()
            target.release()
            await runner.cleanup()


def processes(data: Path) -> dict[int, tuple[int, list[str]]]:
    """Every live process that works on this data folder: parent's pid and command line."""
    mark = f"FIRSTMATE_DATA_DIR={data}".encode()
    found: dict[int, tuple[int, list[str]]] = {}
    for each in Path("/proc").iterdir():
        if not each.name.isdigit() or int(each.name) == os.getpid():
            continue
        try:
            if mark not in (each / "environ").read_bytes().split(b"\0"):
                continue
            fields = (each / "stat").read_text().rpartition(")")[2].split()
            command = (each / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(each.name)] = (int(fields[1]), command)
    return found


def recorded(folder: Path) -> Path:
    """The incident that the investigators read; its metrics answer for verification too, under the name findings cite."""
    case = write_case(folder, now=datetime.now(UTC)) / "case.json"
    case.write_text(json.dumps(json.loads(case.read_text()) | {"id": "case:metrics.csv"}))
    return folder


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
