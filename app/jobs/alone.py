"""One process of a kind per data folder: a lock that the kernel lets go when its holder ends, however it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.domain.errors import Misconfigured

LOOK_EVERY_S = 0.1


@asynccontextmanager
async def alone(file: Path, *, what: str, patience_s: float = 0.0) -> AsyncIterator[None]:
    """Hold `file` while the context is open. `what` is what we are, as `firstmate serve`.

    Raises `Misconfigured`, naming the holder, when another process still holds it after `patience_s`.
    """
    handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        deadline = asyncio.get_running_loop().time() + patience_s
        while not _locked(handle):
            if asyncio.get_running_loop().time() >= deadline:
                holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
                raise Misconfigured(
                    f"another `{what}` (process {holder or 'unknown'}) works in {file.parent}: stop that one first, "
                    "or set FIRSTMATE_DATA_DIR to another folder"
                )
            await asyncio.sleep(LOOK_EVERY_S)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)  # the file stays: removing it could take the lock from whoever waits for it


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
