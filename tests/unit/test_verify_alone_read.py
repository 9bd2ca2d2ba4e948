"""Where the verifier reads rows from: a ledger's file, an export; and how it answers at a shell."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import verify_alone
from app.verify_alone import Check, check_connection, check_export, main, said
from tests.unit.handmade import FOREIGN, KEY, OTHER, PUBLIC, Trail, edited, sha, signed_by


@pytest.fixture
def trail() -> Trail:
    """Five rows and two under two roots, one row more under none."""
    return Trail().add("").add("INC-1", 3).seal().add("INC-1", 2).seal().add("")


def file_of(trail: Trail) -> sqlite3.Connection:
    file = sqlite3.connect(":memory:", isolation_level=None)
    columns = ", ".join(verify_alone.READ)
    file.execute(f"CREATE TABLE audit ({columns})")
    file.execute("CREATE TABLE audit_payloads (incident, seq, body)")
    file.execute("CREATE TABLE audit_heads (incident, seq, hash)")
    for incident, rows in trail.chains.items():
        for row in reversed(rows):
            file.execute(f"INSERT INTO audit VALUES ({', '.join('?' * len(row[:-1]))})", row[:-1])
            file.execute("INSERT INTO audit_payloads VALUES (?, ?, ?)", (incident, row[verify_alone.SEQ], row[-1]))
        file.execute("INSERT INTO audit_heads VALUES (?, ?, ?)", (incident, *trail.heads()[incident]))
    return file


def test_a_file_is_read_in_order_in_one_transaction_that_ends(trail: Trail) -> None:
    file, ran = file_of(trail), []
    file.set_trace_callback(ran.append)
    report = check_connection(file, Check(trail.log()))
    assert (report.holds, report.rows, file.in_transaction) == (True, 7, False)
    assert [statement.split()[0] for statement in ran] == ["BEGIN", "SELECT", "SELECT", "ROLLBACK"]


def test_where_reading_breaks_off_it_is_said_and_nothing_holds(trail: Trail) -> None:
    file = file_of(trail)
    file.execute("UPDATE audit_payloads SET body = zeroblob(99) WHERE incident = 'INC-1' AND seq = 2")
    file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 80)
    report = check_connection(file, Check(trail.log()))
    assert [line.split(":")[0] for line in report.whole] == ["reading broke off after 0 rows"]
    assert not report.holds
    check = Check(trail.log())
    check.unreadable("x" * 999)
    assert [len(line) for line in check.end([]).whole] == [300]


def exported(trail: Trail, folder: Path, *, after: int = 0, key: Ed25519PrivateKey = KEY, **fields: Any) -> Path:
    """As `firstmate audit export` writes it; of INC-1 what comes after that row."""
    chosen = {**trail.chains, "INC-1": trail.chains["INC-1"][after:]}
    lines = [
        {**dict(zip(verify_alone.READ, row, strict=False)), "payload": json.loads(row[-1]) if row[-1] else None}
        for rows in chosen.values() for row in rows
    ]  # fmt: skip
    texts = {"audit.jsonl": "".join(f"{json.dumps(line)}\n" for line in lines), "roots.jsonl": trail.text()}
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    prev = trail.chains["INC-1"][after - 1][-2] if after else ""
    manifest = {
        "files": {name: sha(text) for name, text in texts.items()},
        "chains": [{"incident": "", "after": 0, "prev": ""}, {"incident": "INC-1", "after": after, "prev": prev}],
        **fields,
    }
    (folder / "manifest.json").write_text(json.dumps(signed_by(key, manifest)))
    return folder


@pytest.mark.parametrize("after", [0, 2, 3, 4])
def test_an_export_of_some_rows_holds_by_itself(trail: Trail, tmp_path: Path, after: int) -> None:
    report = check_export(exported(trail, tmp_path / "out", after=after), keys=[PUBLIC])
    assert (report.holds, report.rows, report.chains, report.uncovered) == (True, 7 - after, 2, 1), report


def test_of_an_export_only_its_own_rows_count_as_not_covered(trail: Trail, tmp_path: Path) -> None:
    trail.add("INC-1", 3)
    assert check_export(exported(trail, tmp_path / "out", after=7), keys=[PUBLIC]).uncovered == 2
    check = Check(trail.log())
    check.begin("INC-1")
    for row in trail.chains["INC-1"]:
        check.take(row)
    report = check.end_of_export()
    assert (report.holds, report.uncovered) == (True, 3)


def test_what_no_hash_can_be_taken_of_is_told_in_short(trail: Trail) -> None:
    rows = trail.chains["INC-1"]
    rows[4] = edited(rows[4], actor="\ud800")
    assert trail.check().problems["INC-1"][0].startswith("the row after row 4 can't be read: 'utf-8' codec can't encode")


def test_an_export_of_what_was_erased_holds_and_a_stretch_that_does_not_follow_is_told(trail: Trail, tmp_path: Path) -> None:
    rows = trail.chains["INC-1"]
    rows[1] = edited(rows[1], payload=None)
    trail.add("", payload='{"incident":"INC-1","seqs":[2]}', action="person:audit:erase")
    assert check_export(exported(trail, tmp_path / "erased"), keys=[PUBLIC]).holds
    chains = [{"incident": "INC-1", "after": 2, "prev": "0"}]
    report = check_export(exported(trail, tmp_path / "out", after=2, chains=chains), keys=[PUBLIC])
    assert report.problems == {"INC-1": ["row 3 does not follow from the row before it"]}


def test_a_stretch_written_anew_is_told_from_its_first_row_on(trail: Trail, tmp_path: Path) -> None:
    rows = list(trail.chains["INC-1"])
    trail.rewritten("INC-1", 5)
    trail.chains["INC-1"][:3] = rows[:3]
    report = check_export(exported(trail, tmp_path / "out", after=3), keys=[PUBLIC])
    anew = "rows 4 to 5 are not what root 2 (2026-03-01T12:00:00Z) signed: somebody wrote the chain anew"
    assert report.problems == {"INC-1": ["row 4 does not follow from the row before it", anew]}


def test_what_was_done_to_an_export_is_told(trail: Trail, tmp_path: Path) -> None:
    out = exported(trail, tmp_path / "out")
    assert check_export(out, keys=[]).holds  # by the key it names itself
    assert check_export(out, keys=[], told=["1:00000000"]).whole[0].startswith("root 1 is told of elsewhere as 00000000")
    (out / "roots.jsonl").write_text(trail.text() + "\n{}")
    assert check_export(out, keys=[PUBLIC]).whole[-1] == "roots.jsonl was changed: the manifest has another hash"
    foreign = exported(trail, tmp_path / "foreign", key=OTHER)
    assert check_export(foreign, keys=[]).whole[0].startswith(f"root 1 (2026-03-01T12:00:00Z) is signed by the key {PUBLIC}")
    not_known = f"the manifest is signed by the key {FOREIGN}, which is not the one you know"
    assert check_export(foreign, keys=[PUBLIC]).whole == [not_known]
    assert check_export(foreign, keys=[PUBLIC, FOREIGN]).whole == []
    files = {"audit.jsonl": sha((tmp_path / "foreign" / "audit.jsonl").read_text()), "b.csv": sha(""), "../a.csv": sha("")}
    missing = check_export(exported(trail, tmp_path / "more", files=files), keys=[PUBLIC]).whole
    assert missing == [f"{name} was changed: the manifest has another hash" for name in ("../a.csv", "b.csv")]
    trail.chains["INC-1"][1] = edited(trail.chains["INC-1"][1], payload='{"n":9}')
    signed_anyway = check_export(exported(trail, tmp_path / "altered"), keys=[PUBLIC])
    assert signed_anyway.problems == {"INC-1": ["the payload of row 2 was changed"]}
    manifest = json.loads((tmp_path / "more" / "manifest.json").read_text())
    (tmp_path / "more" / "manifest.json").write_text(json.dumps({**manifest, "files": {}}))
    assert check_export(tmp_path / "more", keys=[PUBLIC]).whole == ["the manifest was changed: its signature is of other content"]


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def test_the_exit_code_says_whether_it_holds_or_can_not_be_read(
    trail: Trail, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, ledger, roots = exported(trail, tmp_path / "out"), tmp_path / "ledger.db", tmp_path / "roots.jsonl"
    file_of(trail).backup(sqlite3.connect(ledger))
    roots.write_text(trail.text())
    last = trail.log().roots[-1]
    sound: Sequence[tuple[object, ...]] = [(out, "--key", PUBLIC), (out,), (out, "--root", f"2:{last.hash}"),
        (ledger, "--roots", roots, "--key", PUBLIC), (ledger, "--roots", roots, "--key", FOREIGN, "--key", PUBLIC)]  # fmt: skip
    for each in sound:
        assert run(*each) == 0
        told = capsys.readouterr()
        assert (told.out, told.err) == ("\n".join(said(trail.check())) + "\n", "")
    for broken in ((out, "--key", FOREIGN), (ledger,), (ledger, "--roots", roots, "--root", "3:00000000"),
                   (ledger, "--roots", roots, "--key", FOREIGN)):  # fmt: skip
        assert run(*broken) == 1
        assert capsys.readouterr().out.endswith(": BROKEN\n")
    for name, manifest in (("empty", None), ("no_key", "{}"), ("no_object", "[]"), ("no_json", "{")):
        (tmp_path / name).mkdir()
        if manifest:
            for file in ("audit.jsonl", "roots.jsonl", "manifest.json"):
                (tmp_path / name / file).write_text(manifest if file == "manifest.json" else "")
    folders = [(tmp_path / name,) for name in ("empty", "no_key", "no_object", "no_json")]
    for unreadable in (
        *folders,
        (tmp_path / "none.db",),
        (roots,),
        (ledger, "--roots", tmp_path / "none"),
        (ledger, "--root", "x"),
    ):
        assert run(*unreadable) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"{unreadable[0]} can't be read (")
    assert not (tmp_path / "none.db").exists()
