"""Files of one folder, read whole but bounded: nothing outside the folder, nothing that inflates without end."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from app.connectors.outside import parse_json
from app.domain.errors import BadInput
from app.domain.quantity import counted
from app.domain.redaction import redact
from app.domain.value import JsonObject

MAX_BYTES = 512 * 1024 * 1024
"""Of one file, inflated."""
MAX_RATIO = 300
"""Inflated to compressed; ordinary telemetry stays under 40. Looked at from 16 MiB on."""
MAX_ROWS = 2_000_000


T = TypeVar("T")


@dataclass(frozen=True)
class Rows(Generic[T]):
    """What could be read, in the file's order, and what could not, as a sentence."""

    read: list[T]
    left_out: str | None


@dataclass(frozen=True)
class File:
    name: str
    body: bytes

    def rows(self, read: Callable[[JsonObject], T]) -> Rows[T]:
        """What `read` makes of each line, a JSON object; blank lines are skipped. A line that it, or nobody, can read (BadInput)
        costs only itself. Raises BadInput with the first reason when no line can be read."""
        if self.body.count(b"\n") + (not self.body.endswith(b"\n")) > MAX_ROWS:
            raise BadInput(f"{self.name} has more than {MAX_ROWS} lines; split the case")
        each = read_each(self.body, read)
        if each.wrong and not each.read:
            raise BadInput(f"{self.name}, {each.reason}")
        return Rows(each.read, left_out(self.name, each.wrong, each.reason))


@dataclass(frozen=True)
class Each(Generic[T]):
    """What could be read, how many lines could not, and why the first of them (`line 7: …`)."""

    read: list[T]
    wrong: int
    reason: str


def read_each(body: bytes, read: Callable[[JsonObject], T], *, first: int = 1) -> Each[T]:
    """What `read` makes of each line of `body`, the first of which is line `first` of its file."""
    found: list[T] = []
    wrong, reason = 0, ""
    for number, line in enumerate(io.BytesIO(body), start=first):
        if not line.strip():
            continue
        try:
            found.append(read(as_object(_json(line))))
        except (BadInput, RecursionError) as error:
            why = str(error) if isinstance(error, BadInput) else "nested too deeply"
            wrong, reason = wrong + 1, reason or redact(f"line {number}: {why}")
    return Each(found, wrong, reason)


def left_out(file: str, wrong: int, first: str, *, what: str = "line") -> str | None:
    """How many could not be read, and why the first of them (`line 7: …`)."""
    return f"{counted(wrong, what)} of {file} could not be read ({first})" if wrong else None


def find_file(folder: Path, file: str) -> Path | None:
    """`file` or `file.gz` within `folder`; None when neither is there. Raises BadInput for a link that leads out."""
    for name in (file, file + ".gz"):
        path = folder / name
        try:
            if not path.exists():
                continue
            real = path.resolve()
        except OSError as error:
            raise BadInput(f"{name} cannot be read: {error.strerror}") from error
        if not real.is_relative_to(folder):
            raise BadInput(f"{name} is a link that leads out of the case's folder; copy the file into it")
        if not real.is_file():
            raise BadInput(f"{name} is not a regular file")
        return path
    return None


def file_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from error
    if raw is None:
        raise BadInput(f"{path.name} is larger than {MAX_BYTES // 2**20} MiB; cut the case down")
    return inflate(raw, path.name) if path.suffix == ".gz" else raw


def inflate(raw: bytes, name: str) -> bytes:
    parts: list[bytes] = []
    size, rest = 0, raw
    try:
        while rest:  # a gzip file may have several members
            stream = zlib.decompressobj(wbits=31)
            while True:
                part = stream.decompress(rest, 1 << 24)
                size += len(part)
                parts.append(part)
                if size > MAX_BYTES or (size > 1 << 24 and size > MAX_RATIO * len(raw)):
                    raise BadInput(f"{name} inflates to more than {size // 2**20} MiB; it is refused")
                if stream.eof:
                    rest = stream.unused_data
                    break
                if not part and not stream.unconsumed_tail:
                    raise BadInput(f"{name} ends in the middle; copy it again")
                rest = stream.unconsumed_tail
    except zlib.error as error:
        raise BadInput(f"{name} is not readable gzip: {error}") from error
    return b"".join(parts)


def read_object(raw: bytes, *, file: str, mended: bool = True) -> JsonObject:
    """The one JSON object that a file is. Raises BadInput, naming the file."""
    try:
        return as_object(_json(raw, mended=mended))
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from error


def as_object(body: object) -> JsonObject:
    if not isinstance(body, dict):
        raise BadInput(f"a JSON object is expected, not {type(body).__name__}")
    return cast(JsonObject, body)


def _json(raw: bytes, *, mended: bool = True) -> object:
    try:
        return parse_json(raw, mended=mended)
    except ValueError as error:
        raise BadInput(f"not readable JSON ({str(error)[:120]})") from error
