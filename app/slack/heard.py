"""What the surface hears from Slack and hands to the work process through the inbox: only what is needed, never a token.

`answer_to` is a response_url or `channel/user[/thread]`. A response_url lets its holder post: it lives in the inbox and the
outbox and nowhere else, least of all in a log.
"""

from __future__ import annotations

import json
from typing import Any

import re2
from pydantic import Field

from app.domain.value import Value

COMMAND, PRESS, SUBMISSION = "slack.command", "slack.press", "slack.submission"
"""The kinds of delivery."""


class Heard(Value):
    """`user` is never empty: what nobody did is not kept. `user_team` is the team the payload gives the person, empty where it
    gives none; `app` the app it was sent to."""

    user: str = Field(min_length=1)
    team: str
    user_team: str = ""
    app: str = ""
    answer_to: str


class Command(Heard):
    """What was typed behind the slash command or behind a mention. `view` is the dialog that was opened for it."""

    channel: str
    text: str
    slash: bool
    view: str = ""


class Press(Heard):
    """A button of a message. `view` is the dialog that was opened for it and waits to be filled."""

    action: str
    value: str
    channel: str
    message_ts: str
    view: str = ""


class Submission(Heard):
    """A dialog, filled in. `about` is what was put into it when it was opened."""

    dialog: str
    values: dict[str, str] = Field(default_factory=dict)
    about: dict[str, str] = Field(default_factory=dict)


def mend(body: dict[str, Any]) -> None:
    """Half a character (a lone surrogate, which JSON can write and UTF-8 can't) becomes U+FFFD, wherever it stands.

    Raises `RecursionError` for what is nested too deeply to be looked through.
    """
    text = json.dumps(body, ensure_ascii=False)
    mended = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if mended != text:
        body.clear()
        body.update(json.loads(mended))


_MARKED = re2.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_NAMED = ("@", "#", "!")


def plain(text: str) -> str:
    """What somebody typed, with Slack's own markup undone: a link is its address, a person their name or id.

    The result is data. It is never shown unescaped and never obeyed.
    """
    opened = _MARKED.sub(lambda match: _opened(match.group(1), match.group(2) or ""), text)
    return " ".join(opened.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split())


def _opened(inner: str, label: str) -> str:
    if not inner.startswith(_NAMED):
        return inner.removeprefix("mailto:") if inner.startswith("mailto:") else inner
    return inner[0].replace("!", "@") + (label or inner[1:]).lstrip("@#!")


_SERVICE = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,100}")


def service_in(text: str) -> str | None:
    """The text, if it could be the name of one service: a single word that is no link."""
    return text if _SERVICE.fullmatch(text) and "://" not in text else None
