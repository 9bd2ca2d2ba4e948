"""G12: leases, priority and fencing. Random traces against a model, paused holders, and crowds that want several things at once."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from app.domain.priority import PRIORITY
from app.incidents import share
from app.incidents.share import Renewed, Shared
from app.ledger import audit, claims, states, waits
from app.ledger.ledger import Ledger
from app.ledger.states import State
from app.ledger.waits import Granted
from app.policy.agents import KnownAgent
from tests.gates import Gate, size
from tests.unit.web.ledger_door import NOON, TOKENS, Door, opened

pytestmark = pytest.mark.timeout(size(full=3600, small=300))

TRACES, STEPS = size(full=2000, small=100), size(full=50, small=30)
ZOMBIES, AT_ONCE = size(full=500, small=20), 20
ASKS = size(full=1000, small=200)
TRACED, PAUSED, SEVERAL, PIECEMEAL = "random traces", "paused holders", "several things at once", "piece by piece, holding on"
TTL_S = 1.0
BLOCKED_S = waits.ASKS_WITHIN.total_seconds() + 4 * TTL_S
"""Nobody is given anything for so long only in a deadlock: what somebody gave up waiting for is kept for it a little less."""
SEED = 20261121

AGENTS = {
    f"{name}{n}": KnownAgent.model_validate({"name": f"{name}{n}", "version": "1", "class": name, "token_sha256": "0" * 64})
    for name in PRIORITY
    for n in (1, 2)
}
NAMES = sorted(AGENTS)
RESOURCES = ("a", "b", "c")


class World:
    """One real ledger and event loop for all traces of a run; each trace has resources and days of its own."""

    def __init__(self, folder: Path) -> None:
        self.runner = asyncio.Runner()
        self.ledger = self.runner.run(Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}"))
        self.traces = 0
        self.steps = 0
        self.writes = 0

    def close(self) -> None:
        self.runner.run(self.ledger.close())
        self.runner.close()


class Traces(RuleBasedStateMachine):
    """Agents that ask, renew, execute, release and write in any order, late and with any token they ever had; beside them what
    each of them ever got. What must hold is asked of the answers and of the rows, never of the code."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.traces += 1
        self.at = NOON + timedelta(days=self.world.traces)
        self.shared = Shared(ledger=self.world.ledger, clock=lambda: self.at, stop_file=None)
        self.got: list[tuple[str, str, int]] = []  # (agent, resource, token), oldest first
        self.wrote: dict[str, tuple[int, int]] = {}  # resource → (version, token)

    def named(self, resource: str) -> str:
        return f"t{self.world.traces}/{resource}"

    def run(self, awaited: Any) -> Any:
        self.world.steps += 1
        return self.world.runner.run(awaited)

    def live(self, resource: str) -> claims.Claim | None:
        return self.all_live([resource])[resource]

    def all_live(self, resources: list[str]) -> dict[str, claims.Claim | None]:
        async def look() -> dict[str, claims.Claim | None]:
            async with self.world.ledger.read() as tx:
                return {each: await claims.current(tx, each, now=self.at) for each in resources}

        return self.world.runner.run(look())

    @rule(who=st.sampled_from(NAMES), wanted=st.sets(st.sampled_from(RESOURCES), min_size=1), ttl_s=st.sampled_from([1, 60, 120]))
    def ask(self, who: str, wanted: set[str], ttl_s: int) -> None:
        resources = [self.named(each) for each in wanted]
        before = self.all_live(resources)
        answer = self.run(share.claim(self.shared, AGENTS[who], resources, ttl_s=ttl_s, why=""))
        me = str(AGENTS[who].agent)
        if not isinstance(answer, Granted):
            assert answer.in_way, "refused, and nothing is in the way"
            assert self.all_live(resources) == before, "a refused ask changed something"
            return
        assert sorted(each.resource for each in answer.claims) == sorted(resources), "given in part"
        for each in answer.claims:
            held = before[each.resource]
            if held is not None and held.holder != me:
                assert not held.executing, "taken from one who executes"
                assert each.rank > held.rank, "taken by one who is not above"
            earlier = [token for _, resource, token in self.got if resource == each.resource]
            assert each.token > max(earlier, default=0), "a token came back"
            self.got.append((who, each.resource, each.token))

    @rule(data=st.data(), executing=st.booleans())
    @precondition(lambda self: self.got)
    def renew(self, data: st.DataObject, executing: bool) -> None:
        who, resource, token = data.draw(st.sampled_from(self.got))
        holder = self.live(resource)
        answer = self.run(share.renew(self.shared, AGENTS[who], {resource: token}, ttl_s=60, executing=executing))
        assert isinstance(answer, Renewed) is (holder is not None and holder.token == token), "renewed without the live token"

    @rule(data=st.data())
    @precondition(lambda self: self.got)
    def release(self, data: st.DataObject) -> None:
        who, resource, token = data.draw(st.sampled_from(self.got))
        holder = self.live(resource)
        lost = self.run(share.release(self.shared, AGENTS[who], {resource: token}))
        assert (not lost) is (holder is not None and holder.token == token), "let go of what it did not hold"

    @rule(data=st.data(), thief=st.none() | st.sampled_from(NAMES), back=st.sampled_from([0, 0, 1, 2]))
    @precondition(lambda self: self.got)
    def write(self, data: st.DataObject, thief: str | None, back: int) -> None:
        """With a token it has, or had, or that is another's; on top of the version that is there, or an older one."""
        who, resource, token = data.draw(st.sampled_from(self.got) | st.just(self.got[-1]))
        who = thief or who
        version, last = self.wrote.get(resource, (0, 0))
        holder = self.live(resource)
        given = max(0, version - back)
        answer = self.run(share.write(self.shared, AGENTS[who], resource, {"n": given}, version=given, token=token))
        allowed = holder is not None and holder.token == token and holder.holder == str(AGENTS[who].agent) and given == version
        assert isinstance(answer, State) is allowed, "a write landed that must not, or one was refused that may"
        if allowed:
            assert token >= last, "a write with an older token"
            self.wrote[resource] = (version + 1, token)
            self.world.writes += 1

    @rule(by=st.sampled_from([0.5, 15, 61, 121, 300]))
    def time_goes_by(self, by: float) -> None:
        self.at += timedelta(seconds=by)


