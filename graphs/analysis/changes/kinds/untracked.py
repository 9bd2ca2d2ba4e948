"""Records read in a way in which what is changed in them is not stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import around
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.words import stem_set, stemmed

_UNTRACKED = re2.compile(
    r"\.AsNoTracking(?:WithIdentityResolution)?\(\)|\bQueryTrackingBehavior\.NoTracking\w*|\bAutoDetectChangesEnabled\s*=\s*false"
    r"|\.lean\(\)|\breadOnly\s*=\s*true|\.setReadOnly\(true|\bFlushMode(?:Type)?\.(?:MANUAL|NEVER|COMMIT)\b|\bsession\.expunge(?:_all)?\("
    r"|\b(?:entityManager|em)\.detach\(|\bopenStatelessSession\(|\.readonly\b|\bautoflush=False|\braw:\s*true"
)
_SHOWN_ONLY = re2.compile(
    r"\.Select\(|\.ProjectTo\b|\.(?:Any|Count|Sum|Max|Min)(?:Async)?\(|\bAs[A-Z]\w*(?:Dto|View)\b|\.(?:map|select|pluck)\(|\bselect\s*:"
)
"""What makes something else of the records, of which nothing would be stored."""
_SHOWS = stemmed(
    "list search report export dashboard view show index find_all overview statistics stats count summary page browse query "
    "download feed history preview all"
)
_ONE = re2.compile(
    r"\.(?:Single|First|Find|Last)\w*\(|\.findOne\w*\(|\.findById\(|\bfind_by\b|\.find\(\w+\)|\bGet(?:ById)?Async\b|byId\b"
)
_STORES = re2.compile(
    r"(?i)\.(?:save\w*|update\w*|flush|persist|commit|complete|merge|submitchanges|destroy|delete\w*)\b|\.(?:set|mark|apply|add)[A-Z_]\w*\("
)


_STAYS = stemmed("save saved stored written entities affected still again unchanged lost")
"""What is said of a record that stays as it was."""


def not_stored(sides: Sides) -> Iterator[Effect]:
    """Read for looking at only: whoever changes such a record stores nothing, and no error says so."""
    if any(_UNTRACKED.search(one.text) for one in sides.olds):
        return
    for hunk in sides.shown.image:
        fresh = {one.text for one in sides.news if hunk and one.path == hunk[0].path}
        for place, one in enumerate(hunk):
            mark = _UNTRACKED.search(one.text)
            if mark is None or one.text not in fresh or _SHOWN_ONLY.search(one.text):
                continue
            weight = _weight(hunk, place)
            if weight:
                made = effect_of("untracked", weight, f"{clean(mark.group())}: what is changed in it is not stored", one)
                yield replace(made, words=made.words | _STAYS)
                return


def _weight(hunk: Sequence[Statement], place: int) -> float:
    """One record is read to be changed as often as to be shown; many are mostly shown."""
    one = hunk[place]
    rest = _goes_on(hunk, place)
    opener = rest[0] if one.text.startswith(("@", "[")) and rest else next(around(hunk, place), one)
    near = [one, *rest, opener]
    named = stem_set(_HEAD.findall(opener.text)[:1])
    if any(_SHOWN_ONLY.search(other.text) for other in near[:-1] or near) or (named & _SHOWS and not _stores(near)):
        return 0.0
    if _stores(near):
        return 0.75
    return 0.65 if any(_ONE.search(other.text) for other in near) else 0.3


_HEAD = re2.compile(r"(\w+)\(")


def _stores(near: Sequence[Statement]) -> bool:
    return any(_STORES.search(other.text) for other in near)


def _goes_on(hunk: Sequence[Statement], place: int) -> list[Statement]:
    """The rest of the chain, or of the function that an annotation or a first line belongs to."""
    level = hunk[place].indent
    found: list[Statement] = []
    for other in hunk[place + 1 :]:
        if other.indent < level or (found and defined(other.text) is not None):
            break
        found.append(other)
    return found


KINDS = (Throughout(not_stored),)
