"""Log files on this machine: JSON lines and plain text, found by globs, read only around the moments asked for.

A file is searched by time (its lines are nearly in order), so that a window costs its own bytes and not the file's. Lines that
cannot be read are counted and said. Nothing outside the configured roots is opened, whatever a link points to.
"""

from __future__ import annotations

import asyncio
import glob
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
import re2
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors.logline import MAX_LINE, MAX_MESSAGE, Line, parse_line, time_of
from app.domain.errors import Misconfigured, Unreachable
from app.domain.incident import Scope
from app.domain.plugin import Health, Plugin
from app.domain.redaction_columns import redact_column
from app.domain.telemetry import LOG_SCHEMA, LogTable, NoData
from app.domain.window import Window

SLACK_S = 10.0
"""How far out of order lines of one file may be."""
PROBE = 256 * 1024
"""Bytes looked at to find one line with a time."""
MAX_INFLATED = 512 * 1024 * 1024
"""Of one rotated file, inflated."""

_SOURCE = "logfile"
_ROTATED = re2.compile(r"(?:[._-]\d{1,4}|[._-]\d{4}-?\d{2}-?\d{2}(?:[T_-]?\d{2,6})?)$")
_SUFFIXES = (".gz", ".log", ".jsonl", ".json", ".ndjson", ".txt", ".out", ".err")


class LogfileSettings(BaseSettings):
    """Which log files to read, and how much of them."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_LOGFILE_", extra="ignore", frozen=True)

    paths: str = Field(
        default="", description="Log files as globs, separated by commas: /var/log/shop/*.log; empty: none are read."
    )
    roots: str = Field(
        default="", description="Folders nothing outside of is opened, separated by commas; empty: each glob's fixed first part."
    )
    zone: str = Field(default="UTC", description="Time zone of lines whose time names none, such as Europe/Berlin.")
    max_mb: int = Field(default=256, gt=0, le=4096, description="Most MiB read for one question; the newest part is read.")
    max_lines: int = Field(default=500_000, gt=0, description="Most lines one question answers with; the newest are kept.")
    max_files: int = Field(default=400, gt=0, description="Most files looked at for one question; the newest are.")


@dataclass
class Tally:
    """What happened while reading: what was read, and what a person must be told."""

    lines: list[tuple[bool, Line, str]] = field(default_factory=list)  # incident, line, file's service
    unreadable: set[tuple[str, int]] = field(default_factory=set)  # file and offset: a line may be met in both stretches
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reader:
    """How lines of one file are read: the zone for times without one, the file's last change for those without a year."""

    zone: Any
    newest: datetime

    def line(self, raw: bytes) -> Line | None:
        return parse_line(raw[:MAX_LINE].decode("utf-8", "replace").rstrip("\r"), zone=self.zone, newest=self.newest)

    def time(self, raw: bytes) -> float | None:
        return time_of(raw[:MAX_LINE].decode("utf-8", "replace").rstrip("\r"), zone=self.zone, newest=self.newest)


@dataclass(frozen=True)
class Stretch:
    """The moments one pass keeps: the incident's without those that are the reference's as well, or the reference's."""

    window: Window
    incident: bool
    without: Window | None = None

    @property
    def start_s(self) -> float:
        return self.window.start.timestamp()

    @property
    def end_s(self) -> float:
        return self.window.end.timestamp()

    def holds(self, at_s: float) -> bool:
        if not self.start_s <= at_s < self.end_s:
            return False
        return self.without is None or not self.without.start.timestamp() <= at_s < self.without.end.timestamp()


def stretches(scope: Scope) -> tuple[Stretch, ...]:
    """The incident first."""
    incident = Stretch(scope.window, True, scope.reference)
    return (incident, Stretch(scope.reference, False)) if scope.reference else (incident,)


def service_of(path: Path) -> str:
    """The service a file's name stands for: `checkout-2026-11-20.log.gz` is checkout's."""
    name = path.name
    before = ""
    while name != before:
        before = name
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix) or name
        name = _ROTATED.sub("", name) or name
    return name


def offset_of(file: BinaryIO, size: int, at_s: float, reader: Reader) -> int:
    """An offset no later than the first line at or after `at_s`, within one probe of it. Lines are nearly in order."""
    low, high = 0, size
    while high - low > PROBE // 4:
        middle = (low + high) // 2
        found = _time_after(file, middle, reader)
        if found is not None and found < at_s:
            low = middle
        else:
            high = middle
    return low


