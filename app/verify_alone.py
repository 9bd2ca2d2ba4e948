"""Whether an audit trail holds: every chain link by link, and against the signed roots that are kept outside the database.

It needs nothing of this project, only Python 3.11 and the package `cryptography`, so that nobody has to trust what they check:

    python verify_alone.py LEDGER.sqlite --roots roots.jsonl --key PUBLIC
    python verify_alone.py EXPORT_FOLDER --key PUBLIC

Exit code 0: it holds. 1: it does not. 2: it can't be read. `firstmate audit verify` is this same code.

What it can't see: rows after the last root rest on their chain alone, and a roots file that was cut short, together with the
database, is told only by what stands elsewhere (`--root SEQ:HASH`, as an incident's channel has it).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from json.encoder import encode_basestring as quoted
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COLUMNS = (
    *("action", "actor", "agent", "at", "findings", "incident", "on_behalf_of"),
    *("payload_hash", "policy", "prev", "proposal", "seq", "subject", "surface"),
)
"""What a row's hash is taken over, in the order of its canonical form. `at` is ISO 8601 UTC with microseconds."""
READ = (*COLUMNS, "hash")
"""A row as it is handed over here: these, then its payload's canonical text, None where there is none."""
INCIDENT, SEQ, PAYLOAD_HASH, PREV = (COLUMNS.index(name) for name in ("incident", "seq", "payload_hash", "prev"))
HASH, PAYLOAD = len(COLUMNS), len(READ)
FORMAT = "audit-root/1"
ERASED = ("person:audit:erase", "firstmate:audit:erase")
"""What a row says that records erasing, by a person or because it was too old."""
MOST_TOLD = 20
"""Problems of one chain that are told one by one."""

_FORM = "{" + ",".join(('"%s":%%d' if name == "seq" else '"%s":%%s') % name for name in COLUMNS) + "}"


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value. Raises `ValueError` or `TypeError` for what has none."""
    return _written(value).encode()


def row_hash(row: Sequence[Any]) -> str:
    """The hash that a row with these columns must carry. Raises `TypeError` or `ValueError` where one is of another kind."""
    if type(row[SEQ]) is not int:
        raise TypeError("its number is no number")
    parts = [quoted(each) if i != SEQ else each for i, each in enumerate(row[:HASH])]
    return hashlib.sha256((_FORM % tuple(parts)).encode()).hexdigest()


# --- roots


@dataclass(frozen=True)
class Root:
    """The ends of all chains at one moment, signed. It lists those that moved since the root before it, and links to that one."""

    seq: int
    at: str
    key: str
    hash: str
    heads: tuple[tuple[str, int, str], ...]

    @property
    def name(self) -> str:
        return f"root {self.seq} ({self.at[:19]}Z)"


@dataclass
class Log:
    """Roots as they were read, oldest first; `problems` are sentences about the file itself."""

    roots: list[Root] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_roots(text: str, *, keys: Sequence[str]) -> Log:
    """The roots of one file, each linked to the one before it, signed by one of `keys` (all trusted where none is given).

    Each link covers everything before it, so of a run of roots by one key the last signature vouches for them all.
    """
    log = Log()
    lines = text.split("\n")[:-1]  # what ends without a line break is being written
    last: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        try:
            body = json.loads(line)
            root = root_of(body)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            log.problems.append(f"line {number} of the roots is no root ({type(error).__name__}: {error})"[:300])
            break
        before = log.roots[-1] if log.roots else None
        if root.seq != (before.seq if before else 0) + 1 or body["prev"] != (before.hash if before else ""):
            log.problems.append(f"root {root.seq} on line {number} does not follow from the root before it")
        if before is not None and before.key != root.key and not signed(last):
            log.problems.append(f"{before.name} is not signed by its key {before.key[:8]}")
        last = body
        log.roots.append(root)
    if log.roots and not signed(last):
        log.problems.append(f"{log.roots[-1].name} is not signed by its key {log.roots[-1].key[:8]}")
    strangers = {root.key: root for root in reversed(log.roots) if keys and root.key not in keys}
    for key, root in sorted(strangers.items(), key=lambda each: each[1].seq):
        log.problems.append(
            f"{root.name} is signed by the key {key}, which is not the one you know: if yours was lost and replaced, "
            "name both with --key; otherwise somebody else wrote these roots"
        )
    return log


def root_bytes(body: dict[str, Any]) -> bytes:
    """What is hashed and signed: everything but the signature."""
    return canonical({name: value for name, value in body.items() if name != "signature"})


def root_of(body: dict[str, Any]) -> Root:
    """Raises `ValueError`, `KeyError` or `TypeError` for what is no root."""
    if body["format"] != FORMAT:
        raise ValueError(f"format {body['format']!r}")
    heads = tuple((str(incident), int(seq), str(hash)) for incident, seq, hash in body["heads"])
    hash = hashlib.sha256(root_bytes(body)).hexdigest()
    return Root(seq=int(body["seq"]), at=str(body["at"]), key=str(body["key"]), hash=hash, heads=heads)


def signed(body: dict[str, Any]) -> bool:
    """Whether its signature is of its own key, over everything else in it."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(body["key"]))
        key.verify(bytes.fromhex(body["signature"]), root_bytes(body))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


