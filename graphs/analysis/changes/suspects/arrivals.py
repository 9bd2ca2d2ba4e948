"""Who asks more than before: everybody, or one of many."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.finding import Finding
from graphs.analysis.changes.reading.tokens import split_identifier

_MOST = 0.8  # share of the rise
_FEW = 0.5  # share of the level before, from which on a part is the whole under another name
_TIMES = 3.0


def of_one_part(symptoms: Sequence[Finding]) -> bool:
    """Whether one part of what arrives, small before, accounts for nearly all of the rise of the whole: a series whose name says
    all that the whole's does and more, as one for a tenant or a client does."""
    risen = [
        (one.entity, frozenset(split_identifier(one.query.rpartition("|")[2])), one.numbers["base"], one.numbers["level"])
        for one in symptoms
        if one.signal == "metrics" and one.numbers.get("level", 0.0) > one.numbers.get("base", 0.0) >= 0.0
    ]
    return any(
        entity == other
        and name < longer
        and part_level >= _TIMES * part_base
        and part_base <= _FEW * base
        and _MOST * (level - base) <= part_level - part_base <= (level - base) / _MOST
        for entity, name, base, level in risen
        for other, longer, part_base, part_level in risen
    )
