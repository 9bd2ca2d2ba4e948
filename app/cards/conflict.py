"""Two agents met on one resource: who goes first, by what rule, and what a person may do about it."""

from __future__ import annotations

from app.cards.card import Card, Code, Line, Note, Strong, Text, Who, line, paragraph, plain
from app.domain.priority import class_of

RULE = "The higher class goes first (security, incident, reliability, cost); between equals, who asked first."
_WORDS = {
    "refused": (" wanted ", ", which ", " has, or goes first with: refused, nothing was changed."),
    "preempted": (" had claimed ", " when ", " took it before anything was changed; it was told."),
    "followed": (" took ", " right after ", " let it go: one may undo what the other did."),
    "stale": (" wrote about ", " without knowing what ", " had changed: refused, it must look again."),
}


def conflict_card(
    *, how: str, resource: str, first: str, first_priority: int, second: str, second_priority: int, commander: str | None, ask: int
) -> Card:
    """`ask`: how often they have met within an hour, where that is reason to ask a person; 0: it is not."""
    of, by, end = _WORDS[how]
    met = line(*_named(second, second_priority), of, Code(text=resource), by, *_named(first, first_priority), end)
    gist = plain(met)
    if not ask:
        return Card(kind="note", gist=gist, parts=(paragraph(met), Note(line=line(RULE))))
    whom: tuple[Who | Text, ...] = (Who(id=commander), Text(text=": ")) if commander else ()
    todo = f"they have met {ask} times within an hour and won't settle it. Pause one of them where it runs, or take it out of "
    asked = line(*whom, todo, Code(text="agents"), " in the policy file: then it gets no claim any more.")
    return Card(
        kind="note",
        gist=f"{gist} They have met {ask} times within an hour: a person must say who may.",
        parts=(paragraph(met, asked), Note(line=line(RULE))),
    )


def _named(holder: str, priority: int) -> Line:
    if holder.startswith("execution:"):
        return (Strong(text=f"the approved repair {holder.removeprefix('execution:')}"),)
    return (Strong(text=holder), Text(text=f" ({class_of(priority)})")) if priority else (Strong(text=holder),)
