from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.domain.errors import Unreachable
from app.incidents import execute
from app.incidents.reload import Reload
from app.ledger import audit, outbox
from app.ledger.ledger import Tx
from app.plugged import load_policy
from app.settings import Settings
from tests.unit.incidents.world import POLICY, World

Write = Callable[[str], None]
LATER = POLICY.replace("[UAPPROVER, USECOND]", "[UNOBODY]")


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(text: str) -> None:
        (tmp_path / "policy.yaml").write_text(text)

    write(POLICY)
    return write


@pytest.fixture
def reload(world: World, tmp_path: Path) -> Reload:
    return Reload(world.desk, lambda: load_policy(Settings(data_dir=tmp_path)))


async def recorded(world: World) -> list[str]:
    async with world.ledger.read() as tx:
        assert await audit.verify(tx, "") == []
        return [row.action for row in await audit.rows(tx, "")]


async def test_who_is_named_in_the_changed_file_may_approve_and_who_is_not_any_more_may_not(
    world: World, written: Write, reload: Reload
) -> None:
    proposal = await world.proposed((await world.declared()).id)
    written(LATER)
    assert not (await world.press(proposal, by="UNOBODY")).counted
    await reload.look()
    assert not (await world.press(proposal, by="UAPPROVER")).counted
    assert (await world.press(proposal, by="UNOBODY")).complete
    assert await recorded(world) == [audit.Action.POLICY_LOADED]


async def test_what_was_approved_under_the_policy_before_does_not_run_where_this_one_denies_it(
    world: World, written: Write, reload: Reload
) -> None:
    proposal = await world.proposed((await world.declared()).id)
    assert (await world.press(proposal, by="UAPPROVER")).complete
    written(LATER)
    await reload.look()
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.asked == []
    assert await world.state(proposal) == "superseded"


async def test_the_danger_is_a_real_one_without_the_reload_it_runs(world: World, written: Write) -> None:
    proposal = await world.proposed((await world.declared()).id)
    assert (await world.press(proposal, by="UAPPROVER")).complete
    written(LATER)
    await execute.execute(world.desk, proposal.hash)
    assert world.tool.effects == 1


async def test_new_proposals_carry_the_new_version_and_cards_that_wait_are_brought_up_to_date(
    world: World, written: Write, reload: Reload
) -> None:
    incident = (await world.declared()).id
    before = await world.proposed(incident)
    async with world.ledger.write() as tx:
        for row in await outbox.due(tx, world.clock()):
            await outbox.mark_sending(tx, row.id, at=world.clock())
            await outbox.mark_sent(tx, row.id, result={}, at=world.clock())
    world.clock.move(seconds=1)
    written(LATER)
    await reload.look()
    async with world.ledger.read() as tx:
        assert f"proposal:{before.hash}" in [row.card for row in await outbox.due(tx, world.clock())]
    world.tool.version = "2.0.0"
    call = before.call.model_copy(update={"arguments": {**before.call.arguments, "from_version": "2.0.0"}})
    after = await world.proposed(incident, call=call)
    assert (after.policy == before.policy, after.policy) == (False, world.desk.policy_version)


@pytest.mark.parametrize(("broken", "named"), [("format: 2", "format"), ("", "empty"), ("aprovers: []\nformat: 1", "aprovers")])
async def test_a_broken_file_keeps_the_policy_there_was_and_is_recorded_once_with_its_fault(
    world: World, written: Write, reload: Reload, broken: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    version = world.desk.policy_version
    written(broken)
    for _ in range(3):
        await reload.look()
    assert world.desk.policy_version == version
    async with world.ledger.read() as tx:
        (row,) = await audit.rows(tx, "")
    assert (row.action, row.policy) == (audit.Action.POLICY_REFUSED, version)
    assert named in str(row.payload)
    assert named in capsys.readouterr().out
    written(LATER)
    await reload.look()
    written(broken)
    await reload.look()
    assert await recorded(world) == ["firstmate:policy:refuse", "firstmate:policy:load", "firstmate:policy:refuse"]


async def test_a_file_that_is_gone_approves_nothing(world: World, tmp_path: Path, written: Write, reload: Reload) -> None:
    proposal = await world.proposed((await world.declared()).id)
    (tmp_path / "policy.yaml").unlink()
    await reload.look()
    assert "there is no policy" in (await world.press(proposal)).sentence


async def test_a_file_that_says_the_same_in_other_words_writes_nothing(world: World, written: Write, reload: Reload) -> None:
    written(f"# a comment\n{POLICY}")
    await reload.look()
    assert await recorded(world) == []


async def test_what_could_not_be_recorded_does_not_count(world: World, written: Write, reload: Reload) -> None:
    version = world.desk.policy_version
    written(LATER)

    class Full:
        def begin(self) -> None:
            raise Unreachable("the ledger did not answer")

    writer, world.ledger._writer = world.ledger._writer, Full()  # a full disk
    with pytest.raises(Unreachable):
        await reload.look()
    assert world.desk.policy_version == version
    world.ledger._writer = writer
    await reload.look()
    assert world.desk.policy_version != version


@pytest.mark.parametrize("end", [Unreachable("the ledger did not answer"), RuntimeError("broke"), asyncio.CancelledError()])
async def test_a_policy_whose_record_was_not_committed_does_not_count(
    world: World, written: Write, reload: Reload, end: BaseException
) -> None:
    version, ledger = world.desk.policy_version, world.desk.ledger
    written(LATER)

    class Uncommitted:
        @asynccontextmanager
        async def write(self) -> AsyncIterator[Tx]:
            async with ledger.write() as tx:
                yield tx
                raise end

    world.desk.ledger = Uncommitted()
    with pytest.raises(type(end)):
        await reload.look()
    world.desk.ledger = ledger
    assert world.desk.policy_version == version
    assert await recorded(world) == []
