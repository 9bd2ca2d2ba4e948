"""Delete a release of a demo shop's service, so that nobody can roll out that version again. For good: there is no undo."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.actions.shop_client import Reads, ShopAction, shop_plugin
from app.domain.action import Arguments, Effects, Outcome, Preview
from app.domain.change import Change
from app.domain.hypothesis import Hypothesis
from app.domain.value import JsonObject


class DeleteArguments(Arguments):
    service: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["checkout"])
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["1.6.0"])


class ShopReleaseDelete(ShopAction):
    name = "shop_release_delete"
    summary = "Delete a bad release of a shop service, for good"
    arguments: type[BaseModel] = DeleteArguments

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[JsonObject]:
        """Nothing by itself: it repairs nothing, and only a person knows that a release is never wanted again."""
        return []

    def effects(self, arguments: BaseModel) -> Effects:
        wanted = DeleteArguments.read(arguments)
        return Effects(
            target=f"shop/service/{wanted.service}",
            sentence=f"Delete release {wanted.version} of {wanted.service}",
            blast_radius=f"whoever wants to roll {wanted.service} to {wanted.version}, ever again; what runs now is not touched",
        )

    def _reads(self, arguments: BaseModel) -> Reads:
        wanted = DeleteArguments.read(arguments)
        return Reads(kind="services", name=wanted.service, field="version", wanted=wanted.version)

    async def read_back(self, arguments: BaseModel) -> JsonObject:
        """What runs, and whether that release is there."""
        wanted = DeleteArguments.read(arguments)
        now = await self._shop.get("services", wanted.service)
        there = wanted.version in (now.get("known_versions") or ())
        return {"service": wanted.service, "runs": str(now.get("version")), "release": "there" if there else "not there"}

    async def took_effect(self, arguments: BaseModel, *, precondition: JsonObject) -> bool | None:
        now = await self.read_back(arguments)
        if now["release"] == "not there":
            return True
        return False if now == precondition else None

    async def preview(self, arguments: BaseModel) -> Preview:
        wanted, now = DeleteArguments.read(arguments), await self.read_back(arguments)
        if now["release"] != "there":
            return Preview(ok=False, lines=(f"{wanted.service} has no release {wanted.version}",))
        if now["runs"] == wanted.version:
            return Preview(ok=False, lines=(f"{wanted.service} runs {wanted.version}; roll it to another version first",))
        return Preview(ok=True, lines=(f"{wanted.service} runs {now['runs']}; release {wanted.version} is there",))

    async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
        wanted = DeleteArguments.read(arguments)
        body: JsonObject = {"version": wanted.version, "idempotency_key": idempotency_key}
        return await self._shop.post(f"/services/{wanted.service}/discard", body)


ACTION = shop_plugin(ShopReleaseDelete)
