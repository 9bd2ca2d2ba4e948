"""A provider outside the shop's control: picks items for a visitor. Its bad day is told to it by one line on stdin."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
from typing import Any

from app.demo import lean, wire


class Provider:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.failing = False

    async def answer(self, request: wire.Request) -> wire.Reply:
        if request.path != "/picks":
            return wire.Reply.of({"error": "not found"}, 404)
        if self.failing:
            await asyncio.sleep(self._random.uniform(0.4, 1.6))
            if self._random.random() < 0.5:
                return wire.Reply.of({"error": "capacity exceeded"}, 503)
        else:
            await asyncio.sleep(self._random.uniform(0.012, 0.03))
        return wire.Reply.of({"picks": [str(self._random.randrange(1000)) for _ in range(6)]})


async def _run(spec: dict[str, Any]) -> None:
    provider = Provider(spec["seed"])
    sock = socket.socket(fileno=spec["fd"])
    sock.setblocking(False)
    server = await wire.Server(sock, provider.answer).start()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"up": True}), flush=True)
    while line := await lines.readline():
        provider.failing = line.strip() == b"failing"
    await server.drain()


def main(_arguments: list[str]) -> int:
    """Its spec comes as one JSON line on stdin (fd, seed); later lines set its state: `failing` or `well`."""
    asyncio.run(_run(json.loads(lean.first_line())))
    return 0
