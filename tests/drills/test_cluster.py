"""Two surfaces and two workers on one PostgreSQL: they die, are paused, are asked to end; nothing is lost, nothing done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.drills.cluster import Cluster, Machine, cluster
from tests.drills.stack import PATIENCE_S
from tests.drills.test_execution import effects, state, told
from tests.gates import FULL, Gate, size

TAKEOVER_S, HAND_OVER_S = 10.0, 2.0
TAKEN_OVER = f"≤ {TAKEOVER_S:g} s, 0 lost, 0 double"
PAUSED_S = float(size(full=12, small=8))
"""Longer than it takes to take over from a process that is dead."""
TRIAGE = ("triage-begins", "investigating", "reported", "weighed", "proposed", "triage-ended") if FULL else ("investigating",)
BEFORE_IT_STARTED = ("approved",)
WHILE_IT_RUNS = ("started", "acted") if FULL else ("started",)
AFTERWARDS = ("verifying", "ended", "watched", "undoing") if FULL else ()
TELLING = ("channel-made", "posting", "posted", "updated", "pinned") if FULL else ("posted",)
SETTLED = ("done", "failed", "unknown")

pytestmark = pytest.mark.timeout(size(full=1800, small=600))

IN_TRIAGE, AROUND_ACTION = "SIGKILL of a machine in a triage", "SIGKILL of a machine around an action"
PAUSED, ASKED, CLOCK = "SIGSTOP zombie", "SIGTERM hand-over", "one scheduler fires"


async def approval(c: Cluster, window: str) -> tuple[str, Machine, Machine]:
    """An approved rollback whose worker stands in the window; its hash, that machine and the other."""
    c.target.deployed_again()
    incident = await c.a.declare(f"checkout fails, {window}")
    await c.rest()
    c.arm(window)
    hash = await c.a.approve(incident)
    return hash, *await c.reached(window)


async def taken_over(c: Cluster, dead: Machine, other: Machine, what: str, window: str, *, again: bool) -> None:
    """The dead one is killed with all that runs on it; `again`: whether the other one comes by the same window."""
    other_was_there = other.at(window)
    await dead.end_machine()
    if again and not other_was_there:
        await c.timed(what, lambda: other.at(window))
    c.open_gates()


async def dies_in_a_triage(c: Cluster, windows: Sequence[str]) -> list[str]:
    for window in windows:
        c.arm(window)
        declared = asyncio.create_task(c.slack.command("U01ALICE", "general", "/incident", f"declare {window}"))
        dead, other = await c.reached(window)
        await taken_over(c, dead, other, f"taken over at {window}", window, again=window not in ("posted", "pinned"))
        await declared
        await c.until("all is done there", lambda other=other: not other.unfinished(), 2 * PATIENCE_S)
        await dead.up()
        await c.rest()
    return await c.wrong()


@pytest.mark.in_full
async def test_a_machine_dies_in_a_triage_and_the_other_one_carries_on(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    async with cluster(tmp_path / "c", postgres_url) as c:
        await c.start()
        wrong = await dies_in_a_triage(c, (*TRIAGE, *TELLING))
        print(c.summary("a machine killed in a triage", wrong), wrong)
        figure = f"{len(TRIAGE) + len(TELLING)} windows, {len(wrong)} wrong, slowest {c.slowest_s:.1f} s"
        gate("PG", IN_TRIAGE, figure=figure, bar=TAKEN_OVER, met=not wrong and c.slowest_s <= TAKEOVER_S)


async def dies_around_an_action(c: Cluster, windows: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """(the proposal's hash by window, what is wrong)"""
    hashes = {}
    for window in windows:
        hashes[window], dead, _ = await approval(c, window)
        await dead.end_machine()
        c.open_gates()
        await c.timed(f"settled after {window}", lambda hash=hashes[window]: state(c.a, hash) in SETTLED)
        await dead.up()
        await c.rest()
    return hashes, await c.wrong()


@pytest.mark.in_full
async def test_dead_only_after_a_long_silence_would_be_found_out(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    """As the queue itself would have it."""
    async with cluster(tmp_path / "c", postgres_url, twin="dead-by-long-silence") as c:
        await c.start()
        await dies_in_a_triage(c, ("investigating",))
        gate.twin("PG", IN_TRIAGE, figure=f"by silence: {c.slowest_s:.1f} s", fails=c.slowest_s > TAKEOVER_S)
        c.took_s.clear()
        await dies_around_an_action(c, ("started",))
        gate.twin("PG", AROUND_ACTION, figure=f"by silence: {c.slowest_s:.1f} s", fails=c.slowest_s > TAKEOVER_S)


async def test_a_machine_dies_around_an_approved_action_and_the_other_one_carries_on(
    tmp_path: Path, postgres_url: str, gate: Gate
) -> None:
    async with cluster(tmp_path / "c", postgres_url) as c:
        await c.start()
        windows = (*BEFORE_IT_STARTED, *WHILE_IT_RUNS, *AFTERWARDS)
        hashes, wrong = await dies_around_an_action(c, windows)
        print(c.summary("a machine killed around an approved action", wrong), wrong)
        for window in (*BEFORE_IT_STARTED, *AFTERWARDS):
            assert (window, state(c.a, hashes[window]), effects(c.a, hashes[window])) == (window, "done", 1)
        assert state(c.a, hashes["started"]) == "unknown"
        assert told(c.a, hashes["started"])
        assert effects(c.a, hashes["started"]) == 0
        figure = f"{len(windows)} windows, {len(wrong)} wrong, slowest {c.slowest_s:.1f} s"
        gate("PG", AROUND_ACTION, figure=figure, bar=TAKEN_OVER, met=not wrong and c.slowest_s <= TAKEOVER_S)


async def paused(c: Cluster, who: Machine, other: Machine) -> None:
    """SIGSTOP of its work process; the other machine goes on; SIGCONT."""
    pid = who.work()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        c.open_gates()
        until = time.monotonic() + PAUSED_S
        before = other.count("runs", "state = 'finished'")
        new = f"search-{time.monotonic_ns()}"  # an alert of a service that is known already joins that one's incident
        assert (await other.alert(new, service=new)).status_code == 202
        await c.until("the other one works", lambda: other.count("runs", "state = 'finished'") > before)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
    finally:
        os.kill(pid, signal.SIGCONT)


async def pauses(c: Cluster, triage: tuple[str, ...], running: tuple[str, ...]) -> list[str]:
    """A work process is paused in each window for longer than a dead one would be missed; what was done beside it."""
    wrong = []
    for window in triage:
        c.arm(window)
        declared = asyncio.create_task(c.slack.command("U01ALICE", "general", "/incident", f"declare {window}"))
        await paused(c, *await c.reached(window))
        await declared
        await c.rest()
    for window in running:
        hash, who, other = await approval(c, window)
        await paused(c, who, other)
        await c.rest()
        if (state(who, hash), effects(who, hash), told(who, hash)) != ("done", 1, False):
            wrong.append(f"paused at {window}: {state(who, hash)}, {effects(who, hash)} effects, said unknown: {told(who, hash)}")
    twice = c.a.rows("SELECT id, attempts FROM runs WHERE attempts > 1")
    return [*wrong, *(f"{run} was worked on {n} times" for run, n in twice), *await c.wrong()]


@pytest.mark.in_full
async def test_a_paused_work_process_is_harmless_when_it_wakes_up(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    async with cluster(tmp_path / "c", postgres_url) as c:
        await c.start()
        triage, running = (*TRIAGE, "posting"), (*WHILE_IT_RUNS, *AFTERWARDS)
        wrong = await pauses(c, triage, running)
        figure = f"{len(wrong)} wrong, {len(triage) + len(running)} windows, {PAUSED_S:g} s each"
        print(figure, wrong)
        gate("PG", PAUSED, figure=figure, bar="harmless when it wakes up", met=not wrong)


@pytest.mark.in_full
async def test_without_the_session_locks_a_paused_process_would_be_found_out(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    async with cluster(tmp_path / "c", postgres_url, twin="dead-by-silence") as c:
        await c.start()
        wrong = await pauses(c, ("posting",), ("started",))
        print("without session locks:", wrong)
        seen = [any(sign in each for each in wrong) for sign in ("paused at started: unknown", "was posted 2 times")]
        gate.twin("PG", PAUSED, figure=f"no session locks: {len(wrong)} wrong", fails=all(seen))


async def asked_to_end(c: Cluster, times: int) -> list[str]:
    for _ in range(times):
        c.arm("investigating", lingering=True)
        await c.slack.command("U01ALICE", "general", "/incident", "declare checkout requests fail")
        who, other = await c.reached("investigating")
        assert who.surface is not None
        who.surface.send_signal(signal.SIGTERM)
        run = c.a.rows("SELECT id FROM runs WHERE state = 'running'")[0][0]
        again = f"id = '{run}' AND attempts = 2"
        await c.timed("handed over", lambda again=again: c.a.count("runs", again))
        c.open_gates()
        assert await asyncio.wait_for(who.surface.wait(), 10) == 0
        await c.until("all is done there", lambda other=other: not other.unfinished())
        await who.up()
        await c.rest()
    return await c.wrong()


async def test_asked_to_end_a_machine_hands_over(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    times = size(full=5, small=1)
    async with cluster(tmp_path / "c", postgres_url) as c:
        await c.start()
        wrong = await asked_to_end(c, times)
        figure = f"{times} times, {len(wrong)} wrong, slowest {c.slowest_s:.1f} s"
        print(figure, wrong)
        gate("PG", ASKED, figure=figure, bar=f"≤ {HAND_OVER_S:g} s, nothing lost", met=not wrong and c.slowest_s <= HAND_OVER_S)


async def test_waiting_until_its_jobs_have_ended_would_be_found_out(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    async with cluster(tmp_path / "c", postgres_url, twin="waits-them-out") as c:
        await c.start()
        await asked_to_end(c, 1)
        gate.twin("PG", ASKED, figure=f"waits jobs out: {c.slowest_s:.1f} s", fails=c.slowest_s > HAND_OVER_S)


async def firings(c: Cluster) -> dict[int, list[int]]:
    """The ticks of `resume` by process: the clock's jobs that are done once for all."""
    held: dict[int, list[int]] = {}
    for each in c.machines:
        for kind, tick, pid in each.fired():
            if kind == "resume":
                held.setdefault(pid, []).append(tick)
    return held


async def test_one_clock_fires_and_another_one_once_it_is_dead(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    async with cluster(tmp_path / "c", postgres_url) as c:
        await c.start()
        await asyncio.sleep(size(full=20, small=6))
        fired = await firings(c)
        assert len(fired) == 1, fired
        ((leader, ticks),) = fired.items()
        assert len(ticks) >= 4
        assert len(ticks) == len(set(ticks))
        keeper = next(each for each in c.machines if each.work() == leader)
        dead_at = time.monotonic()
        await keeper.end_machine()
        while len(fired) == 1:
            await asyncio.sleep(0.05)
            fired = await firings(c)
            assert time.monotonic() - dead_at < PATIENCE_S
        c.took_s["another clock fires"] = time.monotonic() - dead_at
        await keeper.up()
        await asyncio.sleep(3)
        assert len(await firings(c)) == 2  # who comes back does not fire beside the new one
        print(c.summary("one clock", await c.wrong()))
        figure = f"1 of 2, {len(ticks)} ticks once each, next in {c.slowest_s:.1f} s"
        gate("PG", CLOCK, figure=figure, bar=f"exactly one; the next ≤ {TAKEOVER_S:g} s", met=c.slowest_s <= TAKEOVER_S)


async def test_without_the_clocks_lock_two_would_be_found_out(tmp_path: Path, postgres_url: str, gate: Gate) -> None:
    async with cluster(tmp_path / "c", postgres_url, twin="two-clocks") as c:
        await c.start()
        await asyncio.sleep(4)
        fired = await firings(c)
        twice = set.intersection(*map(set, fired.values()))
        gate.twin(
            "PG", CLOCK, figure=f"no lock: {len(fired)} fire, {len(twice)} ticks twice", fails=len(fired) == 2 and bool(twice)
        )
