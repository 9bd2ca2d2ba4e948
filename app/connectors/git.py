"""Commits of a local git repository, with files and diffs. Read-only; nothing the repository says is executed.

Source: https://git-scm.com/docs/git-log
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.connectors.outside import shown
from app.domain.change import Change, Changes
from app.domain.errors import Misconfigured, Rejected, Unreachable
from app.domain.plugin import Health, Pairs, Plugin
from app.domain.quantity import counted
from app.domain.redaction import redact
from app.domain.telemetry import NoData
from app.domain.window import Window

MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes kept of one answer; of each commit's diff its share."""
MAX_SEARCHED = 50_000
"""Commits not younger than the window whose dates are looked at."""
MAX_DIFF = 60_000
"""Characters of one commit's diff that are kept."""
MAX_FILES = 200

_SOURCE = "git"
_FIELDS = ("%H", "%ct", "%an", "%s", "%b")

# Nothing a repository's own configuration names may run: file monitors, hooks, pagers, external diffs, credential helpers.
_SAFE = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.pager=cat",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "diff.external=",
    "-c",
    "log.showSignature=false",
    "-c",
    "protocol.allow=never",
    "-c",
    "core.quotePath=false",
    "-c",
    "core.bigFileThreshold=8m",  # larger files are told of, not compared
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    "--literal-pathspecs",
)


class GitSettings(BaseSettings):
    """Which repository to read, and which services its folders are."""

    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_GIT_", extra="ignore", frozen=True)

    path: Path | None = Field(default=None, examples=["."], description="Folder of a local git repository; empty: none is read.")
    ref: str = Field(default="HEAD", description="Branch or commit whose history is read.")
    services: Pairs = Field(
        default_factory=dict,
        description="Which service a path prefix is: services/pay/=payments,web/=storefront; else its first folder.",
    )
    max_commits: int = Field(default=200, gt=0, le=5000, description="Most commits one question answers with; the newest are kept.")
    timeout_s: float = Field(default=15.0, gt=0, le=120, description="Longest wait for git, in seconds.")


def dates_arguments(*, ref: str, window: Window) -> list[str]:
    """Arguments after `git -C folder`: hash and committer date of each commit up to the window's end, newest history first.

    Not `--since`: it ends at the first commits that are older, and whoever commits chooses the date.
    """
    until = f"--until=@{int(window.end.timestamp())}"
    return [*_SAFE, "log", f"--max-count={MAX_SEARCHED}", until, "--format=%H %ct", "--end-of-options", ref, "--"]


def log_arguments(commits: Sequence[str], *, mark: str) -> list[str]:
    """Arguments after `git -C folder`: these commits, in this order, each with its diff.

    `mark` separates commits and their fields. It must be new for each call: a fixed one could be written into a message or a
    file, and forge a commit.
    """
    form = f"{mark}>" + f"{mark}|".join(_FIELDS) + f"{mark}|"
    return [
        *_SAFE,
        "log",
        "--no-walk=unsorted",
        f"--format={form}",
        "--patch",
        "--unified=3",
        "--diff-merges=first-parent",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-show-signature",
        "--end-of-options",
        *commits,
        "--",
    ]


@dataclass(frozen=True)
class Entry:
    """What git told of one commit, and how many bytes of its diff were not kept."""

    text: str
    lost: int = 0


def parse_entry(entry: Entry, *, mark: str, services: Mapping[str, str]) -> Change:
    """One commit in our format. Messages and diffs are outsiders' text, redacted."""
    told = entry.text.split(f"{mark}|")
    commit, at, author, title, body, diff = [*told, *[""] * (len(_FIELDS) + 1 - len(told))]  # fewer where it was cut before
    files = touched(diff)
    details = {"body": redact(body.strip())[:2_000]} if body.strip() else {}
    length = len(diff) + entry.lost
    if length > MAX_DIFF:
        details["diff_cut"] = f"{length - MAX_DIFF} of {length} characters of the diff were left out"
    return Change(
        id=commit,
        kind="commit",
        at=datetime.fromtimestamp(int(at), UTC),
        service=service_of(files, services),
        title=redact(title)[:300],
        files=tuple(files[:MAX_FILES]),
        diff=redact(diff.strip("\n")[:MAX_DIFF]),
        author=author[:120],
        source=_SOURCE,
        details=dict(details),
    )


def touched(diff: str) -> list[str]:
    """Paths a unified diff changes, in its order; of a rename the new one, of a deletion the old."""
    files: list[str] = []
    heading = False  # an added line "++ b/x" looks like a heading too
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            files.append(_both(line[11:]))
            heading = True
        elif line.startswith("@@"):
            heading = False
        elif heading and line.startswith(("+++ b/", "rename to ")):
            files[-1] = line.removeprefix("+++ b/").removeprefix("rename to ").rstrip("\t")
    return list(dict.fromkeys(files))


def _both(names: str) -> str:
    """`a/x b/x` → `x`; both halves are the same but for a rename, which a later line names."""
    half = (len(names) - 1) // 2
    return names[:half].removeprefix("a/")


def service_of(files: Sequence[str], services: Mapping[str, str]) -> str | None:
    """The service most of the files belong to: by the longest configured prefix, else by their first folder."""
    counted: dict[str, int] = {}
    for file in files:
        prefix = max((prefix for prefix in services if file.startswith(prefix)), key=len, default=None)
        name = services[prefix] if prefix is not None else (file.split("/", 1)[0] if "/" in file else "")
        if name:
            counted[name] = counted.get(name, 0) + 1
    return max(counted, key=lambda name: counted[name], default=None)


