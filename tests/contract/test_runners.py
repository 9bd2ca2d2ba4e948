"""What a JobRunner promises, held against both: tasks of one process, and Procrastinate on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import pytest

from app.domain.ports import JobRunner
from app.jobs.cluster import ClusterRunner
from app.jobs.runner import InProcessRunner
from app.jobs.sessions import SessionLocks
from app.ledger.ledger import Ledger

PATIENCE_S = 15.0


class Make(Protocol):
    """Another runner on the same work. `retries_s`, `at_once`: as the adapters take them."""

    async def __call__(self, *, retries_s: tuple[float, ...] = (), at_once: dict[str, int] | None = None) -> JobRunner: ...


class Opened:
    """One runner of a cluster, as one process would have it."""

    def __init__(self, url: str, **given: Any) -> None:
        self._url, self._given = url, given
        self.locks: SessionLocks | None = None

    @asynccontextmanager
    async def runner(self) -> AsyncIterator[ClusterRunner]:
        self.locks = await SessionLocks.open(self._url)
        try:
            async with ClusterRunner.open(self._url, self.locks, resume="resume", **self._given) as runner:
                yield runner
                await runner.stop(grace_s=0)
        finally:
            await self.locks.close()


@pytest.fixture(params=["in this process", "on PostgreSQL", "on PostgreSQL as the role that runs"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    async with AsyncExitStack() as open_ones:
        if request.param == "in this process":

            async def alone(*, retries_s: tuple[float, ...] = (), at_once: dict[str, int] | None = None) -> JobRunner:
                return InProcessRunner(retries_s=retries_s, at_once=at_once)

            yield alone
            return
        url = request.getfixturevalue("running_url" if "role" in request.param else "postgres_url")
        await (await Ledger.open(url)).close()

        async def shared(*, retries_s: tuple[float, ...] = (), at_once: dict[str, int] | None = None) -> JobRunner:
            return await open_ones.enter_async_context(Opened(url, retries_s=retries_s, at_once=at_once).runner())

        yield shared


async def until(holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(patience_s):
        while not holds():
            await asyncio.sleep(0.01)


async def idle(runner: JobRunner) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await runner.unfinished():
            await asyncio.sleep(0.01)


async def test_what_is_submitted_before_the_start_runs_with_its_payload_once_it_has_started(make: Make) -> None:
    ran: list[Any] = []
    runner = await make()

    async def work(payload: Any) -> None:
        ran.append(payload)

    await runner.submit("work", {"run": "INC-0001/r1", "n": 1}, key="one")
    assert await runner.unfinished() == {"one"}
    assert ran == []
    await runner.start({"work": work})
    await idle(runner)
    assert ran == [{"run": "INC-0001/r1", "n": 1}]


async def test_an_unfinished_key_waiting_or_running_is_submitted_once_and_may_come_again_afterwards(make: Make) -> None:
    ran: list[Any] = []
    gate = asyncio.Event()
    runner = await make()

    async def work(payload: Any) -> None:
        ran.append(payload["n"])
        await gate.wait()

    for n in range(3):
        await runner.submit("work", {"n": n}, key="same")
    await runner.start({"work": work})
    await until(lambda: ran)
    await runner.submit("work", {"n": 7}, key="same")
    assert await runner.unfinished() == {"same"}
    gate.set()
    await idle(runner)
    assert ran == [0]
    await runner.submit("work", {"n": 9}, key="same")
    await idle(runner)
    assert ran == [0, 9]


async def test_jobs_under_one_lock_run_one_after_another_in_their_order_and_others_beside_them(make: Make) -> None:
    inside: Counter[str] = Counter()
    order: list[int] = []
    most = 0
    runner = await make()

    async def work(payload: Any) -> None:
        nonlocal most
        inside[payload["lock"]] += 1
        assert inside["a"] <= 1
        most = max(most, inside.total())
        if payload["lock"] == "a":
            order.append(payload["n"])
        await asyncio.sleep(0.05)
        inside[payload["lock"]] -= 1

    for n in range(4):
        await runner.submit("work", {"n": n, "lock": "a"}, key=f"a{n}", lock="a")
        await runner.submit("work", {"n": n, "lock": "-"}, key=f"b{n}")
    await runner.start({"work": work})
    await idle(runner)
    assert order == [0, 1, 2, 3]
    assert most > 1


async def test_a_job_that_breaks_keeps_its_turn_while_it_is_tried_again_and_is_then_given_up(make: Make) -> None:
    ran: list[str] = []
    runner = await make(retries_s=(0.02, 0.02))

    async def work(payload: Any) -> None:
        ran.append(payload["what"])
        if payload["what"] == "never" or (payload["what"] == "once" and ran.count("once") == 1):
            raise ValueError("broken")

    for what in ("once", "never", "fine"):
        await runner.submit("work", {"what": what}, key=what, lock="one")
    await runner.submit("nobody knows this", {}, key="unknown")
    await runner.start({"work": work})
    await idle(runner)
    assert ran == ["once", "once", "never", "never", "never", "fine"]
    await runner.submit("work", {"what": "never"}, key="never")  # given up is finished: the ledger may have it tried again
    await idle(runner)
    assert ran.count("never") == 6


async def test_of_a_bounded_kind_only_so_many_run_beside_each_other_and_other_kinds_do_not_wait(make: Make) -> None:
    running, most, others = 0, 0, 0
    gate = asyncio.Event()
    runner = await make(at_once={"heavy": 2})

    async def heavy(_: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    async def light(_: Any) -> None:
        nonlocal others
        others += 1
        gate.set()

    for n in range(6):
        await runner.submit("heavy", {}, key=f"heavy:{n}", lock=f"incident {n}")
    await runner.start({"heavy": heavy, "light": light})
    await until(lambda: running == 2)
    await runner.submit("light", {}, key="light")
    await idle(runner)
    assert (most, others) == (2, 1)


async def test_at_its_end_what_runs_may_finish_and_what_is_late_is_cut_off(make: Make) -> None:
    began: list[float] = []
    ended: list[str] = []
    runner = await make()

    async def work(payload: Any) -> None:
        began.append(payload["s"])
        try:
            await asyncio.sleep(payload["s"])
            ended.append("finished")
        except asyncio.CancelledError:
            ended.append("cut off")
            raise

    await runner.submit("work", {"s": 0.2}, key="quick")
    await runner.submit("work", {"s": 600}, key="slow")
    await runner.start({"work": work})
    await until(lambda: len(began) == 2)
    before = asyncio.get_running_loop().time()
    await runner.stop(grace_s=0.5)
    assert sorted(ended) == ["cut off", "finished"]
    assert asyncio.get_running_loop().time() - before < 2
    assert "slow" not in await runner.unfinished()  # whoever works next may take it up again from the ledger
    await runner.stop(grace_s=0.5)  # twice is harmless


async def test_whoever_starts_next_takes_up_what_the_ledger_says_is_unfinished(make: Make) -> None:
    """The ledger here is a set of what is not done; `resume` submits all of it, as `app.incidents.resume` does."""
    ledger = {"a", "b", "c"}
    ran: Counter[str] = Counter()
    stuck = asyncio.Event()

    def handlers(runner: JobRunner, *, hangs: bool) -> dict[str, Any]:
        async def work(payload: Any) -> None:
            ran[payload["what"]] += 1
            if hangs:
                await stuck.wait()
            ledger.discard(payload["what"])

        async def resume(_: Any) -> None:
            for what in sorted(ledger):
                await runner.submit("work", {"what": what}, key=what)

        return {"work": work, "resume": resume}

    first = await make()
    await first.submit("resume", {}, key="resume:1")
    await first.start(handlers(first, hangs=True))
    await until(lambda: ran.total() == 3)
    await first.stop(grace_s=0)
    second = await make()
    await second.start(handlers(second, hangs=False))
    await second.submit("resume", {}, key="resume:2")
    await idle(second)
    assert ledger == set()
    assert ran == {"a": 2, "b": 2, "c": 2}
