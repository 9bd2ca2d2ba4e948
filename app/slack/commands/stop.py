"""`/incident stop`: nothing more runs, here or anywhere, until somebody lifts it."""

from __future__ import annotations

from app.domain.errors import BadInput
from app.incidents import stop
from app.incidents.desk import Desk
from app.ledger import incidents
from app.slack.answers import answer, told
from app.slack.command import SLASH, Asked, Verb

_FORM = f"`{SLASH} stop WHY` in the incident's channel, `{SLASH} stop all WHY`, and `off` before WHY to let it go on"


async def handle(desk: Desk, asked: Asked) -> str:
    """`all` and `off` may stand before the reason, in this order; behind `off` also the proposal whose breaker is closed."""
    given = asked.given
    everything, off, reason = _read(asked.rest)
    if off and not everything and reason.startswith("p-"):
        name, _, why = reason.partition(" ")
        said = await stop.close_breaker(desk, name, by=given.user, surface="slack", reason=why)
        await answer(desk, given.answer_to, told(said, to=given.user), delivery=asked.delivery)
        return said
    incident = None
    if not everything:
        async with desk.ledger.read() as tx:
            here = await incidents.by_channel(tx, given.channel)
        if here is None:
            raise BadInput(f"this is no incident's channel; {_FORM}")
        incident = here.id
    turn = stop.lift if off else stop.stop
    said = await turn(desk, by=given.user, surface="slack", reason=reason, incident=incident)
    await answer(desk, given.answer_to, told(said, to=given.user), delivery=asked.delivery)
    return said


def _read(rest: str) -> tuple[bool, bool, str]:
    words = rest.split()
    everything = bool(words) and words[0].lower() == "all"
    words = words[everything:]
    off = bool(words) and words[0].lower() == "off"
    return everything, off, " ".join(words[off:])


def parse(rest: str) -> str:
    """Raises `BadInput` without a reason: whoever comes next must know why."""
    if not _read(rest)[2]:
        raise BadInput(f"say why; {_FORM}")
    return rest


COMMAND = Verb(
    name="stop",
    usage="stop [all] [off] WHY",
    summary="nothing more is approved or run, here or anywhere; `off` lets it go on",
    handle=handle,
    parse=parse,
    acknowledgement=lambda _: "Stopping…",
)
