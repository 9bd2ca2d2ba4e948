"""A mention in plain words: answered, never obeyed. Nothing starts that nobody asked for by a verb or a press."""

from __future__ import annotations

from collections.abc import Sequence

from app.cards.card import Button, Buttons, Card, Code, Line, Note, Part, Quote, Text, line, paragraph
from app.cards.wording import clipped
from app.incidents.declare import LONGEST_TITLE
from app.incidents.desk import Desk
from app.ledger import incidents
from app.slack.answers import answer, member
from app.slack.command import DEFAULT, Asked, Verb, fitting, nearest, verbs
from app.slack.commands.status import standing


async def spoken(desk: Desk, asked: Asked) -> str:
    """In an incident's channel what is known of it; elsewhere what would do something, and one button. `asked.rest` is all said."""
    given = asked.given
    async with desk.ledger.read() as tx:
        incident = await incidents.by_channel(tx, given.channel)
    if incident is None:
        await answer(desk, given.answer_to, offer_card(asked.rest), delivery=asked.delivery)
        return "the verbs shown"
    await member(desk, given.user)
    card = await standing(desk, incident)
    more = Note(line=line("That is what I know. I also take: ", *_forms(fitting(incident=True))))
    await answer(desk, given.answer_to, card.model_copy(update={"parts": (*card.parts, more)}), delivery=asked.delivery)
    return f"{incident.id} shown"


def offer_card(said: str) -> Card:
    """What was said, that it started nothing, and each way on."""
    title, near = said[:LONGEST_TITLE], nearest(said)
    first = "I have started nothing: plain words alone open no incident."
    parts: list[Part] = [paragraph(line("You said: ", Quote(text=title)), line(first))]
    if near:
        parts.append(paragraph(line("Did you mean ", Code(text=near.form), "?")))
    if not near or " " in said:
        spoken_label = clipped(f"Declare and triage: {title}", 75)
        press = Button(label="Declare and triage", action="declare", value=title, spoken=spoken_label, style="primary")
        parts.append(Buttons(name="said", buttons=(press,)))
    parts.append(
        paragraph(*(line(Code(text=verb.form), f" {verb.summary}") for verb in fitting(incident=False) if verb.name != DEFAULT))
    )
    parts.append(Note(line=line("Behind a mention of me the same works.")))
    return Card(kind="help", gist=f"{first} To have it looked into: {verbs()['triage'].form}", parts=tuple(parts))


def _forms(shown: Sequence[Verb]) -> Line:
    pieces: list[Text | Code] = []
    for verb in shown:
        pieces += [Text(text=" · ")] if pieces else []
        pieces.append(Code(text=verb.form))
    return tuple(pieces)