# --- chains


@dataclass
class Chain:
    """One chain as far as it was read. `seq` and `prev`: its last row; `anchors`: row → (hash, root) as roots signed them."""

    name: str
    anchors: dict[int, tuple[str, Root]]
    seq: int = 0
    prev: str = ""
    vouched: int = 0  # the last row that a root agreed with, or before which none was handed over
    rewritten: bool = False
    bare: list[int] = field(default_factory=list)  # rows without a payload
    problems: list[str] = field(default_factory=list)

    def take(self, row: Sequence[Any]) -> None:
        """The next row, in the order of their numbers."""
        seq, hash, payload = row[SEQ], row[HASH], row[PAYLOAD]
        try:
            right = row_hash(row) == hash
        except (TypeError, ValueError) as error:
            self.problems.append(f"the row after row {self.seq} can't be read: {error}"[:300])
            return
        if seq != self.seq + 1:
            self.problems.append(f"row {self.seq + 1} is missing: after row {self.seq} comes row {seq}")
        if row[PREV] != self.prev:
            self.problems.append(f"row {seq} does not follow from the row before it")
        if not right:
            self.problems.append(f"row {seq} was changed: its content has another hash")
        if payload is None:
            self.bare.append(seq)
        elif not isinstance(payload, str) or _text_hash(payload) != row[PAYLOAD_HASH]:
            self.problems.append(f"the payload of row {seq} was changed")
        if seq in self.anchors:
            self._hold_against(*self.anchors[seq], seq=seq, hash=hash)
        self.seq, self.prev = seq, hash

    def _hold_against(self, there: str, root: Root, *, seq: int, hash: str) -> None:
        if there == hash:
            self.vouched = seq
        elif not self.rewritten:  # every later root differs too, and says nothing more
            self.rewritten = True
            what = f"rows {self.vouched + 1} to {seq} are" if seq > self.vouched + 1 else f"row {seq} is"
            self.problems.append(f"{what} not what {root.name} signed: somebody wrote the chain anew")

    def end(self, head: tuple[int, str] | None) -> None:
        """All rows were taken; `head` is the end that the database itself keeps."""
        if head is None and self.seq:
            self.problems.append("the chain's head is missing")
        if head is not None and head != (self.seq, self.prev):
            self.problems.append(f"the head names row {head[0]} as the last one, and the chain ends with row {self.seq}")
        self.cut()

    def cut(self) -> None:
        """Whether a root knows rows after the last one that was read."""
        beyond = [seq for seq in self.anchors if seq > self.seq]
        if beyond:
            root = self.anchors[max(beyond)][1]
            what = f"rows {self.seq + 1} to {max(beyond)}" if max(beyond) > self.seq + 1 else f"row {max(beyond)}"
            self.problems.append(f"{what} are gone: {root.name} signed row {max(beyond)}, and the chain ends with row {self.seq}")


@dataclass(frozen=True)
class Report:
    """`problems`: sentences by chain ("" is what belongs to no incident); `whole`: what concerns the roots or the export itself."""

    chains: int
    rows: int
    uncovered: int
    roots: int
    last: Root | None
    problems: dict[str, list[str]]
    whole: list[str]

    @property
    def holds(self) -> bool:
        return not self.problems and not self.whole


