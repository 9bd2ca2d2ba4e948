"""Log files on this machine: JSON lines and plain text, found by globs, read only around the moments asked for.

A file is searched by time (its lines are nearly in order), so that a window costs its own bytes and not the file's. Lines and
files that cannot be read are counted and said, and cost the others nothing. Nothing outside the configured roots is opened,
whatever a link points to.
"""

from __future__ import annotations

import asyncio
import glob
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BufferedIOBase
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
import re2
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors.logline import LATEST_S, MAX_MESSAGE, Line, parse_line, time_of
from app.connectors.logseek import PROBE, Lost, RawLine, offset_of, raw_lines
from app.connectors.outside import shown
from app.domain.errors import Misconfigured, Unreachable
from app.domain.incident import Scope
from app.domain.plugin import Health, Plugin
from app.domain.quantity import counted
from app.domain.redaction_columns import redact_strings
from app.domain.telemetry import LOG_SCHEMA, LogTable, NoData
from app.domain.window import Window

SLACK_S = 10.0
"""How far out of order lines of one file may be."""
MAX_INFLATED = 512 * 1024 * 1024
"""Of one rotated file, inflated."""
MAX_LOST = 8 * 1024 * 1024
"""Read of a file that cannot be searched by time: its newest part."""
DEADLINE_S = 15.0
"""For reading all that one question asks for; no file but the last takes more than half of what is left of it."""

_SOURCE = "logfile"
_ROTATED = re2.compile(r"(?:[._-]\d{1,4}|[._-]\d{4}-?\d{2}-?\d{2}(?:[T_-]?\d{2,6})?)$")
_SUFFIXES = (".gz", ".log", ".jsonl", ".json", ".ndjson", ".txt", ".out", ".err")


class LogfileSettings(BaseSettings):
    """Which log files to read, and how much of them."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_LOGFILE_", extra="ignore", frozen=True)

    paths: str = Field(
        default="",
        examples=["*.log"],
        description="Log files as globs, separated by commas: /var/log/shop/*.log; empty: none are read.",
    )
    roots: str = Field(
        default="", description="Folders nothing outside of is opened, separated by commas; empty: each glob's fixed first part."
    )
    zone: str = Field(default="UTC", description="Time zone of lines whose time names none, such as Europe/Berlin.")
    max_mb: int = Field(default=256, gt=0, le=4096, description="Most MiB read for one question; the newest part is read.")
    max_lines: int = Field(default=500_000, gt=0, description="Most lines one question answers with; the newest are kept.")
    max_files: int = Field(default=400, gt=0, description="Most files looked at for one question; the newest are.")


class Kept(NamedTuple):
    incident: bool
    line: Line
    service: str


@dataclass
class Tally:
    """What happened while reading: the newest `most` lines (of `names` only, when given), and what a person must be told."""

    most: int
    names: frozenset[str] = frozenset()
    lines: list[Kept] = field(default_factory=list)
    surplus: int = 0
    unreadable: int = 0
    read: dict[Path, range] = field(default_factory=dict)  # what one stretch went through, for the other not to count again
    notes: dict[str, None] = field(default_factory=dict)  # a set in order

    def keep(self, kept: Kept) -> None:
        if self.names and kept.service not in self.names and kept.line.pod not in self.names:
            return
        self.lines.append(kept)
        if len(self.lines) > 2 * self.most:
            self.trim()

    def trim(self) -> None:
        """The lines in time order, at most `most` of them."""
        self.lines.sort(key=lambda kept: kept.line.time or 0.0)
        self.surplus += max(0, len(self.lines) - self.most)
        del self.lines[: -self.most]

    def note(self, text: str) -> None:
        self.notes[text] = None

    @property
    def left_out(self) -> str:
        """Everything that was, as a sentence; empty when nothing was."""
        older = [f"{counted(self.surplus, 'line')} older than the newest {self.most} left out"] if self.surplus else []
        unread = [f"{counted(self.unreadable, 'line')} could not be read"] if self.unreadable else []
        return "; ".join([*self.notes, *older, *unread])


@dataclass(frozen=True)
class Reader:
    """How lines of one file are read: the zone for times without one, the file's last change for those without a year."""

    zone: Any
    newest: datetime

    def line(self, raw: bytes) -> Line | None:
        return parse_line(raw.decode("utf-8", "replace").rstrip("\r"), zone=self.zone, newest=self.newest)

    def time(self, raw: bytes) -> float | None:
        return time_of(raw.decode("utf-8", "replace").rstrip("\r"), zone=self.zone, newest=self.newest)


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
    name = shown(path.name)
    before = ""
    while name != before:
        before = name
        for suffix in _SUFFIXES:
            name = name.removesuffix(suffix) or name
        name = _ROTATED.sub("", name) or name
    return name


