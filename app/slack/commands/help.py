"""`/incident help`, and `/incident` alone: what fits where you are."""

from __future__ import annotations

from app.incidents.desk import Desk
from app.ledger import incidents
from app.slack.answers import answer
from app.slack.command import Asked, Verb, fitting, nothing, usage_card


async def handle(desk: Desk, asked: Asked) -> str:
    given = asked.given
    async with desk.ledger.read() as tx:
        incident = await incidents.by_channel(tx, given.channel)
    if incident is None:
        card = usage_card("Firstmate", "Something is wrong? Declare it, or have me look.", of=fitting(incident=False))
    else:
        first = f"This is the channel of {incident.id}. Decisions wait on their own messages; the card is pinned."
        card = usage_card(f"Firstmate in {incident.id}", first, of=fitting(incident=True))
    await answer(desk, given.answer_to, card, delivery=asked.delivery)
    return "help shown"


COMMAND = Verb(name="help", usage="help", summary="what you are reading", handle=handle, parse=nothing)
