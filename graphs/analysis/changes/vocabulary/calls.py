"""Called names by what they do, in any language. Data, in one place."""

from __future__ import annotations

from graphs.analysis.changes.reading.words import listed, stem_set, stemmed

CONVERTERS = listed(
    "int float Decimal UUID fromisoformat strptime Atoi ParseInt ParseFloat ParseBool parseInt parseFloat parseLong "
    "parseDouble BigInt BigDecimal valueOf unwrap"
)
"""Called names that take only what has the form they want, and throw or answer nonsense for the rest."""
ROUNDERS = listed("floor ceil round trunc truncate rint toFixed quantize setScale abs intdiv")
"""Called names that decide which whole number a broken one becomes."""
OPTIONAL = listed("None Optional optional nullable nullish omitempty undefined null default partial")
"""What says that a value may be missing."""
FALLBACKS = listed("orElse orElseGet getOrDefault unwrap_or unwrap_or_default unwrap_or_else coalesce ifBlank")
"""Called names that answer something even when there is nothing."""
EAGER = listed(
    "includes preload eager_load select_related prefetch_related joinedload selectinload subqueryload Preload Include "
    "ThenInclude EntityGraph leftJoinAndSelect fetchJoin with_relations"
)
"""Called names by which object mappers load related rows in one query, where each row would ask for its own."""
ERRORISH = listed("err error errors errorf exception wrap badrequest internalerror writeerror ex exc e fail failure status")
FAILING = ("raise ", "throw ", "panic(", "panic!(", "abort(", "assert ", "die(", "os.Exit", "sys.exit", "System.exit")
IO = stemmed(
    "get fetch query load find select exec execute read lookup request invoke rpc client db repo http call send list describe "
    "resolve download search save insert update post"
)
CLOSERS = stemmed(
    "close release unlock rollback cancel dispose cleanup free shutdown stop defer evict put discard unsubscribe "
    "removelistener done"
)
WAITERS = stem_set(["sleep", "backoff", "wait", "delay", "jitter"])
CHECKERS = stemmed("validate check verify ensure authorize authenticate sanitize escape require permit allow normalize")
LOCKERS = stem_set(["lock", "acquire", "synchronized", "mutex", "transaction", "begin"])
BLOCKERS = stem_set(["sleep", "block", "blocking"])
OBSERVERS = stemmed("log logger slog metric span trace counter prometheus")
TRIVIAL = listed(
    "append len str int range print format make new copy min max sorted list dict set tuple Sprintf Errorf toString String "
    "Format format_args isset size length count entries"
)