def _time_after(file: BinaryIO, offset: int, reader: Reader) -> float | None:
    file.seek(offset)
    lines = file.read(PROBE).split(b"\n")[1:-1]  # the first is torn by the seek, the last by the probe's end
    return next((at for line in lines if (at := reader.time(line)) is not None), None)


def collect(raw_lines: Iterable[bytes], *, path: Path, reader: Reader, stretch: Stretch, tally: Tally, offset: int = 0) -> None:
    """Lines of one stretch into `tally`; lines without a time are joined to the one before them."""
    pending: tuple[bool, Line, str] | None = None
    belongs = False  # whether the last line with a time was wanted, so that what follows it is
    timed = offset > 0  # lines before the first time: torn from an earlier one unless the file begins here
    service, place = service_of(path), offset
    for raw in raw_lines:
        place += len(raw) + 1
        if not raw.strip():
            continue
        line = reader.line(raw)
        if line is None or (line.time is None and (raw.startswith(b"{") or (not timed and pending is None))):
            tally.unreadable.add((str(path), place))
            continue
        if line.time is None:
            if belongs and pending is not None and len(pending[1].msg) < MAX_MESSAGE:
                pending = (pending[0], _joined(pending[1], raw), pending[2])
            continue
        timed = True
        if pending is not None:
            tally.lines.append(pending)
            pending = None
        belongs = stretch.holds(line.time)
        if belongs:
            pending = (stretch.incident, line, line.service or service)
    if pending is not None:
        tally.lines.append(pending)


def _joined(line: Line, raw: bytes) -> Line:
    text = f"{line.msg}\n{raw.decode('utf-8', 'replace').rstrip()}"[:MAX_MESSAGE]
    return Line(line.time, text, line.level, line.service, line.trace, line.span, line.pod, line.fields)


