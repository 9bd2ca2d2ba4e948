"""Functions that went while another one, which came, makes the same thing: what it leaves out is lost, and not only moved away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import last_names
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.vocabulary.calls import TRIVIAL

_ENOUGH = 2  # calls in common: one alone is anybody's
_SHARE = 0.5


def rebuilt(sides: Sides) -> frozenset[str]:
    """Names of functions that are gone, and whose calls another function makes now, most of them."""
    was, now = _asked(sides.olds), _asked(sides.news)
    return frozenset(
        name
        for name in sides.functions_gone & was.keys()
        if any(len(was[name] & other) >= max(_ENOUGH, _SHARE * len(was[name])) for other in now.values())
    )


def _asked(side: Iterable[Statement]) -> dict[str, frozenset[str]]:
    """By function, what it calls."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for one in side:
        if one.parents and file_kind(one.path) == "code" and defined(one.text) is None:
            found[one.parents[0]] |= last_names(one) - TRIVIAL
    return found
