"""What is open right now, for whoever asks outside an incident's channel."""

from __future__ import annotations

from collections.abc import Sequence

from app.cards.card import Card, Code, Line, Place, Quote, Strong, When, Who, line, note, paragraph
from app.cards.wording import clipped
from app.domain.incident import Incident

MOST_SHOWN = 15


def declared_card(incident: Incident) -> Card:
    """To whoever declared it: where it lives."""
    place = Place(id=incident.channel or "", name=incident.channel_name or "")
    gist = f"{incident.id} is declared. Its channel: #{place.name}"
    return Card(kind="note", gist=gist, parts=(paragraph(line(Strong(text=incident.id), " is declared. Its channel: ", place)),))


def elsewhere_card(incidents: Sequence[Incident]) -> Card:
    """To whoever would propose an action where there is no incident: where to."""
    first = "This is no incident's channel, and an action is proposed in one."
    there = [_line(each) for each in _worst_first(incidents)[:MOST_SHOWN] if each.channel]
    then = line("Type ", Code(text="/incident propose"), " in one of these:")
    if not there:
        then = line("No incident is open; ", Code(text="/incident declare [title]"), " opens one.")
    return Card(kind="error", gist=first, title="Not here", parts=(paragraph(line(first)), paragraph(then, *there)))


def open_card(incidents: Sequence[Incident]) -> Card:
    """The open incidents, worst first."""
    if not incidents:
        return note("No incident is open.")
    ordered = _worst_first(incidents)
    lines = [_line(each) for each in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        lines.append(line(f"and {len(ordered) - MOST_SHOWN} more"))
    many = f"{len(ordered)} open incident{'s' if len(ordered) > 1 else ''}"
    gist = f"{many}: " + "; ".join(f"{each.severity} {each.id} {clipped(each.title, 60)}" for each in ordered[:5])
    return Card(kind="note", gist=gist[:600], title=many, parts=(paragraph(*lines),))


def _worst_first(incidents: Sequence[Incident]) -> list[Incident]:
    return sorted(incidents, key=lambda each: (each.severity, each.number))


def _line(incident: Incident) -> Line:
    commander = Who(id=incident.commander) if incident.commander else Strong(text="nobody")
    return line(
        Strong(text=f"{incident.severity} {incident.id} "),
        Quote(text=clipped(incident.title, 80)),
        f" · {incident.status} · command: ",
        commander,
        " · since ",
        When(at=incident.declared_at),
        *((" · ", Place(id=incident.channel, name=incident.channel_name or "")) if incident.channel else ()),
    )
