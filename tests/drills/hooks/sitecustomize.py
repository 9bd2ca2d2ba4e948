"""Runs first in every process of a drill (this folder is on PYTHONPATH): named places where a process stops until it is killed.

The code that runs is the project's own. Around some of its functions lies a gate: while a file of the gate's name is in the folder
FIRSTMATE_DRILL, whoever comes by writes its pid beside it and waits there. FIRSTMATE_DRILL_TWIN swaps in one known-bad behaviour,
so that a drill can show that it would notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

FOLDER = os.environ.get("FIRSTMATE_DRILL", "")
TWIN = os.environ.get("FIRSTMATE_DRILL_TWIN", "")

_KEPT = {}
"""What a twin took away in one place and puts in in another."""

BEFORE, AFTER = "before", "after"
GATES = {
    # name: module, function, which side of it
    "work-starts": ("app.jobs.work", "WorkProcess.run", BEFORE),
    "work-loads": ("app.settings", "", AFTER),  # the work process alone stops here
    "moving": ("app.jobs.inbox", "Inbox.moved", BEFORE),
    "kept": ("app.jobs.inbox", "Inbox.put", AFTER),
    "triage-begins": ("graphs.triage", "run", BEFORE),
    "investigating": ("graphs.investigators.metrics", "INVESTIGATOR.investigate", BEFORE),
    "reporting": ("app.incidents.thinking", "LedgerStore.save_report", AFTER),
    "reported": ("app.incidents.thinking", "LedgerStore.save_diagnosis", BEFORE),
    "weighed": ("app.incidents.thinking", "LedgerStore.save_diagnosis", AFTER),
    "proposed": ("app.incidents.propose", "propose", AFTER),
    "triage-ended": ("graphs.triage", "run", AFTER),
    "decided": ("app.incidents.decide", "decide", AFTER),
    "approved": ("app.incidents.execute", "execute", BEFORE),
    "started": ("app.incidents.execute", "_start", AFTER),
    "acted": ("app.actions.shop_client", "ShopClient.post", AFTER),
    "ended": ("app.incidents.execute", "_ended", AFTER),
    "verifying": ("app.incidents.verify", "_watch", BEFORE),
    "watched": ("app.incidents.verify", "_watch", AFTER),
    "undoing": ("app.incidents.verify", "propose_undo", AFTER),
    "channel-made": ("app.jobs.sender", "SlackSender.open_channel", AFTER),
    "posting": ("app.jobs.sender", "SlackSender.post", BEFORE),
    "posted": ("app.jobs.sender", "SlackSender.post", AFTER),
    "updated": ("app.jobs.sender", "SlackSender.update", AFTER),
    "pinned": ("app.jobs.sender", "SlackSender.pin", AFTER),
}


def _wait(name):
    """Freeze where we are, the event loop and all: nothing else of this process gets any further."""
    armed = os.path.join(FOLDER, name)
    if not os.path.exists(armed):
        return
    Path(f"{armed}.reached").write_text(str(os.getpid()))
    word, _, after_s = Path(armed).read_text().partition(" ")
    if word == "die":  # not here: a moment later, wherever that is
        os.unlink(armed)
        threading.Thread(target=_die, args=(float(after_s),), daemon=True).start()
        return
    while os.path.exists(armed) and "wait" not in Path(armed).read_text():
        time.sleep(0.005)


def _die(after_s):
    time.sleep(after_s)
    os.kill(os.getpid(), signal.SIGKILL)


def _spin():
    """While there is a file `spin`: a thread that leaves the others of this process as little as it can."""
    told = os.path.join(FOLDER, "spin")
    while True:
        if os.path.exists(told):
            sum(range(200_000))
        else:
            time.sleep(0.05)


async def _linger(name):
    """Wait with the event loop running, where the drill asked for that."""
    armed = os.path.join(FOLDER, name)
    while os.path.exists(armed):  # noqa: ASYNC240 - a file of a few bytes on a local disk
        await asyncio.sleep(0.005)


def _gated(function, before, after):
    async def gated(*args, **kwargs):
        for name in before:
            _wait(name)
            await _linger(name)
        result = await function(*args, **kwargs)
        for name in after:
            _wait(name)
            await _linger(name)
        return result

    return gated


def _gate(module):
    wanted = {}
    for name, (where, path, side) in GATES.items():
        if where == module.__name__:
            wanted.setdefault(path, {BEFORE: [], AFTER: []})[side].append(name)
    for path, sides in wanted.items():
        if not path:
            if "work" in sys.argv:
                _wait(*sides[AFTER])
            continue
        owner = module
        *inside, function = path.split(".")
        for each in inside:
            owner = getattr(owner, each)
        gated = _gated(getattr(owner, function), sides[BEFORE], sides[AFTER])
        object.__setattr__(owner, function, gated) if not isinstance(owner, type) else setattr(owner, function, gated)


def _quicken(module):
    """Waiting that is right for people and would make a drill long."""
    if module.__name__ == "app.jobs.keeper":
        module.FIRST_PAUSE_S, module.LONGEST_PAUSE_S = 0.05, 0.1
    if module.__name__ == "app.jobs.sender":
        module.SlackSender.pace_s = 0.05
    if module.__name__ == "app.jobs.work":
        module.RESUME_EVERY_S, module.RELOAD_EVERY_S = 1.0, 0.5


def _twin(module):
    """One known-bad behaviour, by name. A drill that does not fail with it shows nothing."""
    if TWIN == "acts-before-noting" and module.__name__ == "app.incidents.execute":

        async def execute(desk, hash):
            async with desk.ledger.read() as tx:
                held = await module.proposals.get(tx, hash)
            if held.state != "approved":
                return
            action = desk.actions[held.proposal.call.action]
            arguments = action.arguments.model_validate(held.proposal.call.arguments)
            outcome = await action.run(arguments, idempotency_key=hash[:16])
            started = await module._start(desk, hash)
            if started is not None:
                await module._ended(desk, started[0], started[1], outcome, token=started[2])

        async def nothing_moved(desk, proposal):
            return None

        module.execute = execute
        module.decide.moved_since = nothing_moved
    if TWIN == "runs-again" and module.__name__ == "app.incidents.execute":

        async def take_up(desk, execution_id):
            async with desk.ledger.read() as tx:
                execution = await module.executions.get(tx, execution_id)
                proposal = (await module.proposals.get(tx, execution.proposal)).proposal
            action = desk.actions[proposal.call.action]
            arguments = action.arguments.model_validate(proposal.call.arguments)
            outcome = await action.run(arguments, idempotency_key=execution.id)
            await module._ended(desk, execution, proposal, outcome, token=0)

        module.take_up = take_up
    if TWIN == "forgets" and module.__name__ == "app.incidents.resume":

        async def resume(desk, **_kwargs):
            return []

        module.resume = resume
    if TWIN == "acks-before-writing" and module.__name__ == "app.jobs.inbox":
        put, late = module.Inbox.put, set()

        async def hasty(self, *delivery, **terms):
            async def later():
                await asyncio.sleep(0.5)
                await put(self, *delivery, **terms)

            late.add(asyncio.create_task(later()))
            return True

        module.Inbox.put = hasty
    if TWIN == "redacts-when-posting" and module.__name__ == "app.domain.redaction":
        _KEPT["redact"] = module.redact
        module.redact, module.redact_value = (lambda text: text), (lambda value, name="": value)
    if TWIN == "redacts-when-posting" and module.__name__ == "app.slack.blocks":
        message = module.message
        module.message = lambda card: _cleaned(message(card))
    if TWIN == "posts-blindly" and module.__name__ == "app.jobs.sender":

        async def nowhere(self, *_args, **_kwargs):
            return None

        module.SlackSender.find = nowhere
    if TWIN == "together" and module.__name__ == "app.jobs.alone":

        @contextlib.asynccontextmanager
        async def crowd(file, **_kwargs):
            yield

        module.alone = crowd
    if TWIN == "together" and module.__name__ == "app.processes":
        module.watch_parent = lambda stopping: None
    if TWIN == "dead-by-silence":
        _dead_by_silence(module)
    if TWIN == "dead-by-long-silence":
        _dead_by_silence(module, silent_s=12.0)
    if TWIN == "waits-them-out" and module.__name__ == "app.jobs.work":
        module.GRACE_S = 8.0
    if TWIN == "two-clocks" and module.__name__ == "app.jobs.work":

        async def keep_time(self):
            self._for_all.start()

        module.WorkProcess._keep_time = keep_time


def _dead_by_silence(module, silent_s=3.0):
    """Nobody's locks are asked: whoever was not heard of for so long counts as dead, as Procrastinate itself would have it."""
    if module.__name__ == "app.jobs.sessions":
        take = module.SessionLocks.take

        async def everybody(self, name):
            return await take(self, name) if name == "firstmate clock" else True

        module.SessionLocks.take = everybody
    if module.__name__ == "app.jobs.cluster":
        run = module.App.run_worker_async

        def beating(self, **given):
            return run(self, update_heartbeat_interval=0.5, **given)

        async def worked_on(self, job):
            silent = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_s)
            return job.id not in {each.id for each in silent}

        module.App.run_worker_async, module.ClusterRunner._worked_on = beating, worked_on
    if module.__name__ == "app.jobs.outgoing":
        settle = module.OutboxWorker._settle

        async def after_a_while(self, row):
            silent = self._desk.clock() - row.changed_at > module.timedelta(seconds=silent_s)
            return silent and await settle(self, row)

        module.OutboxWorker._settle = after_a_while


