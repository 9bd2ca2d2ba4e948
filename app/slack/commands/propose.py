"""`/incident propose`: a person asks for a catalogue action. The gates are the same as for an agent."""

from __future__ import annotations

from app.domain.errors import BadInput
from app.incidents.desk import Desk
from app.slack import modals
from app.slack.command import SLASH, Asked, Verb, nothing


async def handle(desk: Desk, asked: Asked) -> str:
    """Only a mention comes here: by slash the dialog opens instead, and a mention can open none."""
    raise BadInput(f"a mention can't open a dialog; type `{SLASH} propose` in the incident's channel")


COMMAND = Verb(
    name="propose",
    usage="propose",
    summary="ask for an action of the catalogue; it runs only after a press",
    handle=handle,
    parse=nothing,
    dialog=lambda _: modals.PROPOSE,
)
