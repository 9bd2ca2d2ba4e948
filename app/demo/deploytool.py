"""The shop's deploy tool: knows every version, rolls services without dropping a request, flips flags, records what it did."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.demo import lean, releases, wire
from app.demo.alerts import zulu
from app.demo.names import Names
from app.demo.releases import Edit, Release

UP_WITHIN_S = 5.0


class NotUp(Exception):
    """A process did not come up; what ran before still runs."""


class Conflict(Exception):
    """Things are not as the caller expected them; nothing was done."""


class Unknown(Exception):
    """There is no such service, version or flag."""


class Child:
    """One process of the shop."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process
        self.wanted = True  # its end is not asked for

    @classmethod
    async def start(cls, role: str, name: str, spec: dict[str, Any], sock: socket.socket, stderr: Path) -> Child:
        """Raises NotUp when it does not say within `UP_WITHIN_S` that it is up."""
        with stderr.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *lean.command(role),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                pass_fds=(sock.fileno(),),
                env=lean.environment(),
            )
        child = cls(name, process)
        await child.tell(json.dumps({**spec, "fd": sock.fileno()}))
        try:
            async with asyncio.timeout(UP_WITHIN_S):
                line = await child.line()
        except TimeoutError:
            line = None
        if line is None:
            await child.end(patience_s=0)
            raise NotUp(f"{name} did not come up; see {stderr}")
        return child

    async def tell(self, line: str) -> None:
        assert self.process.stdin is not None  # it was opened as a pipe
        with contextlib.suppress(OSError):
            self.process.stdin.write(line.encode() + b"\n")
            await self.process.stdin.drain()

    async def line(self) -> dict[str, Any] | None:
        """The next JSON line it prints; None at its end."""
        assert self.process.stdout is not None  # it was opened as a pipe
        line = await self.process.stdout.readline()
        return dict(json.loads(line)) if line else None

    async def end(self, *, patience_s: float) -> None:
        """Asks it to end, and ends it when it takes longer than `patience_s`."""
        self.wanted = False
        with contextlib.suppress(ProcessLookupError):
            if patience_s > 0:
                self.process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await self.process.wait()
                        return
            self.process.kill()
        await self.process.wait()


@dataclass
class Running:
    """A service as it stands: where it listens, every version it had, the one that runs."""

    role: str
    sock: socket.socket
    releases: dict[str, Release]
    version: str
    since_s: float
    previous: str | None = None
    child: Child | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def release(self) -> Release:
        return self.releases[self.version]

    def document(self) -> dict[str, Any]:
        return {
            "service": self.release.service,
            "version": self.version,
            "previous_version": self.previous,
            "commit": self.release.commit,
            "since": zulu(self.since_s),
            "known_versions": list(self.releases),
        }


@dataclass
class Flag:
    service: str
    value: str
    changed_at_s: float
    guards: tuple[str, ...] = ()  # what its feature calls, and with the flag off nobody does


