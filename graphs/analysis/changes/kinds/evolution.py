"""Forms of messages that only those can read who know the same form."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import clean

_FIELD = re2.compile(r"^\{\s*\"name\"\s*:\s*\"(\w+)\"")
_DEMANDED = re2.compile(r"^required [\w.]+ (\w+) = \d+")


def no_default(sides: Sides) -> Iterator[Effect]:
    """A field that older messages lack, without what holds for them: whoever reads those by this form fails."""
    for one in sides.news:
        known = {match.group(1) for other in sides.olds if (match := _FIELD.match(other.text) or _DEMANDED.match(other.text))}
        field = _FIELD.match(one.text) if one.path.endswith(".avsc") and '"default"' not in one.text else None
        field = field or (_DEMANDED.match(one.text) if one.path.endswith(".proto") else None)
        if field is not None and field.group(1) not in known:
            yield effect_of("schema", 0.65, f"{clean(field.group(1))} is demanded of messages that lack it", one)
            return


KINDS = (Throughout(no_default),)
