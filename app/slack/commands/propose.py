"""`/incident propose`: a person asks for a catalogue action. The gates are the same as for an agent."""

from __future__ import annotations

from app.cards.status import elsewhere_card
from app.domain.errors import BadInput
from app.incidents.desk import Desk
from app.ledger import incidents
from app.slack import modals
from app.slack.answers import fill
from app.slack.command import SLASH, Asked, Verb, nothing


async def handle(desk: Desk, asked: Asked) -> str:
    """The form is open already, because a dialog must be opened within three seconds; where it is no use it gives way to where
    it would be. By mention there is none: only the slash command can open a dialog."""
    given = asked.given
    if not given.view:
        raise BadInput(f"a mention can't open a dialog; type `{SLASH} propose` in the incident's channel")
    async with desk.ledger.read() as tx:
        incident = await incidents.by_channel(tx, given.channel)
        found = await incidents.list_open(tx)
    if incident is None:
        await fill(desk, given.view, elsewhere_card(found), delivery=asked.delivery)
        return "no incident here"
    return f"the form is open in {incident.id}"


COMMAND = Verb(
    name="propose",
    usage="propose",
    summary="ask for an action of the catalogue; it runs only after a press",
    handle=handle,
    parse=nothing,
    dialog=lambda _: modals.PROPOSE,
    looks=True,
)
