"""Ways through a function: what is given back only on some of them, what is done before the answer now, what is always the same.

Each of these is read from both sides of a diff as a whole, because the parts of such an edit stand in several places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import re2

from graphs.analysis.changes.effects import (
    FAILING,
    GUARD,
    Effect,
    called_name,
    calls_out,
    clean,
    effect_of,
    first_resource,
    last_names,
    name_of,
)
from graphs.analysis.changes.lexicon import Resource
from graphs.analysis.changes.reading.statements import Statement, called, defined, file_kind
from graphs.analysis.changes.reading.tokens import stem_set

_GIVES_BACK = frozenset(
    [
        "close",
        "release",
        "unlock",
        "dispose",
        "rollback",
        "shutdown",
        "disconnect",
        "putconn",
        "end",
        "destroy",
        "free",
        "return_connection",
    ]
)
_EXITS = ("return", "raise", "throw", "continue", "break", *FAILING)
_SCOPED = ("with ", "async with ", "using ", "using(", "await using ", "try (", "try(", "defer ")
_ENDED = frozenset(["finally", "ensure", "defer"])
_OPENS = stem_set(
    ["open", "connect", "connection", "session", "client", "stream", "acquire", "begin", "cursor", "socket", "get", "lock"]
)


def ways(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """`old`, `new`: everything that went and came, moved or not."""
    was, now = ([one for one in side if file_kind(one.path) == "code"] for side in (old, new))
    if was and now:
        yield from _not_given_back(was, now)
        yield from _no_longer_scoped(was, now)
        yield from _done_here(was, now)
        yield from _always(was, now)
        yield from _hashed_otherwise(was, now)


def _closes(one: Statement) -> set[str]:
    return {name.lower() for name in last_names(one)} & _GIVES_BACK


def _not_given_back(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """What gave something back stands behind a new exit, or in something that a new exit passes by."""
    for one in old:
        names = _closes(one)
        again = [other for other in new if names & _closes(other)]
        if not names or not again or any(_as_before(one, other, new) for other in again):
            continue
        known = {other.key for other in old}
        here = [other for other in new if abs(other.block - one.block) <= 1 and other.path == one.path]
        end = next((place for place, other in enumerate(here) if names & _closes(other)), len(here))
        for place, leaving in enumerate(here[:end]):
            guarded = leaving.text.startswith(_EXITS) and leaving.indent > one.indent and place > 0
            if guarded and not (leaving.key in known and here[place - 1].key in known) and _within(leaving, here[:place], one):
                note = f"{called_name(one)} is passed by on a new way out"
                yield effect_of("leak", 0.75, note, leaving, resource=_held(one), direction="gone", other=one)
                return


def _within(leaving: Statement, before: Sequence[Statement], one: Statement) -> bool:
    """Whether an exit stands in the function that `one` stood in, and not in one that came along."""
    opened = [other for other in before if defined(other.text) is not None and other.indent < leaving.indent]
    return not opened or (opened[-1].indent < one.indent and leaving.parents[:1] == one.parents[:1])


def _as_before(one: Statement, other: Statement, new: Sequence[Statement]) -> bool:
    """Whether it is given back whatever happens, in the same function, at least as surely as before."""
    sure = other.text.startswith(_SCOPED) or bool(_ENDED & set(other.parents[-1:]))
    return sure and abs(one.block - other.block) <= 1 and one.path == other.path and not _exits_before(other, new)


def _exits_before(other: Statement, new: Sequence[Statement]) -> bool:
    here = [one for one in new if one.block == other.block]
    place = next(at for at, one in enumerate(here) if one is other)
    return other.text.startswith("defer") and any(one.text.startswith(_EXITS) for one in here[:place])


def _held(one: Statement) -> Resource | None:
    return first_resource(
        stem_set([*called(one)]) & stem_set(["conn", "connection", "pool", "session", "lock", "transaction"])
        or stem_set(["connection"])
    )


_BLOCK = re2.compile(r"\)? (?:do|\{) \|\w+\|$|\)?\.use \{")  # `open(path) do |io|`, `openStream().use {`


def _no_longer_scoped(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """What was open for a block only is opened without one; or what was given back at every end is at the last one only."""
    for one in old:
        if one.text.startswith(_SCOPED[:-1]) or _BLOCK.search(one.text):
            names = {name for name in last_names(one) if stem_set([name]) & _OPENS}
            plain = [other for other in new if names & last_names(other) and other.path == one.path]
            if (
                names
                and plain
                and not any(other.text.startswith(_SCOPED) or _BLOCK.search(other.text) for other in plain)
                and not _ended(new, one)
            ):
                note = f"{called_name(one)} is opened and not closed at every end"
                yield effect_of("leak", 0.7, note, plain[0], resource=_held(one), direction="gone", other=one)
                return
        elif _closes(one) and (one.text.startswith("defer") or _ENDED & set(one.parents[-1:])):
            again = [
                other
                for other in new
                if _closes(one) & _closes(other) and other.path == one.path and _function(other) == _function(one)
            ]
            sure = any(other.text.startswith(_SCOPED) or _ENDED & set(other.parents[-1:]) for other in again)
            if again and not sure and not any(other.text.startswith(_SCOPED) for other in new):
                note = f"{called_name(one)} is left out where something fails"
                yield effect_of("leak", 0.65, note, again[0], resource=_held(one), direction="gone", other=one)
                return


def _function(one: Statement) -> tuple[str, ...]:
    return tuple(name for name in one.parents if name not in _ENDED | {"try", "begin", "except", "catch", "rescue"})[:1]


def _ended(new: Sequence[Statement], one: Statement) -> bool:
    return any(
        _closes(other) and other.path == one.path and (other.text.startswith("defer") or _ENDED & set(other.parents))
        for other in new
    )


_PUTS_OFF = frozenset(
    [
        "submit",
        "runAsync",
        "supplyAsync",
        "create_task",
        "ensure_future",
        "add_task",
        "delay",
        "apply_async",
        "perform_later",
        "perform_async",
        "deliver_later",
        "enqueue",
        "Enqueue",
        "QueueBackgroundWorkItem",
        "setImmediate",
        "nextTick",
        "spawn",
        "put_nowait",
        "offer",
        "try_send",
        "TryWrite",
        "fire_and_forget",
        "run_in_executor",
        "queueMicrotask",
        "execute_async",
    ]
)
"""Called names after which nobody waits for what is to be done."""
_QUEUES = stem_set(
    ["queue", "buffer", "outbox", "channel", "backlog", "executor", "background", "batcher", "events", "jobs", "tasks"]
)
_PUTS = frozenset(["put", "add", "push", "append", "send", "write", "Add", "Send", "Write", "TryWrite", "append", "enqueue"])
_SENT = re2.compile(
    r"^(?:case )?[\w.\[\]]+ <- [^=]|^go |^void \w|\bTask\.Run\(|\bThread\("
    r"|\b(?:launch|async|thread|Thread\.new|Thread\.start) \{|\bDispatchQueue\."
)
_WITHIN = re2.compile(r"\w\.\w+\((?:ctx|context|\w+Ctx|cancellationToken|ct|r\.Context\(\))\b")


def _put_off(one: Statement) -> bool:
    names = last_names(one)
    if names & _PUTS_OFF or _SENT.search(one.text):
        return True
    receivers = stem_set(name.rpartition(".")[0].rpartition(".")[2] for name in called(one) if "." in name)
    return bool(names & _PUTS and receivers & _QUEUES)


def _done_here(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """What was only handed to somebody who did it later is done now before there is an answer."""
    for path in sorted({one.path for one in old}):
        deferred = [one for one in old if one.path == path and _put_off(one)]
        if not deferred or any(_put_off(one) for one in new):
            continue
        before = {name for one in old if one.loops == 0 for name in last_names(one) if not _put_off(one)}
        for one in new:
            asks = calls_out(one) or "await" in one.key or _WITHIN.search(one.text) is not None or _handed_on(one, deferred)
            fresh = last_names(one) - before
            if one.path == path and asks and fresh and defined(one.text) is None and not _closes(one):
                note = f"{called_name(one)} is waited for, and no longer done later"
                yield effect_of("blocking", 0.75, note, one, other=deferred[0])
                break


def _handed_on(one: Statement, deferred: Sequence[Statement]) -> bool:
    """Whether a statement calls itself what was named in what was put off: `pool.submit(() -> mailer.send(m))`."""
    said = {token.text for other in deferred for token in other.tokens if token.kind == "word"}
    return bool((last_names(one) - _PUTS_OFF) & said)


_LOOKED_UP = re2.compile(
    r"[A-Za-z_]\w*\[[a-z_][\w.]*\](?:\.[a-z_]\w*)?|\.get\([a-z_][\w.]*\)|\.(?:for|of|by|for_\w+|forCurrency)\([a-z_][\w.]*\)"
)


def _always(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """What was looked up for each case is a number written in the code now, the same for all."""
    said = {token.text for one in new for token in one.tokens}
    known = {token.text.strip("\"'") for one in old for token in one.tokens if token.kind in ("number", "string")}
    for one in old:
        name = (name_of(one) or "").rpartition("/")[2]
        if not name or name in said or not _LOOKED_UP.search(one.text) or one.text.startswith(GUARD):
            continue
        for other in new:
            numbers = [
                token.text
                for token in other.tokens
                if _NUMBER.match(token.text.strip("\"'")) and token.text.strip("\"'") not in known
            ]
            if other.path == one.path and numbers and abs(other.block - one.block) <= 1:
                note = f"{clean(name)} is no longer looked up, and always {clean(numbers[0])}"
                yield effect_of("fixed", 0.7, note, other, resource=first_resource(stem_set([name])), other=one)
                return


_NUMBER = re2.compile(r"^\d+(?:\.\d+)?[a-zA-Z]?$")


_HASHERS = stem_set(
    [
        "hash",
        "digest",
        "crc",
        "adler",
        "md5",
        "sha",
        "murmur",
        "murmurhash",
        "xxh",
        "xxhash",
        "fnv",
        "siphash",
        "cityhash",
        "farmhash",
        "blake2b",
        "hashcode",
        "jenkins",
        "wyhash",
        "hasher",
    ]
)
_PLACES = stem_set(
    [
        "shard",
        "partition",
        "slot",
        "bucket",
        "ring",
        "route",
        "router",
        "node",
        "owner",
        "place",
        "placement",
        "cohort",
        "variant",
        "assignment",
    ]
)


def _hashed_otherwise(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """Another function chooses the place: what was put by the old one is not found by the new one."""
    for path in sorted({one.path for one in old}):
        was, now = ([one for one in side if one.path == path] for side in (old, new))
        come = _hashes(now)
        gone = _hashes(was) or {name.rpartition(".")[2] for one in was for name in called(one) if stem_set([name]) & _PLACES}
        chooses = [
            any("%" in one.key or stem_set([*one.parents[-2:], name_of(one) or "", *called(one)]) & _PLACES for one in side)
            for side in (was, now)
        ]
        if not gone or not come or gone & come or not all(chooses):
            continue
        other = next((one for one in was if (last_names(one) | _asked_of(one)) & gone), was[0])
        after = next((one for one in now if (last_names(one) | _asked_of(one)) & come), now[0])
        words = [*after.parents[::-1], name_of(after) or "", *stem_set([after.nearby])]
        what = next((name for name in words if stem_set([name]) & _PLACES), "a place")
        made = effect_of("identity", 0.75, f"{clean(what)} is chosen by {clean(min(come))}", after, other=other)
        yield replace(made, words=made.words | stem_set([what, *after.parents[-2:]]))


def _asked_of(one: Statement) -> set[str]:
    return {after.text for dot, after in pairwise(one.tokens) if dot.text == "." and after.kind == "word"}


def _hashes(side: Sequence[Statement]) -> set[str]:
    names = {name for one in side for name in (*called(one), *_asked_of(one))}
    return {name.rpartition(".")[2].rpartition(":")[2] for name in names if stem_set([name]) & _HASHERS}