def collect(lines: Iterable[RawLine], *, path: Path, reader: Reader, stretch: Stretch, tally: Tally, offset: int = 0) -> None:
    """Lines of one stretch into `tally`; lines without a time are joined to the one before them."""
    pending: Kept | None = None
    belongs = False  # whether the last line with a time was wanted, so that what follows it is
    timed = offset > 0  # lines before the first time: torn from an earlier one unless the file begins here
    service, place = service_of(path), offset
    already = tally.read.get(path, range(0))
    for raw in lines:
        place += raw.size
        if not raw.text.strip():
            continue
        line = reader.line(raw.text)
        if line is None or (line.time is None and (raw.text.startswith(b"{") or (not timed and pending is None))):
            tally.unreadable += place not in already
            continue
        if line.time is None:
            if belongs and pending is not None and len(pending.line.msg) < MAX_MESSAGE:
                pending = pending._replace(line=_joined(pending.line, raw.text))
            continue
        timed = True
        if pending is not None:
            tally.keep(pending)
            pending = None
        belongs = stretch.holds(line.time)
        if belongs:
            pending = Kept(stretch.incident, line, line.service or service)
    if pending is not None:
        tally.keep(pending)
    tally.read[path] = range(offset + 1, place + 1)


def _joined(line: Line, raw: bytes) -> Line:
    return replace(line, msg=f"{line.msg}\n{raw.decode('utf-8', 'replace').rstrip()}"[:MAX_MESSAGE])


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
        files, refused = await asyncio.to_thread(self._files)
        more = f"; {_refused(refused)}" if refused else ""
        if not files:
            return Health(
                False, f"no file matches {self._settings.paths}; check FIRSTMATE_LOGFILE_PATHS and the files' rights{more}"
            )
        return Health(True, f"{counted(len(files), 'log file')}, the newest {shown(files[0].name)}{more}")

    async def close(self) -> None:
        return None

    def _files(self) -> tuple[list[Path], int]:
        """Files the globs match, within the roots, newest first; and how many could not be looked at."""
        found: dict[Path, float] = {}
        refused = set()
        for pattern in self._globs:
            for name in glob.iglob(pattern, recursive=True):
                try:
                    path = Path(name).resolve()
                    if any(path.is_relative_to(root) for root in self._roots) and path.is_file():
                        found[path] = path.stat().st_mtime
                except (OSError, RuntimeError):  # gone since, not ours to look at, or a link to itself
                    refused.add(name)
        return sorted(found, key=lambda path: (-found[path], str(path))), len(refused)

    def _logs(self, scope: Scope, entities: tuple[str, ...]) -> LogTable | NoData:
        end_s = monotonic() + DEADLINE_S
        try:
            files, refused = self._files()
        except OSError as error:
            raise Unreachable(f"logfile: {self._settings.paths} cannot be listed ({error.strerror}); check the rights") from error
        query = f"{self._settings.paths} {scope.window.start:%Y-%m-%dT%H:%M:%SZ}/{scope.window.end:%Y-%m-%dT%H:%M:%SZ}"
        names = frozenset(name for entity in entities for name in (entity, entity.partition("/")[2]) if name)
        tally = Tally(self._settings.max_lines, names)
        if refused:
            tally.note(_refused(refused))
        if len(files) > self._settings.max_files:
            tally.note(f"{counted(len(files) - self._settings.max_files, 'older file')} not looked at")
        wanted = stretches(scope)
        budget = self._settings.max_mb * 2**20 // len(wanted)
        chosen = files[: self._settings.max_files]
        for place, stretch in enumerate(wanted, start=1):
            self._read(chosen, stretch, budget, tally, end_s if place == len(wanted) else _half_way(end_s))
        if not tally.lines:
            of = f"of {', '.join(entities)[:120]} in" if entities else "of"
            more = f"; {tally.left_out}" if tally.left_out else ""
            return NoData(_SOURCE, query, f"{counted(len(files), 'log file')} searched: no line {of} {_span(scope.window)}{more}")
        return _table(tally, query=query)

    def _read(self, files: Sequence[Path], stretch: Stretch, budget: int, tally: Tally, end_s: float) -> None:
        """One stretch of every file that can hold it. Each gets its share of the budget, for its newest part."""
        regions: list[Region] = []
        late_s = _half_way(end_s)
        for place, path in enumerate(files):
            if monotonic() > late_s:
                tally.note(f"{counted(len(files) - place, 'file')} not reached within {DEADLINE_S:g} s")
                break
            with _told(path, tally):
                stat = path.stat()
                if stat.st_mtime >= stretch.start_s - SLACK_S and stat.st_size:
                    reader = Reader(self._zone, datetime.fromtimestamp(min(max(0.0, stat.st_mtime), LATEST_S), UTC))
                    regions.append(_region(path, stat.st_size, reader, stretch, tally))
        share = budget / max(1, sum(region.high - region.low for region in regions))
        for place, (path, reader, low, high) in enumerate(regions, start=1):
            cut = low if share >= 1 else high - int((high - low) * share)
            if cut > low:
                tally.note(f"{shown(path.name)}: {(cut - low) // 2**20 + 1} MiB of {_span(stretch.window)} were left out")
            with _told(path, tally), path.open("rb") as file:
                torn, until_s = 0, end_s if place == len(regions) else _half_way(end_s)
                if path.suffix == ".gz":
                    lines = _inflated(file, path, tally, until_s)
                else:
                    file.seek(cut)
                    found = raw_lines(file, most=high - cut, until_s=until_s)
                    torn = next(found, RawLine(b"", 0)).size if cut else 0
                    lines = _ended(found, growing=high < path.stat().st_size)
                timely = _timely(lines, path, stretch, tally)
                collect(timely, path=path, reader=reader, stretch=stretch, tally=tally, offset=cut + torn)


