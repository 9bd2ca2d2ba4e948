"""Who is connected: nobody holds a connection without asking for something, and no crowd keeps the next one out.

uvicorn alone would wait for ever for the end of a request's headers, or of its body, and take connections until no file can be
opened any more; the same process answers Slack.
"""

from __future__ import annotations

import asyncio
import math
import resource
from typing import ClassVar

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

log = structlog.get_logger()

WHOLE_WITHIN_S = 20.0
"""A request must be there, to the end of its body, this long after the connection opened or the answer before it was given."""
MOST_OPEN = 256
AT_ONCE = 32
"""How many are taken in before the first of them can be sent away: they come on top of the most that may be open."""
SAY_EVERY_S = 60.0


def most_open() -> int:
    """A quarter of the files that may be open: the inbox, Slack and the work process need theirs whoever knocks."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_OPEN if files == resource.RLIM_INFINITY else min(MOST_OPEN, files // 4)


class Visitor(H11Protocol):
    """One connection. Where one too many is open, the one that has kept us waiting longest is hung up on, not the newest."""

    said_at: ClassVar[float] = -math.inf
    _deadline: asyncio.TimerHandle

    @property
    def waiting(self) -> bool:
        """Nothing is being worked on for it: its request is not whole yet, or it does not take its answer."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY) or self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._deadline = self.loop.call_later(WHOLE_WITHIN_S, self._hang_up)
        if len(self.connections) > (most := most_open()):
            waiting = [each for each in self.connections if isinstance(each, Visitor) and each.waiting]
            min(waiting, key=lambda each: each._deadline.when())._hang_up()
            self._say(most)

    def on_response_complete(self) -> None:
        self._deadline.cancel()
        self._deadline = self.loop.call_later(WHOLE_WITHIN_S, self._hang_up)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def _hang_up(self) -> None:
        if self.waiting:
            self.connections.discard(self)
            self.transport.abort()

    def _say(self, most: int) -> None:
        if self.loop.time() - Visitor.said_at > SAY_EVERY_S:
            Visitor.said_at = self.loop.time()
            why = f"{most} connections are open; whoever keeps us waiting longest is hung up on: see who connects to this port"
            log.warning("web.crowded", action="web.crowded", why=why)
