"""Kinds of edits that tell little by their shape, and much by what they are about: units, lists, fixed values, clocks, forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import re2

from graphs.analysis.changes.effects import (
    ASSIGNS,
    Effect,
    called_name,
    clean,
    effect_of,
    first_resource,
    last_names,
    name_of,
    passes_error,
    words_of,
)
from graphs.analysis.changes.kinds.timetables import retimed
from graphs.analysis.changes.numbers import resource_at
from graphs.analysis.changes.reading.statements import Statement, called, file_kind
from graphs.analysis.changes.reading.tokens import SECONDS, split_identifier, stem_set


def kinds(before: Statement, after: Statement) -> Iterator[Effect]:
    """What a statement's new version does otherwise, of the kinds that this file knows."""
    if passes_error(before) or passes_error(after):
        return
    for known in (
        retimed,
        _other_unit,
        _other_members,
        _fixed,
        _of_no_zone,
        _cut_off,
        _another_part,
        _own_session,
        _one_by_one,
        _narrower,
        _bare,
        _unspread,
    ):
        if (found := known(before, after)) is not None:
            yield found


_UNITS = {word: base for word, base in SECONDS.items() if len(word) > 3 or word in ("ms", "us", "ns", "sec", "min")}
_SCALE = re2.compile(r"\b1_?000(?:_?000)*\b|\b1e[369]\b|\b60\b|\b3600\b|\b86400\b")


def _amounts(one: Statement) -> dict[str, float | None]:
    """Numbers of a statement, and the length of the unit that stands beside each; None where none does."""
    found: dict[str, float | None] = {}
    tokens = one.tokens
    for place, token in enumerate(tokens):
        if token.kind != "number" or not token.text[:1].isdigit() or len(token.text) < 2:
            continue
        behind = [item.text for item in tokens[place + 1 : place + 6]]
        behind = behind[: min((at for at, text in enumerate(behind) if text in (",", ")", "}")), default=5)]
        near = [*(item.text for item in tokens[max(0, place - 4) : place] if item.kind == "word"), *behind]
        units = [_UNITS[word] for text in near for word in split_identifier(text) if word in _UNITS]
        suffix = token.text.lstrip("0123456789_.")
        units = [SECONDS[suffix]] if suffix in SECONDS else units
        found[re2.sub(r"[a-zA-Z]+$", "", token.text)] = units[-1] if units else None
    return found


def _other_unit(before: Statement, after: Statement) -> Effect | None:
    """The same number, in another unit: a thousand times more, or less."""
    was, now = _amounts(before), _amounts(after)
    for number in was.keys() & now.keys():
        old, new = was[number], now[number]
        if old == new or (old is None and not _loses_name(before, after)) or (new is None and not _drops_unit(before, after)):
            continue
        if _SCALE.findall(before.text) != _SCALE.findall(after.text):
            continue
        key = name_of(after) or called_name(after)
        note = f"{clean(key.rpartition('/')[2])} {clean(number)} is meant in another unit"
        short = (new or 0.0) < (old or 1.0)
        named = first_resource(words_of(before) | words_of(after))
        return effect_of(
            "number",
            0.85,
            note,
            after,
            resource=resource_at(key, after) or named,
            direction="down" if short else "up",
            other=before,
        )
    return None


def _drops_unit(before: Statement, after: Statement) -> bool:
    """Whether only the unit went, in a language in which a bare number is no length of time of the same unit."""
    return name_of(before) == name_of(after) and before.path.endswith(".go") and len(after.key) < len(before.key)


_SECONDS_BARE = (".py", ".rb", ".php", ".ex", ".exs", ".lua")
"""Files of languages whose libraries take a bare number as seconds."""


def _loses_name(before: Statement, after: Statement) -> bool:
    """Whether a bare number, which means seconds nearly everywhere, now stands beside a unit that is not seconds."""
    units = [unit for unit in _amounts(after).values() if unit is not None]
    return bool(units) and units[0] != 1.0 and last_names(before) <= last_names(after) and after.path.endswith(_SECONDS_BARE)


_MEMBERS = stem_set(
    [
        "scope",
        "scopes",
        "roles",
        "permissions",
        "grants",
        "origins",
        "ciphers",
        "methods",
        "vary",
        "columns",
        "fields",
        "include",
        "exclude",
        "events",
        "topics",
        "hosts",
        "brokers",
        "servers",
        "profiles",
        "features",
        "only",
        "except",
        "allow",
        "deny",
        "codes",
        "statuses",
        "on",
        "retryable",
        "audience",
        "regions",
        "zones",
        "locales",
        "currencies",
        "extensions",
        "types",
    ]
)
_LISTED = re2.compile(r"[\[({]([^\[\](){}]*)[\])}]")


