"""What the approved action changes: a deploy tool that counts every effect, and can be made slow, deaf or forgetful."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.e2e.shop import DeployTool


class Stop:
    """A place where requests wait. `reached` is set by the first one that comes by."""

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()


@dataclass
class Target(DeployTool):
    """Does whatever it is asked, however often, whatever it did before: it is not the target that makes an action run once."""

    effects: list[dict[str, Any]] = field(default_factory=list)
    drop_answers: bool = False
    before: Stop | None = None
    after: Stop | None = None
    each_way_s: float = 0.0  # how long a request is under way, and its answer

    def hold(self, where: str) -> Stop:
        """Let the next request wait `before` or `after` it takes effect."""
        stop = Stop()
        setattr(self, where, stop)
        return stop

    def release(self) -> None:
        for stop in (self.before, self.after):
            if stop is not None:
                stop.go.set()
        self.before = self.after = None

    def times(self) -> dict[str, int]:
        """Effects by idempotency key."""
        keys = [str(each.get("idempotency_key")) for each in self.effects]
        return {key: keys.count(key) for key in keys}

    def deployed_again(self) -> None:
        """Somebody rolls the guilty version out once more (not through us)."""
        self.versions["checkout"] = "1.8.0"

    async def _rollout(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.json()
        await asyncio.sleep(self.each_way_s)
        await _pass(self.before)
        self.effects.append({"service": name, **body})
        self.versions[name] = body["to_version"]
        await _pass(self.after)
        await asyncio.sleep(self.each_way_s)
        if self.drop_answers and request.transport is not None:
            request.transport.abort()
        return web.json_response({"version": body["to_version"]})


async def _pass(stop: Stop | None) -> None:
    if stop is not None:
        stop.reached.set()
        # Shielded from the client's going away: what was asked for happens all the same.
        await stop.go.wait()
