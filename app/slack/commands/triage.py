"""`/incident triage [what is wrong | service | alert link]`"""

from __future__ import annotations

from app.domain.errors import BadInput
from app.incidents import investigate
from app.incidents.declare import declare
from app.incidents.desk import Desk
from app.ledger import incidents
from app.slack.answers import answer, member, told
from app.slack.command import SLASH, Asked, Verb, anything
from app.slack.heard import service_in


async def handle(desk: Desk, asked: Asked) -> str:
    """In an incident's channel: look again. Anywhere else: an incident with that title, which is triaged at once."""
    given = asked.given
    await member(desk, given.user)
    async with desk.ledger.read() as tx:
        incident = await incidents.by_channel(tx, given.channel)
    if incident is None:
        if not asked.rest:
            raise BadInput(
                f"say what to look at: `{COMMAND.form}`, for example `{SLASH} triage checkout answers with errors`; "
                "in an incident's channel it needs nothing more"
            )
        return await begin(desk, asked.rest, by=given.user, answer_to=given.answer_to, delivery=asked.delivery)
    service = service_in(asked.rest)
    run = await investigate.again(desk, incident.id, by=given.user, surface="slack", hint=service or "", delivery=asked.delivery)
    looked = f", beginning at {service}" if service else ""
    await answer(desk, given.answer_to, told(f"Looking again{looked}; the card follows.", to=given.user), delivery=asked.delivery)
    return f"run {run}"


async def begin(desk: Desk, text: str, *, by: str, answer_to: str, delivery: int) -> str:
    """An incident with `text` as its title, or about the service that it names."""
    service = service_in(text)
    title = f"{service} is unwell" if service else text
    made = await declare(desk, title=title, by=by, surface="slack", service=service, answer_to=answer_to, delivery=delivery)
    return f"declared {made.id}"


COMMAND = Verb(
    name="triage",
    usage="triage [what is wrong | service | alert link]",
    summary="find the cause; in an incident's channel: look again",
    handle=handle,
    parse=anything,
    acknowledgement=lambda text: "Looking into it." if text else "",
)
