"""Answering one person: always through the outbox, so that there is one sender and nothing is said twice."""

from __future__ import annotations

from app.cards.card import Card, Strong, Text, Who, line, paragraph
from app.domain.approval import Person
from app.domain.errors import Denied, Unreachable
from app.domain.value import JsonObject
from app.incidents.desk import Desk
from app.ledger import outbox


async def answer(desk: Desk, to: str, card: Card, *, delivery: int) -> None:
    """To whoever sent `delivery`, and only to them; once, however often it is worked on."""
    body: JsonObject = {"to": to, "card": card.model_dump(mode="json")}
    async with desk.ledger.write() as tx:
        await outbox.put(tx, f"answer:{delivery}", incident=None, lane="note", kind="answer", body=body, at=desk.clock())


async def fill(desk: Desk, view: str, card: Card, *, delivery: int) -> None:
    """Into the dialog that was opened for `delivery`."""
    body: JsonObject = {"view": view, "card": card.model_dump(mode="json")}
    async with desk.ledger.write() as tx:
        await outbox.put(tx, f"view:{delivery}", incident=None, lane="note", kind="view", body=body, at=desk.clock())


async def member(desk: Desk, id: str) -> Person:
    """Whoever asks, looked up now. Raises `Denied` unless they are a full member of this workspace."""
    try:
        person = await desk.people(id)
    except Unreachable as error:
        raise Denied(f"who you are could not be looked up, and that means no: {error}; try again") from error
    if person is None or person.deleted or person.bot or person.guest or person.stranger or person.team != desk.home_team:
        raise Denied("only full members of this workspace can do this; ask one of them")
    return person


def told(sentence: str, *, to: str) -> Card:
    """One sentence to one person; where it speaks of them, it says their name."""
    pieces: list[Text | Who] = []
    for i, words in enumerate(sentence.split(to)):
        pieces += [Who(id=to)] if i else []
        pieces += [Text(text=words)] if words else []
    return Card(kind="note", gist=sentence[:600], parts=(paragraph(line(*pieces)),))


def sorry(sentence: str, *, to: str) -> Card:
    """Why it did not happen, and what to do."""
    shown = told(sentence, to=to)
    lead = line(Strong(text="That did not work: "))
    said = shown.parts[0]
    assert said.type == "paragraph"
    return Card(kind="error", gist=f"That did not work: {sentence}"[:600], parts=(paragraph((*lead, *said.lines[0])),))
