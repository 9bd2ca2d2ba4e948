"""What a file of `app/slack/commands` exposes: one verb of the slash command, said the same way behind a mention."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
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
    this text. `handle` does it, in the work process; where `looks`, it is also told when the dialog was opened, as `given.view`.
    """

    name: str
    usage: str
    summary: str
    handle: Callable[[Desk, Asked], Awaitable[str]]
    parse: Callable[[str], str]
    acknowledgement: Callable[[str], str] = lambda _: ""
    dialog: Callable[[str], str | None] = lambda _: None
    looks: bool = False

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
    verb = named(text)
    if verb is None:
        near = nearest(text)
        meant = f"did you mean `{near.form}`?" if near else f"there is: {', '.join(f'`{each.form}`' for each in verbs().values())}."
        raise BadInput(f"`{SLASH}` has no verb `{word[:40]}`; {meant} `{SLASH} help` says what each does")
    return verb, verb.parse(rest.strip())


def named(text: str) -> Verb | None:
    """The verb that `text` begins with, whatever its case; nothing at all is a call for help."""
    return verbs().get(_word(text) or DEFAULT)


def nearest(text: str) -> Verb | None:
    """The verb that the first word of `text` looks like a slip of."""
    return next((verbs()[name] for name in get_close_matches(_word(text), verbs(), n=1)), None)


def fitting(*, incident: bool) -> list[Verb]:
    """What is of use in an incident's channel, or out of one."""
    of_no_use = "declare" if incident else "propose"
    return [verb for name, verb in verbs().items() if name != of_no_use]


def _word(text: str) -> str:
    return plain(text).partition(" ")[0].lower().rstrip("?!.,:;")


def anything(rest: str) -> str:
    """For a verb that takes any text."""
    return rest


def nothing(rest: str) -> str:
    """For a verb that takes nothing; what stands behind it is left out."""
    return ""


def usage_card(title: str, first: str, *, of: Sequence[Verb]) -> Card:
    """The verbs, made of the verbs themselves."""
    lines = [line(Code(text=verb.form), f" {verb.summary}") for verb in of]
    parts: tuple[Part, ...] = (paragraph(line(first)), paragraph(*lines), paragraph(line("Behind a mention of me the same works.")))
    return Card(kind="help", gist=f"{title}: {', '.join(verb.name for verb in of)}", title=title, parts=parts)