class DeployTool:
    """`record` is told of every change, as the document that goes to the intake."""

    def __init__(self, folder: Path, names: Names, record: Callable[[dict[str, Any]], None]) -> None:
        self._folder = folder
        self._names = names
        self._record = record
        self.addresses: dict[str, str] = {}
        self.services: dict[str, Running] = {}
        self.flags: dict[str, Flag] = {}
        self._number = 0
        for part in ("logs", "releases", "stderr"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def stderr(self, name: str) -> Path:
        return self._folder / "stderr" / f"{name}.txt"

    def log(self, service: str) -> Path:
        return self._folder / "logs" / f"{service}.jsonl"

    def add_service(self, role: str, first: Release) -> None:
        sock = wire.listen()
        self.addresses[first.service] = wire.address(sock)
        self.services[first.service] = Running(role, sock, {first.version: first}, first.version, time.time())
        self.log(first.service).write_text("")

    def add_flag(self, name: str, service: str, value: str, *, guards: tuple[str, ...] = ()) -> None:
        self.flags[name] = Flag(service, value, time.time(), guards)
        self._write_flags()

    def _write_flags(self) -> None:
        draft = self._folder / "flags.json.new"
        draft.write_text(json.dumps({name: flag.value for name, flag in self.flags.items()}))
        os.replace(draft, self._folder / "flags.json")

    async def start(self, service: str) -> None:
        running = self.services[service]
        running.child = await self._started(running, running.release)

    async def _started(self, running: Running, release: Release) -> Child:
        folder = release.write(self._folder / "releases")
        spec = {"service": release.service, "version": release.version, "release": str(folder), "addresses": self.addresses}
        spec |= {"flags": str(self._folder / "flags.json"), "log": str(self.log(release.service))}
        return await Child.start("service", release.service, spec, running.sock, self.stderr(release.service))

    def running(self, service: str) -> Running:
        """Raises Unknown."""
        if service not in self.services:
            raise Unknown(f"there is no service {service!r}; there are {', '.join(sorted(self.services))}")
        return self.services[service]

    async def deploy(self, service: str, edits: tuple[Edit, ...], *, author: str, title: str) -> dict[str, Any]:
        """Makes the next version and rolls it out. Returns the change; raises ValueError when an edit does not fit."""
        running = self.running(service)
        async with running.busy:
            version = releases.bumped(running.version, set(running.releases))
            fitted = tuple(Edit(e.path, self._names.in_text(e.old), self._names.in_text(e.new)) for e in edits)
            new = releases.next_release(running.release, fitted, author=author, title=title, at_s=time.time(), version=version)
            running.releases[version] = new
            return await self._roll(running, new, change_id=new.commit[:12], title=title, author=author, details={})

    async def rollout(self, service: str, *, to_version: str, expected_version: str, author: str) -> dict[str, Any]:
        """Rolls to a known version. Returns the change; raises Unknown, Conflict, NotUp."""
        running = self.running(service)
        async with running.busy:
            if to_version not in running.releases:
                raise Unknown(f"{service} has no version {to_version!r}; it has {', '.join(running.releases)}")
            if running.version != expected_version:
                raise Conflict(f"{service} runs {running.version}, not {expected_version}; read it again and decide anew")
            release = running.releases[to_version]
            self._number += 1
            change_id = f"rollout-{self._number}-{release.commit[:7]}"
            title = f"Roll {service} from {running.version} to {to_version}"
            return await self._roll(running, release, change_id=change_id, title=title, author=author, details={"rollout": True})

    async def discard(self, service: str, *, version: str) -> None:
        """Forgets a release, for good. Raises Unknown, and Conflict for the one that runs."""
        running = self.running(service)
        async with running.busy:
            if version not in running.releases:
                raise Unknown(f"{service} has no version {version!r}; it has {', '.join(running.releases)}")
            if version == running.version:
                raise Conflict(f"{service} runs {version}; roll it to another version first")
            del running.releases[version]
            running.previous = None if running.previous == version else running.previous

    async def _roll(
        self, running: Running, to: Release, *, change_id: str, title: str, author: str, details: dict[str, Any]
    ) -> dict[str, Any]:
        """The new process accepts before the old one stops; both share the listening socket."""
        before, old = running.release, running.child
        child = await self._started(running, to)
        running.child, running.previous, running.version, running.since_s = child, before.version, to.version, time.time()
        change = {
            "id": change_id,
            "kind": "deploy",
            "at": zulu(running.since_s),
            "service": to.service,
            "title": title,
            "files": releases.changed_files(before, to),
            "diff": releases.unified_diff(before, to),
            "version": to.version,
            "previous_version": before.version,
            "author": author,
            "details": {"commit": to.commit, **details},
        }
        self._record(change)
        if old is not None:
            await old.end(patience_s=4.0)
        return change

    def flag(self, name: str) -> Flag:
        """Raises Unknown."""
        if name not in self.flags:
            raise Unknown(f"there is no flag {name!r}; there are {', '.join(sorted(self.flags))}")
        return self.flags[name]

    def flip(self, name: str, *, to: str, expected: str | None, author: str) -> dict[str, Any]:
        """Sets a flag to `on` or `off`. Returns the change; raises Unknown, Conflict, ValueError."""
        flag = self.flag(name)
        if to not in ("on", "off"):
            raise ValueError(f"a flag is on or off, not {to!r}")
        if expected is not None and flag.value != expected:
            raise Conflict(f"flag {name} is {flag.value}, not {expected}; read it again and decide anew")
        before, flag.value, flag.changed_at_s = flag.value, to, time.time()
        self._write_flags()
        self._number += 1
        change: dict[str, Any] = {
            "id": f"flag-{self._number}-{name}",
            "kind": "flag",
            "at": zulu(flag.changed_at_s),
            "service": flag.service,
            "title": f"Switch {name} {to}",
            "files": [],
            "diff": "",
            "version": None,
            "previous_version": None,
            "author": author,
            "details": {"flag": name, "from": before, "to": to},
        }
        self._record(change)
        return change

    async def stop(self) -> None:
        children = [running.child for running in self.services.values() if running.child is not None]
        await asyncio.gather(*(child.end(patience_s=1.0) for child in children))
