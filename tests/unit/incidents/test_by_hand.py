"""What an attack by hand got through, each as it was tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.domain.action import Call, Effects
from app.domain.approval import Person
from app.domain.errors import BadInput, Denied
from app.incidents import execute
from app.incidents.propose import propose_undo
from app.policy.policy import load
from tests.drills.lever import POLICY, Lever, approve_fully, asked, levers


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
