"""The words by which log lines tell that something is wrong: plain English, and what systems and runtimes call their errors.

One place for all of them, so that nothing else in the code holds vocabulary. Patterns run over outside text and use RE2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import re2

LEVELS = {
    "TRACE": "DEBUG",
    "VERBOSE": "DEBUG",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "INFORMATION": "INFO",
    "NOTICE": "INFO",
    "NOTE": "INFO",
    "WARN": "WARN",
    "WARNING": "WARN",
    "ERR": "ERROR",
    "ERROR": "ERROR",
    "SEVERE": "ERROR",
    "FATAL": "FATAL",
    "CRITICAL": "FATAL",
    "CRIT": "FATAL",
    "ALERT": "FATAL",
    "EMERG": "FATAL",
    "PANIC": "FATAL",
}
"""What sources write -> the domain's level."""

LEVEL_WEIGHT = {"FATAL": 1.0, "ERROR": 0.85, "WARN": 0.4, "INFO": 0.08, "DEBUG": 0.05, "": 0.08}
"""How much a line's level alone says, 0..1. Never trusted alone: some systems log failures at INFO."""

Aim = Literal["self", "other", "either", "caller"]
"""Whom an error of a kind is about when it names nobody: who logs it, something it calls, cannot be told, or who called it."""


@dataclass(frozen=True)
class Kind:
    """A kind of failure in our own words, and how lines say it."""

    name: str
    pattern: str
    aim: Aim
    severity: float


