"""The demo's processes: started in sessions of their own, read line by line, and all gone at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.domain.errors import FirstmateError

LONGEST_LINE = 4 * 1024 * 1024
PATIENCE_S = 4.0
"""How long a process may take to end when asked to."""
KEPT = ("PATH", "HOME", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")


class Gone(FirstmateError):
    """A process the demo needs has ended."""


class Children:
    """What was started, by name. What they write to stderr is kept in `folder`/NAME.stderr."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """A session of its own: the terminal's Ctrl-C reaches this process alone, which then ends the others in order."""
        kept = {each: os.environ[each] for each in KEPT if each in os.environ}
        with self._stderr(name).open("ab") as errors:
            self._running[name] = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**kept, **env},
                limit=LONGEST_LINE,
                start_new_session=True,
            )

    async def lines(self, name: str) -> AsyncIterator[dict[str, Any]]:
        """Every JSON line it writes. Raises `Gone`, with its last words, when it ends."""
        child = self._running[name]
        assert child.stdout is not None  # it was opened as a pipe
        async for raw in child.stdout:
            with suppress(ValueError):
                line = json.loads(raw)
                if isinstance(line, dict):
                    yield line
        await child.wait()
        raise Gone(f"the demo's {name} process ended early (exit code {child.returncode}){self._last_words(name)}")

    async def ended(self, name: str, *, within_s: float) -> str | None:
        """Waits for one that ends by itself. None when it did what it should, else its last words."""
        try:
            async with asyncio.timeout(within_s):
                await self._running[name].communicate()
        except TimeoutError:
            await self.stop(name)
            return f"no end within {within_s:g} s"
        code = self._running.pop(name).returncode
        return None if code == 0 else f"exit code {code}{self._last_words(name)}"

    async def stop(self, *names: str) -> None:
        """Asks these (all, where none is named) to end, and ends those that take too long, with everything they started."""
        asked = [self._running.pop(name) for name in names or tuple(self._running)]
        for child in asked:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(child.wait() for child in asked))
        for child in asked:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()

    def _stderr(self, name: str) -> Path:
        return self._folder / f"{name}.stderr"

    def _last_words(self, name: str) -> str:
        said = [line.strip() for line in self._stderr(name).read_text(errors="replace").splitlines() if line.strip()]
        return f": {said[-1][:300]}" if said else ""
