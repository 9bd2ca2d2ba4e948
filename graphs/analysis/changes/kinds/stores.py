"""Where what is kept between requests is kept: by one store for all, by each instance in its memory, or as files on its disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.names import clean, name_of, own_name
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set
from graphs.analysis.changes.vocabulary.resources import RESOURCE, Resource

_FOR_ALL = re2.compile(
    r"(?i)redis|memcache|valkey|dynamo|hazelcast|couchbase|mongo|postgres|\bpg\b|database|\bdb\b|ignite|etcd|dalli"
)
_FILES = re2.compile(
    r"(?i)\bfile_?store\b|\bfile_?based_?cache\b|\bfilesystem_?(?:cache|adapter|store)?\b|\bcache\.adapter\.filesystem\b"
    r"|\bdisk_?(?:cache|store)\b|\bfile_?(?:cache|session)\b|[:=]\s*[\"']?files?[\"']?\s*$|\bsession\.save_handler\b.*\bfiles\b"
    r"|\bcache\.backends\.file\b|\bsessions\.backends\.file\b"
)
_MEMORY = re2.compile(
    r"(?i)\bmemory_?store\b|\blocmem\w*|\bmemory://|\bin_?memory\w*|[:=]\s*[\"']?(?:memory|array|local)[\"']?\s*$|\bsimple_?cache\b"
    r"|\bcaffeine\w*|\bconcurrentmap\w*|\bnode-cache\b|\bNewMemory\w*\(|\bmemory\.New"
)
_KEEPS = stem_set(["cache", "caches", "session", "sessions", "limiter", "ratelimit", "throttle", "limit", "idempotency", "nonce"])
_ADDED_STORE = re2.compile(r"(?i)\b(?:store|storage|adapter|backend|driver)[\"']?\s*[:=(]")


def moved_in(sides: Sides) -> Iterator[Effect]:
    """What one store kept for all is kept by each instance for itself."""
    shared = [one for one in sides.olds if _keeps(one) and _FOR_ALL.search(one.text)]
    if not shared:
        return
    names = {own_name(one) for one in shared} - {""}
    for one in sides.news:
        if not (_keeps(one) or own_name(one) in names) or _FOR_ALL.search(one.text):
            continue
        name = clean((name_of(one) or "").rpartition("/")[2]) or "what is kept"
        if _FILES.search(one.text):
            note = f"{name}: a file on the own disk for each entry"
            yield effect_of("literal", 0.7, note, one, resource=RESOURCE["retention"], direction="up")
            return
        if _MEMORY.search(one.text) or _without_store(one, shared):
            note = f"{name}: each instance keeps its own"
            yield effect_of("literal", 0.65, note, one, resource=_kept(one, shared), direction="gone")
            return


def _without_store(one: Statement, shared: Sequence[Statement]) -> bool:
    """Whether the same is made without naming a store, which then is the memory of the process."""
    calls = {name for other in shared if _ADDED_STORE.search(other.text) for name in other.calls}
    return bool(one.calls & calls) and not _ADDED_STORE.search(one.text)


def _kept(one: Statement, shared: Sequence[Statement]) -> Resource:
    words = _said(one).union(*map(_said, shared))
    if words & stem_set(["session", "sessions"]):
        return RESOURCE["lifetime"]
    return RESOURCE["rate_limit" if words & stem_set(["limiter", "ratelimit", "throttle", "limit"]) else "cache"]


def _keeps(one: Statement) -> bool:
    return bool(_said(one) & _KEEPS)


def _said(one: Statement) -> frozenset[str]:
    return one.words | stem_set(one.parents[-2:])


KINDS = (Throughout(moved_in),)