class Git:
    """Commits of one repository."""

    name = _SOURCE

    def __init__(self, settings: GitSettings) -> None:
        binary = shutil.which("git")
        if settings.path is None or not settings.path.is_dir():
            raise Misconfigured(f"FIRSTMATE_GIT_PATH: {settings.path} is not a folder")
        if binary is None:
            raise Misconfigured("FIRSTMATE_GIT_PATH is set, but there is no git program on PATH; install git")
        if settings.ref.startswith("-") or not settings.ref.isprintable():
            raise Misconfigured("FIRSTMATE_GIT_REF must be a branch, a tag or a commit")
        self._settings, self._binary, self._folder = settings, os.path.abspath(binary), settings.path.resolve()

    async def changes(self, window: Window) -> Sequence[Change] | NoData:
        """Commits of `window` by committer date, oldest first.

        Raises Unreachable when git takes too long, Rejected when it refuses (no repository, no such branch).
        """
        most, ref = self._settings.max_commits, self._settings.ref
        span = f"{window.start:%Y-%m-%d %H:%M:%S}-{window.end:%Y-%m-%d %H:%M:%SZ}"
        asked = f"git log {ref} {span}"
        dated = [line.split(" ") for line in (await self._run(dates_arguments(ref=ref, window=window), what=asked)).splitlines()]
        start_s, end_s = window.start.timestamp(), window.end.timestamp()
        within = [commit for commit, at in dated if at.isdecimal() and start_s <= int(at) < end_s]
        if not within:
            among = f" among the newest {MAX_SEARCHED}" if len(dated) == MAX_SEARCHED else ""
            return NoData(_SOURCE, asked, f"no commit on {ref} in {span}{among}")
        mark = token_hex(16)
        async with self._git(log_arguments(within[:most], mark=mark), what=asked) as output:
            entries = await read_entries(output, mark=mark, most=MAX_OUTPUT // len(within[:most]))
        found = [parse_entry(entry, mark=mark, services=self._settings.services) for entry in reversed(entries)]
        found.sort(key=lambda change: change.at)  # git's order tells commits of the same second apart
        older = len(within) - most
        return Changes(found, truncated=f"{counted(older, 'commit')} older than the newest {most} left out" if older > 0 else None)

    async def check(self) -> Health:
        try:
            commit = await self._run([*_SAFE, "rev-parse", "--short", "--end-of-options", self._settings.ref], what="git rev-parse")
        except (Unreachable, Rejected) as error:
            return Health(False, str(error))
        return Health(True, f"git repository {shown(self._folder.name)} at {commit.splitlines()[-1]}")

    async def close(self) -> None:
        return None

    async def _run(self, arguments: Sequence[str], *, what: str) -> str:
        async with self._git(arguments, what=what) as output:
            return (await _bounded(output)).decode("utf-8", "replace")

    @asynccontextmanager
    async def _git(self, arguments: Sequence[str], *, what: str) -> AsyncIterator[asyncio.StreamReader]:
        """What git says, to be read within. Raises Unreachable when it takes too long, Rejected when it refuses."""
        process = await asyncio.create_subprocess_exec(
            self._binary,
            "-C",
            str(self._folder),
            "-c",
            f"safe.directory={self._folder}",  # named in our settings, whoever owns it
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        complaining = asyncio.ensure_future(_bounded(process.stderr))
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                yield process.stdout
                complaint, code = await complaining, await process.wait()
        except TimeoutError as error:
            raise Unreachable(f"{what}: git took longer than {self._settings.timeout_s:g} s; try a shorter window") from error
        finally:
            complaining.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code:
            first = complaint.decode("utf-8", "replace").strip().split("\n")[0]
            raise Rejected(f"{what}: git refused ({redact(first)[:160]}); check FIRSTMATE_GIT_PATH and FIRSTMATE_GIT_REF")


async def read_entries(output: asyncio.StreamReader, *, mark: str, most: int) -> list[Entry]:
    """Every commit, at most `most` bytes of each: one that is huge costs only itself."""
    opening = f"{mark}>".encode()
    kept: list[bytearray] = []
    lost: list[int] = []
    part, held = b"-", b""  # held: what may be the beginning of a mark
    while part:
        part = await output.read(1 << 16)
        pieces = (held + part).split(opening)
        held = pieces[-1][1 - len(opening) :] if part else b""
        pieces[-1] = pieces[-1][: len(pieces[-1]) - len(held)]
        for place, piece in enumerate(pieces):
            if place:
                kept.append(bytearray())
                lost.append(0)
            if kept:
                room = most - len(kept[-1])
                kept[-1] += piece[:room]
                lost[-1] += max(0, len(piece) - room)
    return [Entry(text.decode("utf-8", "replace"), less) for text, less in zip(kept, lost, strict=True)]


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    """The beginning of what it says; the rest is read and dropped, so that nobody waits to be read."""
    kept = bytearray()
    while part := await stream.read(1 << 16):
        kept += part[: MAX_OUTPUT - len(kept)]
    return bytes(kept)


def _environment() -> dict[str, str]:
    """Ours without what steers git, and without the user's and the machine's git configuration."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")}
    return {**kept, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "HOME": os.devnull}


CONNECTOR = Plugin(
    name="git",
    summary="commits of a local git repository, with diffs",
    settings=GitSettings,
    configured=lambda settings: settings.path is not None,
    open=Git,
)