def _cleaned(value):
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    return _KEPT["redact"](value) if isinstance(value, str) else value


def _note_company(module):
    """A work process that begins while another one still works leaves a note of it."""
    if module.__name__ != "app.jobs.work":
        return
    run = module.WorkProcess.run

    async def noted(self, stopping):
        folder = Path(FOLDER).parent / "working"
        folder.mkdir(exist_ok=True)
        for other in folder.iterdir():
            if other.name.isdigit() and os.path.exists(f"/proc/{other.name}"):  # noqa: ASYNC240 - it does not block
                (folder / f"{os.getpid()}-with-{other.name}").touch()
        mine = folder / str(os.getpid())
        mine.touch()
        threading.Thread(target=_spin, daemon=True).start()
        try:
            await run(self, stopping)
        finally:
            mine.unlink()

    module.WorkProcess.run = noted


def _note_firing(module):
    """Every tick of every clock, with whose it was."""
    if module.__name__ != "app.jobs.schedule":
        return
    submit = module.Timetable._submit

    async def noted(self, kind, every_s):
        with (Path(FOLDER).parent / "fired").open("a") as fired:
            fired.write(f"{kind} {int(time.time() // every_s)} {os.getpid()}\n")
        await submit(self, kind, every_s)

    module.Timetable._submit = noted


class _Loader(importlib.abc.Loader):
    def __init__(self, inner):
        self.inner = inner

    def create_module(self, spec):
        return self.inner.create_module(spec)

    def exec_module(self, module):
        self.inner.exec_module(module)
        _quicken(module)
        _twin(module)
        _note_company(module)
        _note_firing(module)
        _gate(module)

    def __getattr__(self, name):
        return getattr(self.inner, name)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if not name.startswith(("app.", "graphs.")):
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


if FOLDER:
    sys.meta_path.insert(0, _Finder())
