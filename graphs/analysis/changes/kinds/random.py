"""What is another each time: a key that is made of it is the same no second time."""

from __future__ import annotations

from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import stem_set, stemmed

ONCE = stemmed(
    "now time timestamp millis nanos received sent date nonce random rand attempt attempts retry retries offset span ticks "
    "epoch cookie unix clock nanoid deliverytag elapsed"
)
"""Names of what is another each time that the same thing is asked or delivered."""
_EACH = (stem_set(["request", "id"]), stem_set(["trace", "id"]), stem_set(["correlation", "id"]), stem_set(["delivery", "tag"]))
DRAWN = stem_set(["uuid", "guid", "ulid"])


def only_once(part: frozenset[str]) -> bool:
    return bool(part & ONCE) or any(each <= part for each in _EACH)


def drawn(one: Statement) -> bool:
    """Whether a statement draws an identity of its own."""
    return any(stem_set([name]) & (DRAWN | stem_set(["random", "nanoid"])) for name in called(one))
