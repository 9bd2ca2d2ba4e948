"""Dialogs that were filled in and sent: what the work process does with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import cast, get_args

from app.cards.card import Card, Exact
from app.cards.proposal import MOST_EXACT, shown_length
from app.cards.wording import to_the_letter
from app.domain.action import Call
from app.domain.errors import BadInput, Denied, NotFound
from app.domain.incident import Severity
from app.incidents.declare import declare
from app.incidents.propose import propose
from app.ledger import incidents
from app.ledger.deliveries import Pending
from app.slack import modals
from app.slack.answers import answer, member, told
from app.slack.buttons import Gate, decided, not_ours
from app.slack.heard import Press, Submission

Take = Callable[[Gate, Submission, int], Awaitable[str]]


async def declared(gate: Gate, sent: Submission, delivery: int) -> str:
    await member(gate.desk, sent.user)
    severity = sent.values.get("severity", "SEV3")
    if severity not in get_args(Severity):
        raise BadInput(f"{severity!r} is no severity")
    made = await declare(
        gate.desk,
        title=sent.values.get("title", ""),
        by=sent.user,
        surface="slack",
        severity=cast(Severity, severity),
        service=sent.values.get("service") or None,
        answer_to=sent.answer_to,
        delivery=delivery,
    )
    return f"declared {made.id}"


async def rejected(gate: Gate, sent: Submission, delivery: int) -> str:
    """The press of Reject, with its reason; held against the message it was made on like any other press."""
    press = _press(sent, "reject")
    return await decided(gate, press, press.value, decision="reject", delivery=delivery, reason=sent.values.get("reason", ""))


async def consented(gate: Gate, sent: Submission, delivery: int) -> str:
    """The press of Approve at tier 3, with the resource's name as it was typed; held against its message, too."""
    press = _press(sent, "consent")
    typed = sent.values.get(modals.TYPED, "").strip()
    return await decided(gate, press, press.value, decision="approve", delivery=delivery, typed=typed)


def _press(sent: Submission, action: str) -> Press:
    return Press(
        user=sent.user,
        team=sent.team,
        user_team=sent.user_team,
        app=sent.app,
        answer_to=sent.answer_to,
        action=action,
        value=sent.about.get("proposal", ""),
        channel=sent.about.get("channel", ""),
        message_ts=sent.about.get("message_ts", ""),
    )


async def proposed(gate: Gate, sent: Submission, delivery: int) -> str:
    desk = gate.desk
    await member(desk, sent.user)
    channel = sent.about.get("channel", "")
    async with desk.ledger.read() as tx:
        incident = await incidents.by_channel(tx, channel)
    if incident is None:
        raise NotFound(
            "an action is proposed in its incident's channel, and this is none: type `/incident propose` there; "
            "`/incident status` lists the open ones"
        )
    try:
        arguments = modals.arguments_of(sent.values.get("arguments", ""))
    except ValueError as error:
        raise BadInput(str(error)) from error
    made = await propose(
        desk,
        incident=incident.id,
        call=Call(action=sent.values.get("action", ""), arguments=arguments),
        asked_by=sent.user,
        by_agent=False,
        surface="slack",
        why=sent.values.get("why", ""),
    )
    await answer(desk, sent.answer_to, told(f"{made.name} is proposed; its message follows.", to=sent.user), delivery=delivery)
    return f"proposed {made.name}"


DIALOGS: Mapping[str, Take] = {
    modals.DECLARE: declared,
    modals.REJECT: rejected,
    modals.PROPOSE: proposed,
    modals.CONSENT: consented,
}
RECORDED = {modals.REJECT, modals.CONSENT}
"""What is decided by them is recorded where it is decided, also when it is refused."""


def with_what_was_filled_in(card: Card, values: Mapping[str, str]) -> Card:
    """The dialog is closed: what was typed into it comes back, to be copied into the next one."""
    text = "\n".join(f"{name}: {to_the_letter(value)}" for name, value in values.items())
    if not text or shown_length(text) > MOST_EXACT:
        return card
    return card.model_copy(update={"parts": (*card.parts, Exact(label="What you filled in", text=text))})


async def submitted(gate: Gate, delivery: Pending) -> str:
    """The handler of `SUBMISSION`."""
    sent = Submission.model_validate(delivery.body)
    take = DIALOGS.get(sent.dialog)
    if take is None:
        raise NotFound("this dialog belongs to an older version of me; open it again")
    elsewhere = not_ours(gate, sent)
    if elsewhere is not None and sent.dialog not in RECORDED:
        raise Denied(elsewhere)
    return await take(gate, sent, delivery.id)
