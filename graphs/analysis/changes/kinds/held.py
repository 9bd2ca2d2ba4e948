"""How long a server holds a connection that nobody uses: where that is less than whoever keeps such connections believes, requests
are written onto connections that were just closed."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Removed
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import clean, own_name
from graphs.analysis.changes.reading.numbers import measures_of
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import split_identifier
from graphs.analysis.changes.vocabulary.resources import RESOURCES

_HELD = re2.compile(r"\b(?:keep alive|idle timeout|timeout keep alive|connection idle timeout|keepalive|keep alive timeout)\b")
_OF_NOBODY = next(one for one in RESOURCES if one.kind == "timeout" and "idl" in one.words)


def no_longer_held(one: Statement, sides: Sides) -> Effect | None:
    """An idle time that was written down falls to whatever the library thinks: mostly a few seconds."""
    name = own_name(one)
    if not measures_of(one) or not _HELD.search(" ".join(split_identifier(name))):
        return None
    words = split_identifier(name)
    if any(split_identifier(own_name(other)) == words for other in sides.news):
        return None
    note = f"{clean(name)} is left to the library"
    return effect_of("gone", 0.65, note, one, resource=_OF_NOBODY, direction="gone")


KINDS = (Removed(no_longer_held),)