def _members(one: Statement) -> list[str]:
    """What a named list holds, whether as a list or as words of one text."""
    name = (name_of(one) or "").rpartition("/")[2]
    place = next((at for at, token in enumerate(one.tokens) if token.text in ASSIGNS), 0)
    if not name or not stem_set([name]) & _MEMBERS or "(" in one.key[:place]:
        return []
    value = one.tokens[place + 1 :]
    if len(value) == 1 and value[0].kind == "string":
        return value[0].text.strip("\"'`").replace(",", " ").replace(";", " ").split()
    plain = [token for token in value if token.kind in ("string", "number")]
    opened = _LISTED.search(one.text) is not None
    return [token.text.strip("\"'`") for token in plain] if opened and len(plain) >= 1 else []


def _other_members(before: Statement, after: Statement) -> Effect | None:
    was, now = _members(before), _members(after)
    if not was or not now or set(was) == set(now) or name_of(before) != name_of(after):
        return None
    lost, come = sorted(set(was) - set(now)), sorted(set(now) - set(was))
    name = clean((name_of(after) or "").rpartition("/")[2])
    note = f"{clean(lost[0])} is no longer one of {name}" if lost else f"{clean(come[0])} is one of {name} now"
    key = name_of(after) or ""
    made = effect_of(
        "members",
        0.6 if lost else 0.5,
        note,
        after,
        resource=resource_at(key, after),
        direction="gone" if lost else "up",
        other=before,
    )
    return replace(made, words=made.words | stem_set([*lost, *come]))


def _fixed(before: Statement, after: Statement) -> Effect | None:
    """What was asked of a value, or handed in, is the same for everybody now."""
    if file_kind(after.path) != "code" or len(after.key) >= len(before.key) or called(before) != called(after):
        return None
    start = next((at for at, pair in enumerate(zip(before.key, after.key, strict=False)) if pair[0] != pair[1]), None)
    if (
        start is None
        or after.tokens[start].kind != "string"
        or before.key[-(len(after.key) - start - 1) :] != after.key[start + 1 :]
    ):
        return None
    went = before.tokens[start : len(before.key) - (len(after.key) - start - 1)]
    if not went or went[0].kind != "word" or "." not in {token.text for token in went}:
        return None
    note = f"{clean('.'.join(token.text for token in went if token.kind == 'word'))} is fixed as {clean(after.key[start])}"
    return effect_of("dropped", 0.65, note, after, other=before)


_ZONED = stem_set(["utc", "timezone", "tz", "tzinfo", "zone", "zoneid", "offset", "zoned", "timezones"])
_CLOCKS = stem_set(["now", "today", "time", "date", "datetime", "parse", "strftime", "format", "local", "localtime", "instant"])


def _of_no_zone(before: Statement, after: Statement) -> Effect | None:
    """A time of day without the zone that it was in, or in another one."""
    if file_kind(after.path) != "code" or not _CLOCKS & words_of(after):
        return None
    lost = {token.text for token in before.tokens if token.kind != "op"} - {token.text for token in after.tokens}
    zones = {text for text in lost if stem_set([text]) & _ZONED}
    if not zones:
        return None
    return effect_of("zone", 0.65, f"a time is no longer of {clean(min(zones))}", after, other=before)


_DETACHED = ("context.Background", "context.TODO", "context.WithoutCancel", "CancellationToken.None")


def _cut_off(before: Statement, after: Statement) -> Effect | None:
    """The caller's deadline and its giving up no longer reach what is called."""
    came = next((name for name in _DETACHED if name in after.text and name not in before.text), None)
    if came is None or not {"ctx", "context", "cancellationToken", "ct", "token"} & set(before.key):
        return None
    limit = first_resource(stem_set(["timeout"]))
    return effect_of(
        "gone", 0.6, f"{clean(came)}: no deadline of the caller holds", after, resource=limit, direction="gone", other=before
    )


def _another_part(before: Statement, after: Statement) -> Effect | None:
    """Another divisor or another hash decides to which part something belongs."""
    was, now = _divisor(before), _divisor(after)
    if was is None or now is None or was == now or not stem_set([*called(before), *before.parents, before.text]) & _PARTED:
        return None
    return effect_of("identity", 0.75, f"parts are told by {clean(now)}, no longer by {clean(was)}", after, other=before)