class Check:
    """Rows come in by chain and number (`take`), then the database's own heads (`end`)."""

    def __init__(self, log: Log | None = None) -> None:
        self._log = log or Log()
        self._anchors: dict[str, dict[int, tuple[str, Root]]] = {}
        self._whole = list(self._log.problems)
        for root in self._log.roots:
            for incident, seq, hash in root.heads:
                there = self._anchors.setdefault(incident, {}).setdefault(seq, (hash, root))
                if there[0] != hash:
                    self._whole.append(f"{there[1].name} and {root.name} signed different rows {seq} of {_name(incident)}")
        self._chains: dict[str, Chain] = {}
        self._rows = 0
        self._erased: set[tuple[str, int]] = set()

    def begin(self, incident: str, *, after: int = 0, prev: str = "") -> None:
        """A chain that is handed over from row `after` + 1 on."""
        self._chains[incident] = Chain(incident, self._anchors.get(incident, {}), seq=after, prev=prev, vouched=after)

    def take(self, row: Sequence[Any]) -> None:
        incident = row[INCIDENT]
        chain = self._chains.get(incident)
        if chain is None:
            chain = self._chains[incident] = Chain(incident, self._anchors.get(incident, {}))
        chain.take(row)
        self._rows += 1
        if row[0] in ERASED and incident == "":
            self._erased |= _erased_by(row[PAYLOAD])

    def unreadable(self, why: str) -> None:
        """Reading broke off: whatever comes after was not looked at."""
        self._whole.append(f"reading broke off after {self._rows} rows: {why}"[:300])

    def end(self, heads: Iterable[tuple[str, int, str]]) -> Report:
        """Of a whole database."""
        known = {incident: (seq, hash) for incident, seq, hash in heads}
        for incident in {*known, *self._anchors} - set(self._chains):
            self._chains[incident] = Chain(incident, self._anchors.get(incident, {}))
        for incident, chain in self._chains.items():
            chain.end(known.get(incident))
            chain.problems += [
                f"the payload of row {seq} is gone, and nobody recorded erasing it"
                for seq in chain.bare
                if (incident, seq) not in self._erased
            ]
        if not self._log.roots and self._rows:
            self._whole.append(
                "there are no roots: nothing outside the database vouches for it, so a chain that was written anew, "
                "or cut short, is not found"
            )
        return self._report()

    def end_of_export(self) -> Report:
        """Of what was exported: some time's rows. Whether more came after them is not this export's to say."""
        return self._report()

    def expect(self, told: str) -> None:
        """A root as it stands elsewhere, `SEQ:HASH`, of whose hash the first digits are enough."""
        seq, _, digits = told.partition(":")
        if not seq.isdecimal() or len(digits) < 8:
            raise ValueError(f"{told} names no root; write it as the channel has it: 42:3f9a1c2b90de")
        there = next((root for root in self._log.roots if root.seq == int(seq)), None)
        if there is None:
            self._whole.append(f"root {seq} is told of elsewhere, and this file ends with root {len(self._log.roots)}: it was cut")
        elif not there.hash.startswith(digits.lower()):
            self._whole.append(f"root {seq} is told of elsewhere as {digits}, and here it is {there.hash[:12]}")

    def _report(self) -> Report:
        problems = {name: chain.problems for name, chain in self._chains.items() if chain.problems}
        uncovered = sum(chain.seq - chain.vouched for chain in self._chains.values())
        last = self._log.roots[-1] if self._log.roots else None
        return Report(
            chains=len(self._chains),
            rows=self._rows,
            uncovered=uncovered,
            roots=len(self._log.roots),
            last=last,
            problems=problems,
            whole=self._whole,
        )


def said(report: Report) -> list[str]:
    """The report as lines for a person; the last one is the answer. No terminal obeys what stands in a row."""
    lines = list(report.whole)
    for chain, problems in sorted(report.problems.items()):
        lines += [f"{_name(chain)}: {problem}" for problem in problems[:MOST_TOLD]]
        if len(problems) > MOST_TOLD:
            lines.append(f"{_name(chain)}: and {len(problems) - MOST_TOLD} more")
    if report.last is not None:
        lines.append(f"the last of {report.roots} roots is {report.last.seq}:{report.last.hash[:12]} of {report.last.at[:19]}Z,")
        lines.append(f"signed by {report.last.key}; {_counted(report.uncovered, 'row')} came after it, on the chains alone")
    answer = "they hold" if report.holds else "BROKEN"
    lines.append(f"{_counted(report.chains, 'chain')}, {_counted(report.rows, 'row')}: {answer}")
    return ["".join(each if each.isprintable() else " " for each in line) for line in lines]


