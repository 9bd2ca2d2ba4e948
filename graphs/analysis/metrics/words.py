"""What a metric's name says: the one small vocabulary, of shapes that are in use everywhere and of no one system's names.

A name outside this vocabulary is `other`: its shift is still measured, it only carries less weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import re2

Family = Literal[
    "latency",
    "error",
    "success",
    "cpu",
    "memory",
    "network",
    "loss",
    "traffic",
    "queue",
    "pool_wait",
    "pool_use",
    "limit",
    "disk",
    "other",
]
Side = Literal["server", "client", "any"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LATENCY = _set("latency latencies lat duration durations elapsed rt rtt ttfb")
_ERROR = _set(
    "error errors err errs fail fails failed failure failures 5xx 4xx exception exceptions timeout timeouts cancelled "
    "canceled exhausted reject rejected rejections unauthorized forbidden dropped drops aborted crash crashes restarts "
    "restart oom panic panics lost killed kills reset resets refused denied unreachable disconnects disconnected deadlock "
    "deadlocks evicted evictions redelivered redeliveries retries violations mismatch mismatches invalid corrupt duplicates"
)
_SUCCESS = _set("success succeeded availability available hit hits uptime healthy ok 2xx ready up")
_CPU = _set("cpu cpus cfs throttled throttling processor millicores cores")
_MEMORY = _set("mem memory rss heap oomscore")
_NETWORK = _set("net network tcp rx tx packet packets retrans retransmits retransmissions bandwidth")
_TRAFFIC = _set(
    "rate ops request requests rps qps tps rpm throughput calls queries load hits messages count invocations transactions"
)
_QUEUE = _set("queue queued backlog lag pending waiting depth inflight age")
_DISK = _set("disk filesystem fs volume inode inodes iops io storage")
_POOL = _set(
    "pool pools conn conns connection connections thread threads worker workers slots semaphore fd fds descriptors sockets "
    "goroutines handles"
)
_WAIT = _set("wait waits waiting pending acquire acquisition blocked")
_USE = _set("use used usage active busy open checked current")
_LIMIT = _set("size max maximum limit limits capacity quota total ceiling")
_SERVER = _set("server callee inbound received")
_CLIENT = _set("client caller outbound outgoing upstream")
_MEDIAN = _set("median p50")
_RATIO = _set("ratio pct percent percentage utilization utilisation share availability")
_UNITS = {
    "s": "s",
    "sec": "s",
    "seconds": "s",
    "second": "s",
    "ms": "ms",
    "millis": "ms",
    "milliseconds": "ms",
    "us": "us",
    "bytes": "bytes",
    "mi": "MiB",
    "mb": "MB",
    "pct": "%",
    "percent": "%",
    "ratio": "ratio",
    "rps": "1/s",
    "qps": "1/s",
    "millicores": "mCPU",
}
_TIMES = _set("s ms us")
_MOMENTS = _set("remaining expiry expires expiration until since start started timestamp ttl interval")
"""Of a name in seconds: how far off something is, or how long it is meant to take. Nobody waits for that."""
_STATUS = _set("http status code codes response responses ratio rate pct per total count")
"""Beside these a number from 400 to 599 is an HTTP status."""
_TOKEN = re2.compile(r"[1-5]xx|p\d+|[a-z]+|\d+")
_HTTP = re2.compile(r"(?:^|[^a-z0-9])([245])\d\d(?:$|[^a-z0-9])")
_LABEL = re2.compile(r'([A-Za-z_][A-Za-z0-9_.]*)\s*=~?\s*"([^"]*)"')
_PERCENTILES = _set("50 75 90 95 99 999")


@dataclass(frozen=True)
class Words:
    """`bad` is the direction that hurts: +1 up, -1 down, 0 either. `stat` orders tails: 0 mean, 50, 75, 90, 95, 99.
    `per_node` marks a machine's figure that is repeated under a service's name."""

    family: Family
    stat: int
    side: Side
    bad: int
    unit: str
    ratio: bool
    per_node: bool
    base: str
    labels: tuple[tuple[str, str], ...] = ()


def _family(base: str, words: frozenset[str], ordered: tuple[str, ...], unit: str) -> Family:
    pooled = bool(words & _POOL)
    if pooled and words & _WAIT:
        return "pool_wait"
    if pooled and words & _USE:
        return "pool_use"
    if pooled and words & _LIMIT:
        return "limit"
    if any("retrans" in word or word == "retans" for word in ordered) or ("packet" in words and words & {"loss", "lost"}):
        return "loss"
    statuses = set(_HTTP.findall(base)) if words & _STATUS else set()
    if words & _ERROR or statuses & {"4", "5"}:
        return "error"
    if "2" in statuses:
        return "success"
    if words & _SUCCESS and not words & _LATENCY:
        return "success"
    if {"in", "flight"} <= words:  # how many are being answered: it grows with their length, not only with their number
        return "queue"
    tests: tuple[tuple[Family, frozenset[str]], ...] = (
        ("latency", _LATENCY),
        ("queue", _QUEUE),
        ("cpu", _CPU),
        ("memory", _MEMORY),
        ("disk", _DISK),
        ("network", _NETWORK),
    )
    for family, test in tests:
        if words & test:
            return family
    timed = unit in _TIMES and not words & _MOMENTS
    if timed or ("time" in words and words & {"response", "request", "query", "call", "wait", "processing"}):
        return "latency"
    if words & _TRAFFIC or (len(ordered) > 2 and "per" in words and ordered[-1] in {"s", "sec", "second", "min", "minute"}):
        return "traffic"
    return "pool_use" if pooled else "other"


def _stat(ordered: tuple[str, ...]) -> int:
    for word in ordered:
        if word in _MEDIAN:
            return 50
        if word[0] == "p" and word[1:].isdigit():
            return min(int(word[1:3]), 99)
        if word in _PERCENTILES:
            return min(int(word[:2]), 99)
    return 99 if "max" in ordered else 0


@lru_cache(maxsize=65536)
def read(metric: str) -> Words:
    """`metric` may carry labels in braces. Never raises: an unknown name is family `other`."""
    base, _, rest = metric.partition("{")
    labels = tuple((key, value) for key, value in _LABEL.findall(rest))
    ordered = tuple(_TOKEN.findall(base.lower()))
    words = frozenset(ordered)
    unit = next((_UNITS[word] for word in reversed(ordered) if word in _UNITS), "")
    if "per" in ordered and unit:
        unit = f"1/{unit}"
    family = _family(base.lower(), words, ordered, unit) if ordered else "other"
    side: Side = "server" if words & _SERVER else "client" if words & _CLIENT else "any"
    bad = {
        "success": -1,
        "latency": 1,
        "error": 1,
        "queue": 1,
        "pool_wait": 1,
        "pool_use": 1,
        "disk": 1,
        "cpu": 1,
        "memory": 1,
    }.get(family, 0)
    per_node = bool(ordered) and ordered[0] in {"node", "host", "machine"}
    return Words(family, _stat(ordered), side, bad, unit, bool(words & _RATIO), per_node, base, labels)


def route(metric: str) -> str | None:
    """The route or operation a series is about, where its labels name one."""
    for key, value in read(metric).labels:
        if key.lower() in {"route", "path", "endpoint", "operation", "op", "method", "handler", "uri", "rpc"}:
            return value
    return None
