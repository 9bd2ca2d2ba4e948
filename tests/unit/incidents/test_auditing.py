"""What an auditor gets: chains that hold or sentences about where they don't, and every action with who asked and who agreed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.action import Call
from app.domain.errors import BadInput
from app.incidents import auditing
from app.incidents.auditing import COLUMNS, check, export
from app.ledger import audit
from app.verify_alone import Report
from tests.unit.incidents.world import NOON, World

DAY = timedelta(days=1)


async def ran(world: World) -> str:
    await world.start_jobs()
    proposal = await world.proposed((await world.declared()).id)
    await world.press(proposal)
    await world.runner.idle()
    return proposal.name


async def written(world: World, folder: Path, **between: Any) -> list[dict[str, str]]:
    given: dict[str, Any] = {"start": NOON - DAY, "end": NOON + DAY, "by": "auditor", "at": world.clock(), **between}
    await export(world.ledger, world.desk.roots, folder, **given)
    return list(csv.DictReader(io.StringIO((folder / "proposals.csv").read_bytes().decode())))


async def checked(world: World, **given: Any) -> Report:
    return await check(world.ledger, world.desk.roots.path, keys=[world.desk.roots.key], **given)


async def test_every_action_tells_who_asked_who_agreed_and_in_which_order(world: World, tmp_path: Path) -> None:
    name = await ran(world)
    both = await written(world, tmp_path / "out")  # asked at the same moment: then their hashes decide the order
    row, undo = sorted(both, key=lambda each: each["proposal"] != name)
    assert (undo["state"], undo["result"], undo["approved_by"]) == ("proposed", "did not run", "")
    assert tuple(row) == COLUMNS
    assert (row["proposal"], row["asked_by"], row["approved_by"]) == (name, "proposer@1.0.0", "UCOMMANDER")
    assert row["asked_at"] <= row["approved_at"] <= row["started_at"] <= row["finished_at"]
    assert json.loads(row["arguments"])["to_version"] == "1.7.2"
    assert (row["state"], row["emergency"], row["policy"]) == ("done", "no", world.desk.policy_version)


async def test_the_manifest_holds_the_hashes_of_what_was_written_and_the_ends_of_the_chains(world: World, tmp_path: Path) -> None:
    await ran(world)
    await written(world, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    for name, hash in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == hash
    rows = [json.loads(line) for line in (tmp_path / "out" / "audit.jsonl").read_text().splitlines()]
    last = {row["incident"]: row["hash"] for row in rows}
    assert {head["incident"]: head["hash"] for head in manifest["heads"]} == last
    assert audit.Action.EXPORTED.value in await world.audited("")  # and that it was exported stands in the trail


async def test_only_what_was_asked_for_is_written(world: World, tmp_path: Path) -> None:
    await ran(world)
    assert await written(world, tmp_path / "before", start=NOON - DAY, end=NOON - timedelta(seconds=1)) == []
    assert (tmp_path / "before" / "audit.jsonl").read_text() == ""
    with pytest.raises(BadInput, match="the end comes after the start"):
        await written(world, tmp_path / "none", start=NOON, end=NOON)
    with pytest.raises(BadInput, match="is in use"):
        await written(world, tmp_path / "before")


async def test_a_cell_is_never_a_formula(world: World, tmp_path: Path) -> None:
    incident = (await world.declared()).id
    await world.proposed(
        incident,
        by_agent=False,
        asked_by="=1+1",
        call=Call(action="shop_rollout_undo", arguments={"service": "checkout", "from_version": "1.8.0", "to_version": "1.7.2"}),
    )
    (row,) = await written(world, tmp_path / "out")
    assert row["asked_by"] == "'=1+1"


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@A1", "\t=1", "\n=1", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\uff1d1", "\uff20A1"]
)
def test_what_some_spreadsheet_takes_for_a_formula_is_text(text: str) -> None:
    assert auditing._inert(text) == f"'{text}"
    assert auditing._inert(f"a {text}") == f"a {text}"
    assert auditing._inert('{"a":"=1"}') == '{"a":"=1"}'


async def test_chains_that_nobody_touched_hold(world: World) -> None:
    await ran(world)
    assert await world.desk.roots.seal() is not None
    found = await checked(world)
    assert (found.problems, found.whole, found.uncovered) == ({}, [], 0)
    assert found.rows > 5


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("UPDATE audit SET actor = 'UEVIL' WHERE incident = 'INC-0001' AND seq = 2", "row 2 was changed"),
        ("DELETE FROM audit WHERE incident = 'INC-0001' AND seq = 3", "row 3 is missing"),
        ("UPDATE audit_payloads SET body = '[1]' WHERE incident = 'INC-0001' AND seq = 2", "the payload of row 2 was changed"),
        ("DELETE FROM audit WHERE incident = 'INC-0001' AND seq > 4", "ends with row 4"),
        ("UPDATE audit_payloads SET body = '{' WHERE incident = 'INC-0001' AND seq = 2", "the payload of row 2 was changed"),
        ("UPDATE audit_payloads SET body = '[NaN]' WHERE incident = 'INC-0001' AND seq = 2", "the payload of row 2 was changed"),
        ("UPDATE audit SET at = 'yesterday' WHERE incident = 'INC-0001' AND seq = 2", "row 2 was changed"),
        ("DELETE FROM audit_heads WHERE incident = 'INC-0001'", "head is missing"),
    ],
)  # fmt: skip
async def test_what_somebody_with_the_file_in_hand_did_is_told(world: World, done: str, told: str) -> None:
    await ran(world)
    async with world.ledger.write() as tx:
        triggers = (await tx.connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))).scalars()
        for trigger in list(triggers):
            await tx.connection.execute(text(f"DROP TRIGGER {trigger}"))
        await tx.connection.execute(text(done))
    found = await checked(world)
    assert any(told in problem for problem in found.problems["INC-0001"]), found.problems
