"""Errors, named for what the caller can do next. The message is a sentence to a person on call.

FirstmateError
├── Unreachable      the system asked did not answer: try again, or look at it by other means
├── Rejected         it answered no to exactly this query: change the query
├── Misconfigured    a setting is missing or wrong: the message names the variable and what to do
├── BadInput         what came from outside cannot be read: the message says what is wrong with it
├── NotFound         the named thing does not exist
├── Denied           policy or authority says no: the message is the reason
└── Conflict         somebody else was first: the message says who and when
"""

from __future__ import annotations

from app.domain.redaction import redact


class FirstmateError(Exception):
    """Something a person can be told. What others answered may be quoted in it: its secrets are replaced."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(message))


class Unreachable(FirstmateError):
    """The system asked did not answer in time."""


class Rejected(FirstmateError):
    """The system answered that it won't answer this."""


class Misconfigured(FirstmateError):
    """A setting is missing or wrong."""


class BadInput(FirstmateError):
    """What came from outside cannot be read."""


class NotFound(FirstmateError):
    """The named thing does not exist."""


class Denied(FirstmateError):
    """Policy or authority says no."""


class Conflict(FirstmateError):
    """Somebody else was first."""
