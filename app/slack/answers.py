"""Answering one person: always through the outbox, so that there is one sender and nothing is said twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.cards.card import Card, Code, Note, Strong, Text, When, Who, line, paragraph
from app.domain.approval import Person
from app.domain.errors import Denied, Unreachable
from app.domain.value import JsonObject
from app.incidents.desk import Desk
from app.ledger import deliveries, outbox

LATE = timedelta(seconds=30)
"""An answer that comes later than this says to what."""
ANSWERED_THERE = timedelta(minutes=25)
"""How long a response_url is used: Slack forgets it after half an hour."""


async def answer(desk: Desk, to: str, card: Card, *, delivery: int) -> None:
    """To whoever sent `delivery`, and only to them; once, however often it is worked on."""
    now = desk.clock()
    async with desk.ledger.write() as tx:
        asked = await deliveries.get(tx, delivery)
        shown = late(card, asked_at=asked.received_at) if asked and now - asked.received_at > LATE else card
        body: JsonObject = {"to": to, "card": shown.model_dump(mode="json")}
        await outbox.put(tx, f"answer:{delivery}", incident=None, lane="note", kind="answer", body=body, at=now)


def late(card: Card, *, asked_at: datetime) -> Card:
    """The answer to something that waited while the work process was away."""
    said = Note(line=line("You asked at ", When(at=asked_at), "; it was kept, and could be worked on only now."))
    gist = f"{card.gist[:540]} (You asked at {asked_at:%H:%M:%S} UTC.)"
    return card.model_copy(update={"gist": gist, "parts": (*card.parts, said)})


def reachable(body: JsonObject, *, age: timedelta) -> JsonObject:
    """What was heard `age` ago, with where its sender can still be answered: in the channel, once the response_url is dead."""
    if age < ANSWERED_THERE or "://" not in str(body.get("answer_to")) or not body.get("channel"):
        return body
    return {**body, "answer_to": f"{body['channel']}/{body['user']}"}


async def fill(desk: Desk, view: str, card: Card, *, delivery: int) -> None:
    """Into the dialog that was opened for `delivery`."""
    body: JsonObject = {"view": view, "card": card.model_dump(mode="json")}
    async with desk.ledger.write() as tx:
        await outbox.put(tx, f"view:{delivery}", incident=None, lane="note", kind="view", body=body, at=desk.clock())


async def member(desk: Desk, id: str, *, patient: bool = False) -> Person:
    """Whoever asks, looked up now. Raises `Denied` unless they are a full member of this workspace.

    While nobody can be asked that means no, too; `patient`: it raises `Unreachable`, and the delivery is worked on again later.
    """
    try:
        person = await desk.people(id)
    except Unreachable as error:
        if patient:
            raise
        raise Denied(f"who you are could not be looked up, and that means no: {error}; try again") from error
    if person is None or not person.full_member(desk.home_team):
        raise Denied("only full members of this workspace can do this; ask one of them")
    return person


def told(sentence: str, *, to: str) -> Card:
    """One sentence to one person; where it speaks of them, it says their name; what stands in backticks is to be typed."""
    pieces: list[Text | Code | Who] = []
    for i, part in enumerate(sentence.split("`")):
        if i % 2:
            pieces.append(Code(text=part))
            continue
        for j, words in enumerate(part.split(to)):
            pieces += [Who(id=to)] if j else []
            pieces += [Text(text=words)] if words else []
    return Card(kind="note", gist=sentence[:600], parts=(paragraph(line(*pieces)),))


def sorry(sentence: str, *, to: str) -> Card:
    """Why it did not happen, and what to do."""
    shown = told(sentence, to=to)
    lead = line(Strong(text="That did not work: "))
    said = shown.parts[0]
    assert said.type == "paragraph"
    return Card(kind="error", gist=f"That did not work: {sentence}"[:600], parts=(paragraph((*lead, *said.lines[0])),))
