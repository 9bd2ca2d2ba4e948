"""The oldest version of TLS that is spoken: who speaks only older ones is turned away at once, without a request."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import ANOTHER_VALUE, Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.reading.names import clean, own_name
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_SPOKEN = re2.compile(r"(?i)(?:tls|ssl)")
_VERSION = re2.compile(r"(?i)(?:tls(?:version|v)*[ _.-]*v?1[._-]?|[-_ ,:=\"']v?1[._-])([0-3])")


def oldest(text: str) -> int | None:
    """The minor number of the oldest version of TLS that a text names; None where it names none."""
    if not _SPOKEN.search(text):
        return None
    found = [int(one.group(1)) for one in _VERSION.finditer(text) if not text[one.end() : one.end() + 1].isdigit()]
    return min(found) if found else None


def spoken(before: Statement, after: Statement) -> Effect | None:
    """Another oldest version than before, in two versions of a setting."""
    was, now = oldest(_heard(before)), oldest(_heard(after))
    if was is None or now is None or was == now:
        return None
    key = clean(own_name(after))
    note = f"TLS 1.{was} -> 1.{now} at the least" + (f" in {key}" if key else "")
    handshake = RESOURCE["certificate"]
    stricter = now > was
    return effect_of(
        "tightened" if stricter else "changed",
        0.75 if stricter else 0.25,
        note,
        after,
        resource=handshake,
        direction="down" if stricter else "other",
        other=before,
    )


def _heard(one: Statement) -> str:
    return f"{' '.join(one.parents[-1:])} {one.text}"


KINDS = (Altered(spoken, instead_of=ANOTHER_VALUE | {"number", "condition", "came", "gone"}),)
