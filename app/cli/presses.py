"""A press made in the demo's terminal, by its local operator: for targets of the demo's shop alone. `serve` has no such path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.lines import OPERATOR, PRESS
from app.domain.approval import Person
from app.domain.errors import BadInput

if TYPE_CHECKING:
    from app.incidents.desk import Desk
    from app.jobs.intake import Handle
    from app.ledger.deliveries import Pending


async def operator(person: str) -> Person | None:
    """The only person there is in the demo."""
    return Person(id=OPERATOR, team="", name="local operator", local_operator=True) if person == OPERATOR else None


def handlers(desk: Desk) -> dict[str, Handle]:
    # Here, not above: every module of this folder is imported to find the verbs, and the ledger's engine is too heavy for `--help`.
    from app.incidents.decide import decide

    async def pressed(delivery: Pending) -> str:
        body = delivery.body
        decision = body["decision"]
        if decision not in ("approve", "reject"):
            raise BadInput(f"{decision!r} is neither approve nor reject")
        decided = await decide(
            desk,
            proposal=str(body["proposal"]),
            decision="approve" if decision == "approve" else "reject",
            by=OPERATOR,
            surface="terminal",
            reason=str(body["reason"]),
            came_from=str(body["channel"]),
        )
        return decided.sentence

    return {PRESS: pressed}
