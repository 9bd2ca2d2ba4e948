"""`/incident declare [title]`"""

from __future__ import annotations

from app.incidents.declare import declare
from app.incidents.desk import Desk
from app.slack import modals
from app.slack.answers import member
from app.slack.command import Asked, Verb, anything


async def handle(desk: Desk, asked: Asked) -> str:
    given = asked.given
    await member(desk, given.user)
    made = await declare(desk, title=asked.rest, by=given.user, surface="slack", answer_to=given.answer_to, delivery=asked.delivery)
    return f"declared {made.id}"


COMMAND = Verb(
    name="declare",
    usage="declare [title]",
    summary="open an incident: its channel, its card, and triage at once; you command it",
    handle=handle,
    parse=anything,
    acknowledgement=lambda title: "Declaring. Its channel follows." if title else "",
    dialog=lambda title: None if title else modals.DECLARE,
)
