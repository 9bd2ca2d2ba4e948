"""What somebody with the database in hand, and without the signing key, can do to a trail; from an edit to writing it anew."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Callable
from typing import Any

from app import verify_alone

Tamper = Callable[[sqlite3.Connection, random.Random], None]
WORDS = tuple(name for name in verify_alone.COLUMNS if name not in ("incident", "seq"))
HERE = "incident = ? AND seq = ?"


def in_hand(source: sqlite3.Connection) -> sqlite3.Connection:
    """A copy of the ledger in memory, its triggers gone."""
    copy = sqlite3.connect(":memory:")
    source.backup(copy)
    for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        copy.execute(f"DROP TRIGGER {name}")
    return copy


def chains(file: sqlite3.Connection) -> list[tuple[str, int]]:
    """(incident, its last row) of every chain with rows."""
    return file.execute("SELECT incident, max(seq) FROM audit GROUP BY incident ORDER BY incident").fetchall()


def place(file: sqlite3.Connection, dice: random.Random, *, first: int = 1) -> tuple[str, int]:
    incident, last = dice.choice([each for each in chains(file) if each[1] >= first + 1])
    return incident, dice.randint(first, last)


def edit(file: sqlite3.Connection, dice: random.Random) -> None:
    incident, seq = place(file, dice)
    name = dice.choice((*WORDS, "hash"))
    (was,) = file.execute(f"SELECT {name} FROM audit WHERE {HERE}", (incident, seq)).fetchone()
    file.execute(f"UPDATE audit SET {name} = ? WHERE {HERE}", (another(was, dice), incident, seq))


def another(was: Any, dice: random.Random) -> Any:
    """The smallest of changes, or none that looks like one: a digit, a blank, a control character, another kind of value."""
    flip = f"{was[:-1]}{chr(ord(was[-1]) ^ 1)}" if was else "x"
    return dice.choice((flip, f"{was} ", f"{was}\0", f"{was}\u200b", f"U{dice.randrange(10**6)}", 7, b"\xff"))


def edit_payload(file: sqlite3.Connection, dice: random.Random) -> None:
    incident, seq, body = dice.choice(file.execute("SELECT incident, seq, body FROM audit_payloads").fetchall())
    changed = dice.choice((body + " ", body.replace("{", '{"x":1,', 1), "{}" if body != "{}" else "[]", "{", "[NaN]", None, 7))
    if changed is None:
        file.execute(f"DELETE FROM audit_payloads WHERE {HERE}", (incident, seq))
    else:
        file.execute(f"UPDATE audit_payloads SET body = ? WHERE {HERE}", (changed, incident, seq))


def delete(file: sqlite3.Connection, dice: random.Random) -> None:
    file.execute(f"DELETE FROM audit WHERE {HERE}", place(file, dice))


def swap(file: sqlite3.Connection, dice: random.Random) -> None:
    incident, first = place(file, dice)
    second = dice.choice([seq for seq in range(1, dict(chains(file))[incident] + 1) if seq != first])
    for was, now in ((first, -1), (second, first), (-1, second)):
        file.execute(f"UPDATE audit SET seq = ? WHERE {HERE}", (now, incident, was))


def add(file: sqlite3.Connection, dice: random.Random) -> None:
    """A row of another chain, or the last one again."""
    incident, last = dice.choice(chains(file))
    row = dict(zip(verify_alone.READ, _row(file, *place(file, dice)), strict=True))
    _insert(file, {**row, "incident": incident, "seq": last + 1})


def cut(file: sqlite3.Connection, dice: random.Random) -> None:
    """The tail, and the head set back so that the database agrees with itself."""
    incident, seq = place(file, dice, first=2)
    _cut(file, incident, seq)


def cut_roughly(file: sqlite3.Connection, dice: random.Random) -> None:
    """The tail alone."""
    incident, seq = place(file, dice, first=2)
    file.execute("DELETE FROM audit WHERE incident = ? AND seq >= ?", (incident, seq))


def forget(file: sqlite3.Connection, dice: random.Random) -> None:
    """A whole chain, with everything that tells of it."""
    (incident, _) = dice.choice(chains(file))
    for table in ("audit", "audit_payloads", "audit_heads"):
        file.execute(f"DELETE FROM {table} WHERE incident = ?", (incident,))


def head(file: sqlite3.Connection, dice: random.Random) -> None:
    incident, last = dice.choice(chains(file))
    change = dice.choice(
        ("DELETE FROM audit_heads", f"UPDATE audit_heads SET seq = {last - 1}", "UPDATE audit_heads SET hash = 'x'")
    )
    file.execute(f"{change} WHERE incident = ?", (incident,))


def rewrite(file: sqlite3.Connection, dice: random.Random) -> None:
    """An administrator's: one row edited, then every hash from there to the head computed anew."""
    incident, seq = place(file, dice)
    name = dice.choice([each for each in WORDS if each not in ("prev", "payload_hash")])
    file.execute(f"UPDATE audit SET {name} = 'U0EVIL' || {name} WHERE {HERE}", (incident, seq))
    rehash(file, incident)


