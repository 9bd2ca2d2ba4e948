"""Signed roots of the audit trail: the ends of all chains at one moment, kept outside the database, in a file that only grows.

A chain catches a changed row; only a root catches a chain that was cut short or written anew. Each root lists the chains that
moved since the one before it, links to that one by its hash, and is signed with this installation's key, which is never in the
database. `app.verify_alone` reads them.

Stored format `audit-root/1`: one JSON object a line; hash and signature are over the RFC 8785 form of everything but the signature.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from contextlib import closing, suppress
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from sqlalchemy import func, select

from app import verify_alone
from app.domain.errors import Misconfigured
from app.domain.ports import Clock
from app.domain.value import JsonObject, canonical
from app.ledger import audit
from app.ledger.audit import Head
from app.ledger.ledger import Ledger, Tx
from app.ledger.tables import audit_heads
from app.verify_alone import Root

log = structlog.get_logger()

FILE = "roots.jsonl"
_TOTAL = select(func.coalesce(func.sum(audit_heads.c.seq), 0))


class Key:
    """This installation's signing key. `public`: 64 hex digits, to be given to whoever will check the trail."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()

    def sign(self, body: bytes) -> str:
        return self._private.sign(body).hex()


def own_key(path: Path) -> Key:
    """The key in this file (PEM, mode 0600), made when there is none. Raises `Misconfigured` for a file that holds no such key."""
    try:
        with suppress(FileNotFoundError):
            return read_key(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{os.getpid()}")
        text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with closing(os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(made, path)  # whole or not at all, whichever process comes first
        made.unlink()
        return read_key(path)
    except OSError as error:
        raise Misconfigured(f"the audit key {path} can't be kept ({error.strerror}); check its folder and owner") from error


def read_key(path: Path) -> Key:
    """Raises `FileNotFoundError`, and `Misconfigured` for what is no Ed25519 key, or is open to others."""
    if path.stat().st_mode & 0o077:
        raise Misconfigured(f"the audit key {path} can be read by others than its owner; run: chmod 600 {path}")
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"{path} holds no key ({error}); put it back, or move it away to begin a new one") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Misconfigured(f"{path} is no Ed25519 key; put the right one back, or move it away to begin a new one")
    return Key(private)


class Roots:
    """The roots of one ledger in one folder. Several processes may have the same folder open: the file is locked while one adds."""

    def __init__(self, ledger: Ledger, folder: Path, *, key: Key, clock: Clock) -> None:
        self.path = folder / FILE
        self._ledger, self._key, self._clock = ledger, key, clock
        self._one = asyncio.Lock()
        self._read_to = 0
        self._covered: dict[str, tuple[int, str]] = {}
        self._last: Root | None = None
        self._total = -1

    @property
    def key(self) -> str:
        """The public key that it signs with."""
        return self._key.public

    async def seal(self) -> Root | None:
        """Sign how all chains stand now, safe on disk when it returns; the last root there is, None where nothing was ever written.

        Nothing is added while nothing moved. Raises `Misconfigured` where it can't be signed or written, and where the ledger does
        not hold what an earlier root covers; the sentence says why.
        """
        async with self._one:
            async with self._ledger.read() as tx:
                total = (await tx.execute(_TOTAL)).scalar_one()
            if total != self._total:  # row numbers only grow: the same sum means that nothing was added
                await asyncio.to_thread(self._look)  # before the rows are read: what a root covers was committed before it
                async with self._ledger.read() as tx:
                    total, ends = (await tx.execute(_TOTAL)).scalar_one(), await audit.heads(tx)
                    await self._demand_covered(tx, ends)
                if ends:
                    await asyncio.to_thread(self._sign, [(end.incident, end.seq, end.hash) for end in ends])
                self._total = total
            return self._last

    def covers(self, incident: str) -> int:
        """Up to which row of this chain the last root reaches."""
        return self._of(incident)[0]

    def signed(self, body: JsonObject) -> JsonObject:
        """The body with our public key, and our signature over all of it."""
        ours: JsonObject = {**body, "key": self.key}
        return {**ours, "signature": self._key.sign(canonical(ours))}

    def _look(self) -> None:
        """Take in what other processes added."""
        try:
            with suppress(FileNotFoundError), self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self._catch_up(file)
        except OSError as error:
            raise self._closed(error) from error

    async def _demand_covered(self, tx: Tx, ends: list[Head]) -> None:
        """An older copy of the ledger knows nothing of what ran since, and would run it again. Raises `Misconfigured`."""
        now = {end.incident: (end.seq, end.hash) for end in ends}
        for incident, covered in self._covered.items():
            if now.get(incident) != covered and await audit.hash_of(tx, incident, covered[0]) != covered[1]:
                raise Misconfigured(
                    f"{self.path} covers {incident or 'what belongs to no incident'} to row {covered[0]}, and the ledger does not "
                    "hold that row: an older copy was put back, or rows were changed. What it calls approved may have run since, "
                    "so nothing is approved or run. Run firstmate stop 'ledger put back' and firstmate audit verify, look at the "
                    "targets, reject what waits; then move that file away to begin a new one, start again, and firstmate stop --off"
                )

    def _sign(self, ends: list[tuple[str, int, str]]) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = not self.path.exists()
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._catch_up(file):  # nobody was ever told of what a dying process left unfinished
                    file.truncate(self._read_to)
                # A row number below the one a root names was read a moment ago, or was tampered with: `verify` tells which.
                moved = [(i, seq, hash) for i, seq, hash in ends if (seq, hash) != (known := self._of(i)) and seq >= known[0]]
                if moved:
                    self._add(file, moved)
            if new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise self._closed(error) from error

    def _of(self, incident: str) -> tuple[int, str]:
        return self._covered.get(incident, (0, ""))

    def _add(self, file: BinaryIO, moved: list[tuple[str, int, str]]) -> None:
        if self._last is not None and self._last.key != self.key:
            log.error("audit.key_changed", action="audit.key_changed", was=self._last.key, now=self.key)
        body: JsonObject = {
            "format": verify_alone.FORMAT,
            "seq": self._last.seq + 1 if self._last else 1,
            "at": self._clock().astimezone(UTC).isoformat(timespec="microseconds"),
            "prev": self._last.hash if self._last else "",
            "heads": [list(each) for each in moved],
        }
        file.write(canonical(self.signed(body)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
        self._catch_up(file)

    def _catch_up(self, file: BinaryIO) -> bytes:
        """Take in what was added since; the unfinished end, which is none while the file is whole. Raises `Misconfigured`."""
        if file.seek(0, os.SEEK_END) < self._read_to:
            raise self._damaged("it is shorter than it was")
        file.seek(self._read_to)
        body: dict[str, Any] | None = None
        for line in file:
            if not line.endswith(b"\n"):
                return line
            try:
                body = json.loads(line)
                root = verify_alone.root_of(body)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise self._damaged(f"it holds a line that is no root ({type(error).__name__})") from error
            if body["prev"] != (self._last.hash if self._last else ""):
                raise self._damaged(f"root {root.seq} does not follow from the root before it")
            self._last = root
            self._read_to += len(line)
            self._covered.update({incident: (seq, hash) for incident, seq, hash in root.heads})
        if body is not None and not verify_alone.signed(body):
            raise self._damaged(f"root {body['seq']} is not signed by its key")
        return b""

    def _closed(self, error: OSError) -> Misconfigured:
        return Misconfigured(
            f"the audit trail's root can't be written to {self.path} ({error.strerror}): nothing is approved or run until it "
            "can be; make room there, or name another folder with FIRSTMATE_AUDIT_DIR"
        )

    def _damaged(self, how: str) -> Misconfigured:
        return Misconfigured(
            f"{self.path} was damaged or tampered with: {how}. Nothing is approved or run until you looked: keep a copy, run "
            "firstmate audit verify, then move the file away to begin a new one"
        )


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