class Region(NamedTuple):
    """Where in a file one stretch lies: from byte `low` to `high`; of a rotated file, which has to be read whole, nowhere."""

    path: Path
    reader: Reader
    low: int
    high: int


def _region(path: Path, size: int, reader: Reader, stretch: Stretch, tally: Tally) -> Region:
    if path.suffix == ".gz":
        return Region(path, reader, 0, 0)
    with path.open("rb") as file:
        try:
            low = offset_of(file, size, stretch.start_s - SLACK_S, reader.time)
            high = min(size, offset_of(file, size, stretch.end_s + SLACK_S, reader.time) + PROBE)
        except Lost:
            tally.note(f"{shown(path.name)} tells no time for long stretches; at most its newest {MAX_LOST // 2**20} MiB were read")
            low, high = max(0, size - MAX_LOST), size
    return Region(path, reader, low, high)


@contextmanager
def _told(path: Path, tally: Tally) -> Iterator[None]:
    """What goes wrong with one file is said, and costs the others nothing: rotated away, broken, not ours to read."""
    try:
        yield
    except OSError as error:
        tally.note(f"{shown(path.name)} cannot be read ({error.strerror or error})")


def _half_way(end_s: float) -> float:
    now = monotonic()
    return now + (end_s - now) / 2


def _refused(files: int) -> str:
    return f"{counted(files, 'file')} could not be looked at"


def fixed_part(pattern: str) -> str:
    """The folder a glob stays within: everything before its first wildcard."""
    parts = Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return str(Path(*parts[:wild])) if wild else os.curdir


def _ended(lines: Iterable[RawLine], *, growing: bool) -> Iterator[RawLine]:
    """Without a last line that is torn by the region's end, or still being written."""
    return (line for line in lines if line.ended or not (growing or _unfinished(line.text)))


def _timely(lines: Iterable[RawLine], path: Path, stretch: Stretch, tally: Tally) -> Iterator[RawLine]:
    try:
        yield from lines
    except TimeoutError:
        tally.note(f"{shown(path.name)} takes too long to read; the rest of {_span(stretch.window)} was left out")


def _unfinished(line: bytes) -> bool:
    return line.startswith(b"{") and not line.rstrip().endswith(b"}")


def _inflated(packed: BufferedIOBase, path: Path, tally: Tally, until_s: float) -> Iterator[RawLine]:
    """Lines of a rotated file, as far as it is gzip and not too much."""
    read = 0
    try:
        for line in raw_lines(gzip.GzipFile(fileobj=packed), until_s=until_s):
            read += line.size
            if read > MAX_INFLATED:
                tally.note(f"{shown(path.name)} inflates to more than {MAX_INFLATED // 2**20} MiB; the rest was left out")
                return
            yield line
    except (gzip.BadGzipFile, EOFError, zlib.error):
        tally.note(f"{shown(path.name)} is not readable gzip{' to its end' if read else ''}")


def _table(tally: Tally, *, query: str) -> LogTable:
    tally.trim()
    rows = tally.lines
    columns: dict[str, list[Any]] = {
        "incident": [incident for incident, _, _ in rows],
        "time": [line.time for _, line, _ in rows],
        "service": [service for _, _, service in rows],
        **{name: [getattr(line, name) for _, line, _ in rows] for name in ("level", "msg", "trace", "span", "pod", "fields")},
    }
    frame = pl.DataFrame(columns, schema=LOG_SCHEMA)
    frame = redact_strings(frame)
    of_incident = frame["time"].filter(frame["incident"])
    newest = (of_incident if of_incident.len() else frame["time"]).max()
    assert isinstance(newest, float)
    return LogTable(_SOURCE, newest, frame, query, tally.left_out or None)


def _span(window: Window) -> str:
    return f"{window.start:%Y-%m-%d %H:%M:%S}-{window.end:%H:%M:%SZ}"


CONNECTOR = Plugin(
    name="logfile",
    summary="log lines of files on this machine, JSON or text",
    settings=LogfileSettings,
    configured=lambda settings: bool(settings.paths.strip()),
    open=Logfiles,
)
