"""`/incident break-glass`: an emergency, in the open: one person does where tier 3 takes two."""

from __future__ import annotations

from app.domain.errors import BadInput
from app.incidents.desk import Desk
from app.incidents.glass import SHORTEST_REASON, break_glass
from app.ledger import incidents
from app.slack.answers import answer, told
from app.slack.command import SLASH, Asked, Verb

_FORM = f"`{SLASH} break-glass WHY` in the incident's channel"


async def handle(desk: Desk, asked: Asked) -> str:
    given = asked.given
    async with desk.ledger.read() as tx:
        here = await incidents.by_channel(tx, given.channel)
    if here is None:
        raise BadInput(f"this is no incident's channel; {_FORM}")
    said = await break_glass(desk, here.id, by=given.user, surface="slack", reason=asked.rest)
    await answer(desk, given.answer_to, told(said, to=given.user), delivery=asked.delivery)
    return said


def parse(rest: str) -> str:
    """Raises `BadInput` without a reason worth reading."""
    if len(rest.strip()) < SHORTEST_REASON:
        raise BadInput(f"say why, so that whoever reviews it understands it; {_FORM}")
    return rest


COMMAND = Verb(
    name="break-glass",
    usage="break-glass WHY",
    summary="in an emergency: for some hours tier 3 takes one person here, not two; the channel is told",
    handle=handle,
    parse=parse,
    acknowledgement=lambda _: "Breaking the glass…",
)
