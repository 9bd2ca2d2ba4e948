"""A recorded incident (`incident-case/1`): one folder that answers for every kind of source.

Read lazily, each file once, off the event loop. Nothing outside the folder is read, whatever a link in it points to.
A file that is absent was not recorded (`NoData`); one that cannot be read is `BadInput`, naming file and line.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import polars as pl
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors.folder import File, file_bytes, find_file, read_json, read_object
from app.domain.change import Change, ChangeKind
from app.domain.errors import BadInput, Misconfigured, NotFound
from app.domain.incident import Alert, Scope
from app.domain.plugin import Health, Plugin
from app.domain.redaction import redact
from app.domain.redaction_columns import redact_column
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
from app.domain.window import Window

SCHEMA = "incident-case/1"
MAX_SERIES = 50_000
MAX_CASES = 20_000
MAX_DEPTH = 6

_KINDS = frozenset({"commit", "deploy", "flag", "config", "scale", "rollout", "infrastructure"})
_CHANGE_KEYS = frozenset({"time", "kind", "service", "id", "title", "files", "diff", "version", "previous_version", "author"})
_ALERT_KEYS = frozenset(Alert.model_fields)
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

T = TypeVar("T")


class CaseSettings(BaseSettings):
    """Where a recorded incident lies."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_CASE_", extra="ignore", frozen=True)

    path: Path | None = Field(default=None, description="Folder of one recorded incident (incident-case/1) to answer from.")


@dataclass(frozen=True)
class RecordedCase:
    """One recorded incident. `name` is its id, or the folder's name; no answer depends on it."""

    name: str
    scope: Scope
    folder: Path
    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        """Everything recorded, in time order; only series of `entities` and of edges touching them when given."""
        table = await self._once("metrics.csv", _metrics)
        if isinstance(table, NoData) or not entities:
            return table
        wanted = [i for i, name in enumerate(table.names) if any(_touches(name.entity, entity) for entity in entities)]
        if not wanted:
            return NoData("case:metrics.csv", "metrics.csv", f"no series of {', '.join(entities)[:120]} was recorded")
        return MetricTable(
            table.source,
            table.as_of_s,
            table.times,
            table.incident,
            tuple(table.names[i] for i in wanted),
            table.values[:, wanted],
            truncated=table.truncated,
        )

    async def value(self, query: str, *, at: datetime) -> float | NoData:
        """The last recorded sample of the series `<entity>|<metric>` at or before `at`."""
        table = await self._once("metrics.csv", _metrics)
        if isinstance(table, NoData):
            return table
        found = [i for i, name in enumerate(table.names) if str(name) == query]
        if found:
            column = table.values[:, found[0]]
            known = np.flatnonzero(~np.isnan(column) & (table.times <= at.timestamp()))
            if known.size:
                return float(column[known[-1]])
        return NoData("case:metrics.csv", query, f"no sample of {query} at or before {at.isoformat()} was recorded")

    async def logs(self, scope: Scope, *, entities: Sequence[str] = ()) -> LogTable | NoData:
        """Lines in time order, those without a time last (their `time` is null)."""
        table = await self._once("logs.jsonl", _logs)
        if isinstance(table, NoData) or not entities:
            return table
        names = [name for entity in entities for name in (entity, entity.partition("/")[2]) if name]
        frame = table.frame.filter(pl.col("service").is_in(names) | pl.col("pod").is_in(names))
        if frame.is_empty():
            return NoData("case:logs.jsonl", "logs.jsonl", f"no line of {', '.join(entities)[:120]} was recorded")
        return LogTable(table.source, table.as_of_s, frame, table.query, table.truncated)

    async def spans(self, scope: Scope) -> SpanTable | NoData:
        return await self._once("spans.csv", _spans)

    async def changes(self, window: Window) -> Sequence[Change] | NoData:
        """Everything recorded, oldest first: what a case holds is what mattered, so `window` restricts nothing."""
        return await self._once("changes.jsonl", _changes)

    async def topology(self, scope: Scope) -> Topology | NoData:
        return await self._once("topology.json", _topology)

    async def objects(self, scope: Scope) -> ObjectTable | NoData:
        return await self._once("k8s.jsonl", _objects)

    async def statuses(self, scope: Scope) -> StatusTable | NoData:
        return await self._once("extra.jsonl", _statuses)

    async def check(self) -> Health:
        there = sorted(path.name for path in self.folder.iterdir() if path.is_file()) if self.folder.is_dir() else []
        return Health(bool(there), f"case {self.name}: {', '.join(there) or 'the folder is gone'}")

    async def close(self) -> None:
        self._read.clear()

    async def _once(self, file: str, parse: Callable[[RecordedCase, File], T]) -> T | NoData:
        return await asyncio.to_thread(self._load, file, parse)

    def _load(self, file: str, parse: Callable[[RecordedCase, File], T]) -> T | NoData:
        with self._lock:
            if file not in self._read:
                found = find_file(self.folder, file)
                missing = NoData(f"case:{file}", file, f"no {file} was recorded")
                self._read[file] = missing if found is None else parse(self, File(file, file_bytes(found)))
            return cast("T | NoData", self._read[file])


