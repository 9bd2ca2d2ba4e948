"""What each file of a recorded incident holds: bytes to tables. Pure.

Records are read one by one: one that can't be read costs only itself, is counted, and the first is named.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime
from typing import NamedTuple, cast

import numpy as np
import polars as pl
from pydantic import ValidationError

from app.connectors.caselines import read_lines
from app.connectors.folder import File, left_out, read_object
from app.domain.change import Change, ChangeKind, Changes
from app.domain.errors import BadInput
from app.domain.incident import Scope
from app.domain.quantity import counted
from app.domain.redaction import redact, redact_value
from app.domain.redaction_columns import redact_strings
from app.domain.telemetry import (
    LOG_SCHEMA,
    SPAN_SCHEMA,
    LogTable,
    MetricTable,
    NoData,
    ObjectTable,
    Recorded,
    SeriesName,
    SpanTable,
    StatusTable,
    Topology,
)
from app.domain.value import JsonObject

MAX_SERIES = 50_000
MAX_EPOCH_S = 6e10
"""Seconds before or after 1970 that are still a time: from the year 69 to 3871, which calendars can count on from."""

_KINDS = frozenset({"commit", "deploy", "flag", "config", "scale", "rollout", "infrastructure"})
_CHANGE_KEYS = frozenset({"time", "kind", "service", "id", "title", "files", "diff", "version", "previous_version", "author"})
_SPAN_COLUMNS = ("phase", "trace", "span", "parent", "service", "op", "start", "dur_ms")
_LEVELS = {
    "WARNING": "WARN",
    "ERR": "ERROR",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "PANIC": "FATAL",
    "SEVERE": "ERROR",
    "TRACE": "DEBUG",
}
_LOG_KEYS = ("service", "level", "msg", "trace", "span", "pod")


def metrics(file: File, scope: Scope) -> MetricTable | NoData:
    """Every series, in time order. Raises BadInput, as all of these do, where nothing of the file can be read."""
    header = _header(file)
    if "time" not in header:
        raise BadInput(f"{file.name}, line 1: there is no column `time`")
    series = [name for name in header if name not in ("phase", "time")]
    unnamed = [name for name in series if "|" not in name]
    if unnamed:
        raise BadInput(f"{file.name}, line 1: column {unnamed[0]!r} is not `<entity>|<metric>`")
    cells = _cells(file, header, {"phase"}, spared=set(series))
    frame = cells.frame.filter(_is_moment("time")).sort("time", maintain_order=True)
    untimed = _untimed(cells.frame.height - frame.height, "line", file)
    if frame.is_empty() or not series:
        return NoData("case:metrics.csv", file.name, _joined(f"{file.name} has no samples", cells.left_out, untimed))
    cut = f"{len(series) - MAX_SERIES} series beyond the first {MAX_SERIES} were left out" if len(series) > MAX_SERIES else None
    kept = series[:MAX_SERIES]
    values = np.array(frame.select(pl.col(kept).fill_null(float("nan"))).to_numpy(), dtype=np.float64)
    values[np.isinf(values)] = np.nan
    times = frame["time"].to_numpy().astype(np.float64)
    incident = _incident(frame)
    return MetricTable(
        source="case:metrics.csv",
        as_of_s=_newest(frame["time"], incident, scope),
        times=times,
        incident=incident.to_numpy().astype(np.bool_),
        names=tuple(SeriesName(*map(redact, name.split("|", 1))) for name in kept),
        values=values,
        truncated=_joined(cut, cells.left_out, untimed) or None,
    )


def spans(file: File, scope: Scope) -> SpanTable | NoData:
    header = _header(file)
    missing = [name for name in _SPAN_COLUMNS[1:] if name not in header]
    if missing:
        raise BadInput(f"{file.name}, line 1: there is no column `{missing[0]}`")
    cells = _cells(file, header, {name for name in header if name not in ("start", "dur_ms")})
    frame = cells.frame.filter(pl.col("start").is_null() | _is_moment("start"))
    untimed = _untimed(cells.frame.height - frame.height, "span", file)
    if frame.is_empty():
        return NoData("case:spans.csv", file.name, _joined(f"{file.name} has no spans", cells.left_out, untimed))
    lasting = pl.when(pl.col("dur_ms").is_finite()).then(pl.col("dur_ms"))
    frame = frame.with_columns(_incident(frame), dur_ms=lasting).select(
        pl.col(name).fill_null("") if kind == pl.String else pl.col(name) for name, kind in SPAN_SCHEMA.items()
    )
    return SpanTable(
        "case:spans.csv",
        _newest(frame["start"], frame["incident"], scope),
        redact_strings(frame),
        file.name,
        _joined(cells.left_out, untimed) or None,
    )


def logs(file: File, scope: Scope) -> LogTable | NoData:
    lines = read_lines(file, _log_line, latest_s=MAX_EPOCH_S)
    if lines.frame.is_empty():
        return NoData("case:logs.jsonl", file.name, f"{file.name} has no lines")
    frame = lines.frame.sort("time", nulls_last=True, maintain_order=True)
    level = frame["level"].str.to_uppercase()
    frame = redact_strings(frame.with_columns(level.replace(_LEVELS)))
    newest = _newest(frame["time"], frame["incident"], scope)
    return LogTable("case:logs.jsonl", newest, frame, file.name, lines.left_out)


def _log_line(row: JsonObject) -> tuple[object, ...]:
    """The cells of LOG_SCHEMA."""
    time, more = row.get("time"), row.get("fields")
    said = {key: _text(row.get(key)) for key in _LOG_KEYS}
    cells = {
        "incident": row.get("phase") != "reference",
        "time": None if time is None else _epoch_s(time),
        "fields": json.dumps(more, ensure_ascii=False) if more else "",
        **said,
    }
    return tuple(cells[name] for name in LOG_SCHEMA)


def changes(file: File, scope: Scope) -> Changes | NoData:
    rows = file.rows(_change)
    if not rows.read:
        return NoData("case:changes.jsonl", file.name, f"{file.name} has no changes")
    return Changes(sorted(rows.read, key=lambda change: change.at), truncated=rows.left_out)


def _change(row: JsonObject) -> Change:
    kind = str(row.get("kind") or "")
    at_s = _epoch_s(row.get("time"))
    details: JsonObject = {key: value for key, value in row.items() if key not in _CHANGE_KEYS}
    if kind not in _KINDS:
        details["kind"] = kind
    moved = row.get("change")
    if isinstance(moved, str) and "->" in moved:
        details["from"], details["to"] = (side.strip() for side in moved.split("->", 1))
    files = row.get("files")
    what = row.get("flag") or row.get("revision") or row.get("version") or row.get("time")
    try:
        return Change(
            id=str(row.get("id") or f"{kind}:{row.get('service') or ''}:{what}"),
            kind=cast(ChangeKind, kind) if kind in _KINDS else "infrastructure",
            at=datetime.fromtimestamp(at_s, UTC),
            service=_or_none(row.get("service")),
            title=redact(_text(row.get("title"))),
            files=tuple(str(name) for name in files) if isinstance(files, list) else (),
            diff=redact(_text(row.get("diff"))),
            version=_or_none(row.get("version")),
            previous_version=_or_none(row.get("previous_version")),
            author=_or_none(row.get("author")),
            source="case:changes.jsonl",
            details=details,
        )
    except ValidationError as error:
        raise BadInput(error.errors()[0]["msg"]) from error


def topology(file: File, scope: Scope) -> Topology | NoData:
    document = read_object(file.body, file=file.name)
    edges, placement = document.get("edges") or [], document.get("placement") or {}
    pairs = [edge for edge in edges if isinstance(edge, list) and len(edge) == 2] if isinstance(edges, list) else []
    if not isinstance(edges, list) or (edges and not pairs):
        raise BadInput(f"{file.name}: edges must be [[caller, callee], …]")
    if not isinstance(placement, dict):
        raise BadInput(f"{file.name}: placement must be an object of service to node")
    if not edges and not placement:
        return NoData("case:topology.json", file.name, f"{file.name} is empty")
    unread = len(edges) - len(pairs)
    return Topology(
        "case:topology.json",
        tuple((redact(str(caller)), redact(str(callee))) for caller, callee in pairs),
        {redact(str(service)): redact(str(node)) for service, node in placement.items()},
        f"{counted(unread, 'edge')} of {file.name} could not be read" if unread else None,
    )


def objects(file: File, scope: Scope) -> ObjectTable | NoData:
    rows = file.rows(lambda row: Recorded(redact(_text(row.get("cmd"))), redact(_text(row.get("out")))))
    if not rows.read:
        return NoData("case:k8s.jsonl", file.name, f"{file.name} is empty")
    return ObjectTable("case:k8s.jsonl", scope.window.end.timestamp(), tuple(rows.read), rows.left_out)


def statuses(file: File, scope: Scope) -> StatusTable | NoData:
    rows = file.rows(lambda row: cast("dict[str, object]", redact_value(row)))
    if not rows.read:
        return NoData("case:extra.jsonl", file.name, f"{file.name} is empty")
    return StatusTable("case:extra.jsonl", scope.window.end.timestamp(), tuple(rows.read), rows.left_out)


class _Cells(NamedTuple):
    frame: pl.DataFrame
    left_out: str | None


def _cells(file: File, columns: Sequence[str], strings: Set[str], *, spared: Set[str] = frozenset()) -> _Cells:
    """Rows below the header; cells of `strings` as they are, the others numbers, empty ones null. A cell that is no number costs
    its row, in a column of `spared` only itself. Raises BadInput where nothing is left."""
    schema = {name: pl.String if name in strings else pl.Float64 for name in columns}
    try:
        # The header was read by `_header`: polars leaves doubled quotes in a name as they are.
        frame = pl.read_csv(io.BytesIO(file.body), schema=schema, has_header=False, skip_lines=1, raise_if_empty=False)
        return _Cells(frame, None)
    except (pl.exceptions.PolarsError, ValueError) as error:
        found: list[list[str | float | None]] = []
        wrong, first, wrong_cells, first_cell = 0, "", 0, ""
        for number, row in _csv_rows(file):
            try:
                cells, unread = _row(row, columns, strings, spared)
            except BadInput as reason:
                wrong, first = wrong + 1, first or redact(f"line {number}: {reason}")
                continue
            found.append(cells)
            if unread:
                wrong_cells, first_cell = wrong_cells + len(unread), first_cell or redact(f"line {number}: {unread[0]}")
        rows = pl.DataFrame(found, schema=schema, orient="row")
        if not found or (wrong_cells and all(rows[name].null_count() == rows.height for name in spared)):
            why = first or first_cell
            raise BadInput(f"{file.name}, {why}" if why else f"{file.name}: {str(error).splitlines()[0][:200]}") from error
        lost = left_out(file.name, wrong, first), left_out(file.name, wrong_cells, first_cell, what="cell")
        return _Cells(rows, _joined(*lost) or None)


def _csv_rows(file: File) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row below the header; of a row that is none of any length, no cells."""
    reader = csv.reader(io.StringIO(file.body.decode("utf-8", "replace")))
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell of more than 131072 characters
            row = []
        if reader.line_num > 1:
            yield reader.line_num, row


