"""The verifier by itself: copied away from the project, on a ledger's file and on an export, and against what was done to roots."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from app import verify_alone
from app.incidents.auditing import export
from app.ledger.roots import Roots, own_key
from tests.unit.incidents.world import NOON, World, opened

WORDS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
)


@settings(max_examples=2000, deadline=None)
@given(JSON)
def test_its_canonical_form_is_that_of_the_rfc(value: Any) -> None:
    assert verify_alone.canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("number", [1e-6, 1e-7, 123e-9, 1e20, 1e21, 1.5e300, 5e-324, -0.0, 0.1, 100.0, 1e16, 333333333.3333333])
def test_its_numbers_are_those_of_the_rfc(number: float) -> None:
    assert verify_alone.canonical(number) == rfc8785.dumps(number)


@pytest.fixture
async def written(tmp_path: Path) -> Path:
    """A folder with a ledger, its roots (four of them) and an export of everything."""
    async with opened(tmp_path) as world:
        await _lived_through(world)
        given: dict[str, Any] = {"start": NOON - timedelta(days=1), "end": NOON + timedelta(days=1), "by": "auditor", "at": NOON}
        await export(world.ledger, world.desk.roots, tmp_path / "out", **given)
        await world.desk.roots.seal()
    return tmp_path


async def _lived_through(world: World) -> None:
    await world.start_jobs()
    incident = (await world.declared()).id
    await world.desk.roots.seal()
    proposal = await world.proposed(incident)
    await world.press(proposal)
    await world.runner.idle()


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script copied somewhere else, by a Python that knows no project."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    script = shutil.copy(verify_alone.__file__, elsewhere / "check.py")
    return subprocess.run(
        [sys.executable, "-I", script, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=elsewhere, env={}
    )


def public(folder: Path) -> str:
    return own_key(folder / "audit.key").public


def on_ledger(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    roots = str(folder / "audit" / "roots.jsonl")
    return alone(folder, str(folder / "ledger.db"), "--roots", roots, "--key", public(folder), *more)


async def test_it_checks_a_ledger_with_none_of_the_project_beside_it(written: Path) -> None:
    told = on_ledger(written)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines()[-1].endswith("they hold")
    assert "; 0 rows came after it" in told.stdout
    with closing(sqlite3.connect(written / "ledger.db")) as file, file:
        for table in ("audit", "audit_payloads"):
            file.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
            file.execute(f"DELETE FROM {table} WHERE incident = 'INC-0001' AND seq > 3")
        file.execute("UPDATE audit_heads SET seq = 3, hash = (SELECT hash FROM audit WHERE incident = 'INC-0001' AND seq = 3)")
    told = on_ledger(written)
    assert told.returncode == 1
    assert "INC-0001: rows 4 to " in told.stdout


async def test_without_roots_it_does_not_vouch_for_a_ledger(written: Path) -> None:
    told = alone(written, str(written / "ledger.db"))
    assert told.returncode == 1
    assert "there are no roots" in told.stdout


async def test_it_checks_an_export(written: Path) -> None:
    told = alone(written, str(written / "out"), "--key", public(written))
    assert (told.returncode, told.stderr) == (0, "")
    assert alone(written, str(written / "out"), "--key", "0" * 64).returncode == 1


@pytest.mark.parametrize("name", ["proposals.csv", "audit.jsonl", "roots.jsonl", "manifest.json"])
async def test_a_changed_file_of_an_export_is_named(written: Path, name: str) -> None:
    path = written / "out" / name
    path.write_text(path.read_text().replace("UCOMMANDER", "UEVIL").replace("2026-03-01", "2026-03-02"))
    told = alone(written, str(written / "out"), "--key", public(written))
    assert told.returncode == 1
    assert ("the manifest was changed" if name == "manifest.json" else f"{name} was changed") in told.stdout


async def test_an_export_signed_anew_by_somebody_else_is_told(written: Path) -> None:
    other = Roots(None, written, key=own_key(written / "other.key"), clock=lambda: NOON)  # type: ignore[arg-type]
    path = written / "out" / "manifest.json"
    manifest = {name: value for name, value in json.loads(path.read_text()).items() if name not in ("key", "signature")}
    path.write_text(json.dumps(other.signed({**manifest, "by": "somebody else"})))
    told = alone(written, str(written / "out"), "--key", public(written))
    assert told.returncode == 1
    assert "which is not the one you know" in told.stdout


def edited(lines: list[str], at: int, **fields: Any) -> list[str]:
    return [json.dumps({**json.loads(line), **fields}) if i == at else line for i, line in enumerate(lines)]


ROOTS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "one taken out": (lambda lines: lines[:1] + lines[2:], "root 3 on line 2 does not follow"),
    "the first taken out": (lambda lines: lines[1:], "root 2 on line 1 does not follow"),
    "one changed": (lambda lines: edited(lines, 1, heads=[]), "root 3 on line 3 does not follow"),
    "the last changed": (lambda lines: edited(lines, len(lines) - 1, heads=[]), "is not signed by its key"),
    "the last unsigned": (lambda lines: edited(lines, len(lines) - 1, signature="00"), "is not signed by its key"),
    "another key named": (lambda lines: edited(lines, len(lines) - 1, key="0" * 64), "which is not the one you know"),
    "no JSON": (lambda lines: ["{", *lines], "line 1 of the roots is no root"),
    "another format": (lambda lines: edited(lines, 0, format="audit-root/9"), "line 1 of the roots is no root"),
    "two swapped": (lambda lines: [lines[1], lines[0], *lines[2:]], "does not follow"),
}  # fmt: skip


@pytest.mark.parametrize("what", ROOTS)
async def test_what_was_done_to_the_roots_is_told(written: Path, what: str) -> None:
    change, sentence = ROOTS[what]
    path = written / "audit" / "roots.jsonl"
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
    told = on_ledger(written)
    assert told.returncode == 1
    assert sentence in told.stdout


async def test_roots_that_were_cut_are_told_by_what_a_channel_has(written: Path) -> None:
    path = written / "audit" / "roots.jsonl"
    lines = path.read_text().splitlines()
    roots = verify_alone.read_roots(path.read_text(), keys=[public(written)]).roots
    last = f"{roots[-1].seq}:{roots[-1].hash[:12]}"
    assert on_ledger(written, "--root", last).returncode == 0
    assert "is told of elsewhere as 00000000" in on_ledger(written, "--root", f"{roots[-1].seq}:00000000").stdout
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert on_ledger(written).returncode == 0  # by itself, what is left is sound
    told = on_ledger(written, "--root", last)
    assert told.returncode == 1
    assert f"this file ends with root {len(lines) - 1}: it was cut" in told.stdout
    assert on_ledger(written, "--root", "nonsense").returncode == 2


async def test_a_key_that_was_lost_and_replaced_is_told_until_both_are_named(written: Path) -> None:
    old = public(written)
    (written / "audit.key").unlink()
    async with opened(written) as world:  # with a new key
        await world.declared("another")
        await world.desk.roots.seal()
    told = on_ledger(written)
    assert told.returncode == 1
    assert f"is signed by the key {old}, which is not the one you know" in told.stdout
    assert on_ledger(written, "--key", old).returncode == 0


def test_what_stands_in_a_row_writes_no_verdict_of_its_own() -> None:
    name = "INC-0001\x1b[2K\r1 chain, 9 rows: they hold\n\x9b8m"
    check = verify_alone.Check(verify_alone.Log())
    lines = verify_alone.said(check.end([(name, 3, "0" * 64)]))
    assert all(each.isprintable() for each in lines)
    assert lines[-1].endswith("BROKEN")
