"""Audit trails made by hand, of nothing but their stored formats: rows by chain, and signed roots over them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import verify_alone
from app.verify_alone import Check, Log, Report, canonical, read_roots, root_of

AT = "2026-03-01T12:00:00.000000+00:00"
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
PUBLIC, FOREIGN = (key.public_key().public_bytes_raw().hex() for key in (KEY, OTHER))
Row = tuple[Any, ...]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def signed_by(key: Ed25519PrivateKey, body: dict[str, Any]) -> dict[str, Any]:
    ours = {**body, "key": key.public_key().public_bytes_raw().hex()}
    return {**ours, "signature": key.sign(canonical(ours)).hex()}


class Trail:
    """Rows by chain and roots over them, as the product writes both, of nothing but their stored formats."""

    def __init__(self) -> None:
        self.chains: dict[str, list[Row]] = {}
        self.lines: list[dict[str, Any]] = []
        self._covered: dict[str, int] = {}

    def add(self, incident: str, times: int = 1, *, payload: str | None = None, action: str = "person:timeline:note") -> Trail:
        for _ in range(times):
            chain = self.chains.setdefault(incident, [])
            body = payload if payload is not None else f'{{"n":{len(chain) + 1}}}'
            known = dict.fromkeys(verify_alone.COLUMNS, "")
            known |= {"action": action, "at": AT, "incident": incident, "payload_hash": sha(body)}
            values = {**known, "prev": chain[-1][-2] if chain else "", "seq": len(chain) + 1}
            row = tuple(values[name] for name in verify_alone.COLUMNS)
            chain.append((*row, hashlib.sha256(canonical(values)).hexdigest(), body))
        return self

    def seal(self, key: Ed25519PrivateKey = KEY, **fields: Any) -> Trail:
        moved = {name: rows for name, rows in self.chains.items() if len(rows) != self._covered.get(name)}
        body = {
            "format": "audit-root/1",
            "seq": len(self.lines) + 1,
            "at": AT,
            "prev": root_of(self.lines[-1]).hash if self.lines else "",
            "heads": [[name, len(rows), rows[-1][-2]] for name, rows in sorted(moved.items())],
            **fields,
        }
        self._covered |= {name: len(rows) for name, rows in moved.items()}
        self.lines.append(signed_by(key, body))
        return self

    def text(self) -> str:
        return "".join(f"{json.dumps(line)}\n" for line in self.lines)

    def log(self, *keys: str) -> Log:
        return read_roots(self.text(), keys=keys or [PUBLIC])

    def heads(self) -> dict[str, tuple[int, str]]:
        return {name: (len(rows), rows[-1][-2]) for name, rows in self.chains.items()}

    def check(self, log: Log | None = None, *, heads: dict[str, tuple[int, str]] | None = None) -> Report:
        check = Check(log or self.log())
        for rows in self.chains.values():
            for row in rows:
                check.take(row)
        return check.end([(name, *head) for name, head in (self.heads() if heads is None else heads).items()])

    def rewritten(self, incident: str, count: int) -> Trail:
        """As an administrator can: the chain anew with other content, of this length; the roots stay."""
        self.chains[incident] = []
        return self.add(incident, count, action="person:timeline:other")


def edited(row: Row, **columns: Any) -> Row:
    names = (*verify_alone.READ, "payload")
    return tuple(columns.get(name, value) for name, value in zip(names, row, strict=True))