def open_case(path: Path | str) -> RecordedCase:
    """The case in folder `path`. Only `case.json` is read now.

    Raises NotFound when there is no such folder, BadInput when it is not a readable `incident-case/1`.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the folder that holds case.json")
    folder = folder.resolve()
    found = find_file(folder, "case.json")
    if found is None:
        raise BadInput(f"{folder} holds no case.json; name the folder of one recorded incident")
    document = read_object(read_json(file_bytes(found), file="case.json", line=None), file="case.json", line=None)
    schema = document.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise BadInput(f"case.json says schema {schema!r}; this version reads {SCHEMA}")
    name = document.get("id")
    return RecordedCase(name=name if isinstance(name, str) and name else folder.name, scope=_scope(document), folder=folder)


def find_cases(path: Path | str) -> list[Path]:
    """The folders with a `case.json` at or below `path`, sorted. Links to folders are not followed.

    Raises NotFound when `path` does not exist; an empty list means there is no case in it.
    """
    root = Path(path)
    if not root.is_dir():
        raise NotFound(f"{root} is not a folder; name a case or a folder of cases")
    cases: list[Path] = []
    for folder, below, files in os.walk(root, followlinks=False):
        if {"case.json", "case.json.gz"} & set(files):
            cases.append(Path(folder))
            below.clear()
        elif len(Path(folder).relative_to(root).parts) >= MAX_DEPTH:
            below.clear()
        if len(cases) > MAX_CASES:
            raise BadInput(f"{root} holds more than {MAX_CASES} cases; name a smaller folder")
    return sorted(cases)


def _open(settings: CaseSettings) -> RecordedCase:
    if settings.path is None:
        raise Misconfigured("FIRSTMATE_CASE_PATH is not set; set it to the folder of a recorded incident")
    return open_case(settings.path)


CONNECTOR = Plugin(
    name="case",
    summary="a recorded incident on disk: metrics, logs, spans, changes, topology, objects, status documents",
    settings=CaseSettings,
    configured=lambda settings: settings.path is not None,
    open=_open,
)


def _moment(raw: object, what: str) -> datetime | None:
    """ISO 8601 (UTC unless it says otherwise) or epoch seconds; None for null."""
    if raw is None:
        return None
    try:
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            return datetime.fromtimestamp(raw, UTC)
        moment = datetime.fromisoformat(str(raw))
    except (ValueError, OverflowError, OSError) as error:
        raise BadInput(f"case.json: {what} is not a time: {str(raw)[:60]!r}") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _texts(raw: object, what: str) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(isinstance(text, str) for text in raw):
        raise BadInput(f"case.json: {what} must be a list of strings")
    return tuple(cast("list[str]", raw))


def _scope(document: JsonObject) -> Scope:
    alert = read_object(document.get("alert"), file="case.json: alert", line=None)
    window = read_object(document.get("window"), file="case.json: window", line=None)
    answers = read_object(document.get("answers") or {}, file="case.json: answers", line=None)
    start, end = _moment(window.get("start"), "window.start"), _moment(window.get("end"), "window.end")
    if start is None or end is None:
        raise BadInput("case.json: window needs start and end")
    reference = window.get("reference")
    if reference is not None and not (isinstance(reference, list) and len(reference) == 2):
        raise BadInput("case.json: window.reference must be [start, end] or null")
    try:
        return Scope(
            alert=_alert(alert, end),
            window=Window(start=start, end=end),
            reference=None if reference is None else _window(reference),
            onset=_moment(window.get("onset_estimate"), "window.onset_estimate"),
            candidates=_texts(document.get("candidates"), "candidates"),
            labels=_texts(answers.get("label"), "answers.label"),
            remediations=_texts(answers.get("remediation"), "answers.remediation"),
            notes=_texts(document.get("notes"), "notes"),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"case.json: {'.'.join(map(str, first['loc'])) or 'window'}: {first['msg']}") from error


def _window(reference: list[Any]) -> Window:
    start, end = (_moment(bound, "window.reference") for bound in reference)
    if start is None or end is None:
        raise BadInput("case.json: window.reference must be [start, end] or null")
    return Window(start=start, end=end)


def _alert(raw: JsonObject, otherwise: datetime) -> Alert:
    """Keys we have no field for become labels; an alert without a time fired at the window's end."""
    known = {key: value for key, value in raw.items() if key in _ALERT_KEYS and value is not None}
    more = {key: str(value) for key, value in raw.items() if key not in _ALERT_KEYS and isinstance(value, (str, int, float))}
    labels = known.get("labels")
    known["labels"] = {**more, **(labels if isinstance(labels, dict) else {})}
    summary = redact(str(raw.get("summary") or ""))
    return Alert.model_validate(
        {**known, "fired_at": _moment(raw.get("fired_at"), "alert.fired_at") or otherwise, "summary": summary}
    )


