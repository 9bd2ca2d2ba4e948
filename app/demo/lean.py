"""Starting one of the shop's processes: small in memory, and gone when its parent is.

`python -S -m app.demo.lean ROLE ARGS…` runs `app.demo.ROLE.main(ARGS)`.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

ROLES = ("service", "load", "provider", "scraper")
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ends this process when process `parent` ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    watch_parent(parent, then=lambda: os._exit(1))


def watch_parent(parent: int, *, then: Callable[[], object]) -> None:
    """Calls `then` (from a thread of its own) once this process is no longer a child of `parent`."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        then()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def command(role: str, *args: str) -> list[str]:
    """The command line that starts `role`. Without site-packages: the shop needs none, and start-up is quicker."""
    return [sys.executable, "-S", "-B", "-m", "app.demo.lean", role, str(os.getpid()), *args]


def environment() -> dict[str, str]:
    """What the processes get to see: where the code is, and nothing else of ours."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG", "HOME") if name in os.environ}
    # Few arenas: freed memory goes back, so that resident memory means what it says.
    return kept | {"PYTHONPATH": root, "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "1"}


def first_line() -> bytes:
    """Of stdin; read byte by byte, so that nothing of the lines after it is kept in a buffer."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def main(arguments: list[str]) -> int:
    role, parent, *rest = arguments
    if role not in ROLES:
        raise SystemExit(f"no such role: {role}")
    die_with_parent(int(parent))
    # Ctrl-C reaches the whole terminal group; the parent alone decides what ends when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Everything speaks plain HTTP on loopback; asyncio takes TLS as optional, and without it a process is 4 MB smaller.
    sys.modules["ssl"] = None  # type: ignore[assignment]  # None bars an import; the stubs know modules only
    return int(importlib.import_module(f"app.demo.{role}").main(rest) or 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