def _row(
    cells: Sequence[str], columns: Sequence[str], strings: Set[str], spared: Set[str]
) -> tuple[list[str | float | None], list[str]]:
    """The row, and why cells in columns of `spared` could not be read. Raises BadInput for any other."""
    if len(cells) != len(columns):
        raise BadInput(f"{len(cells)} cells where the header has {len(columns)}")
    row: list[str | float | None] = []
    unread: list[str] = []
    for name, cell in zip(columns, cells, strict=True):
        try:
            row.append(None if cell == "" else cell if name in strings else float(cell))
        except ValueError as error:
            why = f"{cell[:40]!r} in column {name!r} is not a number"
            if name not in spared:
                raise BadInput(why) from error
            row.append(None)
            unread.append(why)
    return row, unread


def _header(file: File) -> list[str]:
    line = file.body.split(b"\n", 1)[0].decode("utf-8", "replace")
    try:
        header = next(csv.reader([line]), [])
    except csv.Error as error:
        raise BadInput(f"{file.name}, line 1: {error}") from error
    if len(header) != len(set(header)):
        twice = next(name for name in header if header.count(name) > 1)
        raise BadInput(f"{file.name}, line 1: column {twice!r} appears twice")
    return header


def _incident(frame: pl.DataFrame) -> pl.Series:
    """Rows that don't name the reference belong to the incident."""
    if "phase" not in frame.columns:
        return pl.Series("incident", [True] * frame.height, dtype=pl.Boolean)
    return (frame["phase"].fill_null("incident") != "reference").alias("incident")


def _is_moment(column: str) -> pl.Expr:
    return pl.col(column).is_between(-MAX_EPOCH_S, MAX_EPOCH_S)


def _untimed(count: int, what: str, file: File) -> str | None:
    return f"{counted(count, what)} of {file.name} without a time left out" if count else None


def _joined(*said: str | None) -> str:
    return "; ".join(filter(None, said))


def _epoch_s(value: object) -> float:
    """Raises BadInput."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= MAX_EPOCH_S:
        raise BadInput(f"time {str(value)[:40]!r} is not epoch seconds")
    return float(value)


def _newest(times: pl.Series, incident: pl.Series, scope: Scope) -> float:
    """The newest moment of the incident (of anything, without one): a reference may lie later and says nothing about it."""
    newest = times.filter(incident).max()
    newest = times.max() if newest is None else newest
    return float(newest) if isinstance(newest, (int, float)) else scope.window.end.timestamp()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _or_none(value: object) -> str | None:
    return _text(value) or None
