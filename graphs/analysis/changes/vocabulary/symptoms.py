"""By which words symptoms are known, and which kind of edit makes people see which. Data, in one place."""

from __future__ import annotations

from graphs.analysis.changes.reading.words import stem, stem_set, stemmed

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
        "outlived": "offset range compacted purged trimmed segment snapshot earliest oldest resetting retained truncated",
        "stale": "stale lag behind outdated old age freshness",
        "queue": "queue queued backlog depth lag pending consumer offset redelivery",
        "wrong": "mismatch incorrect wrong invalid implausible negative inconsistent total amount balance drift discrepancy "
        "duplicate duplicated twice rounding reconciliation differs",
    }.items()
}
COMMON: frozenset[str] = stemmed(
    "the and for with from into that this was were has have not but are its new old now after before above below over under "
    "error errors err fail failed failing failure request requests response service services server client handler http https "
    "get set post put call calls rate rates ratio count total per sec second seconds minute value values data item items name "
    "names id ids type types func function return string int float bool var let const nil null none true false context ctx "
    "req res resp msg message info warn warning level debug main app api internal pkg src lib core common default config "
    "settings options start started stop run code status path file line lines user users time times first last log logs "
    "logger metric metrics p99 p95 p50 avg max min high low up down got out one two all any each every critical spike rising "
    "percent template samples incident reference seen window entity baseline median normal"
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
    "endless": "wrong_condition",
    "unfiltered": "wrong_condition",
    "fanout": "n_plus_one",
    "borrowed": "wrong_condition",
    "retyped": "schema_mismatch",
    "untracked": "wrong_condition",
    "headroom": "memory_leak",
    "reused": "schema_mismatch",
    "shared": "wrong_condition",
    "pooled": "connection_pool",
    "sent": "crossing",
}


# What each kind of effect makes people see, apart from the resource it touches.
SEEN_OF_EFFECT: dict[str, tuple[str, ...]] = {
    "loop_call": ("latency", "load", "deadline"),
    "loop_query": ("load", "latency", "deadline"),
    "fanout": ("load", "waits", "queue", "rejected", "connections"),
    "borrowed": ("deadline", "missing", "errors"),
    "retyped": ("missing", "wrong", "rejected", "errors"),
    "untracked": ("missing", "wrong", "stale"),
    "headroom": ("crash", "memory"),
    "shared": ("wrong", "lock", "nothing", "errors"),
    "weaker": ("stale", "wrong", "missing", "lock"),
    "stronger": ("latency", "lock", "deadline", "waits"),
    "refusing": ("rejected", "memory", "errors"),
    "reused": ("wrong", "missing", "errors"),
    "identity": ("wrong", "misses", "auth", "missing", "stale", "load"),
    "members": ("auth", "missing", "rejected", "errors"),
    "zone": ("wrong", "missing", "stale", "errors", "rejected"),
    "pooled": ("missing", "wrong", "lock", "errors"),
    "sent": ("rejected", "auth", "errors"),
    "whole": ("memory", "crash", "latency"),
    "fixed": ("wrong", "rejected", "missing", "errors"),
    "growth": ("memory", "crash"),
    "endless": ("load", "cpu", "rejected", "memory", "latency"),
    "unfiltered": ("wrong", "load", "memory", "missing", "rejected", "latency"),
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


def symptoms_in(words: frozenset[str]) -> dict[str, int]:
    """Symptom name → how many of its words occur."""
    return {name: len(known & words) for name, known in SYMPTOMS.items() if known & words}


def is_common(word: str) -> bool:
    return word in COMMON or stem(word) in COMMON or len(word) < 3
