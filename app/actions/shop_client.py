"""The deploy tool of the demo's shop, over HTTP. Not an action: what its two actions share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.action import Outcome
from app.domain.errors import NotFound, Rejected, Unreachable
from app.domain.plugin import Health, Plugin, checked_address
from app.domain.quantity import counted
from app.domain.redaction import redact
from app.domain.value import JsonObject

TIMEOUT_S = 5.0


class ShopSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FIRSTMATE_SHOP_")

    url: str = Field(
        default="",
        examples=["http://127.0.0.1:9400"],
        description="The deploy tool of the demo's shop, such as http://127.0.0.1:9400; empty: not used.",
    )


class ShopClient:
    """Reads and writes of the deploy tool, errors translated once. Raises `Misconfigured` for an address that is none."""

    def __init__(self, url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        base = checked_address(url, variable="FIRSTMATE_SHOP_URL", example="http://127.0.0.1:9400")
        self._http = httpx2.AsyncClient(base_url=base, timeout=TIMEOUT_S, transport=transport, follow_redirects=False)

    async def get(self, kind: str, name: str = "") -> Any:
        """The state of one `services` or `flags` entry, or of all of them. Raises `NotFound`, `Rejected`, `Unreachable`."""
        path = f"/{kind}/{quote(name, safe='')}" if name else f"/{kind}"
        try:
            answer = await self._http.get(path)
        except httpx2.HTTPError as error:
            raise Unreachable(
                f"the shop's deploy tool did not answer GET {path}: {str(error) or type(error).__name__}; is it running?"
            ) from error
        if answer.status_code == 404:
            raise NotFound(f"the shop's deploy tool knows no {kind[:-1]} {name!r}")
        if answer.status_code != 200:
            raise Rejected(f"the shop's deploy tool answered {answer.status_code} to GET {path}: {redact(answer.text)[:200]}")
        body = _object(answer)
        if body is None:
            raise Rejected(f"the shop's deploy tool answered GET {path} with no JSON object: {redact(answer.text)[:80]!r}")
        return body if name else body.get(kind, [])

    async def post(self, path: str, body: JsonObject) -> Outcome:
        """One write. A refusal is `ok=False`; an answer that never came is `ok=None`: nobody knows."""
        try:
            answer = await self._http.post(path, json=body)
        except httpx2.ConnectError as error:
            return Outcome(ok=False, detail=f"the shop's deploy tool could not be reached, nothing was sent: {error}")
        except httpx2.HTTPError as error:
            return Outcome(
                ok=None, detail=f"no answer to POST {path} ({str(error) or type(error).__name__}): it may have taken effect"
            )
        if answer.status_code == 200:
            facts = _object(answer)
            if facts is None:
                return Outcome(ok=None, detail=f"no readable answer to POST {path}: it may have taken effect")
            return Outcome(ok=True, detail="the deploy tool reports success", facts=facts)
        if not 400 <= answer.status_code < 500:
            return Outcome(ok=None, detail=f"the deploy tool answered {answer.status_code}: it may have taken effect")
        return Outcome(ok=False, detail=f"the deploy tool refused ({answer.status_code}): {redact(answer.text)[:200]}")

    async def check(self) -> Health:
        try:
            services = await self.get("services")
        except (Unreachable, Rejected, NotFound) as error:
            return Health(ok=False, line=f"{error}; set FIRSTMATE_SHOP_URL or start the shop")
        return Health(ok=True, line=f"the shop's deploy tool answers for {counted(len(services), 'service')}")

    async def close(self) -> None:
        await self._http.aclose()


def _object(answer: httpx2.Response) -> JsonObject | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


@dataclass(frozen=True)
class Reads:
    """The one field of the shop that a call sets: `field` of `name` among `kind`, and what it is once the call took effect."""

    kind: Literal["services", "flags"]
    name: str
    field: str
    wanted: str


class ShopAction(ABC):
    """What the shop's actions share: one client, how it is asked how it is, and reading back the field that a call sets."""

    name: str
    summary: str

    def __init__(self, client: ShopClient) -> None:
        self._shop = client

    @abstractmethod
    def _reads(self, arguments: BaseModel) -> Reads: ...

    async def read_back(self, arguments: BaseModel) -> JsonObject:
        reads = self._reads(arguments)
        now = await self._shop.get(reads.kind, reads.name)
        return {reads.kind[:-1]: reads.name, reads.field: str(now.get(reads.field))}

    async def took_effect(self, arguments: BaseModel, *, precondition: JsonObject) -> bool | None:
        reads, now = self._reads(arguments), await self.read_back(arguments)
        if now[reads.field] == reads.wanted:
            return True
        return False if now == precondition else None

    async def check(self) -> Health:
        return await self._shop.check()

    async def close(self) -> None:
        await self._shop.close()


def shop_plugin(action: type[ShopAction]) -> Plugin[ShopSettings, ShopAction]:
    return Plugin(
        name=action.name,
        summary=action.summary,
        settings=ShopSettings,
        configured=lambda settings: bool(settings.url),
        open=lambda settings: action(ShopClient(settings.url)),
    )