_PARTED = stem_set(
    ["shard", "partition", "hash", "bucket", "slot", "crc32", "fnv", "murmur", "md5", "sum32", "ring", "node", "hashcode"]
)


def _divisor(one: Statement) -> str | None:
    place = next((at for at, text in enumerate(one.key) if text == "%"), None)
    if place is None or file_kind(one.path) != "code":
        return None
    return " ".join(one.key[place + 1 : place + 5])


_SESSIONS = frozenset(["session", "client", "http", "pool", "agent", "conn", "self.session", "self.client"])
_ONE_TIME = frozenset(["requests", "urllib", "axios", "fetch", "httpx", "http", "HTTParty", "RestClient", "Faraday", "got"])
_VERBS = frozenset(["get", "post", "put", "delete", "patch", "request", "head", "Get", "Post", "Do", "send"])


def _own_session(before: Statement, after: Statement) -> Effect | None:
    """The same call, of a library itself and no longer of the session that kept connections open."""
    was, now = ({name.rpartition(".")[2]: name.rpartition(".")[0] for name in called(one)} for one in (before, after))
    for verb in was.keys() & now.keys() & _VERBS:
        held = stem_set([was[verb]]) & stem_set(_SESSIONS)
        if held and now[verb] in _ONE_TIME and was[verb] != now[verb] and was[verb] not in _ONE_TIME:
            pool = first_resource(stem_set(["connection"]))
            return effect_of(
                "renewed", 0.6, f"{clean(was[verb])} is passed by", after, resource=pool, direction="gone", other=before
            )
    return None


_MANY = stem_set(
    ["loader", "loaders", "dataloader", "batch", "batched", "bulk", "mget", "multiget", "pipeline", "executemany", "many"]
)


def _one_by_one(before: Statement, after: Statement) -> Effect | None:
    """What was gathered and asked for at once is asked for one by one."""
    if file_kind(after.path) != "code" or not called(after):
        return None
    held = {token.text for token in before.tokens if token.kind == "word" and stem_set([token.text]) & _MANY}
    if not held or any(stem_set([token.text]) & _MANY for token in after.tokens if token.kind == "word"):
        return None
    if not stem_set(called(before)) & _MANY or not any("." in name for name in called(after)):
        return None
    return effect_of("loop_query", 0.7, f"{clean(min(held))} no longer gathers what is asked for", after, other=before)


_WIDTHS = {
    **dict.fromkeys(
        ("long", "Long", "int64", "i64", "uint64", "u64", "bigint", "BIGINT", "BigInteger", "Int64", "double", "float64"), 64
    ),
    **dict.fromkeys(("BigDecimal", "Decimal", "decimal", "numeric"), 65),
    **dict.fromkeys(
        ("int", "Integer", "int32", "i32", "uint32", "u32", "integer", "INTEGER", "INT", "Int32", "Int", "float", "float32"), 32
    ),
    **dict.fromkeys(("short", "int16", "i16", "smallint", "SMALLINT", "Int16", "u16"), 16),
}


def _narrower(before: Statement, after: Statement) -> Effect | None:
    """A type that holds smaller numbers, or less exact ones."""
    if len(before.key) != len(after.key):
        return None
    steps = [(was, now) for was, now in zip(before.key, after.key, strict=True) if was != now]
    if len(steps) != 1 or steps[0][0] not in _WIDTHS or steps[0][1] not in _WIDTHS:
        return None
    was, now = steps[0]
    unbound = before.path.endswith((".py", ".rb")) and _WIDTHS[was] < 65  # their whole numbers have no end
    if _WIDTHS[now] >= _WIDTHS[was] or unbound:
        return None
    return effect_of("conversion", 0.65, f"{clean(was)} became {clean(now)}", after, other=before)


_INSIDE = re2.compile(r"=>|->|\blambda\b|\bfunc\s*\(|\bfn\s*\(|\|\w*\||\bdo\b|::|\) \{ ")


_AROUND = stem_set(
    ["limit", "retry", "cached", "memo", "once", "breaker", "throttle", "debounce", "atomic", "lock", "timeout", "transaction"]
)


