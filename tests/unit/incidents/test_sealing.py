"""Nothing above tier 0 is approved, told or run before a signed root covers it; where none can be signed the answer is no."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.cards.card import Card
from app.domain.errors import Misconfigured
from app.domain.incident import Incident
from app.domain.proposal import Proposal
from app.incidents import execute
from app.jobs.outgoing import OutboxWorker
from app.ledger import audit
from app.verify_alone import Root, read_roots
from tests.unit.incidents.world import World


async def asked(world: World) -> Proposal:
    return await world.proposed((await world.declared()).id)


async def last_row(world: World, incident: str) -> int:
    async with world.ledger.read() as tx:
        return next(head.seq for head in await audit.heads(tx) if head.incident == incident)


def last_root(world: World) -> Root:
    log = read_roots(world.desk.roots.path.read_text(), keys=[world.desk.roots.key])
    assert log.problems == []
    return log.roots[-1]


def broken(path: Path) -> None:
    """Nothing can be written there any more."""
    path.unlink(missing_ok=True)
    path.mkdir()


async def test_a_yes_stands_under_a_root_when_it_is_answered(world: World) -> None:
    proposal = await asked(world)
    answer = await world.press(proposal)
    assert answer.complete
    assert [(name, seq) for name, seq, _ in last_root(world).heads] == [
        (proposal.incident, await last_row(world, proposal.incident))
    ]


async def test_where_no_root_can_be_signed_a_yes_is_refused_with_what_to_do(world: World) -> None:
    proposal = await asked(world)
    await world.desk.roots.seal()
    broken(world.desk.roots.path)
    await world.declared("something moves")
    answer = await world.press(proposal)
    assert not answer.counted
    assert "FIRSTMATE_AUDIT_DIR" in answer.sentence
    assert await world.state(proposal) == "proposed"
    assert audit.Action.REFUSED.value in await world.audited(proposal.incident)
    assert (await world.press(proposal, decision="reject", reason="no")).counted  # a no needs no root


class Breaking:
    """Roots that can't be written any more after this many times."""

    def __init__(self, inner: object, *, times: int) -> None:
        self.inner, self.left = inner, times

    async def seal(self) -> Root | None:
        self.left -= 1
        if self.left < 0:
            raise Misconfigured("the disk is full")
        return await self.inner.seal()  # type: ignore[attr-defined, no-any-return]


async def test_what_was_approved_while_the_disk_filled_up_does_not_run_until_a_root_covers_it(world: World) -> None:
    proposal = await asked(world)
    filling = replace(world, desk=replace(world.desk, roots=Breaking(world.desk.roots, times=1)))  # type: ignore[arg-type]
    answer = await filling.press(proposal)
    assert "does not run yet: the disk is full" in answer.sentence
    assert not world.runner.live(f"execute:{proposal.hash}")
    with contextlib.suppress(Misconfigured):
        await execute.execute(filling.desk, proposal.hash)
    assert (await world.state(proposal), world.tool.effects) == ("approved", 0)
    await execute.execute(world.desk, proposal.hash)  # there is room again
    assert (await world.state(proposal), world.tool.effects) == ("done", 1)


class Watching:
    """A surface that notes how many rows the last root covered whenever people are told something."""

    pace_s = 0.0

    def __init__(self, world: World, incident: str) -> None:
        self.world, self.incident, self.uncovered = world, incident, [0]

    async def _note(self) -> None:
        covered = max(seq for root in self._roots() for name, seq, _ in root.heads if name == self.incident)
        async with self.world.ledger.read() as tx:
            rows = await audit.rows(tx, self.incident)
        told = [row.seq for row in rows if row.action != audit.Action.CHANNEL_CREATED.value]
        self.uncovered.append(max(told) - covered)

    def _roots(self) -> list[Root]:
        return read_roots(self.world.desk.roots.path.read_text(), keys=[]).roots

    async def open_channel(self, incident: Incident, *, invite: Sequence[str]) -> tuple[str, str]:
        await self._note()
        return "C1", "inc-0001"

    async def post(self, channel: str, card: Card, *, key: str, thread: str | None = None) -> str:
        await self._note()
        return key

    async def find(self, channel: str, key: str, *, thread: str | None = None) -> str | None:
        return None

    async def update(self, channel: str, ts: str, card: Card) -> None:
        await self._note()

    async def pin(self, channel: str, ts: str) -> None: ...
    async def set_topic(self, channel: str, topic: str) -> None: ...
    async def answer(self, to: str, card: Card) -> None: ...
    async def show(self, view: str, card: Card) -> None: ...


async def told_of(world: World, *, sealing: bool) -> list[int]:
    """How many rows lay outside any root each time something was told, after a process died between the commit and its root."""
    proposal = await asked(world)
    await world.desk.roots.seal()
    dying = replace(world, desk=replace(world.desk, roots=Breaking(world.desk.roots, times=1)))  # type: ignore[arg-type]
    await dying.press(proposal)
    surface = Watching(world, proposal.incident)
    worker = OutboxWorker(world.desk, surface)
    if not sealing:
        worker._seal = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
    while await worker.once():
        pass
    return surface.uncovered


async def test_nothing_is_told_before_a_root_covers_it(world: World) -> None:
    uncovered = await told_of(world, sealing=True)
    assert len(uncovered) > 3
    assert max(uncovered) == 0


async def test_a_sender_that_does_not_wait_for_the_root_would_be_found_out(world: World) -> None:
    assert max(await told_of(world, sealing=False)) > 0
