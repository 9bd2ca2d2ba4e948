"""The work process' side of Slack: what came in through the inbox, by kind, and how its sender hears that it did not work."""

from __future__ import annotations

from pydantic import ValidationError

from app.domain.errors import Denied
from app.incidents.desk import Desk
from app.jobs.intake import Apologise, Handle
from app.ledger.deliveries import Pending
from app.slack.answers import answer, fill, reachable, sorry
from app.slack.buttons import Gate, not_ours, pressed
from app.slack.command import Asked, named, read
from app.slack.heard import COMMAND, PRESS, SUBMISSION, Command, Heard, Submission, plain
from app.slack.people import Shared
from app.slack.spoken import spoken
from app.slack.submissions import submitted, with_what_was_filled_in


def handlers(desk: Desk, *, app: str, shared: Shared) -> dict[str, Handle]:
    """By kind of delivery. `app`: our own app's id, which every payload must name; "" where it is not known."""
    gate = Gate(desk=desk, app=app, shared=shared)

    async def commanded(delivery: Pending) -> str:
        given = Command.model_validate(reachable(delivery.body, age=desk.clock() - delivery.received_at))
        elsewhere = not_ours(gate, given)
        if elsewhere is not None:
            raise Denied(elsewhere)
        if not given.slash and named(given.text) is None:
            return await spoken(desk, Asked(given=given, rest=plain(given.text), delivery=delivery.id))
        verb, rest = read(given.text)
        return await verb.handle(desk, Asked(given=given, rest=rest, delivery=delivery.id))

    async def press(delivery: Pending) -> str:
        return await pressed(gate, delivery)

    async def submission(delivery: Pending) -> str:
        return await submitted(gate, delivery)

    return {COMMAND: commanded, PRESS: press, SUBMISSION: submission}


def apologise(desk: Desk) -> Apologise:
    """Tells the sender, where they can be told: in the dialog that waits, else by a message only they see."""

    async def tell(delivery: Pending, sentence: str) -> None:
        if delivery.kind not in (COMMAND, PRESS, SUBMISSION):
            return
        body = reachable(delivery.body, age=desk.clock() - delivery.received_at)
        try:
            heard = Heard.model_validate({key: body[key] for key in Heard.model_fields if key in body})
        except ValidationError:
            return  # nobody can be told
        card = sorry(sentence, to=heard.user)
        if delivery.kind == SUBMISSION:
            card = with_what_was_filled_in(card, Submission.model_validate(body).values)
        if view := str(body.get("view") or ""):
            await fill(desk, view, card.model_copy(update={"title": "That did not work"}), delivery=delivery.id)
        else:
            await answer(desk, heard.answer_to, card, delivery=delivery.id)

    return tell