def _touches(entity: str, wanted: str) -> bool:
    return any(_same(side, wanted) for side in (entity, *entity.split(">")))


def _same(left: str, right: str) -> bool:
    """Names are equal, or one is bare where the other says its kind (`app/x` and `x`)."""
    return left == right or left.partition("/")[2] == right or right.partition("/")[2] == left


def _csv(file: File, columns: Sequence[str], strings: Sequence[str]) -> pl.DataFrame:
    schema = {name: pl.String if name in strings else pl.Float64 for name in columns}
    try:
        return pl.read_csv(io.BytesIO(file.body), schema=schema, raise_if_empty=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise BadInput(_first_bad_cell(file, columns, strings) or f"{file.name}: {str(error).splitlines()[0][:200]}") from error


def _first_bad_cell(file: File, columns: Sequence[str], strings: Sequence[str]) -> str | None:
    reader = csv.reader(io.StringIO(file.body.decode("utf-8", "replace")))
    next(reader, None)
    for row in reader:
        if len(row) != len(columns):
            return f"{file.name}, line {reader.line_num}: {len(row)} cells where the header has {len(columns)}"
        for name, cell in zip(columns, row, strict=True):
            try:
                float(cell or 0) if name not in strings else None
            except ValueError:
                return f"{file.name}, line {reader.line_num}: {cell[:40]!r} in column {name!r} is not a number"
    return None


def _header(file: File) -> list[str]:
    line = file.body.split(b"\n", 1)[0].decode("utf-8", "replace")
    header = next(csv.reader([line]), [])
    if len(header) != len(set(header)):
        twice = next(name for name in header if header.count(name) > 1)
        raise BadInput(f"{file.name}, line 1: column {twice!r} appears twice")
    return header


def _metrics(case: RecordedCase, file: File) -> MetricTable | NoData:
    header = _header(file)
    if "time" not in header:
        raise BadInput(f"{file.name}, line 1: there is no column `time`")
    series = [name for name in header if name not in ("phase", "time")]
    unnamed = [name for name in series if "|" not in name]
    if unnamed:
        raise BadInput(f"{file.name}, line 1: column {unnamed[0]!r} is not `<entity>|<metric>`")
    frame = _csv(file, header, ("phase",)).filter(pl.col("time").is_not_null()).sort("time", maintain_order=True)
    if frame.is_empty() or not series:
        return NoData("case:metrics.csv", file.name, f"{file.name} has no samples")
    cut = f"{len(series) - MAX_SERIES} series beyond the first {MAX_SERIES} were left out" if len(series) > MAX_SERIES else None
    kept = series[:MAX_SERIES]
    values = np.array(frame.select(pl.col(kept).fill_null(float("nan"))).to_numpy(), dtype=np.float64)
    values[np.isinf(values)] = np.nan
    times = frame["time"].to_numpy().astype(np.float64)
    incident = _incident(frame)
    return MetricTable(
        source="case:metrics.csv",
        as_of_s=_newest(frame["time"], incident, case),
        times=times,
        incident=incident.to_numpy().astype(np.bool_),
        names=tuple(SeriesName(*name.split("|", 1)) for name in kept),
        values=values,
        truncated=cut,
    )


def _incident(frame: pl.DataFrame) -> pl.Series:
    """Rows that don't name the reference belong to the incident."""
    if "phase" not in frame.columns:
        return pl.Series("incident", [True] * frame.height, dtype=pl.Boolean)
    return (frame["phase"].fill_null("incident") != "reference").alias("incident")


def _spans(case: RecordedCase, file: File) -> SpanTable | NoData:
    header = _header(file)
    missing = [name for name in _SPAN_COLUMNS[1:] if name not in header]
    if missing:
        raise BadInput(f"{file.name}, line 1: there is no column `{missing[0]}`")
    frame = _csv(file, header, [name for name in header if name not in ("start", "dur_ms")])
    if frame.is_empty():
        return NoData("case:spans.csv", file.name, f"{file.name} has no spans")
    frame = frame.with_columns(_incident(frame)).select(
        pl.col(name).fill_null("") if kind == pl.String else pl.col(name) for name, kind in SPAN_SCHEMA.items()
    )
    return SpanTable(
        "case:spans.csv",
        _newest(frame["start"], frame["incident"], case),
        frame.with_columns(redact_column(frame["op"])),
        file.name,
    )


def _logs(case: RecordedCase, file: File) -> LogTable | NoData:
    columns: dict[str, list[Any]] = {name: [] for name in LOG_SCHEMA}
    for number, row in file.rows():
        time = row.get("time")
        if time is not None and (not isinstance(time, (int, float)) or isinstance(time, bool)):
            raise BadInput(f"{file.name}, line {number}: time {str(time)[:40]!r} is not epoch seconds")
        columns["incident"].append(row.get("phase") != "reference")
        columns["time"].append(None if time is None else float(time))
        for key in _LOG_KEYS:
            columns[key].append(_text(row.get(key)))
        more = row.get("fields")
        columns["fields"].append(json.dumps(more, ensure_ascii=False) if more else "")
    if not columns["time"]:
        return NoData("case:logs.jsonl", file.name, f"{file.name} has no lines")
    frame = pl.DataFrame(columns, schema=LOG_SCHEMA).sort("time", nulls_last=True, maintain_order=True)
    level = frame["level"].str.to_uppercase()
    frame = frame.with_columns(level.replace(_LEVELS), redact_column(frame["msg"]), redact_column(frame["fields"]))
    return LogTable("case:logs.jsonl", _newest(frame["time"], frame["incident"], case), frame, file.name)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _newest(times: pl.Series, incident: pl.Series, case: RecordedCase) -> float:
    """The newest moment of the incident (of anything, without one): a reference may lie later and says nothing about it."""
    newest = times.filter(incident).max()
    newest = times.max() if newest is None else newest
    return float(newest) if isinstance(newest, (int, float)) else case.scope.window.end.timestamp()


def _changes(case: RecordedCase, file: File) -> tuple[Change, ...] | NoData:
    changes = [_change(row, number, file.name) for number, row in file.rows()]
    if not changes:
        return NoData("case:changes.jsonl", file.name, f"{file.name} has no changes")
    return tuple(sorted(changes, key=lambda change: change.at))


def _change(row: JsonObject, number: int, file: str) -> Change:
    kind = str(row.get("kind") or "")
    at = row.get("time")
    if not isinstance(at, (int, float)) or isinstance(at, bool):
        raise BadInput(f"{file}, line {number}: time {str(at)[:40]!r} is not epoch seconds")
    details: JsonObject = {key: _redacted(value) for key, value in row.items() if key not in _CHANGE_KEYS}
    if kind not in _KINDS:
        details["kind"] = kind
    moved = row.get("change")
    if isinstance(moved, str) and "->" in moved:
        details["from"], details["to"] = (side.strip() for side in moved.split("->", 1))
    files = row.get("files")
    subject = (
        row.get("id") or f"{kind}:{row.get('service') or ''}:{row.get('flag') or row.get('revision') or row.get('version') or at}"
    )
    try:
        return Change(
            id=str(subject),
            kind=cast(ChangeKind, kind) if kind in _KINDS else "infrastructure",
            at=datetime.fromtimestamp(at, UTC),
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
    except (ValidationError, OverflowError, OSError, ValueError) as error:
        raise BadInput(f"{file}, line {number}: {str(error).splitlines()[0][:160]}") from error


def _or_none(value: object) -> str | None:
    return _text(value) or None


def _redacted(value: Any) -> Any:
    """Every string within a JSON value, redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    return value


def _topology(case: RecordedCase, file: File) -> Topology | NoData:
    document = read_object(read_json(file.body, file=file.name, line=None), file=file.name, line=None)
    edges, placement = document.get("edges") or [], document.get("placement") or {}
    if not isinstance(edges, list) or not all(isinstance(edge, list) and len(edge) == 2 for edge in edges):
        raise BadInput(f"{file.name}: edges must be [[caller, callee], …]")
    if not isinstance(placement, dict):
        raise BadInput(f"{file.name}: placement must be an object of service to node")
    if not edges and not placement:
        return NoData("case:topology.json", file.name, f"{file.name} is empty")
    pairs = tuple((str(edge[0]), str(edge[1])) for edge in cast("list[list[object]]", edges))
    return Topology("case:topology.json", pairs, {str(service): str(node) for service, node in placement.items()})


def _objects(case: RecordedCase, file: File) -> ObjectTable | NoData:
    recorded = tuple(Recorded(_text(row.get("cmd")), redact(_text(row.get("out")))) for _, row in file.rows())
    if not recorded:
        return NoData("case:k8s.jsonl", file.name, f"{file.name} is empty")
    return ObjectTable("case:k8s.jsonl", case.scope.window.end.timestamp(), recorded)


def _statuses(case: RecordedCase, file: File) -> StatusTable | NoData:
    documents = tuple(cast("dict[str, object]", _redacted(row)) for _, row in file.rows())
    if not documents:
        return NoData("case:extra.jsonl", file.name, f"{file.name} is empty")
    return StatusTable("case:extra.jsonl", case.scope.window.end.timestamp(), documents)
