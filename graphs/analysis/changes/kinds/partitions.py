"""Which part something belongs to: divisors and hashes that choose a place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import asked_by_name, clean, last_names, name_of
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import stem_set, stemmed


def another_part(before: Statement, after: Statement) -> Effect | None:
    """Another divisor or another hash decides to which part something belongs."""
    was, now = _divisor(before), _divisor(after)
    if was is None or now is None or was == now or not stem_set([*called(before), *before.parents, before.text]) & _PARTED:
        return None
    return effect_of("identity", 0.75, f"parts are told by {clean(now)}, no longer by {clean(was)}", after, other=before)


_PARTED = stemmed("shard partition hash bucket slot crc32 fnv murmur md5 sum32 ring node hashcode")


def _divisor(one: Statement) -> str | None:
    place = next((at for at, text in enumerate(one.key) if text == "%"), None)
    if place is None or file_kind(one.path) != "code":
        return None
    return " ".join(one.key[place + 1 : place + 5])


_HASHERS = stemmed(
    "hash digest crc adler md5 sha murmur murmurhash xxh xxhash fnv siphash cityhash farmhash blake2b hashcode jenkins wyhash "
    "hasher"
)
_PLACES = stemmed("shard partition slot bucket ring route router node owner place placement cohort variant assignment")


def hashed_otherwise(sides: Sides) -> Iterator[Effect]:
    """Another function chooses the place: what was put by the old one is not found by the new one."""
    for was, now in sides.by_code_file():
        come = _hashes(now)
        gone = _hashes(was) or {name.rpartition(".")[2] for one in was for name in called(one) if stem_set([name]) & _PLACES}
        chooses = [
            any("%" in one.key or stem_set([*one.parents[-2:], name_of(one) or "", *called(one)]) & _PLACES for one in side)
            for side in (was, now)
        ]
        if not gone or not come or gone & come or not all(chooses):
            continue
        other = next((one for one in was if (last_names(one) | asked_by_name(one)) & gone), was[0])
        after = next((one for one in now if (last_names(one) | asked_by_name(one)) & come), now[0])
        words = [*after.parents[::-1], name_of(after) or "", *stem_set([after.nearby])]
        what = next((name for name in words if stem_set([name]) & _PLACES), "a place")
        made = effect_of("identity", 0.75, f"{clean(what)} is chosen by {clean(min(come))}", after, other=other)
        yield replace(made, words=made.words | stem_set([what, *after.parents[-2:]]))


def _hashes(side: Sequence[Statement]) -> set[str]:
    names = {name for one in side for name in (*called(one), *asked_by_name(one))}
    return {name.rpartition(".")[2].rpartition(":")[2] for name in names if stem_set([name]) & _HASHERS}


KINDS = (
    Altered(another_part),
    Throughout(hashed_otherwise),
)