def _bare(before: Statement, after: Statement) -> Effect | None:
    """The same call, without the one that went around it: a retry, a breaker, a cache, one flight for all."""
    if file_kind(after.path) != "code" or not _INSIDE.search(before.text) or _INSIDE.search(after.text):
        return None
    was, now = called(before), called(after)
    around = {name for name in was - now if "." in name or len(split_identifier(name)) > 1 or stem_set([name]) & _AROUND}
    if not now or not now <= was or not around or len(after.key) >= len(before.key):
        return None
    name = min(around, key=lambda one: before.text.index(one.partition(".")[0]))
    resource = first_resource(stem_set([name])) or first_resource(words_of(before) - words_of(after))
    note = f"{clean(name)} no longer goes around {clean(min(now))}"
    return effect_of("gone", 0.6, note, after, resource=resource, direction="gone", other=before)


_SPREAD = stem_set(["rand", "random", "jitter", "jittered", "uniform", "randint", "intn", "splay", "randomize"])


def _unspread(before: Statement, after: Statement) -> Effect | None:
    """What was spread by chance falls together now."""
    if not _SPREAD & words_of(before) or _SPREAD & words_of(after):
        return None
    words = words_of(before) | words_of(after) | stem_set([before.nearby])
    resource = resource_at(name_of(after) or called_name(after), after) or first_resource(words)
    if resource is None or resource.kind not in ("cache", "retry", "interval", "timeout", "lifetime"):
        return None
    return effect_of(
        "gone", 0.6, f"{clean(resource.kind)} is no longer spread", after, resource=resource, direction="gone", other=before
    )


_ALL = frozenset(
    [
        "fetchall",
        "readlines",
        "ReadAll",
        "toList",
        "toArray",
        "readAllBytes",
        "ReadToEnd",
        "toBuffer",
        "read_to_end",
        "readFileSync",
    ]
)
_STREAMS = re2.compile(r"\bfor\b.*\b(?:in|of|range|:)\b|\byield\b|(?i)stream|chunk|iterat|cursor|\.next\(|scanner|pipe\(|Copy\(")


def whole(old: Sequence[Statement], new: Sequence[Statement]) -> Iterator[Effect]:
    """Takes all into memory at once, where it went piece by piece."""
    for one in new:
        taken = last_names(one) & _ALL
        gone = [other for other in old if other.block == one.block]
        streamed = any(_STREAMS.search(other.text) for other in gone) and not any(last_names(other) & _ALL for other in gone)
        if taken and streamed and file_kind(one.path) == "code":
            memory = first_resource(stem_set(["memory"]))
            yield effect_of("growth", 0.65, f"{clean(min(taken))} takes all at once", one, resource=memory, direction="up")


_FORMS = stem_set(
    [
        "mapper",
        "serializer",
        "serializers",
        "converter",
        "converters",
        "naming",
        "codec",
        "encoder",
        "decoder",
        "deserialize",
        "serialization",
        "objectmapper",
        "gson",
        "jackson",
        "inclusion",
        "casing",
        "camelcase",
        "snakecase",
        "transliterate",
    ]
)


def form_lost(one: Statement) -> Effect | None:
    """Where it is no longer said in which form things are written or read, another form holds."""
    names = last_names(one)
    if file_kind(one.path) != "code" or not names or not stem_set(called(one)) & _FORMS or one.text.startswith(("return", "@")):
        return None
    return effect_of("schema", 0.6, f"{called_name(one)} no longer gives the form", one, direction="gone")


_PROBES = stem_set(["health", "healthz", "healthcheck", "readiness", "liveness", "ready", "readyz", "livez", "alive", "probe"])
_ASKS = stem_set(["query", "ping", "fetch", "get", "execute", "exec", "request", "select", "connect", "check", "call", "raw"])


@lru_cache(maxsize=1 << 12)
def _near_probes(nearby: str, parents: tuple[str, ...]) -> bool:
    return bool(stem_set([*parents, nearby]) & _PROBES)


def probed(new: Sequence[Statement]) -> Iterator[Effect]:
    """A probe that asks others now: where they fail, this one is taken out or started anew too."""
    for one in new:
        if file_kind(one.path) != "code" or not one.parents or not _near_probes(one.nearby, one.parents):
            continue
        dotted = [name for name in called(one) if "." in name and stem_set([name.rpartition(".")[2]]) & _ASKS]
        if dotted:
            probe = first_resource(stem_set(["probe"]))
            yield effect_of("strict", 0.6, f"a probe asks {clean(min(dotted))} now", one, resource=probe, direction="down")
            return