def traces(folder: Path, *, number: int, steps: int) -> World:
    """Raises AssertionError where one of them breaks what must hold."""
    world = World(folder)
    Traces.world = world
    chosen = settings(
        max_examples=number, stateful_step_count=steps, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        run_state_machine_as_test(Traces, settings=chosen)
    finally:
        world.close()
    return world


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the machine has such a place: these traces are not about what a disk keeps."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as made:
        yield Path(made)


def test_random_traces_break_nothing(folder: Path, gate: Gate) -> None:
    broken = ""
    try:
        world = traces(folder, number=TRACES, steps=STEPS)
    except AssertionError as error:
        broken, world = str(error), Traces.world
    print(broken)
    assert broken or world.writes > TRACES / 10, "hardly anything was written: this run says nothing"
    gate(
        "G12",
        TRACED,
        figure=f"{'1 broken in ' if broken else '0 broken, '}{world.steps:,} steps, {world.writes:,} writes",
        bar=f"{TRACES:,} × {STEPS}: 0 stale writes",
        met=not broken,
    )


async def unfenced(tx: Any, caller: KnownAgent, tokens: Any, *, now: datetime) -> Any:
    """The known-bad twin: whoever shows any token is believed."""
    return [claim for each in tokens if (claim := await claims.current(tx, each, now=now)) is not None], []


def never_firm(self: claims.Standing, holder: str, *, rank: int, ageing: bool = True) -> bool:
    """The known-bad twin: a higher class takes a claim from one who executes."""
    return self.live is None or self.live.holder == holder or rank > self.live.rank


async def blind_write(tx: Any, resource: str, body: Any, *, version: int, token: int, by: str, at: datetime) -> bool:
    """The known-bad twin: the last one to write wins."""
    there = await states.get(tx, resource)
    return await WRITE(tx, resource, body, version=there.version, token=token, by=by, at=at)


WRITE = states.write


@pytest.mark.parametrize(
    ("place", "name", "twin"),
    [(share, "_held", unfenced), (claims.Standing, "open_to", never_firm), (states, "write", blind_write)],
    ids=["no fencing", "takes from who executes", "last write wins"],
)
def test_traces_find_each_known_bad_twin(
    folder: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, twin: Any
) -> None:
    monkeypatch.setattr(place, name, twin)
    with pytest.raises(AssertionError, match=r"must not|executes|did not hold|without the live"):
        traces(folder, number=200, steps=30)
    gate.twin("G12", TRACED, figure=f"{twin.__name__.replace('_', ' ')}: broken in {Traces.world.steps:,} steps", fails=True)


# --- paused holders

ZOMBIE = r"""
import json, sys, urllib.error, urllib.request
url, token = sys.argv[1:3]
def call(method, path, body):
    head = {"Authorization": "Bearer " + token}
    try:
        request = urllib.request.Request(url + path, json.dumps(body).encode(), head, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
def say(*what):
    print(json.dumps(what), flush=True)
for line in sys.stdin:
    resource = line.strip()
    code, got = call("POST", "/claims", {"resources": [resource], "ttl_s": 60})
    mine = got["claims"][0]["token"]
    assert call("POST", "/claims/heartbeat", {"tokens": {resource: mine}, "ttl_s": 1, "executing": True})[0] == 200
    say("held", mine)
    sys.stdin.readline()
    say("wrote", call("PUT", "/state/" + resource, {"version": 0, "token": mine, "state": {"by": "zombie"}})[0])
"""


@asynccontextmanager
async def door(folder: Path) -> AsyncIterator[Door]:
    """On the clock on the wall."""
    async with opened(folder) as there:
        there.now = lambda: datetime.now(UTC)  # type: ignore[method-assign]
        yield there


async def paused(there: Door, number: int) -> tuple[int, int]:
    """`number` holders, each stopped for longer than its lease, half of them after they had been told to write. Meanwhile somebody
    else holds and writes what they would. (refused on waking, written before they were stopped)"""
    url = str(there.http.base_url).rstrip("/") + "/v1"
    some = [
        subprocess.Popen(  # noqa: ASYNC220 - stopped and woken by signal, read in threads
            [sys.executable, "-S", "-c", ZOMBIE, url, TOKENS["cost"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(min(AT_ONCE, number))
    ]
    refused = early = 0
    chance = random.Random(SEED)
    try:
        for batch in range(0, number, len(some)):
            names = [f"zombie/{batch + n}" for n in range(len(some))]
            for each, name in zip(some, names, strict=True):
                tell(each, name)
            for each in some:
                assert (await heard(each))[0] == "held"
            for n, each in enumerate(some):
                if n % 2:
                    tell(each, "write")
                    await asyncio.sleep(chance.uniform(0, 0.004))
                each.send_signal(signal.SIGSTOP)
                if not n % 2:
                    tell(each, "write")
            await asyncio.sleep(TTL_S + 0.1)
            theirs = await asyncio.gather(*(rival(there, name) for name in names))
            for each in some:
                each.send_signal(signal.SIGCONT)
            codes = [(await heard(each))[1] for each in some]
            await there.ask("incident", "POST", "/claims/release", tokens=dict(zip(names, theirs, strict=True)))
            refused += codes.count(409)
            early += codes.count(200)
    finally:
        for each in some:
            each.kill()
            each.communicate()
    return refused, early


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


async def heard(process: subprocess.Popen[str]) -> list[Any]:
    assert process.stdout is not None
    return list(json.loads(await asyncio.to_thread(process.stdout.readline)))


async def rival(there: Door, resource: str) -> int:
    """Hold it and write it; the token."""
    for _ in range(200):
        if (said := await there.claim("incident", resource, ttl_s=60)).status_code == 201:
            break
        await asyncio.sleep(0.05)
    token = said.json()["claims"][0]["token"]
    version = (await there.ask("incident", "GET", f"/state/{resource}")).json()["version"]
    assert (await there.write("incident", resource, token, version=version, by="rival")).status_code == 200
    return int(token)


async def older_tokens(there: Door) -> int:
    """How many writes stand in the trail that came with an older token than one before them."""
    newest: dict[str, int] = {}
    stale = after = 0
    async with there.ledger.read() as tx:
        while rows := await audit.rows(tx, "", after=after):
            after = rows[-1].seq
            for row in rows:
                if row.action == audit.Action.STATE_WRITTEN.value and row.payload is not None:
                    token = int(str(row.payload["token"]))
                    stale += token < newest.get(row.subject, 0)
                    newest[row.subject] = max(token, newest.get(row.subject, 0))
    return stale


async def test_a_holder_that_was_paused_past_its_lease_writes_nothing(tmp_path: Path, gate: Gate) -> None:
    async with door(tmp_path) as there:
        refused, early = await paused(there, ZOMBIES)
        stale = await older_tokens(there)
        print(f"{refused} refused on waking, {early} had written before they were paused")
        assert refused >= ZOMBIES / 2
        for number in range(ZOMBIES):
            assert (await there.ask("cost", "GET", f"/state/zombie/{number}")).json()["state"] == {"by": "rival"}
        gate(
            "G12",
            PAUSED,
            figure=f"{stale} stale writes, {refused} refused",
            bar=f"{ZOMBIES} SIGSTOP: 0 stale writes",
            met=stale == 0,
        )


async def test_paused_holders_would_be_found_out_without_fencing(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "_held", unfenced)
    monkeypatch.setattr(states, "write", blind_write)
    async with door(tmp_path) as there:
        await paused(there, 4)
        stale = await older_tokens(there)
        gate.twin("G12", PAUSED, figure=f"{stale} stale writes of 4 paused", fails=stale >= 2)


# --- several things at once


class Crowd:
    """Six agents of every class that want 1 to 4 things, again and again; a few die with what they hold. `piecemeal`: they ask for
    one after the other, in any order, hold what they have and execute on it."""

    def __init__(self, there: Door, chance: random.Random, *, piecemeal: bool = False, ttl_s: float = TTL_S) -> None:
        self.there, self.chance, self.piecemeal, self.ttl_s = there, chance, piecemeal, ttl_s
        self.things = [f"thing/{n}" for n in range(8 if piecemeal else 24)]
        self.served = 0
        self.stalled_s = self.longest_s = self.cost_s = self.nobody_s = 0.0
        self.granted_at = time.monotonic()

    async def run(self, asks: int, *, until_stalled: bool = False) -> None:
        each = -(-asks // len(TOKENS))
        await asyncio.gather(*(self.agent(who, each, until_stalled=until_stalled) for who in TOKENS))

    async def agent(self, who: str, asks: int, *, until_stalled: bool) -> None:
        for _ in range(asks):
            if until_stalled and self.nobody_s > BLOCKED_S:
                return
            wanted = self.chance.sample(self.things, self.chance.randint(2 if self.piecemeal else 1, 4))
            began = time.monotonic()
            held: dict[str, int] = {}
            for part in [[one] for one in wanted] if self.piecemeal else [wanted]:
                if (got := await self.wait(who, part, held, until_stalled=until_stalled)) is None:
                    break
                held |= got
                await asyncio.sleep(self.chance.uniform(0, 0.02))
            else:
                self.served += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                if who.startswith("cost"):
                    self.cost_s = max(self.cost_s, time.monotonic() - began)
            if held and self.chance.random() > 0.02:  # the others die with what they hold
                await self.there.ask(who, "POST", "/claims/release", tokens=held)

    async def wait(self, who: str, wanted: list[str], held: dict[str, int], *, until_stalled: bool) -> dict[str, int] | None:
        """Asks until it is given. How long one and the same claim was in the way is what counts as a stall. None: what it had is
        lost, or somebody has stalled already."""
        since: dict[str, float] = {}
        while (said := await self.there.claim(who, *wanted, ttl_s=self.ttl_s)).status_code == 409:
            now = time.monotonic()
            self.nobody_s = max(self.nobody_s, now - self.granted_at)
            ways = {f"{w['resource']} {w['holder']} {w['since']}" for w in said.json()["in_way"] if w["until"] is not None}
            since = {way: since.get(way, now) for way in ways}
            self.stalled_s = max(self.stalled_s, *(now - each for each in since.values()), 0.0)
            if until_stalled and self.nobody_s > BLOCKED_S:
                return None
            if held and (await self.there.hold(who, held, executing=True, ttl_s=self.ttl_s)).status_code == 409:
                held.clear()
                return None
            await asyncio.sleep(self.chance.uniform(0.05, 0.15))
        assert said.status_code == 201, said.text
        self.granted_at = time.monotonic()
        return {each["resource"]: each["token"] for each in said.json()["claims"]}


async def test_a_crowd_that_asks_for_several_things_waits_for_nobody_longer_than_a_lease(tmp_path: Path, gate: Gate) -> None:
    async with door(tmp_path) as there:
        crowd = Crowd(there, gate.random)
        await crowd.run(ASKS)
        print(f"longest wait {crowd.longest_s:.1f} s, of class cost {crowd.cost_s:.1f} s")
        assert crowd.cost_s <= 10 * waits.MOST_TTL_S
        gate(
            "G12",
            SEVERAL,
            figure=f"{crowd.served:,} served, longest behind one {crowd.stalled_s:.2f} s",
            bar=f"0 deadlocks > TTL + 1 s ({TTL_S + 1:g} s)",
            met=crowd.served >= ASKS and crowd.stalled_s <= TTL_S + 1,
        )


async def test_agents_that_ask_piece_by_piece_and_hold_on_are_never_deadlocked(tmp_path: Path, gate: Gate) -> None:
    async with door(tmp_path) as there:
        crowd = Crowd(there, gate.random, piecemeal=True)
        await crowd.run(ASKS // 8)
        gate(
            "G12",
            PIECEMEAL,
            figure=f"{crowd.served} served, longest standstill {crowd.nobody_s:.2f} s",
            bar=f"no standstill > {BLOCKED_S:g} s",
            met=crowd.nobody_s <= BLOCKED_S,
        )


async def test_a_deadlock_would_be_found_out(tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its leases are long enough to be renewed in time on a busy machine too: else the lease ends the deadlock."""

    async def never(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(waits, "ends", never)
    async with door(tmp_path) as there:
        crowd = Crowd(there, gate.random, piecemeal=True, ttl_s=5 * TTL_S)
        async with asyncio.timeout(120):
            await crowd.run(10_000, until_stalled=True)
        behind, stood = crowd.stalled_s, crowd.nobody_s
        gate.twin("G12", SEVERAL, figure=f"longest behind one {behind:.2f} s", fails=behind > crowd.ttl_s + 1)
        gate.twin("G12", PIECEMEAL, figure=f"longest standstill {stood:.2f} s", fails=stood > BLOCKED_S)