KINDS: tuple[Kind, ...] = (
    Kind(
        "tls_certificate",
        r"x509|certificate.{0,60}(expired|not yet valid|verify|invalid|unknown|untrusted|revoked)|certificate_verify_failed"
        r"|(ssl|tls).{0,30}(handshake|alert|error|failure)|(handshake).{0,20}(fail|error)|pkix",
        "either",
        0.95,
    ),
    Kind(
        "not_started",
        r"waiting to start|containercreating|imagepullbackoff|errimagepull|crashloopbackoff"
        r"|createcontainer(config)?error|back-off restarting",
        "self",
        1.0,
    ),
    Kind(
        "canceled",
        r"cancell?ed by (the )?(client|caller|peer|user)|(client|caller) (closed|disconnected|cancell?ed|gone|went away)"
        r"|context cancell?ed|code ?= ?cancell?ed|request aborted by",
        "caller",
        0.5,
    ),
    Kind(
        "oom",
        r"out of memory|outofmemory|oom.?kill|cannot allocate memory|heap space|memoryerror|memory limit exceeded"
        r"|gc overhead limit",
        "self",
        1.0,
    ),
    Kind(
        "disk", r"no space left|enospc|disk (is )?(full|quota)|quota exceeded.{0,20}(disk|storage)|volume (is )?full", "self", 1.0
    ),
    Kind("read_only_file", r"read.?only file ?system|mounted read-only|\berofs\b", "self", 0.95),
    Kind(
        "read_only_store",
        r"read.?only (mode|transaction|replica|option|database|connection)|--(super-)?read-only",
        "other",
        0.95,
    ),
    Kind(
        "blocked_by_broker",
        r"\bconnection\.blocked\b|connection (is|was|has been) blocked|blocked (by|on) (the )?broker",
        "other",
        0.9,
    ),
    Kind(
        "server_full",
        r"too many (connections|clients)|remaining connection slots|max number of clients|rejected establishment of connection",
        "other",
        0.95,
    ),
    Kind(
        "connection_pool",
        r"pool.{0,40}(exhaust|timed? ?out|is full|depleted|no (free|idle|available)|wait)"
        r"|(wait|timed? ?out|unable|fail|exceeded).{0,40}(acquir|obtain|check(ing)? ?out).{0,30}connection"
        r"|no (free |idle )?connections? (became|was|were|is|are) (free|available|left)"
        r"|too many (open )?(connections|clients)|connection is not available|connection limit|remaining connection slots",
        "self",
        0.95,
    ),
    Kind("db_lock", r"deadlock|lock wait|lock.{0,30}tim(ed|e).?out|could not obtain lock|could not serialize", "self", 0.9),
    Kind(
        "auth",
        r"access denied|unauthori[sz]ed|not authori[sz]ed|forbidden|authentication (failed|error|failure)"
        r"|(invalid|bad|wrong|unknown) (credential|password|token|signature|api.?key|secret)"
        r"|(token|jwt|session|credential|key).{0,20}(expired|invalid|rejected|validation failed|verification failed)"
        r"|permission denied|login failed|noauth|wrongpass",
        "either",
        0.85,
    ),
    Kind(
        "dns",
        r"no such host|name or service not known|unknown ?host|could not resolve|cannot resolve|failed to resolve"
        r"|name resolution|nxdomain|servfail|getaddrinfo|enotfound|eai_again|name does not resolve",
        "other",
        0.95,
    ),
    Kind(
        "connection_refused",
        r"connection ?refused|econnrefused|actively refused|refused to connect|refused the connection",
        "other",
        0.95,
    ),
    Kind(
        "rate_limited",
        r"rate.?limit|too many requests|throttl|resource.?exhausted|quota exceeded|request limit",
        "either",
        0.75,
    ),
    Kind(
        "overload",
        r"overload|shedding|load.?shed|saturat|queue (is )?(full|overflow)|request queued|back.?pressure|at capacity"
        r"|resource (limit )?alarm|high watermark"
        r"|near capacity|capacity exceeded|rejected ?execution|elevated (request|traffic)|concurrency limit",
        "self",
        0.75,
    ),
    Kind("circuit_open", r"circuit.?breaker|circuit.{0,12}open", "other", 0.7),
    Kind(
        "no_instance",
        r"no (healthy |available |live )?(instances?|servers?|backends?|endpoints?|upstreams?|hosts?)( are"
        r"| is)? (available|found|healthy|for|registered)"
        r"|no healthy (upstream|host|backend)|no route to host|host unreachable|network (is )?unreachable|ehostunreach",
        "other",
        0.9,
    ),
    Kind(
        "timeout",
        r"time[ds]?[ -]?out|deadline ?exceeded|deadline_exceeded|etimedout|took too long"
        r"|exceeded.{0,20}(deadline|budget)|context deadline|(not|n't|never|failed to|no) (respond|answer|repl(y|ied)|response)\b",
        "other",
        0.85,
    ),
    Kind(
        "upstream",
        r"upstream|downstream|bad gateway|gateway time|service ?unavailable|code ?= ?unavailable"
        r"|status.?code.{0,5}unavailable|remote (host|server|service)|dependency|unable ?to ?connect|could not connect"
        r"|failed to connect|cannot connect|error while dialing"
        r"|connection ?(error|closed|aborted|lost|reset|terminated|failure|failed|exception)|econnreset|reset by peer"
        r"|broken pipe|epipe|socket hang ?up|unexpected eof|http ?server ?error|internal server error"
        r"|(status|returned|answered|responded|replied|code|error|http)( with)?\S{0,4} ?50[0234]\b"
        r"|\b50[0234] (server|internal|bad|service|gateway)",
        "other",
        0.8,
    ),
    Kind(
        "poison_data",
        r"out of range|malformed|(record|payload|message|event|row|schema|data) (validation|is invalid|corrupt)"
        r"|validation (error|failed|failure)|corrupt|unmarshal|(de)?seriali[sz]ation.{0,12}(error|fail|exception)"
        r"|invalid (record|payload|message|format|utf|json|data)|dead.?letter|redeliver|poison",
        "self",
        0.85,
    ),
    Kind(
        "schema",
        r"(no|unknown|missing|invalid) (mapping|field|column|table|relation|index)|does not exist|no such (table|column"
        r"|index)|parse.?(error|exception)|failed to parse|syntax error",
        "self",
        0.85,
    ),
    Kind(
        "config",
        r"missing (required )?(config|configuration|environment|env|setting|property|parameter|secret|key)"
        r"|invalid (config|configuration|setting|flag|option)|(environment )?variable.{0,60}not set|not configured",
        "self",
        0.9,
    ),
    Kind(
        "crash",
        r"application (run |start(up)? )?failed|(failed|unable) to start|startup failed|segmentation fault|sigsegv"
        r"|core dumped|panic:|goroutine.{0,20}exited|fatal error|unhandled|uncaught|crash|killed|aborting",
        "self",
        1.0,
    ),
    Kind("shutdown", r"shutting down|received sig(term|kill|int)|terminated by|exiting|halting", "self", 0.6),
    Kind(
        "slow",
        r"slow (query|request|response|call|operation|sql)|latency"
        r"|(exceeded|took|waited|after) ?>?\d+(\.\d+)? ?(ms|s|sec|seconds)\b|degraded",
        "either",
        0.6,
    ),
    Kind("cache_miss", r"cache (miss|expired|evict|invalidat)|read-?through", "self", 0.5),
    Kind(
        "data_missing",
        r"not found|null ?pointer|is null|none ?type|no such (key|element)|empty (result|response|list)|missing|undefined"
        r"|index ?out ?of|key ?error",
        "self",
        0.6,
    ),
    Kind(
        "exception",
        r"exception|traceback|\berror\b|\berr\b|errno|fail(ed|ure|s|ing)?\b|cannot|could not|unable to|abort|reject"
        r"|denied|invalid|illegal|lost|dropped|stall|stuck|retry|retries|retrying|fallback|unavailable",
        "self",
        0.7,
    ),
)
"""First match wins: the specific before the general."""

