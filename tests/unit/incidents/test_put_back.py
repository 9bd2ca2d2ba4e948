"""An older copy of the ledger put back under newer roots: what ran since it was made does not run a second time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Misconfigured
from app.incidents import resume
from app.jobs.runner import InProcessRunner
from app.ledger import audit
from app.ledger.ledger import Ledger
from app.ledger.roots import Roots, own_key
from tests.drills.lever import approve_fully, asked, levers
from tests.unit.incidents.world import World


def copied(source: Path, to: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(to)) as other:
        one.backup(other)


@asynccontextmanager
async def on(copy: Path, world: World) -> AsyncIterator[World]:
    """The next process, on the copy; the roots are where they were."""
    ledger, runner = await Ledger.open(f"sqlite:///{copy}"), InProcessRunner(retries_s=())
    folder = world.desk.roots.path.parent
    roots = Roots(ledger, folder, key=own_key(folder.parent / "audit.key"), clock=world.clock)
    try:
        yield replace(world, runner=runner, desk=replace(world.desk, ledger=ledger, jobs=runner, roots=roots))
    finally:
        await runner.stop(grace_s=0)
        await ledger.close()


async def put_back(folder: Path, *, moved_on: int = 0) -> tuple[int, str]:
    """How often the lever was pulled for one yes, and why nothing more may run; `moved_on`: rows written on the copy before."""
    async with levers(folder) as (world, lever):
        incident = (await world.declared()).id
        proposal = await asked(world, incident, tier=2)  # what it acts on looks the same afterwards: nothing there tells
        assert (await approve_fully(world, proposal)).complete
        copied(folder / "ledger.db", folder / "copy.db")
        await world.start_jobs()
        await world.runner.idle()
        await world.desk.roots.seal()  # as before anybody is told how it ended
        assert len(lever.pulled) == 1
        async with on(folder / "copy.db", world) as later:
            async with later.ledger.write() as tx:
                for _ in range(moved_on):
                    row: dict[str, Any] = {"at": world.clock(), "actor": "U1", "surface": "test", "subject": incident}
                    await audit.append(tx, audit.Action.NOTED, incident=incident, **row)
            assert await later.state(proposal) == "approved"
            await later.start_jobs()
            await resume.resume(later.desk, live=later.runner.live)
            await later.runner.idle()
            try:
                await later.desk.roots.seal()
            except Misconfigured as error:
                return len(lever.pulled), str(error)
            return len(lever.pulled), ""


@pytest.mark.parametrize("moved_on", [0, 50])
async def test_what_ran_since_the_copy_was_made_does_not_run_again(tmp_path: Path, moved_on: int) -> None:
    effects, why = await put_back(tmp_path, moved_on=moved_on)
    assert effects == 1
    assert "the ledger does not hold that row" in why
    assert "firstmate stop" in why


async def test_the_danger_is_a_real_one_without_the_look_at_earlier_roots_it_runs_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believe(*_: Any) -> None:
        return None

    monkeypatch.setattr(Roots, "_demand_covered", believe)
    assert await put_back(tmp_path) == (2, "")


async def test_a_ledger_that_is_empty_again_is_told_too(tmp_path: Path) -> None:
    async with levers(tmp_path) as (world, _):
        await world.declared()
        await world.desk.roots.seal()
        async with on(tmp_path / "new.db", world) as later:
            with pytest.raises(Misconfigured, match="an older copy was put back"):
                await later.desk.roots.seal()
