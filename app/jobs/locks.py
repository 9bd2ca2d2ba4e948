"""Locks of one process that has its ledger to itself: nobody else could hold any. Several processes: `sessions.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.domain.ports import Locks


class LocksHere:
    """Among the tasks of this process."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    async def take(self, name: str) -> bool:
        if name in self._held:
            return False
        self._held.add(name)
        return True

    async def give(self, name: str) -> None:
        self._held.discard(name)


@asynccontextmanager
async def having(locks: Locks, *names: str) -> AsyncIterator[bool]:
    """All of `names` for as long as the block runs, or (False) none of them."""
    held: list[str] = []
    try:
        for name in names:
            if not await locks.take(name):
                break
            held.append(name)
        yield len(held) == len(names)
    finally:
        for name in reversed(held):
            await locks.give(name)
