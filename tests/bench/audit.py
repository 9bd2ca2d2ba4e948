"""How long the stand-alone verifier takes over a ledger of many rows, roots and all, as an auditor runs it."""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import verify_alone
from app.ledger import migrations
from app.ledger.ledger import parse_url
from tests.bench.table import Row

CHAINS = 5000
A_ROOT_EVERY = 1000


def audit(folder: Path, count: int) -> list[Row]:
    path, key = folder / "ledger.sqlite", Ed25519PrivateKey.generate()
    _write(path, folder / "roots.jsonl", count, key)
    public = key.public_key().public_bytes_raw().hex()
    command = [sys.executable, "-I", verify_alone.__file__, str(path), "--roots", str(folder / "roots.jsonl"), "--key", public]
    began, before = time.perf_counter(), _processor_s()
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    seconds, processor_s = time.perf_counter() - began, _processor_s() - before
    answer = told.stdout.splitlines()[-1] if told.stdout else told.stderr
    holds = told.returncode == 0
    least = 10.0 * count / 1_000_000
    return [
        Row(
            f"{count:,} audit rows verified, processor time", f"{processor_s:.1f} s", "", "", f"≤ {least:g} s", processor_s <= least
        ),
        Row("  by the clock, as the machine was", f"{seconds:.1f} s"),
        Row("  what it says", answer, "", "", "they hold", holds),
    ]


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write(path: Path, roots: Path, count: int, key: Ed25519PrivateKey) -> None:
    """Rows as verbs write them, spread over many incidents, straight into the file; a root now and then."""
    migrations.upgrade(parse_url(f"sqlite:///{path}"))
    dice, heads, moved = random.Random(1), {}, {}  # type: ignore[var-annotated]
    last = ""
    columns = ", ".join(verify_alone.READ)
    insert = f"INSERT INTO audit ({columns}) VALUES ({', '.join('?' * len(verify_alone.READ))})"
    with closing(sqlite3.connect(path)) as file, file, roots.open("w") as told:
        for n in range(1, count + 1):
            incident = f"INC-{dice.randrange(CHAINS):04d}" if n % 20 else ""
            seq, prev = heads.get(incident, (0, ""))
            body = {"findings": ["f_0123456789ab"], "text": f"p-7f3ac91e was verified: errors at {dice.random():.3f}"}
            text = verify_alone.canonical(body).decode()
            row = dict.fromkeys(verify_alone.COLUMNS, "") | {
                "action": "firstmate:execution:verify", "actor": "firstmate", "agent": "proposer@1.0.0",
                "at": "2026-03-01T12:00:00.000000+00:00", "incident": incident, "on_behalf_of": "proposer@1.0.0",
                "payload_hash": hashlib.sha256(text.encode()).hexdigest(), "policy": "0" * 64, "prev": prev,
                "proposal": "1" * 64, "findings": "2" * 64, "seq": seq + 1, "subject": "shop/service/checkout", "surface": "jobs",
            }  # fmt: skip
            linked = tuple(row[name] for name in verify_alone.COLUMNS)
            hash = verify_alone.row_hash(linked)
            file.execute(insert, (*linked, hash))
            file.execute("INSERT INTO audit_payloads VALUES (?, ?, ?)", (incident, seq + 1, text))
            heads[incident] = moved[incident] = (seq + 1, hash)
            if n % A_ROOT_EVERY == 0 or n == count:
                last = _root(told, key, last, seq=-(-n // A_ROOT_EVERY), moved=moved)
                moved = {}
        file.executemany("INSERT INTO audit_heads VALUES (?, ?, ?)", [(name, *end) for name, end in heads.items()])


def _root(told, key: Ed25519PrivateKey, prev: str, *, seq: int, moved: dict[str, tuple[int, str]]) -> str:  # type: ignore[no-untyped-def]
    body = {
        "format": verify_alone.FORMAT, "seq": seq, "at": "2026-03-01T12:00:00.000000+00:00", "prev": prev,
        "heads": [[name, *end] for name, end in moved.items()], "key": key.public_key().public_bytes_raw().hex(),
    }  # fmt: skip
    signed = {**body, "signature": key.sign(verify_alone.canonical(body)).hex()}
    told.write(json.dumps(signed) + "\n")
    return hashlib.sha256(verify_alone.canonical(body)).hexdigest()
