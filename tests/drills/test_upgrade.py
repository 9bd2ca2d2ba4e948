"""Upgrades lose nothing (gate G17): ledgers frozen by every released version, opened by the one that is here now. What was under
way is carried on or stands as unknown with a person asked; nothing of it is lost in silence."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Misconfigured
from app.incidents import expire, resume
from app.ledger import migrations
from app.ledger.ledger import Ledger
from graphs import triage
from tests.gates import Gate
from tests.golden.freeze import GOLDEN, STATES
from tests.golden.place import Place, place
from tests.unit.incidents.world import NOON

RELEASED = sorted(each for each in GOLDEN.iterdir() if each.is_dir() and each.name[0].isdigit())
WHAT = "what was under way, by state"
LARGEST = 300_000

Resume = Callable[[Place], Any]


def copied(golden: Path, folder: Path) -> Path:
    shutil.copytree(golden, folder)
    return folder


async def from_the_ledger(there: Place) -> None:
    await resume.resume(there.world.desk, live=there.world.runner.live)


async def from_the_checkpoints(there: Place) -> None:
    """The known-bad twin: what has a checkpoint is carried on, and nothing else."""
    threads = {thread["configurable"]["thread_id"] async for thread, *_ in there.saver.alist(None)}
    for run in sorted(threads):
        graph = triage.build(there.saver)
        if (await graph.aget_state({"configurable": {"thread_id": run}})).next:
            await there.world.desk.jobs.submit("investigate", {"run": run}, key=f"investigate:{run}")


async def opened(golden: Path, folder: Path, *, at: datetime, taken_up: Resume = from_the_ledger) -> dict[str, str]:
    """What became of each thing that was under way: `done`, `unknown` …; `silent` where nobody carried it on or was told."""
    async with place(copied(golden, folder), at=at) as there:
        await there.world.start_jobs()
        await taken_up(there)
        await there.world.runner.idle()
        await expire.expire(there.world.desk)
        await there.world.runner.idle()
        effects = there.world.tool.effects
    found = fates(folder / "ledger.sqlite", golden.name)
    return found if effects == (found[golden.name] == "done" and golden.name == "approved") else {**found, golden.name: "doubled"}


def fates(ledger: Path, state: str) -> dict[str, str]:
    """Read from the file, past our own code."""
    with closing(sqlite3.connect(ledger)) as file:
        ((hash, stands, ran),) = file.execute(
            "SELECT p.hash, p.state, x.state FROM proposals p LEFT JOIN executions x ON x.proposal = p.hash "
            "WHERE p.incident = 'INC-0001' ORDER BY p.asked_at LIMIT 1"  # an undo may be asked for after it
        ).fetchall()
        told = {key for (key,) in file.execute("SELECT key FROM outbox")}
        runs = file.execute("SELECT id, incident, state FROM runs WHERE incident != 'INC-0001'").fetchall()
        asked = {each for (each,) in file.execute("SELECT incident FROM proposals")}
    outcome = any(key.startswith((f"outcome:x-{hash[:16]}", f"stopped:{hash}")) for key in told)
    settled = {"done": ran in ("verified", "missed", "unverified"), "proposed": state == "proposed"}
    fine = settled.get(stands, stands in ("unknown", "superseded", "expired")) and (outcome or stands in ("proposed", "expired"))
    found = {state: stands if fine else "silent"}
    for run, where, ended in runs:  # of which only checkpoints and this row knew
        found[f"{state}, {run}"] = (
            "asked" if ended == "finished" and where in asked else "failed" if ended == "failed" else "silent"
        )
    return found


async def upgraded(folder: Path, *, at: datetime, taken_up: Resume = from_the_ledger) -> dict[str, str]:
    found: dict[str, str] = {}
    for release in RELEASED:
        for state in STATES:
            told = await opened(release / state, folder / release.name / state, at=at, taken_up=taken_up)
            found |= {f"{release.name} {what}": fate for what, fate in told.items()}
    return found


async def test_what_an_older_version_left_is_carried_on_or_stands_as_unknown(tmp_path: Path, gate: Gate) -> None:
    soon = await upgraded(tmp_path / "soon", at=NOON + timedelta(minutes=1))
    late = await upgraded(tmp_path / "late", at=NOON + timedelta(days=365))
    print(soon, late)
    expected = {"proposed": "proposed", "approved": "done", "executing": "unknown", "finished": "done"}
    assert {what: soon[f"0.1.0 {what}"] for what in expected} == expected
    assert {what: late[f"0.1.0 {what}"] for what in expected} == {**expected, "proposed": "expired", "approved": "superseded"}
    fates = [*soon.values(), *late.values()]
    wrong = [fate for fate in fates if fate in ("silent", "failed", "doubled")]
    gate(
        "G17",
        WHAT,
        figure=f"{len(fates) - len(wrong)} of {len(fates)}, {fates.count('silent')} silent",
        bar=f"{len(RELEASED)} version × {len(STATES)} states: all resumed or visible, 0 silent",
        met=not wrong,
    )


async def test_a_version_that_trusts_the_checkpoints_would_be_found_out(tmp_path: Path, gate: Gate) -> None:
    found = await upgraded(tmp_path, at=NOON + timedelta(minutes=1), taken_up=from_the_checkpoints)
    lost = [what for what, fate in found.items() if fate == "silent"]
    print(lost)
    gate.twin("G17", WHAT, figure=f"trusts checkpoints: {len(lost)} silent of {len(found)}", fails=bool(lost))


@pytest.mark.parametrize("golden", [each for release in RELEASED for each in sorted(release.rglob("*.sqlite"))], ids=str)
def test_a_golden_ledger_is_small_and_names_no_machine(golden: Path) -> None:
    content = golden.read_bytes()
    assert len(content) < LARGEST
    assert re.findall(rb"/(?:tmp|home|Users|var|private)/[\w./-]+", content) == []


async def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    ledger = copied(RELEASED[-1] / "approved", tmp_path / "newer") / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()
        before = list(file.iterdump())
    with pytest.raises(Misconfigured, match=rf"schema 9999 .* up to {migrations.HEAD}: .*newer.*start that version"):
        await Ledger.open(f"sqlite:///{ledger}")
    with closing(sqlite3.connect(ledger)) as file:
        assert list(file.iterdump()) == before