# --- where rows are read from


def check_sqlite(path: Path, log: Log, *, told: Sequence[str] = ()) -> Report:
    """A ledger's file, read by itself. Roots first: rows that come while it is read are then never missed."""
    check = Check(log)
    for each in told:
        check.expect(each)
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
        return check_connection(file, check)


def check_connection(file: sqlite3.Connection, check: Check) -> Report:
    """In one transaction, so that rows and heads are of one moment."""
    columns = ", ".join(f"a.{name}" for name in READ)
    query = (
        f"SELECT {columns}, p.body FROM audit a LEFT JOIN audit_payloads p ON p.incident = a.incident AND p.seq = a.seq "
        "ORDER BY a.incident, a.seq"
    )
    file.execute("BEGIN")
    try:
        take = check.take
        try:
            for row in file.execute(query):
                take(row)
        except sqlite3.Error as error:
            check.unreadable(str(error))
        return check.end(file.execute("SELECT incident, seq, hash FROM audit_heads").fetchall())
    finally:
        file.rollback()


def check_export(folder: Path, *, keys: Sequence[str], told: Sequence[str] = ()) -> Report:
    """A folder that `firstmate audit export` wrote: its manifest's signature, every file's hash, the rows and the roots."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    roots, rows = (folder / "roots.jsonl").read_text(encoding="utf-8"), (folder / "audit.jsonl").read_text(encoding="utf-8")
    log = read_roots(roots, keys=keys or [str(manifest["key"])])
    if keys and manifest["key"] not in keys:
        log.problems.append(f"the manifest is signed by the key {manifest['key']}, which is not the one you know")
    if not signed(manifest):
        log.problems.append("the manifest was changed: its signature is of other content")
    for name, hash in sorted(manifest["files"].items()):
        if _file_hash(folder / Path(name).name) != hash:
            log.problems.append(f"{name} was changed: the manifest has another hash")
    check = Check(log)
    for each in told:
        check.expect(each)
    for stretch in manifest["chains"]:
        check.begin(stretch["incident"], after=int(stretch["after"]), prev=str(stretch["prev"]))
    for row in _exported(rows):
        check.take(row)
    return check.end_of_export()


def _exported(text: str) -> Iterator[tuple[Any, ...]]:
    for line in text.splitlines():
        body = json.loads(line)
        payload = None if body["payload"] is None else canonical(body["payload"]).decode()
        yield (*(body[name] for name in READ), payload)


def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _erased_by(payload: Any) -> set[tuple[str, int]]:
    try:
        body = json.loads(payload)
        return {(str(body["incident"]), int(seq)) for seq in body["seqs"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _name(chain: str) -> str:
    return chain or "what belongs to no incident"


def _written(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{quoted(key)}:{_written(value[key])}" for key in keys) + "}"
    raise TypeError(f"{type(value).__name__} is no JSON")


def _number(value: float) -> str:
    """As ECMAScript writes it: https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2.3"""
    if value - value != 0:
        raise ValueError("NaN and infinities are no JSON")
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        fixed = format(Decimal(repr(value)), "f")
        return fixed.removesuffix(".0")
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", type=Path, help="a ledger's SQLite file, or a folder that `firstmate audit export` wrote")
    parser.add_argument("--roots", type=Path, help="the file of roots; an export brings its own")
    parser.add_argument("--key", action="append", default=[], help="the public key that signs roots, as you were given it")
    parser.add_argument("--root", action="append", default=[], help="a root as it stands elsewhere: 42:3f9a1c2b90de")
    given = parser.parse_args(arguments)
    try:
        if given.what.is_dir():
            report = check_export(given.what, keys=given.key, told=given.root)
        else:
            text = given.roots.read_text(encoding="utf-8") if given.roots else ""
            report = check_sqlite(given.what, read_roots(text, keys=given.key), told=given.root)
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        print(f"{given.what} can't be read ({type(error).__name__}: {error})", file=sys.stderr)
        return 2
    print("\n".join(said(report)))
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
