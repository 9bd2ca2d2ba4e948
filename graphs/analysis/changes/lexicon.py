"""What resources do when they shrink, grow or vanish, and by which words symptoms are known. Data, in one place.

Words are written as people write them; they are stemmed when read. A symptom's name is ours and joins the two tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphs.analysis.changes.reading.tokens import stem, stem_set


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
        "queue buffer backlog prefetch batch chunk maxlen capacity size pagesize page",
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
        "retention rotate rotation maxsize keep history compaction vacuum cleanup purge expire",
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

SYMPTOMS: dict[str, frozenset[str]] = {
    name: stem_set(words.split())
    for name, words in {
        "waits": "wait waited waiting acquire acquiring pool saturated saturation starved starvation "
        "blocked checkout in_use inuse busy slots",
        "deadline": "timeout timeouts timed deadline deadlineexceeded cancelled canceled aborted exceeded 504",
        "exhausted": "exhausted exhaustion depleted retries attempts budget gave",
        "latency": "latency slow slower duration p99 p95 p90 p50 elapsed seconds ms response",
        "errors": "error errors failed failure failing 5xx 500 502 503 exception",
        "memory": "memory heap oom oomkilled rss gc killed leak working_set resident garbage",
        "crash": "crash crashed restart restarted restarting exited killed panic segfault fatal uptime backoff",
        "misses": "miss misses hit hits evicted eviction cache through",
        "load": "rps qps throughput queries calls requests per cpu overload overloaded storm amplification "
        "fanout utilization utilisation",
        "cpu": "cpu utilization utilisation throttled busy load saturated",
        "rejected": "rejected reject rejecting denied throttled quota limit 429 shed shedding refused invalid dropped 413",
        "auth": "unauthorized unauthenticated forbidden 401 403 token expired expiry jwt permission "
        "signature certificate credential "
        "handshake x509 tls auth login session authentication password credentials",
        "volume": "disk space write writes volume inode filesystem lps bytes logs log rotate full",
        "missing": "missing lost lose unknown field column mapping table relation undefined found exist exists "
        "unrecognized schema key keyerror "
        "attributeerror parse deserialize decode unmarshal malformed unexpected validation 400 404 422",
        "nothing": "nil null none undefined nullpointer nullpointerexception typeerror attributeerror "
        "keyerror indexerror index range bounds "
        "dereference panic nonetype zerodivisionerror division zero valueerror",
        "lock": "deadlock lock locked contention serialization conflict transaction waiting concurrent race",
        "connections": "connection connections connect connected refused reset unreachable resolve dns sockets "
        "descriptors slots too many open econnrefused",
        "stale": "stale lag behind outdated old age freshness",
        "queue": "queue queued backlog depth lag pending consumer offset redelivery",
        "wrong": "mismatch incorrect wrong invalid implausible negative inconsistent total amount balance drift discrepancy "
        "duplicate duplicated twice rounding reconciliation differs",
    }.items()
}

PROVIDER, SURGE, DATA, EXPIRED, NEIGHBOUR, HARDWARE = (
    "a provider's trouble",
    "more traffic than usual",
    "one record that nobody can read",
    "something that ran out or expired",
    "a noisy neighbour",
    "failing hardware",
)
OUTSIDE: dict[str, frozenset[str]] = {
    name: stem_set(words.split())
    for name, words in {
        PROVIDER: "provider vendor partner region unavailable slowdown thirdparty storage sdk outage degraded quota "
        "acquirer aws gcp azure daily monthly billing subscription",
        SURGE: "surge overloaded shedding autoscaler pending saturated demand spike traffic crawler bot",
        DATA: "redelivering redelivered poison malformed record row supplier feed "
        "offset producer dead letter partition decode unparseable corrupt",
        EXPIRED: "certificate x509 expired notafter handshake tls licence license lease",
        NEIGHBOUR: "steal neighbour neighbor node evicted pressure throttled host noisy hypervisor preempted "
        "preemptible preemption spot interruption reclaimed unschedulable cordoned",
        HARDWARE: "hardware sector nvme ecc uncorrectable medium raid mce fsync input output failing",
    }.items()
}
"""How causes that no change is guilty of read in logs; three different words are a hint, never a proof."""
RAN_OUT = stem_set(["expired", "expires", "expiry", "expiration", "notafter", "lapsed", "ended", "validity"])
"""Without one of these nothing ran out."""
KEPT_OFF_BY: dict[str, tuple[str, ...]] = {EXPIRED: ("lifetime", "certificate")}
"""Resources that keep such a cause off: a change to them is no bystander of it."""
PLACES_OF_PROVIDERS = stem_set(["region", "zone", "datacenter", "datacentre", "az", "availability"])
"""Where only one of these is impaired, there is another one to go to."""

COMMON: frozenset[str] = stem_set(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "into",
        "that",
        "this",
        "was",
        "were",
        "has",
        "have",
        "not",
        "but",
        "are",
        "its",
        "new",
        "old",
        "now",
        "after",
        "before",
        "above",
        "below",
        "over",
        "under",
        "error",
        "errors",
        "err",
        "fail",
        "failed",
        "failing",
        "failure",
        "request",
        "requests",
        "response",
        "service",
        "services",
        "server",
        "client",
        "handler",
        "http",
        "https",
        "https",
        "get",
        "set",
        "post",
        "put",
        "call",
        "calls",
        "rate",
        "rates",
        "ratio",
        "count",
        "total",
        "per",
        "sec",
        "second",
        "seconds",
        "minute",
        "value",
        "values",
        "data",
        "item",
        "items",
        "name",
        "names",
        "id",
        "ids",
        "type",
        "types",
        "func",
        "function",
        "return",
        "string",
        "int",
        "float",
        "bool",
        "var",
        "let",
        "const",
        "nil",
        "null",
        "none",
        "true",
        "false",
        "context",
        "ctx",
        "req",
        "res",
        "resp",
        "msg",
        "message",
        "info",
        "warn",
        "warning",
        "level",
        "debug",
        "main",
        "app",
        "api",
        "internal",
        "pkg",
        "src",
        "lib",
        "core",
        "common",
        "default",
        "config",
        "settings",
        "options",
        "service",
        "start",
        "started",
        "stop",
        "run",
        "code",
        "status",
        "path",
        "file",
        "line",
        "lines",
        "user",
        "users",
        "time",
        "times",
        "first",
        "last",
        "log",
        "logs",
        "logger",
        "metric",
        "metrics",
        "p99",
        "p95",
        "p50",
        "avg",
        "max",
        "min",
        "high",
        "low",
        "up",
        "down",
        "got",
        "out",
        "one",
        "two",
        "all",
        "any",
        "each",
        "every",
        "high",
        "critical",
        "spike",
        "rising",
        "percent",
        "template",
        "times",
        "samples",
        "incident",
        "reference",
        "seen",
        "window",
        "entity",
        "baseline",
        "median",
        "normal",
    ]
)
"""Words that link nothing to anything."""

KIND_OF_EFFECT: dict[str, str] = {
    "loop_call": "n_plus_one",
    "loop_query": "n_plus_one",
    "growth": "memory_leak",
    "leak": "resource_leak",
    "spawned": "resource_leak",
    "guard_removed": "missing_guard",
    "condition": "wrong_condition",
    "negation": "wrong_condition",
    "literal": "wrong_literal",
    "schema": "schema_mismatch",
    "query": "slow_query",
    "strict": "strict_validation",
    "conversion": "strict_validation",
    "tightened": "strict_validation",
    "unguarded": "missing_guard",
    "unawaited": "wrong_condition",
    "renewed": "resource_leak",
    "blocking": "blocking_call",
    "dependency": "dependency_upgrade",
    "image": "dependency_upgrade",
    "schema_lock": "lock",
    "index_gone": "slow_query",
    "pattern": "wrong_literal",
    "backtracking": "wrong_literal",
    "swallowed": "missing_guard",
    "identity": "wrong_literal",
    "members": "wrong_literal",
    "fixed": "wrong_literal",
    "whole": "memory_leak",
    "flag": "feature_flag",
}

# What each kind of effect makes people see, apart from the resource it touches.
SEEN_OF_EFFECT: dict[str, tuple[str, ...]] = {
    "loop_call": ("latency", "load", "deadline"),
    "loop_query": ("load", "latency", "deadline"),
    "identity": ("wrong", "misses", "auth", "missing", "stale", "load"),
    "members": ("auth", "missing", "rejected", "errors"),
    "zone": ("wrong", "missing", "stale", "errors"),
    "whole": ("memory", "crash", "latency"),
    "fixed": ("wrong", "rejected", "missing", "errors"),
    "growth": ("memory", "crash"),
    "leak": ("waits", "exhausted", "memory", "connections"),
    "spawned": ("memory", "crash", "waits", "exhausted"),
    "backtracking": ("cpu", "latency", "deadline", "errors"),
    "guard_removed": ("nothing", "errors", "crash", "wrong"),
    "unguarded": ("nothing", "crash", "missing", "errors"),
    "unawaited": ("missing", "wrong", "lock", "errors"),
    "tightened": ("rejected", "missing", "errors"),
    "rounding": ("wrong", "errors"),
    "renewed": ("connections", "waits", "latency", "memory"),
    "schema_lock": ("lock", "waits", "latency", "deadline"),
    "index_gone": ("latency", "cpu", "load", "deadline"),
    "dropped": ("wrong", "missing", "errors", "auth"),
    "pattern": ("rejected", "cpu", "latency", "errors"),
    "swallowed": ("wrong", "missing", "errors"),
    "image": ("crash", "missing", "auth", "errors"),
    "dependency": ("missing", "nothing", "crash", "errors"),
    "flag": ("errors", "latency", "missing", "rejected"),
    "changed": ("missing", "errors"),
    "switch": ("errors", "latency", "missing", "rejected"),
    "swapped": ("missing", "wrong", "errors"),
    "condition": ("errors", "rejected", "wrong", "auth"),
    "negation": ("rejected", "errors", "auth", "wrong"),
    "literal": ("missing", "connections", "errors"),
    "schema": ("missing", "errors", "wrong"),
    "query": ("latency", "load", "cpu", "memory"),
    "strict": ("rejected", "errors", "missing"),
    "conversion": ("errors", "rejected", "crash", "wrong"),
    "blocking": ("latency", "waits", "deadline", "queue"),
    "arithmetic": ("wrong", "nothing", "errors"),
    "call_removed": ("errors", "missing", "stale"),
}

REMEDIES: dict[str, tuple[frozenset[str], ...]] = {
    kind: tuple(stem_set(words.split()) for words in ordered)
    for kind, ordered in {
        "code": ("rollback", "roll back", "revert", "undo", "redeploy", "restore"),
        "config": ("config revert", "configuration restore", "config", "configuration", "revert", "rollback", "roll back", "undo"),
        "flag": ("flag off", "disable flag", "toggle", "flag", "config revert", "revert", "rollback"),
        "scale": ("scale", "resize", "rollback", "revert"),
        PROVIDER: ("escalate", "provider", "vendor", "upstream", "failover", "fail over"),
        "a region's trouble": ("failover", "fail over", "region", "escalate", "provider", "vendor"),
        SURGE: ("scale", "capacity", "resize", "shed", "limit"),
        DATA: ("purge", "quarantine", "skip", "dead letter", "discard", "bad data"),
        EXPIRED: ("rotate", "renew", "certificate", "cert", "reissue"),
        HARDWARE: ("failover", "fail over", "replace", "reschedule", "move", "drain"),
        NEIGHBOUR: ("reschedule", "move", "drain", "migrate", "cordon", "evict"),
    }.items()
}
"""By kind of change, or of what is guilty where no change is, sets of words that name a fitting remedy, best first."""


def remedy(kind: str, offered: tuple[str, ...]) -> str | None:
    """The offered remediation that fits a kind of change ("code", "config", "flag", "scale") or of outside cause; None where
    none does."""
    for wanted in REMEDIES.get(kind, REMEDIES["code"]):
        for word in sorted(offered, key=len):
            if wanted <= stem_set([word]):
                return word
    return None


def resources_of(words: frozenset[str]) -> list[Resource]:
    """Resources that stemmed `words` name, those with most words in common first; ties in the table's order."""
    hits = [(len(resource.words & words), -place, resource) for place, resource in enumerate(RESOURCES)]
    return [resource for count, _, resource in sorted(hits, key=lambda hit: hit[:2], reverse=True) if count]


def symptoms_in(words: frozenset[str]) -> dict[str, int]:
    """Symptom name → how many of its words occur."""
    return {name: len(known & words) for name, known in SYMPTOMS.items() if known & words}


def is_common(word: str) -> bool:
    return word in COMMON or stem(word) in COMMON or len(word) < 3
