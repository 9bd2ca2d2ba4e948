"""Locks that are held while somebody else is asked: everybody who wants the lock waits for that answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, last_names
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_LOCKS = stemmed("lock locks mutex rlock rwlock synchronize monitor")
_RETURNS = stem_set(["unlock", "release"])
_TRANSACTION = stem_set(["transaction", "atomic"])
_ASKS = stemmed("fetch http https requests rpc invoke download upload publish axios urlopen grpc")
_OF_STORES = stem_set(["query", "execute", "exec", "select", "client"])
_FAR = 60  # statements: no function worth reading is longer
_SCOPED = ("with ", "async with ", "synchronized", "using ", "lock ", "lock(", "mutex.synchronize", "@")


def holding(sides: Sides) -> Iterator[Effect]:
    """Asking others under a lock, where the lock or the asking is new."""
    new = [*sides.new, *(after for before, after in sides.kept if before.indent != after.indent)]
    fresh = {(one.path, one.text) for one in new}
    for hunk in sides.shown.image:
        for place, lock in enumerate(hunk):
            if file_kind(lock.path) != "code" or not _locks(lock):
                continue
            for other in _held(lock, hunk[place + 1 : place + _FAR]):
                if _asks(other, lock) and {(lock.path, lock.text), (other.path, other.text)} & fresh:
                    found = RESOURCE["lock"]
                    note = f"{called_name(other)} is waited for under a lock"
                    yield effect_of("blocking", 0.75, note, lock, resource=found, direction="up", other=other)
                    break


def _locks(one: Statement) -> bool:
    """Takes a lock of this process, or opens a transaction, which holds the locks of what it writes. What is asked for by a name
    is a lock among processes, which is there to be held for long; and a place in a pool is no lock."""
    if _transaction(one):
        return True
    if one.text.startswith(("synchronized", "lock (")):
        return True
    names = stem_set(called(one))
    if one.text.startswith(("with ", "async with ")) and not names:
        return bool(stem_set(one.key[1:]) & _LOCKS)
    return bool(names & _LOCKS) and _handed_nothing(one) and not stem_set(last_names(one)) & _RETURNS


def _transaction(one: Statement) -> bool:
    opens = one.text.endswith((":", "{", "do")) and not one.text.startswith(("def ", "func ", "async def ", "class "))
    return opens and bool(_TRANSACTION & stem_set(one.key))


def _handed_nothing(one: Statement) -> bool:
    return any(
        key in ("lock", "Lock", "RLock", "read", "write", "acquire", "synchronize")
        and one.key[place + 1 : place + 3] in (("(", ")"), ())
        for place, key in enumerate(one.key)
    )


def _held(lock: Statement, following: Sequence[Statement]) -> Iterator[Statement]:
    """What is done before the lock is given back: the block below it, or the rest of its function."""
    scoped = lock.text.startswith(_SCOPED) or lock.text.endswith(("do", "{"))
    for one in following:
        if one.indent < lock.indent or (scoped and one.indent <= lock.indent):
            return
        names = stem_set(last_names(one))
        if names & _RETURNS and not one.text.startswith("defer"):
            return
        yield one


def _asks(one: Statement, lock: Statement) -> bool:
    words = stem_set(called(one))
    if words & _ASKS:
        return True
    waits = "await" in one.key and bool(words) and not words & _LOCKS
    return not _transaction(lock) and (waits or bool(words & _OF_STORES))


KINDS = (Throughout(holding),)
