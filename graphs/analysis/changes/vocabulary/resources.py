"""The things that keys, constants and calls name, and what is seen when they shrink, grow or vanish. Data, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.analysis.changes.reading.words import stem_set


@dataclass(frozen=True)
class Resource:
    """A kind of thing that a key, constant or call names.

    `shrinks`, `grows`, `goes` are the symptoms when its number falls, rises, or it is removed; the first is the likeliest.
    `slow`: its effect needs time to fill or drain. `harm` is the direction that hurts more often: "down", "up" or "both".
    """

    kind: str
    words: frozenset[str]
    shrinks: tuple[str, ...] = ()
    grows: tuple[str, ...] = ()
    goes: tuple[str, ...] = ()
    harm: str = "both"
    slow: bool = False


def _resource(
    kind: str, words: str, *, shrinks: str = "", grows: str = "", goes: str = "", harm: str = "both", slow: bool = False
) -> Resource:
    return Resource(kind, stem_set(words.split()), tuple(shrinks.split()), tuple(grows.split()), tuple(goes.split()), harm, slow)


RESOURCES: tuple[Resource, ...] = (
    _resource(
        "retry",
        "retry retries attempts attempt backoff jitter redeliver",
        shrinks="exhausted errors",
        grows="load latency",
        goes="load errors exhausted",
    ),
    _resource(
        "cache",
        "ttl cache cached cacheable eviction evict expiry lru memo memoize memoized maxentries maxage entries invalidate",
        shrinks="misses load latency",
        grows="memory stale",
        goes="misses load memory latency stale",
        slow=True,
    ),
    _resource(
        "lifetime",
        "lifetime session sessions expires expiration validity renew renewal",
        shrinks="auth misses",
        grows="stale memory",
        goes="auth stale",
        harm="down",
        slow=True,
    ),
    _resource("tolerance", "leeway skew tolerance grace slack drift", shrinks="auth rejected", goes="auth rejected", harm="down"),
    _resource(
        "timeout",
        "timeout deadline budget within duration",
        shrinks="deadline errors",
        grows="latency waits",
        goes="waits latency",
        harm="down",
    ),
    _resource(
        "connection_pool",
        "pool conns conn connections connection maxconns maxopen idle overflow keepalive alive",
        shrinks="waits deadline exhausted latency",
        grows="connections memory",
        goes="connections waits exhausted",
        harm="down",
        slow=True,
    ),
    _resource(
        "timeout",
        "idle timeout keepalive keep alive",  # what is closed while nobody uses it: no deadline of any work
        shrinks="connections errors",
        grows="connections memory",
        goes="connections memory",
    ),
    _resource(
        "rate_limit",
        "limit limiter quota throttle ratelimit burst rps qps allowance per",
        shrinks="rejected",
        grows="load",
        goes="load memory latency",
        harm="down",
        slow=True,
    ),
    _resource("memory", "memory heap mem xmx ram", shrinks="memory crash", grows="memory", goes="memory", harm="down", slow=True),
    _resource(
        "replicas",
        "replicas replica instances minreplicas maxreplicas scale nodes shards partitions",
        shrinks="cpu load latency waits",
        grows="connections",
        harm="down",
    ),
    _resource(
        "workers",
        "worker workers thread threads concurrency parallelism concurrent executor semaphore inflight",
        shrinks="waits latency queue",
        grows="cpu connections load",
        goes="waits load",
        harm="down",
    ),
    _resource(
        "work", "rounds iterations passes difficulty bcrypt scrypt argon pbkdf", shrinks="", grows="cpu latency deadline", harm="up"
    ),
    _resource("cpu", "cpu cores millicores", shrinks="cpu latency", grows="", harm="down"),
    _resource(
        "queue",
        "queue buffer backlog prefetch batch chunk maxlen capacity size pagesize page bytes",
        shrinks="queue rejected load",
        grows="memory latency",
        goes="memory",
        slow=True,
    ),
    _resource(
        "lock",
        "lock mutex transaction isolation semaphore synchronized unlock commit",
        grows="lock latency",
        goes="lock wrong connections",
    ),
    _resource(
        "verbosity",
        "level verbosity debug trace sample sampling samplerate loglevel verbose",
        shrinks="",
        grows="volume cpu",
        harm="up",
        slow=True,
    ),
    _resource(
        "interval",
        "interval period frequency poll refresh every cron schedule tick flush",
        shrinks="load cpu",
        grows="stale queue",
        goes="stale auth",
        harm="down",
    ),
    _resource(
        "retention",
        "retention rotate rotation maxsize keep history compaction vacuum cleanup purge expire wal binlog oplog",
        shrinks="outlived missing stale",
        grows="volume",
        goes="volume memory",
        harm="up",
        slow=True,
    ),
    _resource(
        "threshold",
        "threshold ratio percent weight percentage fraction min max minimum maximum bound",
        shrinks="rejected errors",
        grows="rejected errors",
        goes="errors",
    ),
    _resource(
        "certificate",
        "cert certificate tls ssl ca secret token issuer audience",
        shrinks="auth",
        goes="auth",
        harm="down",
        slow=True,
    ),
    _resource("probe", "probe liveness readiness health healthcheck", shrinks="crash", grows="errors", goes="errors", harm="down"),
    _resource("address", "host port url endpoint address dns uri domain region bucket topic", goes="connections missing errors"),
    _resource("crossing", "cookie cookies samesite csrf", goes="auth rejected"),
    _resource(
        "access",
        "ingress egress cidr acl allow allowed allowlist whitelist grant grants firewall permission permissions",
        goes="connections auth deadline rejected",
    ),
    _resource("index", "index mapping schema column field migration", goes="missing latency"),
    _resource("price", "price rate tax amount total discount quantity currency", shrinks="wrong", grows="wrong", goes="wrong"),
)


RESOURCE = {one.kind: one for one in reversed(RESOURCES)}


def resources_of(words: frozenset[str]) -> list[Resource]:
    """Resources that stemmed `words` name, those with most words in common first; ties in the table's order."""
    hits = [(len(resource.words & words), -place, resource) for place, resource in enumerate(RESOURCES)]
    return [resource for count, _, resource in sorted(hits, key=lambda hit: hit[:2], reverse=True) if count]


def first_resource(words: frozenset[str]) -> Resource | None:
    hits = resources_of(words)
    return hits[0] if hits else None
