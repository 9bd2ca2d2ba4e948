"""Processes that are quickly there: everything is imported once, each is a fork of that. Killing hundreds costs no import then.

`python -m tests.drills.nursery MODULE…` imports the modules and then reads one line of JSON per child: what it runs, with what,
where its output goes, and whether it waits until it is traced. It answers with the child's pid.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
PR_SET_PTRACER, ANY = 0x59616D61, -1


def main(modules: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they leave no zombies
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if (pid := os.fork()) == 0:
            _live(asked)
        print(pid, flush=True)


def _live(asked: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.open(asked["out"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(asked["env"])
    ended = 1
    try:
        if asked["traced"]:
            _until_traced()
        module, _, function = asked["do"].partition(":")
        asyncio.run(getattr(importlib.import_module(module), function)(**asked["given"]))
        ended = 0
    except BaseException:  # noqa: BLE001 - a child never returns into its parent's loop
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(ended)


def _until_traced() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(ANY), 0, 0, 0)  # where only a parent may trace: anybody may trace us
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        time.sleep(0.002)


class Nursery:
    """`grow` a child, wait until it is `gone`. Everything that still lives ends with the context."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process, self._folder = process, folder
        self._grown: list[int] = []

    async def grow(
        self, do: str, *, traced: bool = False, env: Mapping[str, str] | None = None, out: str = "out", **given: Any
    ) -> int:
        """`do`: `module:async function`. Its output is appended to the file `out` of the nursery's folder."""
        asked = {"do": do, "given": given, "traced": traced, "env": dict(env or {}), "out": str(self._folder / out)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        await self._process.stdin.drain()
        pid = int(await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S))
        self._grown.append(pid)
        return pid

    def output(self, out: str = "out") -> str:
        file = self._folder / out
        return file.read_text(errors="replace") if file.exists() else ""

    async def gone(self, pid: int, *, within_s: float = PATIENCE_S) -> bool:
        """Until it has ended; False when it has not by then."""
        deadline = time.monotonic() + within_s
        while alive(pid):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.003)
        return True

    async def end(self) -> None:
        for pid in self._grown:
            if alive(pid):
                kill(pid)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def nursery(folder: Path, *modules: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Nursery]:
    """With `modules` imported. `folder` holds the children's output."""
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "nursery.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.drills.nursery", *modules, cwd=ROOT, env={**base, **(env or {})},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    held = Nursery(process, folder)
    try:
        assert process.stdout is not None
        said = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert said == b"ready\n", (folder / "nursery.log").read_text()
        yield held
    finally:
        await held.end()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
