"""A recorded incident (`incident-case/1`): one folder that answers for every kind of source.

Read lazily, each file once, off the event loop. Nothing outside the folder is read, whatever a link in it points to.
A file that is absent was not recorded (`NoData`); one that cannot be read is `BadInput`, naming file and line; `casefiles` says
what is in each.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import polars as pl
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors import casefiles
from app.connectors.casefiles import MAX_EPOCH_S
from app.connectors.folder import File, as_object, file_bytes, find_file, read_object
from app.connectors.outside import shown
from app.domain.change import Change
from app.domain.errors import BadInput, Misconfigured, NotFound
from app.domain.incident import Alert, Scope
from app.domain.plugin import Health, Plugin
from app.domain.redaction import redact
from app.domain.telemetry import LogTable, MetricTable, NoData, ObjectTable, SpanTable, StatusTable, Topology
from app.domain.value import JsonObject
from app.domain.window import Window

SCHEMA = "incident-case/1"
MAX_CASES = 20_000
MAX_DEPTH = 6

_ALERT_KEYS = frozenset(Alert.model_fields)

T = TypeVar("T")


class CaseSettings(BaseSettings):
    """Where a recorded incident lies."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_CASE_", extra="ignore", frozen=True)

    path: Path | None = Field(
        default=None, examples=["."], description="Folder of one recorded incident (incident-case/1) to answer from."
    )


@dataclass(frozen=True)
class RecordedCase:
    """One recorded incident. `name` is its id, or the folder's name; no answer depends on it."""

    name: str
    scope: Scope
    folder: Path
    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _reading: dict[str, threading.Lock] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    async def metrics(self, scope: Scope, *, entities: Sequence[str] = ()) -> MetricTable | NoData:
        """Everything recorded, in time order; only series of `entities` and of edges touching them when given."""
        table = await self._once("metrics.csv", casefiles.metrics)
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
        table = await self._once("metrics.csv", casefiles.metrics)
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
        table = await self._once("logs.jsonl", casefiles.logs)
        if isinstance(table, NoData) or not entities:
            return table
        names = [name for entity in entities for name in (entity, entity.partition("/")[2]) if name]
        frame = table.frame.filter(pl.col("service").is_in(names) | pl.col("pod").is_in(names))
        if frame.is_empty():
            return NoData("case:logs.jsonl", "logs.jsonl", f"no line of {', '.join(entities)[:120]} was recorded")
        return LogTable(table.source, table.as_of_s, frame, table.query, table.truncated)

    async def spans(self, scope: Scope) -> SpanTable | NoData:
        return await self._once("spans.csv", casefiles.spans)

    async def changes(self, window: Window) -> Sequence[Change] | NoData:
        """Everything recorded, oldest first: what a case holds is what mattered, so `window` restricts nothing."""
        return await self._once("changes.jsonl", casefiles.changes)

    async def topology(self, scope: Scope) -> Topology | NoData:
        return await self._once("topology.json", casefiles.topology)

    async def objects(self, scope: Scope) -> ObjectTable | NoData:
        return await self._once("k8s.jsonl", casefiles.objects)

    async def statuses(self, scope: Scope) -> StatusTable | NoData:
        return await self._once("extra.jsonl", casefiles.statuses)

    async def check(self) -> Health:
        try:
            there = sorted(shown(path.name) for path in self.folder.iterdir() if path.is_file())
        except OSError as error:
            return Health(False, f"case {self.name}: the folder cannot be read ({error.strerror}); check FIRSTMATE_CASE_PATH")
        return Health(bool(there), f"case {self.name}: {', '.join(there) or 'the folder is empty'}")

    async def close(self) -> None:
        self._read.clear()

    async def _once(self, file: str, parse: Callable[[File, Scope], T]) -> T | NoData:
        return await asyncio.to_thread(self._load, file, parse)

    def _load(self, file: str, parse: Callable[[File, Scope], T]) -> T | NoData:
        with self._lock:
            reading = self._reading.setdefault(file, threading.Lock())
        with reading:  # of each file: nobody waits for the lines of the log but who wants them
            if file not in self._read:
                found = find_file(self.folder, file)
                missing = NoData(f"case:{file}", file, f"no {file} was recorded")
                self._read[file] = missing if found is None else parse(File(file, file_bytes(found)), self.scope)
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
    try:
        document = read_object(file_bytes(found), file="case.json", mended=False)
        schema = document.get("schema", SCHEMA)
        if schema != SCHEMA:
            raise BadInput(f"case.json says schema {schema!r}, and this version reads {SCHEMA}")
        scope = _scope(document)
    except BadInput as error:
        raise BadInput(f"{folder}: {error}; mend it there: the README says under “A case” what it holds") from error
    name = document.get("id")
    return RecordedCase(name=name if isinstance(name, str) and name else folder.name, scope=scope, folder=folder)


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
    return replace(open_case(settings.path), name=CONNECTOR.name)  # findings name their source, and a criterion asks it again


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
            moment = datetime.fromtimestamp(raw, UTC)
        else:
            moment = datetime.fromisoformat(str(raw))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadInput(
            f"case.json: {what} is not a time: {str(raw)[:60]!r}; write ISO 8601 (UTC where it names no zone) or epoch seconds"
        ) from error
    if abs(moment.timestamp()) > MAX_EPOCH_S:
        raise BadInput(f"case.json: {what} is too far away to be the time of an incident: {str(raw)[:60]!r}")
    return moment.astimezone(UTC)


def _texts(raw: object, what: str) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(isinstance(text, str) for text in raw):
        raise BadInput(f"case.json: {what} must be a list of strings")
    return tuple(cast("list[str]", raw))


def _scope(document: JsonObject) -> Scope:
    alert, window, answers = _part(document, "alert"), _part(document, "window"), _part(document, "answers", otherwise={})
    start, end = _moment(window.get("start"), "window.start"), _moment(window.get("end"), "window.end")
    if start is None or end is None:
        raise BadInput('case.json: window needs start and end, such as "2026-03-01T09:30:00Z"')
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
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"case.json: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}") from error


def _part(document: JsonObject, name: str, *, otherwise: JsonObject | None = None) -> JsonObject:
    try:
        return as_object(document.get(name) or otherwise)
    except BadInput as error:
        raise BadInput(f"case.json: {name}: {error}") from error


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
