from __future__ import annotations

import asyncio
from typing import Any

from app.jobs.runner import InProcessRunner
from app.jobs.schedule import Timetable


async def test_the_same_unfinished_key_is_run_once_and_may_be_submitted_again_afterwards() -> None:
    ran: list[Any] = []
    runner = InProcessRunner()

    async def work(payload: Any) -> None:
        ran.append(payload["n"])
        await asyncio.sleep(0)

    for n in range(3):
        await runner.submit("work", {"n": n}, key="same")
    await runner.start({"work": work})
    await runner.idle()
    assert ran == [0]
    await runner.submit("work", {"n": 9}, key="same")
    await runner.idle()
    assert ran == [0, 9]


async def test_jobs_under_one_lock_run_one_after_another_in_their_order_and_others_beside_them() -> None:
    inside: list[str] = []
    order: list[int] = []
    most = 0
    runner = InProcessRunner()

    async def work(payload: Any) -> None:
        nonlocal most
        inside.append(payload["lock"])
        assert inside.count("a") <= 1
        most = max(most, len(inside))
        if payload["lock"] == "a":
            order.append(payload["n"])
        await asyncio.sleep(0.01)
        inside.remove(payload["lock"])

    await runner.start({"work": work})
    for n in range(4):
        await runner.submit("work", {"n": n, "lock": "a"}, key=f"a{n}", lock="a")
        await runner.submit("work", {"n": n, "lock": "-"}, key=f"b{n}")
    await runner.idle()
    assert order == [0, 1, 2, 3]
    assert most > 1


async def test_a_job_that_breaks_is_tried_again_and_takes_no_other_along() -> None:
    tries = 0
    done = []
    runner = InProcessRunner(retries_s=(0.0, 0.0))

    async def work(payload: Any) -> None:
        nonlocal tries
        if payload["n"] == 0:
            tries += 1
            raise ValueError("broken")
        done.append(payload["n"])

    await runner.start({"work": work})
    for n in range(3):
        await runner.submit("work", {"n": n}, key=str(n), lock="one")
    await runner.submit("nobody", {}, key="nobody")
    await runner.idle()
    assert tries == 3
    assert done == [1, 2]


async def test_at_its_end_what_runs_may_finish_and_what_is_late_is_cut_off() -> None:
    ended: list[str] = []
    runner = InProcessRunner()

    async def work(payload: Any) -> None:
        try:
            await asyncio.sleep(payload["s"])
            ended.append("finished")
        except asyncio.CancelledError:
            ended.append("cut off")
            raise

    await runner.start({"work": work})
    await runner.submit("work", {"s": 0.01}, key="quick")
    await runner.submit("work", {"s": 600}, key="slow")
    await asyncio.sleep(0)
    await runner.stop(grace_s=0.2)
    assert sorted(ended) == ["cut off", "finished"]
    await runner.submit("work", {"s": 0}, key="late")
    assert runner._unfinished == {}


async def test_a_tick_fired_twice_is_one_job() -> None:
    ran: list[str] = []
    runner = InProcessRunner()
    timetable = Timetable(runner, {"expire": 3600.0})

    async def work(payload: Any) -> None:
        ran.append("expire")

    await asyncio.gather(timetable._submit("expire", 1e9), timetable._submit("expire", 1e9))
    await runner.start({"expire": work})
    await runner.idle()
    assert ran == ["expire"]
    timetable.start()
    timetable.stop()


async def test_of_a_bounded_kind_only_so_many_run_beside_each_other_and_other_kinds_do_not_wait() -> None:
    running, most, others = 0, 0, 0
    gate = asyncio.Event()
    runner = InProcessRunner(at_once={"heavy": 2})

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
    await runner.submit("light", {}, key="light")
    await runner.start({"heavy": heavy, "light": light})
    await runner.idle()
    assert (most, others) == (2, 1)