NOT_AN_ERROR = (
    r"(?i)\b(no|0|zero|without) (errors?|failures?|exceptions?|warnings?)\b"
    r"|(errors?|failures?|exceptions?|expired|failed|timeouts?)(_count|_rate)?[\"']?[=:] ?[\"']?(0|none|null|false|nil)\b"
    r"|error[-_ ]?(rate|budget|handler|page|log)\b"
    r"|(timeout|deadline|retry|retries|limit)[\w ()-]{0,16}[:=] ?\d+ ?(ms|s|m)?|timeout policy|-XX:\S+"
    r"|on(out)?error\b|fail[-_]?(fast|over|safe)"
)
"""What says the word and means the opposite."""

COLLECTOR = r"(?i)previous terminated container .{0,200}not found|^(error: )?defaulted container|unable to retrieve container logs"
"""What the tool that fetches lines says of itself: no word of the service's."""

STACK_FRAME = (
    r"^\s*(at [\w$.<>/@]+[(:]|at \S+ \(|at [\w.$<>`\[\]]+\.[\w$<>`\[\]|]+\(|File \"[^\"]+\", line|\.\.\. \d+ (more|common)"
    r"|goroutine \d+ \[|--- End of |[\w./-]+\.(go|rs|py|js|ts|rb|cs):\d+( \+0x|\s*$))"
)
"""A line that is one frame of a stack trace: it belongs to the line above, and says nothing alone."""

GOOD_STATUS = frozenset(
    {
        "",
        "operating normally",
        "ok",
        "up",
        "normal",
        "operational",
        "operating-normally",
        "resolved",
        "available",
        "healthy",
        "green",
        "none",
        "completed",
        "informational",
        "info",
        "scheduled",
        "good",
        "active",
    }
)
"""What providers' status pages say of a service that is well."""


@lru_cache(maxsize=1)
def compiled() -> Any:
    """All of `KINDS` as one set: a text is read once, however many kinds there are; says which of them match."""
    options = re2.Options()
    options.case_sensitive, options.max_mem = False, 64 << 20
    found = re2.Set.SearchSet(options)
    for kind in KINDS:
        found.Add(kind.pattern)
    found.Compile()
    return found


@lru_cache(maxsize=1)
def innocent() -> Any:
    return re2.compile(NOT_AN_ERROR)


@lru_cache(maxsize=1)
def _header() -> Any:
    return re2.compile(r"(?i)\bx-[a-z0-9]+(?:-[a-z0-9]+)+")


HEAD = 800
"""Characters of a message that are judged: it says what is wrong before it quotes what it was given."""


@lru_cache(maxsize=4096)
def kind_of(text: str) -> Kind | None:
    """Which kind of failure a text tells of; None when it tells of none. A header's name (`x-upstream-time`) tells of none."""
    cleaned = innocent().sub(" ", text) if innocent().search(text) else text
    found = compiled().Match(_header().sub(" ", cleaned) if "-" in cleaned else cleaned)
    return KINDS[min(found)] if found else None


def severity(level: str, text: str, *, status: str = "") -> float:
    """How bad a line sounds, 0..1: by its level, its HTTP status class (one digit) and its words, whichever says most."""
    kind = kind_of(text)
    words = kind.severity if kind else 0.0
    by_level = LEVEL_WEIGHT.get(level, 0.08)
    if kind is None and innocent().search(text):
        by_level *= 0.3  # somebody took the word for the fact
    if level in ("INFO", "DEBUG", ""):
        words *= 0.75  # words alone, in a line its writer did not think worth a warning
    by_status = {"5": 0.7, "4": 0.3}.get(status, 0.0)
    return min(1.0, max(by_level, words, by_status) + (0.1 if words and by_level >= 0.5 else 0.0))
