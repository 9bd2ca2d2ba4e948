"""Switch a feature flag of the demo's shop off or on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from app.actions.shop_client import Reads, ShopAction, shop_plugin
from app.domain.action import Arguments, Call, Effects, Outcome, Preview
from app.domain.change import Change
from app.domain.hypothesis import Hypothesis
from app.domain.value import JsonObject


class FlagArguments(Arguments):
    flag: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["recommendations"])
    to: Literal["on", "off"]


class FlagSwitch(ShopAction):
    name = "flag_switch"
    summary = "Switch a shop feature flag off or on"
    arguments: type[BaseModel] = FlagArguments

    async def suggest(self, hypothesis: Hypothesis, change: Change | None) -> Sequence[JsonObject]:
        """The flag whose flip is guilty, back to what it was; else flags that guard calls to the guilty target, off."""
        if change is not None and change.kind == "flag":
            before = str(change.details.get("from", ""))
            return (
                [{"flag": str(change.details["flag"]), "to": before}]
                if before in ("on", "off") and "flag" in change.details
                else []
            )
        if change is not None:
            return []
        flags = await self._shop.get("flags")
        guarding = [f for f in flags if hypothesis.target in f.get("guards", []) and f.get("value") == "on"]
        return [{"flag": flag["flag"], "to": "off"} for flag in sorted(guarding, key=lambda f: str(f["flag"]))]

    def effects(self, arguments: BaseModel) -> Effects:
        wanted = FlagArguments.read(arguments)
        other = "off" if wanted.to == "on" else "on"
        return Effects(
            target=f"shop/flag/{wanted.flag}",
            sentence=f"Switch flag {wanted.flag} {wanted.to}",
            blast_radius=f"every user of the feature behind {wanted.flag}" + (": they do without it" if wanted.to == "off" else ""),
            undo=Call(action=self.name, arguments={"flag": wanted.flag, "to": other}),
            undo_sentence=f"Switch flag {wanted.flag} {other}",
        )

    def _reads(self, arguments: BaseModel) -> Reads:
        wanted = FlagArguments.read(arguments)
        return Reads(kind="flags", name=wanted.flag, field="value", wanted=wanted.to)

    async def preview(self, arguments: BaseModel) -> Preview:
        wanted = FlagArguments.read(arguments)
        now = (await self.read_back(arguments))["value"]
        if now == wanted.to:
            return Preview(ok=False, lines=(f"{wanted.flag} is {now} already",))
        return Preview(ok=True, lines=(f"{wanted.flag} is {now} now",))

    async def run(self, arguments: BaseModel, *, idempotency_key: str) -> Outcome:
        wanted = FlagArguments.read(arguments)
        expected = "off" if wanted.to == "on" else "on"
        return await self._shop.post(
            f"/flags/{wanted.flag}", {"to": wanted.to, "expected": expected, "idempotency_key": idempotency_key}
        )


ACTION = shop_plugin(FlagSwitch)
