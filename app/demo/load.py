"""The visitors: an open-ended stream of requests to the entry point, and what became of them."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.demo import lean, wire

MOST_IN_FLIGHT = 120
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0",
    "shopbot/1.2 (+https://example.invalid/bot)",
)
THINGS = ("blue mug", "oak shelf", "wool socks", "desk lamp", "tea towel", "garden hose", "road map", "bread knife")
PLACES = (("GB", "SW1A 1AA"), ("GB", "M1 1AE"), ("GB", "EC2V 7HH"), ("NL", "1017 AB"), ("DE", "10115"), ("FR", "75001"))


@dataclass(frozen=True)
class Visit:
    method: str
    path: str
    per_s: float
    make: Callable[[random.Random], tuple[dict[str, str], object]]
    rush: float = 2.0
    """How many times as often in a rush."""

    def pace(self, *, crowd: float, rush: bool) -> float:
        """How often a second, with `crowd` times the usual number of visitors."""
        return self.per_s * crowd * (self.rush if rush else 1.0)


def _visitor(chance: random.Random) -> str:
    return f"v{chance.randrange(400)}"


def _search(chance: random.Random) -> tuple[dict[str, str], object]:
    return {"q": f"{chance.choice(THINGS)} {chance.randrange(10000)}"}, None


def _place(chance: random.Random) -> tuple[dict[str, str], object]:
    country, postcode = chance.choice(PLACES)
    return {"country": country, "postcode": postcode}, None


VISITS = (
    Visit("GET", "/", 10.0, lambda _c: ({}, None)),
    Visit("GET", "/product", 6.0, lambda c: ({"id": str(c.randrange(1000))}, None)),
    Visit("GET", "/search", 12.0, _search),
    Visit("GET", "/cart", 4.0, lambda c: ({"visitor": _visitor(c)}, None)),
    Visit("POST", "/cart/items", 4.0, lambda c: ({}, {"visitor": _visitor(c), "item": str(c.randrange(1000)), "quantity": 1})),
    Visit("POST", "/orders", 9.0, lambda c: ({}, {"visitor": _visitor(c)}), rush=10.0),
    Visit("GET", "/delivery", 4.0, _place),
)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Load:
    def __init__(self, entry: str, seed: int, crowd: float) -> None:
        self._entry = entry
        self._seed = seed
        self._crowd = crowd
        self.rush = False
        self._client = wire.Client(kept_per_host=64)
        self._done: deque[tuple[float, str, bool, float]] = deque(maxlen=4000)
        self._in_flight: set[asyncio.Task[None]] = set()

    async def visit(self, kind: Visit, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.expovariate(kind.pace(crowd=self._crowd, rush=self.rush)))
            if len(self._in_flight) < MOST_IN_FLIGHT:
                task = asyncio.create_task(self._ask(kind, *kind.make(chance), chance.choice(AGENTS)))
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)

    async def _ask(self, kind: Visit, params: dict[str, str], body: object, agent: str) -> None:
        url = f"http://{self._entry}{kind.path}" + (f"?{urlencode(params)}" if params else "")
        payload = b"" if body is None else json.dumps(body).encode()
        began, good = time.monotonic(), False
        try:
            reply = await self._client.ask(kind.method, url, headers={"user-agent": agent}, body=payload)
            good = reply.status < 500
        except (OSError, asyncio.IncompleteReadError):
            pass  # what the visitor sees is a failed request
        self._done.append((time.monotonic(), f"{kind.method} {kind.path}", good, time.monotonic() - began))

    async def answer(self, request: wire.Request) -> wire.Reply:
        window_s = float(request.params.get("window_s", "4"))
        since = time.monotonic() - window_s
        recent = [entry for entry in list(self._done) if entry[0] >= since]
        routes = {route: _summary([e for e in recent if e[1] == route], window_s) for route in sorted({e[1] for e in recent})}
        return wire.Reply.of({**_summary(recent, window_s), "routes": routes})

    async def run(self) -> None:
        kinds = [(kind, random.Random(f"{self._seed} {kind.method} {kind.path}")) for kind in VISITS]
        await asyncio.gather(*(self.visit(kind, chance) for kind, chance in kinds))


def _summary(entries: list[tuple[float, str, bool, float]], window_s: float) -> dict[str, float]:
    failed = sum(not good for _, _, good, _ in entries)
    return {
        "requests": len(entries),
        "rps": round(len(entries) / window_s, 1),
        "error_ratio": round(failed / len(entries), 4) if entries else 0.0,
        "p95_ms": round(percentile([took for *_, took in entries], 0.95) * 1000, 1),
    }


async def _run(spec: dict[str, Any]) -> None:
    load = Load(spec["entry"], spec["seed"], spec["crowd"])
    sock = socket.socket(fileno=spec["fd"])
    sock.setblocking(False)
    await wire.Server(sock, load.answer).start()
    print(json.dumps({"up": True}), flush=True)
    await asyncio.gather(load.run(), _told(load))


async def _told(load: Load) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        load.rush = line.strip() == b"rush"


def main(_arguments: list[str]) -> int:
    """Its spec comes as one JSON line on stdin: fd, entry, seed, crowd (how many times the usual number of visitors); later lines
    set how they come: `rush` or `calm`."""
    asyncio.run(_run(json.loads(lean.first_line())))
    return 0
