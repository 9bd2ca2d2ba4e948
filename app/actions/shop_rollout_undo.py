"""Roll a service of the demo's shop back to the version before (or forward again, which is how that is undone)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.actions.shop_client import Reads, ShopAction, shop_plugin
from app.domain.action import Arguments, Call, Effects, Outcome, Preview
from app.domain.change import Change
from app.domain.hypothesis import Hypothesis
from app.domain.value import JsonObject


class RolloutArguments(Arguments):
    """Exact versions on both ends: a rollout from anything else is refused by the deploy tool as well."""

    service: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["checkout"])
    from_version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["1.8.0"])
    to_version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["1.7.2"])


class ShopRolloutUndo(ShopAction):
    name = "shop_rollout_undo"
    summary = "Put a shop service back on the version it ran before"
    arguments: type[BaseModel] = RolloutArguments

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[JsonObject]:
        """The guilty deploy's own two versions; nothing where no deploy is guilty or it is no longer what runs."""
        if change is None or change.service is None or change.version is None or change.previous_version is None:
            return []
        running = await self._shop.get("services", change.service)
        if running.get("version") != change.version:
            return []
        return [{"service": change.service, "from_version": change.version, "to_version": change.previous_version}]

    async def again(self, arguments: BaseModel) -> JsonObject:
        """From whatever runs now to the version that was wanted."""
        wanted = RolloutArguments.read(arguments)
        running = await self._shop.get("services", wanted.service)
        return {"service": wanted.service, "from_version": str(running.get("version")), "to_version": wanted.to_version}

    def effects(self, arguments: BaseModel) -> Effects:
        wanted = RolloutArguments.read(arguments)
        back = {"service": wanted.service, "from_version": wanted.to_version, "to_version": wanted.from_version}
        return Effects(
            target=f"shop/service/{wanted.service}",
            sentence=f"Roll {wanted.service} from {wanted.from_version} to {wanted.to_version}",
            blast_radius=f"{wanted.service} and its callers; both versions serve for a second",
            undo=Call(action=self.name, arguments=dict(back)),
            undo_sentence=f"Roll {wanted.service} from {wanted.to_version} to {wanted.from_version}",
            downtime="none: the new process answers before the old one stops",
        )

    def _reads(self, arguments: BaseModel) -> Reads:
        wanted = RolloutArguments.read(arguments)
        return Reads(kind="services", name=wanted.service, field="version", wanted=wanted.to_version)

    async def preview(self, arguments: BaseModel) -> Preview:
        wanted = RolloutArguments.read(arguments)
        now = (await self.read_back(arguments))["version"]
        if now != wanted.from_version:
            return Preview(ok=False, lines=(f"{wanted.service} runs {now}, not {wanted.from_version}",))
        if wanted.to_version == wanted.from_version:
            return Preview(ok=False, lines=(f"{wanted.service} runs {wanted.to_version} already",))
        return Preview(ok=True, lines=(f"{wanted.service} runs {wanted.from_version}; {wanted.to_version} is still there",))

    async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
        wanted = RolloutArguments.read(arguments)
        return await self._shop.post(
            f"/services/{wanted.service}/rollout",
            {"to_version": wanted.to_version, "expected_version": wanted.from_version, "idempotency_key": idempotency_key},
        )


ACTION = shop_plugin(ShopRolloutUndo)
