"""The turn in which rows or locks are taken: who takes the same ones in another turn waits for who waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_SORTS = re2.compile(
    r"\b(?:sorted|sort|sort_by!?|sortBy|sortedBy|sortedWith|toSorted|orderBy|OrderBy|order_by|Sort|SortFunc|SortBy|Slice|Ints|Strings"
    r"|ThenBy|TreeMap|TreeSet|ksort|usort|sort_unstable\w*|sort_by_key)\s*[(<{]|\.(?:sorted|sort|order)\b|(?i:\border\s+by\b)"
)
_LOCKS = re2.compile(
    r"(?i)\bfor\s+(?:no\s+key\s+)?update\b|\bupdate\s+[\w.\"`\[\]]+\s+set\b|\bselect_for_update\b|\bwith_lock\b|\block!|\.lock\(|\.acquire\("
    r"|\bExecuteUpdate(?:Async)?\(|\bPESSIMISTIC_WRITE\b|\bfor_?update\(|\blockForUpdate\(|\bupdlock\b|\bmerge\s+into\b"
    r"|\bon\s+conflict\b.*\bdo\s+update\b|\binsert_or_update\b|\bupsert_?all\b|\bbulk_update\b|\bsynchronized\s*\("
    r"|\.(?:update|increment|decrement)\w*!?\("
)
_TAKES_ONE = re2.compile(r"\b([A-Za-z_][\w.>-]*?)(?:\.|->)(?:[Ll]ock|acquire|Acquire|lockInterruptibly)\(\)")
_LOOPS = re2.compile(r"\b(?:for|foreach|each|forEach|while|map|do)\b")
_SEVERAL = re2.compile(
    r"(?i)\bon\s+conflict\b.*\bdo\s+update\b|\bon\s+duplicate\s+key\s+update\b|\bmerge\s+into\b|\bupsert_?all\b|\bbulk_?(?:update|upsert)\b"
    r"|\bbulkWrite\b|\bfor\s+update\b|\bselect_for_update\b|\blockForUpdate\("
)
"""Statements that lock several rows at once, in the turn in which they are handed over."""
_CHOSEN = re2.compile(
    r"\b\w[\w.()]*\s*[<>]=?\s*\w[\w.()]*\s*\?\s*\w+\s*:\s*\w+|\b(?:min|max)\(\s*\w[\w.]*\s*,|\bcompareTo\(|\bif\b.*[<>].*\bswap\b"
    r"|\w+\s*,\s*\w+\s*:?=\s*\w+\s*,\s*\w+"
)
_LOCKED = re2.compile(r"(?i)\bsynchronized\s*\(|\.(?:lock|acquire)\(|->lock\(|\bwith \w[\w.]*lock\w*\b|\block\s*\(")
_TRANSACTED = re2.compile(r"(?i)transaction|\btx\b|\batomic\b|unit_?of_?work|\bbegin\b|\bcommit\b|\bmutex|\block")


def unsorted(sides: Sides) -> Iterator[Effect]:
    """What is locked row after row was sorted before, so that all took them in the same turn."""
    went = [one for one in sides.olds if _SORTS.search(one.text) and file_kind(one.path) in ("code", "schema")]
    if not went or any(_SORTS.search(one.text) for one in sides.news):
        return
    for one in went:
        hunks = [hunk for hunk in sides.shown.former if any(other.path == one.path for other in hunk)]
        around = [other for hunk in hunks for other in hunk if one.text in {item.text for item in hunk}]
        if _taken_in_turn(one, around):
            lock = RESOURCE["lock"]
            yield effect_of("gone", 0.8, "rows are locked in no order any more", one, resource=lock, direction="gone")
            return


def _taken_in_turn(one: Statement, around: Sequence[Statement]) -> bool:
    """Whether the sorted things are locked: by the query itself, or one after the other in a loop."""
    if re2.search(r"(?i)\bfor\s+(?:no\s+key\s+)?update\b|\bupdlock\b|PESSIMISTIC_WRITE|select_for_update|lockForUpdate", one.text):
        return True
    later = around[around.index(one) :] if one in around else around
    if any(_SEVERAL.search(other.text) for other in later if other is not one):
        return True
    locked = any(_LOCKS.search(other.text) and (other.loops or other.parents) for other in later if other is not one)
    looped = any(_LOOPS.search(other.text) for other in later)
    within = any(_TRANSACTED.search(other.text) for other in around)
    return locked and looped and within


def the_other_first(sides: Sides) -> Iterator[Effect]:
    """Two locks are taken in the opposite turn."""
    for path in sorted({one.path for one in sides.news}):
        was, now = (
            [(match.group(1), one) for hunk in image for one in hunk if one.path == path and (match := _TAKES_ONE.search(one.text))]
            for image in (sides.shown.former, sides.shown.image)
        )
        names = [name for name, _ in was]
        if len(names) != 2 or len(set(names)) != 2 or [name for name, _ in now] != names[::-1]:
            continue
        note = f"{clean(now[0][0])} is taken before {clean(now[1][0])} now"
        yield effect_of("swapped", 0.75, note, now[0][1], resource=RESOURCE["lock"], direction="gone")


def as_handed_in(sides: Sides) -> Iterator[Effect]:
    """Two things are locked in the turn in which they are handed in, where the lesser of them was locked first before."""
    for path in sorted({one.path for one in sides.olds}):
        chose = [one for one in sides.olds if one.path == path and _CHOSEN.search(one.text)]
        still = any(_CHOSEN.search(one.text) or _SORTS.search(one.text) for one in sides.news)
        locks = [one for one in sides.shown.standing if one.path == path and _LOCKED.search(one.text)]
        if chose and not still and len(locks) == 2 and locks[0].text != locks[1].text:
            note = "which of two is locked first is as they are handed in"
            yield effect_of("gone", 0.75, note, chose[0], resource=RESOURCE["lock"], direction="gone")


KINDS = (Throughout(as_handed_in), Throughout(unsorted), Throughout(the_other_first))