class Logfiles:
    """Lines of the configured files."""

    name = _SOURCE

    def __init__(self, settings: LogfileSettings) -> None:
        self._settings = settings
        self._globs = tuple(path.strip() for path in settings.paths.split(",") if path.strip())
        given = tuple(root.strip() for root in settings.roots.split(",") if root.strip())
        self._roots = tuple(Path(root).resolve() for root in (given or (fixed_part(path) for path in self._globs)))
        try:
            self._zone = UTC if settings.zone == "UTC" else ZoneInfo(settings.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Misconfigured(f"FIRSTMATE_LOGFILE_ZONE: {settings.zone[:40]!r} is not a known time zone") from error

    async def logs(self, scope: Scope, *, entities: Sequence[str] = ()) -> LogTable | NoData:
        """Lines of both stretches in time order, the newest part when there are too many."""
        return await asyncio.to_thread(self._logs, scope, tuple(entities))

    async def check(self) -> Health:
        files = await asyncio.to_thread(self._files)
        if not files:
            return Health(False, f"no file matches {self._settings.paths}; check FIRSTMATE_LOGFILE_PATHS and the files' rights")
        return Health(True, f"{len(files)} log files, the newest {files[0].name}")

    async def close(self) -> None:
        return None

    def _files(self) -> list[Path]:
        """Files the globs match, within the roots, newest first."""
        found: dict[Path, float] = {}
        for pattern in self._globs:
            for name in glob.iglob(pattern, recursive=True):
                path = Path(name).resolve()
                if any(path.is_relative_to(root) for root in self._roots) and path.is_file():
                    found[path] = path.stat().st_mtime
        return sorted(found, key=lambda path: (-found[path], str(path)))

    def _logs(self, scope: Scope, entities: tuple[str, ...]) -> LogTable | NoData:
        try:
            files = self._files()
        except OSError as error:
            raise Unreachable(f"logfile: {self._settings.paths} cannot be listed ({error.strerror}); check the rights") from error
        query = f"{self._settings.paths} {scope.window.start:%Y-%m-%dT%H:%M:%SZ}/{scope.window.end:%Y-%m-%dT%H:%M:%SZ}"
        tally = Tally()
        if len(files) > self._settings.max_files:
            tally.notes.append(f"{len(files) - self._settings.max_files} older files were not looked at")
        wanted = stretches(scope)
        budget = self._settings.max_mb * 2**20 // len(wanted)
        chosen = files[: self._settings.max_files]
        for stretch in wanted:
            self._read(chosen, stretch, budget, tally)
        if not tally.lines:
            more = f"; {len(tally.unreadable)} lines could not be read" if tally.unreadable else ""
            return NoData(_SOURCE, query, f"{len(files)} log files hold no line of {_span(scope.window)}{more}")
        return _table(tally, query=query, entities=entities, most=self._settings.max_lines)

    def _read(self, files: Sequence[Path], stretch: Stretch, budget: int, tally: Tally) -> None:
        """One stretch of every file that can hold it. Each gets its share of the budget, for its newest part."""
        start_s, end_s = stretch.start_s - SLACK_S, stretch.end_s + SLACK_S
        regions: list[tuple[Path, Reader, int, int]] = []
        for path in files:
            try:
                stat = path.stat()
                if stat.st_mtime < start_s or not stat.st_size:
                    continue
                reader = Reader(self._zone, datetime.fromtimestamp(stat.st_mtime, UTC))
                if path.suffix == ".gz":
                    self._read_rotated(path, reader, stretch, tally)
                    continue
                with path.open("rb") as file:
                    low = offset_of(file, stat.st_size, start_s, reader)
                    high = min(stat.st_size, offset_of(file, stat.st_size, end_s, reader) + PROBE)
                regions.append((path, reader, low, high))
            except OSError as error:
                tally.notes.append(f"{path.name} cannot be read ({error.strerror})")
        share = budget / max(1, sum(high - low for _, _, low, high in regions))
        for path, reader, low, high in regions:
            cut = low if share >= 1 else high - int((high - low) * share)
            if cut > low:
                tally.notes.append(f"{path.name}: {(cut - low) // 2**20 + 1} MiB of {_span(stretch.window)} were left out")
            with path.open("rb") as file:
                file.seek(cut)
                lines = file.read(high - cut).split(b"\n")
            torn = len(lines.pop(0)) + 1 if cut else 0
            if lines and (high < path.stat().st_size or _unfinished(lines[-1])):
                lines.pop()  # torn by the region's end, or still being written
            collect(lines, path=path, reader=reader, stretch=stretch, tally=tally, offset=cut + torn)

    def _read_rotated(self, path: Path, reader: Reader, stretch: Stretch, tally: Tally) -> None:
        try:
            with gzip.open(path, "rb") as file:
                lines = _bounded(file, path.name, tally)
                collect(lines, path=path, reader=reader, stretch=stretch, tally=tally)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            tally.notes.append(f"{path.name} is not readable gzip")


def fixed_part(pattern: str) -> str:
    """The folder a glob stays within: everything before its first wildcard."""
    parts = Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return str(Path(*parts[:wild])) if wild else os.curdir


def _unfinished(line: bytes) -> bool:
    return line.startswith(b"{") and not line.rstrip().endswith(b"}")


def _bounded(file: Iterable[bytes], name: str, tally: Tally) -> Iterator[bytes]:
    read = 0
    for line in file:
        read += len(line)
        if read > MAX_INFLATED:
            tally.notes.append(f"{name} inflates to more than {MAX_INFLATED // 2**20} MiB; the rest was left out")
            return
        yield line.rstrip(b"\n")


def _table(tally: Tally, *, query: str, entities: Sequence[str], most: int) -> LogTable | NoData:
    rows = tally.lines
    columns: dict[str, list[Any]] = {
        "incident": [incident for incident, _, _ in rows],
        "time": [line.time for _, line, _ in rows],
        "service": [service for _, _, service in rows],
        **{name: [getattr(line, name) for _, line, _ in rows] for name in ("level", "msg", "trace", "span", "pod", "fields")},
    }
    frame = pl.DataFrame(columns, schema=LOG_SCHEMA).sort("time", maintain_order=True)
    notes = list(tally.notes)
    if entities:
        names = [name for entity in entities for name in (entity, entity.partition("/")[2]) if name]
        frame = frame.filter(pl.col("service").is_in(names) | pl.col("pod").is_in(names))
        if frame.is_empty():
            return NoData(_SOURCE, query, f"no line of {', '.join(entities)[:120]} in this time")
    if frame.height > most:
        notes.append(f"{frame.height - most} lines older than the newest {most} were left out")
        frame = frame.tail(most)
    if tally.unreadable:
        notes.append(f"{len(tally.unreadable)} lines could not be read")
    frame = frame.with_columns(redact_column(frame["msg"]), redact_column(frame["fields"]))
    of_incident = frame["time"].filter(frame["incident"])
    newest = (of_incident if of_incident.len() else frame["time"]).max()
    assert isinstance(newest, float)
    return LogTable(_SOURCE, newest, frame, query, "; ".join(notes) or None)


def _span(window: Window) -> str:
    return f"{window.start:%Y-%m-%d %H:%M:%S}-{window.end:%H:%M:%SZ}"


CONNECTOR = Plugin(
    name="logfile",
    summary="log lines of files on this machine, JSON or text",
    settings=LogfileSettings,
    configured=lambda settings: bool(settings.paths.strip()),
    open=Logfiles,
)
