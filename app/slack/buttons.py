"""The buttons of our messages: what the surface opens for a press, and what the work process does with it.

A press is held against the message it came from: the ledger knows which message shows which card, so a value that was copied,
guessed or kept from an older message presses nothing. (`declare` alone is offered to one person, in a message only they see.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from app.cards.findings import why_card
from app.cards.proposal import details_card
from app.domain.errors import Denied, NotFound, Unreachable
from app.incidents import command, investigate
from app.incidents.again import plan_again
from app.incidents.decide import decide
from app.incidents.desk import INCIDENT_CARD, Desk, proposal_card_key
from app.ledger import audit, deliveries, outbox, proposals, runs
from app.ledger.deliveries import Pending
from app.slack import modals
from app.slack.answers import answer, fill, member, told
from app.slack.commands.triage import begin
from app.slack.heard import Heard, Press
from app.slack.people import Shared


@dataclass(frozen=True)
class Gate:
    """What a press is checked against before anything else."""

    desk: Desk
    app: str
    shared: Shared


@dataclass(frozen=True)
class Button:
    """One kind of button. `opens`: the dialog the surface opens at once; `kept`: whether the press itself goes to the inbox;
    `once`: every press of it on one message, by one person, is the same press."""

    name: str
    handle: Callable[[Gate, Press, int], Awaitable[str]]
    opens: Callable[[Press], modals.View] | None = None
    kept: bool = True
    once: bool = False


async def approve(gate: Gate, press: Press, delivery: int) -> str:
    return await decided(gate, press, press.value, decision="approve", delivery=delivery)


async def decided(
    gate: Gate, heard: Press, proposal: str, *, decision: str, delivery: int, reason: str = "", typed: str = ""
) -> str:
    """A yes or no, judged by policy and the ledger; whoever pressed is told what became of it."""
    desk = gate.desk
    wrong = await not_genuine(gate, heard, card=proposal_card_key(proposal), incident=None)
    if wrong is not None:
        sentence = await refused(desk, heard, reason=wrong, proposal=proposal)
    else:
        word = await decide(
            desk,
            proposal=proposal,
            decision="approve" if decision == "approve" else "reject",
            by=heard.user,
            surface="slack",
            reason=reason,
            came_from=heard.channel,
            typed=typed,
            after_s=await _after_s(desk, heard, delivery),
        )
        sentence = word.sentence
    await answer(desk, heard.answer_to, told(sentence, to=heard.user), delivery=delivery)
    return sentence


async def _after_s(desk: Desk, press: Press, delivery: int) -> float | None:
    """How long after Slack posted the message (which its ts says) the press reached us, seconds."""
    async with desk.ledger.read() as tx:
        came = await deliveries.get(tx, delivery)
    try:
        return came.received_at.timestamp() - float(press.message_ts) if came else None
    except ValueError:
        return None


async def again(gate: Gate, press: Press, delivery: int) -> str:
    """Plan anew what a superseded or expired proposal wanted."""
    desk = gate.desk
    await _genuine(gate, press, card=proposal_card_key(press.value), incident=None)
    await member(desk, press.user)
    made = await plan_again(desk, press.value, by=press.user, surface="slack")
    said = told(f"{made.name} is proposed from how things are now; its message follows.", to=press.user)
    await answer(desk, press.answer_to, said, delivery=delivery)
    return f"planned again as {made.name}"


async def details(gate: Gate, press: Press, delivery: int) -> str:
    desk = gate.desk
    await _genuine(gate, press, card=proposal_card_key(press.value), incident=None)
    await member(desk, press.user)
    async with desk.ledger.read() as tx:
        held = await proposals.get(tx, press.value)
    await fill(desk, press.view, details_card(held.proposal), delivery=delivery)
    return f"details of {held.proposal.name} shown"


async def why(gate: Gate, press: Press, delivery: int) -> str:
    desk = gate.desk
    await _genuine(gate, press, card=INCIDENT_CARD, incident=press.value)
    await member(desk, press.user)
    async with desk.ledger.read() as tx:
        ran = [run for run in await runs.for_incident(tx, press.value) if run.diagnosis is not None]
    if not ran or ran[-1].diagnosis is None:
        raise NotFound("nothing is concluded yet; the card follows the triage, ask again when it has a cause")
    await fill(desk, press.view, why_card(ran[-1].diagnosis), delivery=delivery)
    return f"why of {ran[-1].id} shown"


async def triage(gate: Gate, press: Press, delivery: int) -> str:
    await _genuine(gate, press, card=INCIDENT_CARD, incident=press.value)
    await member(gate.desk, press.user)
    run = await investigate.again(gate.desk, press.value, by=press.user, surface="slack", delivery=delivery)
    await answer(gate.desk, press.answer_to, told("Looking again; the card follows.", to=press.user), delivery=delivery)
    return f"run {run}"


async def take_command(gate: Gate, press: Press, delivery: int) -> str:
    await _genuine(gate, press, card=INCIDENT_CARD, incident=press.value)
    taken = await command.take_command(gate.desk, press.value, by=press.user, surface="slack")
    said = told(f"You command {taken.id} until you hand over.", to=press.user)
    await answer(gate.desk, press.answer_to, said, delivery=delivery)
    return f"{press.user} commands {taken.id}"


async def declare(gate: Gate, press: Press, delivery: int) -> str:
    """The title is what its presser said. Not held against a message: whoever may press it may type it behind the command."""
    elsewhere = not_ours(gate, press)
    if elsewhere is not None:
        raise Denied(elsewhere)
    await member(gate.desk, press.user, patient=True)
    return await begin(gate.desk, press.value, by=press.user, answer_to=press.answer_to, delivery=delivery)


async def unknown(gate: Gate, press: Press, delivery: int) -> str:
    raise NotFound("this button belongs to an older version of me; the pinned card has those that work")


def _about(press: Press) -> dict[str, str]:
    return {"proposal": press.value, "channel": press.channel, "message_ts": press.message_ts}


BUTTONS: Mapping[str, Button] = {
    button.name: button
    for button in (
        Button("approve", approve),
        Button("consent", unknown, opens=lambda press: modals.consent_view(_about(press)), kept=False),
        Button("again", again),
        Button("reject", unknown, opens=lambda press: modals.reject_view(_about(press)), kept=False),
        Button("details", details, opens=lambda _: modals.loading("Details")),
        Button("why", why, opens=lambda _: modals.loading("Why")),
        Button("triage", triage),
        Button("command", take_command),
        Button("declare", declare, once=True),
    )
}
"""By action id. What a press of `reject` or `consent` does begins when its dialog is sent."""


async def pressed(gate: Gate, delivery: Pending) -> str:
    """The handler of `PRESS`."""
    press = Press.model_validate(delivery.body)
    button = BUTTONS.get(press.action)
    return await (button.handle if button else unknown)(gate, press, delivery.id)


async def not_genuine(gate: Gate, press: Press, *, card: str, incident: str | None) -> str | None:
    """Why this press can't be one of our message's, as a sentence to whoever pressed; None when it is."""
    elsewhere = not_ours(gate, press)
    if elsewhere is not None:
        return elsewhere
    async with gate.desk.ledger.read() as tx:
        placed = await outbox.placed_at(tx, press.channel, press.message_ts)
    if placed is None or placed.card != card or (incident is not None and placed.incident != incident):
        return "this message is not the one that stands for it any more; press on the newest one"
    try:
        if await gate.shared(press.channel):
            return "this channel is shared with another organisation, and nothing is decided in front of others"
    except Unreachable as error:
        return f"it could not be made sure that this channel is ours alone ({error}); try again"
    return None


def not_ours(gate: Gate, heard: Heard) -> str | None:
    """Why it was not sent to this app in this workspace by somebody of it."""
    home = gate.desk.home_team
    if heard.team != home or (gate.app and heard.app != gate.app):
        return "it was sent to another app or workspace than this one"
    if heard.user_team and heard.user_team != home:
        return f"{heard.user} belongs to another workspace; only full members of this one may decide"
    return None


async def refused(desk: Desk, press: Press, *, reason: str, proposal: str) -> str:
    """Record a press that never got as far as policy; the sentence to whoever pressed."""
    async with desk.ledger.write() as tx:
        try:
            held = await proposals.get(tx, proposal)
            incident, subject, kind = held.proposal.incident, held.proposal.effects.target, audit.Action.REFUSED
        except NotFound:
            incident, subject, kind = "", press.action, audit.Action.PRESS_IGNORED
        await audit.append(
            tx,
            kind,
            incident=incident,
            at=desk.clock(),
            actor=press.user,
            surface="slack",
            policy=desk.policy_version,
            proposal=proposal if incident else "",
            subject=subject,
            payload={"reason": reason, "channel": press.channel, "message": press.message_ts},
        )
    return f"Refused: {reason}."


async def _genuine(gate: Gate, press: Press, *, card: str, incident: str | None) -> None:
    """For buttons that decide nothing. Raises `Denied`."""
    wrong = await not_genuine(gate, press, card=card, incident=incident)
    if wrong is not None:
        raise Denied(wrong)
