"""What a query says about the locks it takes: how it reads beside those who write."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import AlteredAmong
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_HINTS = re2.compile(r"(?i)\bwith\s*\(\s*([A-Z]+(?:\s*,\s*[A-Z]+)*)\s*\)")
_TAKES = {
    **dict.fromkeys(("nolock", "readuncommitted", "readpast", "snapshot"), 0),
    **dict.fromkeys(("", "readcommitted", "readcommittedlock", "rowlock", "forceseek", "index"), 1),
    **dict.fromkeys(("repeatableread",), 2),
    **dict.fromkeys(("holdlock", "serializable", "updlock", "paglock"), 3),
    **dict.fromkeys(("tablock", "tablockx", "xlock"), 4),
}
_WEIGHTS = (0.35, 0.4, 0.55, 0.65, 0.75)


def hinted(before: Statement, after: Statement, sides: Sides) -> Effect | None:
    """The same query under other locks: a plain read waits for who writes, no more; what is kept, or whole, makes others wait."""
    if not (_HINTS.search(before.text) or _HINTS.search(after.text)) or _bare(before) != _bare(after):
        return None
    was, now = _taken(before), _taken(after)
    if was is None or now is None or was == now:
        return None
    if now < was:
        return effect_of("query", _WEIGHTS[0], "a query reads what is not yet written for good", after, other=before)
    note = f"a query locks more: {clean((_HINTS.findall(after.text) or ['no hint'])[0])}"
    return effect_of("query", _WEIGHTS[now], note, after, resource=RESOURCE["lock"], direction="up", other=before)


def _bare(one: Statement) -> str:
    return " ".join(str(_HINTS.sub("", one.text)).split()).strip(" ;").lower()


def _taken(one: Statement) -> int | None:
    """How much a query locks; None where a hint is about something else."""
    named = [hint.strip().lower() for hints in _HINTS.findall(one.text) for hint in hints.split(",")] or [""]
    known = [_TAKES[hint] for hint in named if hint in _TAKES]
    if not known:
        return None
    return min(known) if 0 in known else max(known)


KINDS = (AlteredAmong(hinted, instead_of=frozenset({"schema", "query", "changed", "literal"})),)
