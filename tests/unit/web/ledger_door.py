"""The shared ledger behind its real door, with a few agents of every class and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from app.domain.priority import CLASSES
from app.ledger.ledger import Ledger
from app.policy.agents import hash_of
from app.policy.policy import load
from app.web.ledger_api import mounted
from app.web.server import serve

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = {name: f"{name}-agent" for name in CLASSES} | {"cost2": "cost2-agent", "cost3": "cost3-agent"}
TOKENS = {name: f"fma_{name}-{'x' * 32}" for name in NAMES}


def agents_yaml() -> str:
    """The `agents` of a policy file: one of each class, and two more of class cost."""
    entries = [
        f'  - {{name: {each}, version: "1", class: {name.rstrip("23")}, token_sha256: "{hash_of(TOKENS[name])}"}}'
        for name, each in NAMES.items()
    ]
    return "\n".join(["agents:", *entries, ""])


class Door:
    """`ask("cost", "POST", "/claims", …)`: one agent's request, by its class."""

    def __init__(self, http: httpx2.AsyncClient, ledger: Ledger, folder: Path) -> None:
        self.http, self.ledger, self.folder, self.at = http, ledger, folder, NOON

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)

    async def ask(self, who: str, method: str, path: str, **body: Any) -> httpx2.Response:
        head = {"Authorization": f"Bearer {TOKENS[who]}"}
        given = {"json": body} if body else {}
        return await self.http.request(method, "/v1" + path, headers=head, **given)

    async def claim(self, who: str, *resources: str, ttl_s: float = 60) -> httpx2.Response:
        return await self.ask(who, "POST", "/claims", resources=list(resources), ttl_s=ttl_s)

    async def got(self, who: str, *resources: str, ttl_s: float = 60) -> dict[str, int]:
        """Its tokens; it must be given."""
        said = await self.claim(who, *resources, ttl_s=ttl_s)
        assert said.status_code == 201, said.text
        return {each["resource"]: each["token"] for each in said.json()["claims"]}

    async def hold(self, who: str, tokens: dict[str, int], *, executing: bool = False, ttl_s: float = 60) -> httpx2.Response:
        return await self.ask(who, "POST", "/claims/heartbeat", tokens=tokens, ttl_s=ttl_s, executing=executing)

    async def write(self, who: str, resource: str, token: int, *, version: int, **state: Any) -> httpx2.Response:
        return await self.ask(who, "PUT", f"/state/{resource}", version=version, token=token, state=state)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Door]:
    policy = load("format: 1\n" + agents_yaml())
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    web, ledger = FastAPI(), await Ledger.open(url)
    doors: list[Door] = []
    try:
        async with (
            mounted(web, ledger_url=url, clock=lambda: doors[0].now(), stop_file=folder / "STOP", read_policy=lambda: policy),
            serve(web, host="127.0.0.1", port=0) as at,
            httpx2.AsyncClient(base_url=at, timeout=20) as http,
        ):
            doors.append(Door(http, ledger, folder))
            yield doors[0]
    finally:
        await ledger.close()
