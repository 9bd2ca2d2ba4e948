"""The tier of a call, from what it declares about itself. An action never names its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.action import Effects, Tier
from app.domain.value import JsonObject


@dataclass(frozen=True)
class Row:
    """One row of the table: where `holds`, the tier is `tier`, because `reason`."""

    tier: Tier
    reason: str
    holds: Callable[[Effects, JsonObject], bool]


@dataclass(frozen=True)
class Tiered:
    """A tier and why, as a sentence."""

    tier: Tier
    reason: str


TABLE: tuple[Row, ...] = (
    Row(3, "it names no target", lambda effects, _: not effects.target.strip()),
    Row(3, "it claims to be read-only and to be seen outside", lambda effects, _: effects.read_only and effects.outside),
    Row(3, "it claims to be read-only and to have an undo", lambda effects, _: effects.read_only and effects.undo is not None),
    Row(0, "it only reads", lambda effects, _: effects.read_only),
    Row(3, "it has no undo", lambda effects, _: effects.undo is None),
    Row(3, "nothing can be read back to tell whether things are still as proposed", lambda _, precondition: not precondition),
    Row(2, "somebody outside will see it", lambda effects, _: effects.outside),
    Row(1, "it has an undo and a precondition, and stays inside", lambda _effects, _precondition: True),
)
"""The first row that holds counts."""


def tiered(effects: Effects | None, precondition: JsonObject | None) -> Tiered:
    """The tier of a call with these effects and this precondition, and why. What is not known is tier 3."""
    if effects is None:
        return Tiered(3, "its effects are not known")
    row = next(row for row in TABLE if row.holds(effects, precondition or {}))
    return Tiered(row.tier, row.reason)


def tier_of(effects: Effects | None, precondition: JsonObject | None) -> Tier:
    """Just the tier: 0 read-only, 1 reversible, 2 external side effect, 3 irreversible or unknown."""
    return tiered(effects, precondition).tier
