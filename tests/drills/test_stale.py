"""G9: whatever changes between the question, the yes and the run, nothing runs on it; nor at its expiry, nor a second later."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.action import Call
from app.domain.proposal import Proposal
from app.incidents import decide as deciding
from app.incidents.execute import execute
from app.incidents.expire import expire
from app.ledger import claims, switches
from app.policy import rules
from app.policy.decision import Allowed
from app.policy.policy import load
from tests.drills.lever import POLICY, Lever, approve_fully, asked, levers, sign
from tests.gates import Gate, size
from tests.unit.incidents.world import World, member

ORDERS, TWIN_ORDERS = size(full=500, small=120), 60
WHAT = "the world moved meanwhile"
WITHOUT = POLICY.replace("[UAPPROVER, USECOND,", "[")
pytestmark = pytest.mark.timeout(size(full=1200, small=300))

Change = Callable[[World, Lever, Proposal], Awaitable[None]]


async def moves(world: World, lever: Lever, proposal: Proposal) -> None:
    lever.position = "down"


async def upgraded(world: World, lever: Lever, proposal: Proposal) -> None:
    lever.meaning = "Tear out"


async def stopped(world: World, lever: Lever, proposal: Proposal) -> None:
    async with world.ledger.write() as tx:
        await switches.turn(tx, switches.KILL, on=True, by="U1", reason="", at=world.clock())


async def dismissed(world: World, lever: Lever, proposal: Proposal) -> None:
    world.folk["UAPPROVER"] = member("UAPPROVER", deleted=True)


async def rewritten(world: World, lever: Lever, proposal: Proposal) -> None:
    world.desk.policy = load(WITHOUT)


async def taken(world: World, lever: Lever, proposal: Proposal) -> None:
    world.clock.move(seconds=1)
    async with world.ledger.write() as tx:
        target, now = proposal.effects.target, world.clock()
        claim = await claims.acquire(tx, target, holder="autoscaler@1", priority=2, now=now, ttl_s=3600)
        if claim is not None:  # else it runs already, which it should not
            await claims.execute(tx, target, claim.token, now=now)  # until it does, the run would take it away


async def late(world: World, lever: Lever, proposal: Proposal) -> None:
    world.clock.move(minutes=31)


CHANGES: tuple[Change, ...] = (moves, upgraded, stopped, dismissed, rewritten, taken, late)


async def mended(world: World, lever: Lever) -> None:
    """As it was, for the next order."""
    lever.position, lever.meaning, world.desk.policy = "up", "Pull", load(POLICY)
    world.folk["UAPPROVER"] = member("UAPPROVER")
    async with world.ledger.write() as tx:
        await switches.turn(tx, switches.KILL, on=False, by="U1", reason="", at=world.clock())


async def interleaved(folder: Path, number: int, dice: random.Random) -> list[str]:
    """Random orders of changes between proposal, press and run, some taken back; what ran and must not, or did not and may."""
    wrong = []
    async with levers(folder) as (world, lever):
        for each in range(number):
            if each % 25 == 0:
                incident = (await world.declared(f"incident {each}")).id
            before = dice.sample(CHANGES, 1) if dice.random() < 0.4 else []
            after = dice.sample(CHANGES, dice.randrange(1, 3)) if dice.random() < 0.5 else []
            proposal = await asked(world, incident, tier=dice.choice((1, 2, 3)), name=f"l{each}")
            for change in before:
                await change(world, lever, proposal)
            await approve_fully(world, proposal)
            if before and before[0] in (moves, upgraded) and dice.random() < 0.5:
                await mended(world, lever)  # back again: what was superseded stays so
            for change in after:
                await change(world, lever, proposal)
            runs = len(lever.pulled)
            await execute(world.desk, proposal.hash)
            ran = len(lever.pulled) > runs
            if ran != (not before and not after):
                names = [[change.__name__ for change in changes] for changes in (before, after)]
                wrong.append(f"tier {proposal.tier} {names}: {'ran' if ran else 'did not run'}; {await world.state(proposal)}")
            await mended(world, lever)
            world.clock.move(minutes=1)
            if await world.state(proposal) == "proposed":
                await world.press(proposal, decision="reject", reason="next")
    return wrong


async def test_nothing_runs_on_what_changed_and_everything_else_does(tmp_path: Path, gate: Gate) -> None:
    wrong = await interleaved(tmp_path, ORDERS, gate.random)
    print(wrong[:5])
    figure, bar = f"{len(wrong)} of {ORDERS} run or held back wrongly", f"{ORDERS} interleavings, 0 on what changed"
    gate("G9", WHAT, figure=figure, bar=bar, met=not wrong)


async def test_running_what_was_approved_without_looking_again_would_be_found_out(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known-bad twins: the target is not read again; the rules are not asked again."""

    async def unmoved(*_: object) -> None:
        return None

    with monkeypatch.context() as patched:
        patched.setattr(deciding, "moved_since", unmoved)
        unread = len(await interleaved(tmp_path / "a", TWIN_ORDERS, gate.random))
    with monkeypatch.context() as patched:
        patched.setattr(rules, "decide_run", lambda _: Allowed("it was approved once"))
        unasked = len(await interleaved(tmp_path / "b", TWIN_ORDERS, gate.random))
    gate.twin("G9", WHAT, figure=f"{unread} and {unasked} of {TWIN_ORDERS} wrong", fails=unread > 0 and unasked > 0)


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize(("edge", "counts"), [(-1, True), (0, False), (1, False)])
async def test_at_its_last_second_and_never_later(tmp_path: Path, tier: int, edge: int, counts: bool) -> None:
    """The press, and the run, a second before the end, at it, and a second after. At tier 3 the end is five minutes from the
    first press; also of a process that starts anew in between, which knows nothing but the ledger."""
    async with levers(tmp_path / "press") as (world, lever):
        proposal = await asked(world, (await world.declared()).id, tier=tier)
        minutes = {1: 30, 2: 15, 3: 5}[tier]
        if tier == 3:
            world.clock.move(minutes=20)
            assert (await world.press(proposal, by="USECOND", typed=proposal.effects.target)).counted
        world.clock.at += timedelta(minutes=minutes, seconds=edge)
        anew = replace(world, desk=replace(world.desk))
        said = await (sign(anew, proposal, "UAPPROVER") if tier == 3 else anew.press(proposal, by="UAPPROVER"))
        assert said.complete is counts, said.sentence
    async with levers(tmp_path / "run") as (world, lever):
        proposal = await asked(world, (await world.declared()).id, tier=tier)
        assert (await approve_fully(world, proposal)).complete
        world.clock.at += timedelta(minutes=minutes, seconds=edge)
        await execute(world.desk, proposal.hash)
        assert (len(lever.pulled) == 1) is counts


