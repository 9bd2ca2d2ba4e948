"""`/incident status`"""

from __future__ import annotations

from app.cards.card import Buttons, Card
from app.cards.status import open_card
from app.domain.incident import Incident
from app.incidents.desk import Desk
from app.jobs.outgoing import incident_card_of
from app.ledger import incidents
from app.slack.answers import answer, member
from app.slack.command import Asked, Verb, nothing


async def handle(desk: Desk, asked: Asked) -> str:
    """In an incident's channel its state; anywhere else the open ones."""
    given = asked.given
    await member(desk, given.user)
    async with desk.ledger.read() as tx:
        incident = await incidents.by_channel(tx, given.channel)
        found = await incidents.list_open(tx)
    if incident is None:
        await answer(desk, given.answer_to, open_card(found), delivery=asked.delivery)
        return f"{len(found)} open incidents shown"
    await answer(desk, given.answer_to, await standing(desk, incident), delivery=asked.delivery)
    return f"{incident.id} shown"


async def standing(desk: Desk, incident: Incident) -> Card:
    """The incident's card, to read: a press is held against the pinned message, so its copy has no buttons."""
    card = await incident_card_of(desk, incident)
    return card.model_copy(update={"parts": tuple(part for part in card.parts if not isinstance(part, Buttons))})


COMMAND = Verb(
    name="status",
    usage="status",
    summary="where this incident stands; elsewhere: the open ones",
    handle=handle,
    parse=nothing,
)
