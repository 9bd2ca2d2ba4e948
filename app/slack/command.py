"""What a file of `app/slack/commands` exposes: one verb of the slash command, said the same way behind a mention."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.cards.card import Card, Code, Part, line, paragraph
from app.domain.errors import BadInput
from app.incidents.desk import Desk
from app.plugins import discover
from app.slack.heard import Command as Given
from app.slack.heard import plain

SLASH = "/incident"
DEFAULT = "help"


@dataclass(frozen=True)
class Asked:
    """A command, read. `rest` is what stood behind the verb: data."""

    given: Given
    rest: str
    delivery: int


@dataclass(frozen=True)
class Verb:
    """One verb. The folder is the registry: `COMMAND = Verb(...)`.

    `parse` checks what stands behind the verb and raises `BadInput` with the right form beside it. `acknowledgement` is what the
    person sees at once ("" when the answer itself comes at once). `dialog` names the modal opened instead where there is one for
    this text. `handle` does it, in the work process.
    """

    name: str
    usage: str
    summary: str
    handle: Callable[[Desk, Asked], Awaitable[str]]
    parse: Callable[[str], str]
    acknowledgement: Callable[[str], str] = lambda _: ""
    dialog: Callable[[str], str | None] = lambda _: None

    @property
    def form(self) -> str:
        return f"{SLASH} {self.usage}"


@cache
def verbs() -> Mapping[str, Verb]:
    """Every verb by name. Raises `Misconfigured` for a file that can't be loaded."""
    found: dict[str, Any] = discover("app.slack.commands", "COMMAND")
    return {verb.name: verb for verb in found.values()}


def read(text: str) -> tuple[Verb, str]:
    """The verb in `text` and what stands behind it; nothing at all is a call for help.

    Raises `BadInput`, naming the right form, for an unknown verb or something that the verb can't use.
    """
    word, _, rest = plain(text).partition(" ")
    known = verbs()
    verb = known.get((word or DEFAULT).lower())
    if verb is None:
        near = _nearest(word.lower(), known)
        meant = f"did you mean `{known[near].form}`?" if near else f"there is: {', '.join(known)}."
        raise BadInput(f"`{SLASH}` has no verb `{word[:40]}`; {meant} `{SLASH} help` shows all of them")
    return verb, verb.parse(rest.strip())


def anything(rest: str) -> str:
    """For a verb that takes any text."""
    return rest


def nothing(rest: str) -> str:
    """For a verb that takes nothing; what stands behind it is left out."""
    return ""


def usage_card(title: str, first: str, *, of: Mapping[str, Verb]) -> Card:
    """The verbs, made of the verbs themselves."""
    lines = [line(Code(text=verb.form), f" {verb.summary}") for verb in of.values()]
    parts: tuple[Part, ...] = (paragraph(line(first)), paragraph(*lines), paragraph(line("Behind a mention of me the same works.")))
    return Card(kind="help", gist=f"{title}: {', '.join(of)}", title=title, parts=parts)


def _nearest(word: str, known: Mapping[str, Verb]) -> str | None:
    """The verb that shares the most letters at the beginning, two at least."""
    shared = {
        name: next((i for i, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), min(len(word), len(name)))
        for name in known
    }
    best = max(shared, key=lambda name: shared[name])
    return best if shared[best] >= 2 else None
