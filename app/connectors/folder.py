"""Files of one folder, read whole but bounded: nothing outside the folder, nothing that inflates without end."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from app.domain.errors import BadInput
from app.domain.value import JsonObject

MAX_BYTES = 512 * 1024 * 1024
"""Of one file, inflated."""
MAX_RATIO = 300
"""Inflated to compressed; ordinary telemetry stays under 40. Looked at from 16 MiB on."""
MAX_ROWS = 2_000_000


@dataclass(frozen=True)
class File:
    name: str
    body: bytes

    def rows(self) -> Iterator[tuple[int, JsonObject]]:
        """Each line's number, from 1, and its JSON object. Blank lines are skipped."""
        for number, line in enumerate(self.body.split(b"\n"), start=1):
            if line.strip():
                if number > MAX_ROWS:
                    raise BadInput(f"{self.name} has more than {MAX_ROWS} lines; split the case")
                yield number, read_object(read_json(line, file=self.name, line=number), file=self.name, line=number)


def find_file(folder: Path, file: str) -> Path | None:
    """`file` or `file.gz` within `folder`; None when neither is there. Raises BadInput for a link that leads out."""
    for name in (file, file + ".gz"):
        path = folder / name
        if not path.exists():
            continue
        real = path.resolve()
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


def read_json(raw: bytes, *, file: str, line: int | None) -> object:
    try:
        return json.loads(raw, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        where = f"{file}, line {line}" if line else file
        raise BadInput(f"{where}: not readable JSON ({str(error)[:120]})") from error


def read_object(body: object, *, file: str, line: int | None) -> JsonObject:
    if not isinstance(body, dict):
        raise BadInput(f"{f'{file}, line {line}' if line else file}: a JSON object is expected, not {type(body).__name__}")
    return cast(JsonObject, body)