async def test_at_tier_3_it_waits_for_its_first_press_as_long_as_at_tier_1(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=3)
        late = await asked(world, proposal.incident, tier=3, name="late")
        world.clock.move(minutes=29, seconds=59)
        assert (await world.press(proposal, by="USECOND", typed=proposal.effects.target)).counted
        world.clock.move(seconds=1)
        assert not (await world.press(late, by="USECOND", typed=late.effects.target)).counted
        assert await expire(world.desk) == 1
        assert [await world.state(each) for each in (proposal, late)] == ["proposed", "expired"]
        world.clock.move(minutes=4, seconds=58)
        assert (await sign(world, proposal, "UAPPROVER")).complete


async def test_another_proposal_s_yes_is_nobody_s(tmp_path: Path) -> None:
    """An approval is of one hash: the same call asked again is another question."""
    async with levers(tmp_path) as (world, lever):
        incident = (await world.declared()).id
        first = await asked(world, incident, tier=1)
        assert (await world.press(first, by="UAPPROVER", decision="reject", reason="no")).complete
        second = await asked(world, incident, tier=1, text="again")
        assert (await world.press(second, by="UAPPROVER")).complete
        await execute(world.desk, first.hash)
        assert lever.pulled == []
        await execute(world.desk, second.hash)
        assert Call(action="pull", arguments=lever.pulled[0]) == second.call
