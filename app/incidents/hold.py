"""Hold: whoever runs or verifies keeps its claim on the target alive, and learns when somebody else has taken it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.domain.errors import FirstmateError
from app.incidents.desk import Desk
from app.ledger import claims

log = structlog.get_logger()

CLAIM_S = 120.0
BEAT_S = CLAIM_S / 4


async def beat(desk: Desk, target: str, token: int) -> bool:
    """Hold it for another while. False when somebody else took it: what is seen there from now on may be their doing."""
    async with desk.ledger.write() as tx:
        return await claims.heartbeat(tx, target, token, now=desk.clock(), ttl_s=CLAIM_S)


@asynccontextmanager
async def held(desk: Desk, target: str, token: int, *, every_s: float = BEAT_S) -> AsyncIterator[None]:
    """Keeps the claim alive while the block runs, however long that takes."""
    ended = asyncio.Event()
    beating = asyncio.create_task(_beat_until(ended, desk, target, token, every_s=every_s))
    try:
        yield
    finally:
        ended.set()  # not cancelled: it may stand in the middle of a transaction
        await beating


async def _beat_until(ended: asyncio.Event, desk: Desk, target: str, token: int, *, every_s: float) -> None:
    while True:
        try:
            await asyncio.wait_for(ended.wait(), every_s)
            return
        except TimeoutError:
            pass
        try:
            if not await beat(desk, target, token):
                log.error("claim.lost", action="claim.lost", target=target)
                return
        except FirstmateError as error:  # what runs is not stopped for it: until its end is noted nobody else gets the target
            log.warning("claim.waits", action="claim.waits", target=target, why=str(error))
