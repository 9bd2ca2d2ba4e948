"""The lines of `logs.jsonl` as a table, some megabytes at once. Pure.

Where a piece holds anything on which that reading and the one line by line could disagree (a line nobody can read, a number
where a text belongs, half a character), the piece is read line by line.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

import polars as pl
import re2

from app.connectors.folder import MAX_ROWS, File, left_out, read_each
from app.domain.errors import BadInput
from app.domain.telemetry import LOG_SCHEMA
from app.domain.value import JsonObject

PIECE_BYTES = 4 << 20

LogLine = Callable[[JsonObject], tuple[object, ...]]
"""The cells of LOG_SCHEMA. Raises BadInput."""

_TEXTS = ("service", "level", "msg", "trace", "span", "pod")
_COLUMNS = {"phase": pl.String, "time": pl.Float64, **dict.fromkeys(_TEXTS, pl.String), "fields": pl.String}
_FIELDS = list(LOG_SCHEMA).index("fields")
_OTHER_TYPES = re2.compile(rb'"(?:%s)"\s*:\s*[-0-9\[{tf]|"fields"\s*:\s*["tf0-9-]' % "|".join(_TEXTS).encode())
"""A key with a value of another type than it should have: the two readings write it out differently."""
_WRITTEN_DIFFERENTLY = r"[\\\x00-\x1f]|\d{15}|\d[eE]|0\.0000"
"""What they write out differently within `fields`: escapes, and very large and very small numbers."""


class Lines(NamedTuple):
    frame: pl.DataFrame  # LOG_SCHEMA, in the file's order
    left_out: str | None


def read_lines(file: File, log_line: LogLine, *, latest_s: float) -> Lines:
    """`latest_s`: seconds since 1970 (or before) from which on `log_line` refuses a time. Raises BadInput, with the first
    reason, when there are lines and none can be read."""
    if file.body.count(b"\n") + (not file.body.endswith(b"\n")) > MAX_ROWS:
        raise BadInput(f"{file.name} has more than {MAX_ROWS} lines; split the case")
    frames = [pl.DataFrame(schema=LOG_SCHEMA)]
    wrong, reason, before = 0, "", 0
    for piece in _pieces(file.body):
        frame = _as_columns(piece, log_line, latest_s)
        if frame is None:
            rows = read_each(piece, log_line, first=before + 1)
            frame = pl.DataFrame(rows.read, schema=LOG_SCHEMA, orient="row")
            wrong, reason = wrong + rows.wrong, reason or rows.reason
        frames.append(frame)
        before += piece.count(b"\n")
    found = pl.concat(frames)
    if wrong and found.is_empty():
        raise BadInput(f"{file.name}, {reason}")
    return Lines(found, left_out(file.name, wrong, reason))


def _pieces(body: bytes) -> Iterator[bytes]:
    """The body in pieces of whole lines."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", min(start + PIECE_BYTES, len(body) - 1)) + 1 or len(body)
        yield body[start:end]
        start = end


def _as_columns(piece: bytes, log_line: LogLine, latest_s: float) -> pl.DataFrame | None:
    """The lines of a piece; None where line by line they could read differently."""
    if b"\\ud" in piece or b"\\uD" in piece or _OTHER_TYPES.search(piece) is not None:
        return None
    try:
        frame = pl.read_ndjson(io.BytesIO(piece), schema=_COLUMNS)
    except (pl.exceptions.PolarsError, ValueError):
        return None
    if not frame["time"].abs().fill_null(0.0).is_between(0.0, latest_s).all():
        return None
    fields = frame["fields"].fill_null("").replace(["[]", "{}"], ["", ""])
    again = fields.str.contains(_WRITTEN_DIFFERENTLY).arg_true()
    if len(again):
        lines = [line for line in piece.split(b"\n") if line.strip()]
        if len(lines) != frame.height:
            return None
        fields = fields.scatter(again, [str(read_each(lines[i], log_line).read[0][_FIELDS]) for i in again])
    texts = [pl.col(name).fill_null("") for name in _TEXTS]
    incident = (pl.col("phase").fill_null("") != "reference").alias("incident")
    return frame.with_columns(incident, *texts, fields.alias("fields")).select(list(LOG_SCHEMA))