def rewrite_payload(file: sqlite3.Connection, dice: random.Random) -> None:
    incident, seq = dice.choice(file.execute("SELECT incident, seq FROM audit_payloads").fetchall())
    body = '{"text":"nothing happened"}'
    file.execute(f"UPDATE audit_payloads SET body = ? WHERE {HERE}", (body, incident, seq))
    hash = hashlib.sha256(body.encode()).hexdigest()
    file.execute(f"UPDATE audit SET payload_hash = ? WHERE {HERE}", (hash, incident, seq))
    rehash(file, incident)


def leave_out(file: sqlite3.Connection, dice: random.Random) -> None:
    """A row taken out, those after it moved up, everything computed anew."""
    incident, seq = place(file, dice)
    for table in ("audit", "audit_payloads"):
        file.execute(f"DELETE FROM {table} WHERE {HERE}", (incident, seq))
        for (later,) in file.execute(
            f"SELECT seq FROM {table} WHERE incident = ? AND seq > ? ORDER BY seq", (incident, seq)
        ).fetchall():
            file.execute(f"UPDATE {table} SET seq = ? WHERE {HERE}", (later - 1, incident, later))
    rehash(file, incident)


def cut_and_go_on(file: sqlite3.Connection, dice: random.Random) -> None:
    """The tail cut and as many harmless rows written in its place."""
    incident, seq = place(file, dice, first=2)
    gone = [
        dict(zip(verify_alone.READ, _row(file, incident, each), strict=True))
        for each in range(seq, dict(chains(file))[incident] + 1)
    ]
    _cut(file, incident, seq)
    for row in gone:
        _insert(file, {**row, "action": "person:timeline:note", "payload_hash": hashlib.sha256(b"{}").hexdigest()})
        file.execute("INSERT INTO audit_payloads VALUES (?, ?, '{}')", (incident, row["seq"]))
    rehash(file, incident)


FOUND_BY_THE_CHAIN: dict[str, Tamper] = {
    "edited": edit, "payload edited": edit_payload, "deleted": delete, "swapped": swap, "added": add,
    "tail cut": cut_roughly, "head changed": head,
}  # fmt: skip
FOUND_BY_ROOTS_ALONE: dict[str, Tamper] = {
    "tail and head cut": cut, "chain forgotten": forget, "rewritten": rewrite, "payload rewritten": rewrite_payload,
    "left out and rewritten": leave_out, "cut and gone on": cut_and_go_on,
}  # fmt: skip


def rehash(file: sqlite3.Connection, incident: str) -> None:
    """What an administrator can compute: every link and hash of a chain, and its head."""
    prev, seq = "", 0
    columns = ", ".join(verify_alone.COLUMNS)
    for row in file.execute(f"SELECT {columns} FROM audit WHERE incident = ? ORDER BY seq", (incident,)).fetchall():
        linked = dict(zip(verify_alone.COLUMNS, row, strict=True)) | {"prev": prev}
        seq, hash = linked["seq"], verify_alone.row_hash([linked[name] for name in verify_alone.COLUMNS])
        file.execute(f"UPDATE audit SET prev = ?, hash = ? WHERE {HERE}", (prev, hash, incident, seq))
        prev = hash
    file.execute("UPDATE audit_heads SET seq = ?, hash = ? WHERE incident = ?", (seq, prev, incident))


def _cut(file: sqlite3.Connection, incident: str, seq: int) -> None:
    for table in ("audit", "audit_payloads"):
        file.execute(f"DELETE FROM {table} WHERE incident = ? AND seq >= ?", (incident, seq))
    rehash(file, incident)


def _row(file: sqlite3.Connection, incident: str, seq: int) -> tuple[Any, ...]:
    found: tuple[Any, ...] = file.execute(
        f"SELECT {', '.join(verify_alone.READ)} FROM audit WHERE {HERE}", (incident, seq)
    ).fetchone()
    return found


def _insert(file: sqlite3.Connection, row: dict[str, Any]) -> None:
    file.execute(f"INSERT INTO audit ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
