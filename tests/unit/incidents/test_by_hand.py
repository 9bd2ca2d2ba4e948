"""What an attack by hand got through, each as it was tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.domain.action import Call, Effects
from app.domain.approval import Execution, Person
from app.domain.errors import BadInput, Denied
from app.domain.proposal import Proposal
from app.incidents import execute
from app.incidents.desk import Desk
from app.incidents.propose import propose_undo
from app.policy.policy import load
from tests.drills.lever import POLICY, Lever, approve_fully, asked, levers
from tests.unit.incidents.world import member


@pytest.mark.parametrize("tier", [1, 2, 3])
async def test_a_target_that_moves_while_slack_is_asked_who_people_are_is_not_acted_on(tmp_path: Path, tier: int) -> None:
    async with levers(tmp_path) as (world, lever):
        proposal = await asked(world, (await world.declared()).id, tier=tier)
        assert (await approve_fully(world, proposal)).complete

        async def slowly(id: str) -> Person | None:
            lever.position = "moved meanwhile"
            return await world.desk.people(id)

        await execute.execute(replace(world.desk, people=slowly), proposal.hash)
        assert lever.pulled == []
        assert await world.state(proposal) == "superseded"


@pytest.mark.parametrize(
    "name", ["ok/../prod", "ok//x", "ok/", "/ok", "ok/\u200bx", "o\u043a", "ok\n", "ok/./x", "ok/%2e", "x" * 200]
)
async def test_what_has_more_than_one_name_is_not_proposed(tmp_path: Path, name: str) -> None:
    """`lever/**` covers each of them, and no agent could claim it."""
    async with levers(tmp_path) as (world, _):
        with pytest.raises(BadInput, match="names no resource"):
            await asked(world, (await world.declared()).id, tier=1, name=name)


async def test_a_run_that_overslept_until_others_took_it_up_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused between `started` and its request, its connection cut meanwhile: people were told that it won't run by itself."""
    start = execute._start

    async def paused(desk: Desk, hash: str) -> tuple[Execution, Proposal, int] | None:
        started = await start(desk, hash)
        assert started is not None
        await execute.take_up(desk, started[0].id)
        return started

    monkeypatch.setattr(execute, "_start", paused)
    async with levers(tmp_path) as (world, lever):
        proposal = await asked(world, (await world.declared()).id, tier=2)
        assert (await approve_fully(world, proposal)).complete
        await execute.execute(world.desk, proposal.hash)
        assert lever.pulled == []
        assert await world.state(proposal) == "unknown"
        monkeypatch.undo()
        world.clock.move(seconds=1)
        again = await asked(world, proposal.incident, tier=2)
        assert (await approve_fully(world, again)).complete
        await execute.execute(world.desk, again.hash)
        assert len(lever.pulled) == 1


async def test_an_answer_about_another_person_than_was_asked_about_is_nobodys(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        proposal = await asked(world, (await world.declared()).id, tier=1)
        world.folk["UNOBODY"] = member("UAPPROVER")
        assert "nobody here knows who pressed" in (await world.press(proposal, by="UNOBODY")).sentence
        assert await world.state(proposal) == "proposed"


class Reversible(Lever):
    def effects(self, arguments: BaseModel) -> Effects:
        back = Call(action="pull", arguments={"tier": 1, "name": "a", "text": "back"})
        return super().effects(arguments).model_copy(update={"undo": back})


async def test_the_way_back_is_prepared_also_where_others_have_filled_the_channel_with_proposals(tmp_path: Path) -> None:
    async with levers(tmp_path) as (plain, _):
        lever = Reversible()
        few = load(POLICY.replace("open_proposals: 50", "open_proposals: 2"))
        world = plain.with_(actions={lever.name: lever}, policy=few)
        incident = (await world.declared()).id
        done = await asked(world, incident, tier=1)
        assert (await approve_fully(world, done)).complete
        await execute.execute(world.desk, done.hash)
        for name in ("junk1", "junk2"):
            await asked(world, incident, tier=1, name=name, by="UNOBODY")
        with pytest.raises(Denied, match="2 proposals already wait"):
            await asked(world, incident, tier=1, name="junk3", by="UNOBODY")
        back = await propose_undo(world.desk, done, surface="test")
        assert back is not None
        assert back.call == done.effects.undo
        again = await propose_undo(world.desk, done, surface="test")
        assert again is not None
        assert again.hash == back.hash  # there is one of it
