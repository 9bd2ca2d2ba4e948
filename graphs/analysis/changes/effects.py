"""What one edit alters, and the vocabulary by which statements of any language are told apart."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

import re2

from graphs.analysis.changes.lexicon import KIND_OF_EFFECT, Resource, resources_of
from graphs.analysis.changes.reading.statements import Statement, called, calls_in, repeated
from graphs.analysis.changes.reading.tokens import Measure, split_identifier, stem_set

Direction = Literal["down", "up", "gone", "new", "other"]
NEUTRAL_BELOW = 0.1
HARD = frozenset(
    {
        "gone",
        "number",
        "negation",
        "condition",
        "swapped",
        "loop_call",
        "loop_query",
        "switch",
        "schema",
        "query",
        "conversion",
        "unawaited",
        "unguarded",
        "tightened",
        "rounding",
        "renewed",
        "dropped",
        "pattern",
        "backtracking",
        "swallowed",
        "identity",
        "fixed",
        "whole",
        "blocking",
        "members",
        "zone",
    }
)
"""Effects that no helper extraction explains away."""
CONVERTERS = frozenset(
    [
        "int",
        "float",
        "Decimal",
        "UUID",
        "fromisoformat",
        "strptime",
        "Atoi",
        "ParseInt",
        "ParseFloat",
        "ParseBool",
        "parseInt",
        "parseFloat",
        "parseLong",
        "parseDouble",
        "BigInt",
        "BigDecimal",
        "valueOf",
        "unwrap",
    ]
)
"""Called names that take only what has the form they want, and throw or answer nonsense for the rest."""
ROUNDERS = frozenset(["floor", "ceil", "round", "trunc", "truncate", "rint", "toFixed", "quantize", "setScale", "abs", "intdiv"])
"""Called names that decide which whole number a broken one becomes."""
OPTIONAL = frozenset(
    ["None", "Optional", "optional", "nullable", "nullish", "omitempty", "undefined", "null", "default", "partial"]
)
"""What says that a value may be missing."""
FALLBACKS = frozenset(
    ["orElse", "orElseGet", "getOrDefault", "unwrap_or", "unwrap_or_default", "unwrap_or_else", "coalesce", "ifBlank"]
)
"""Called names that answer something even when there is nothing."""
EAGER = frozenset(
    [
        "includes",
        "preload",
        "eager_load",
        "select_related",
        "prefetch_related",
        "joinedload",
        "selectinload",
        "subqueryload",
        "Preload",
        "Include",
        "ThenInclude",
        "EntityGraph",
        "leftJoinAndSelect",
        "fetchJoin",
        "with_relations",
    ]
)
"""Called names by which object mappers load related rows in one query, where each row would ask for its own."""
COMPARE = frozenset(("<", "<=", ">", ">=", "==", "!=", "===", "!==", "in", "is"))
LOGIC = frozenset(("&&", "||", "and", "or"))
NEGATIONS = frozenset(("!", "not", "unless"))
ARITHMETIC = frozenset(("+", "-", "*", "/", "%", "//", "**", "<<", ">>"))
TRUTHS = {"true": True, "false": False, "on": True, "off": False, "yes": True, "no": False, "enabled": True, "disabled": False}
ASSIGNS = frozenset(("=", ":", ":=", "=>", "+=", "-="))
TYPES = frozenset(
    [
        "int",
        "float",
        "str",
        "bool",
        "double",
        "long",
        "string",
        "number",
        "Duration",
        "duration",
        "Integer",
        "i32",
        "i64",
        "u32",
        "u64",
        "usize",
        "f64",
        "float64",
        "int64",
        "int32",
        "uint",
        "time",
    ]
)
ERRORISH = frozenset(
    [
        "err",
        "error",
        "errors",
        "errorf",
        "exception",
        "wrap",
        "badrequest",
        "internalerror",
        "writeerror",
        "ex",
        "exc",
        "e",
        "fail",
        "failure",
        "status",
    ]
)
FAILING = ("raise ", "throw ", "panic(", "panic!(", "abort(", "assert ", "die(", "os.Exit", "sys.exit", "System.exit")
GUARD = ("if ", "if(", "elif ", "unless ", "guard ", "assert", "require(", "check(", "when ", "else if")
IO = stem_set(
    [
        "get",
        "fetch",
        "query",
        "load",
        "find",
        "select",
        "exec",
        "execute",
        "read",
        "lookup",
        "request",
        "invoke",
        "rpc",
        "client",
        "db",
        "repo",
        "http",
        "call",
        "send",
        "list",
        "describe",
        "resolve",
        "download",
        "search",
        "save",
        "insert",
        "update",
        "post",
    ]
)
CLOSERS = stem_set(
    [
        "close",
        "release",
        "unlock",
        "rollback",
        "cancel",
        "dispose",
        "cleanup",
        "free",
        "shutdown",
        "stop",
        "defer",
        "evict",
        "put",
        "discard",
        "unsubscribe",
        "removelistener",
        "done",
    ]
)
WAITERS = stem_set(["sleep", "backoff", "wait", "delay", "jitter"])
CHECKERS = stem_set(
    [
        "validate",
        "check",
        "verify",
        "ensure",
        "authorize",
        "authenticate",
        "sanitize",
        "escape",
        "require",
        "permit",
        "allow",
        "normalize",
    ]
)
LOCKERS = stem_set(["lock", "acquire", "synchronized", "mutex", "transaction", "begin"])
_BLOCKERS = stem_set(["sleep", "block", "blocking"])
_OBSERVERS = stem_set(["log", "logger", "slog", "metric", "span", "trace", "counter", "prometheus"])
TRIVIAL = frozenset(
    [
        "append",
        "len",
        "str",
        "int",
        "range",
        "print",
        "format",
        "make",
        "new",
        "copy",
        "min",
        "max",
        "sorted",
        "list",
        "dict",
        "set",
        "tuple",
        "Sprintf",
        "Errorf",
        "toString",
        "String",
        "Format",
        "format_args",
        "isset",
        "size",
        "length",
        "count",
        "entries",
    ]
)
SQL = re2.compile(
    r"(?i)\bselect(?:\s+[^\s{]|\s*$)|\b(update|delete|insert|join|where|limit|order by|group by|create index|drop|alter)\b"
)
PATTERN = re2.compile(
    r"(?i)\b(re|regex\w*|regexp|pattern)\b[.\w]*\s*\(|\b(pattern|regex\w*|\w+_re)\s*[:=]|MustCompile\(|Pattern\.compile\("
)
VERSION = re2.compile(
    r"^[\"'`]?(?:[~^=<>]+v?\d+(\.\d+)+|v\d+(\.\d+)+|\d+(\.\d+){2,})([.+-]\w+)*[\"'`]?$|^[\"'`]v?\d{4}\.\d\d[\w.-]*[\"'`]$"
)
_UNSAFE = re2.compile(r"[^\w.\-/ ]+")


@dataclass(frozen=True)
class Effect:
    """One alteration of behaviour. `weight` 0..1: how likely such an edit changes what users see, whatever the symptom.

    `words` are stems of what it touches, `context` of what stands around it (lines, path). `note` is ours: cleaned names and
    numbers only; `line` is quoted from the diff.
    """

    kind: str
    weight: float
    note: str
    words: frozenset[str]
    context: frozenset[str]
    path: str
    line: str
    resource: Resource | None = None
    direction: Direction = "other"
    before: Measure | None = None
    after: Measure | None = None

    @property
    def fault(self) -> str:
        """Our word for what this breaks."""
        if self.resource is not None and self.kind in ("number", "gone", "switch", "literal", "came"):
            return self.resource.kind
        return KIND_OF_EFFECT.get(self.kind, "code_regression")

    def scaled(self, factor: float) -> Effect:
        return replace(self, weight=self.weight * factor)


def clean(text: str, *, most: int = 40) -> str:
    """An identifier or path of the diff, fit for our own sentences: names and dots only, cut short."""
    safe: str = _UNSAFE.sub("", text.strip("\"'`"))
    return safe[:most].strip()


def name_of(one: Statement) -> str | None:
    """The key or variable that a statement gives a value to, with the keys it stands in."""
    words = [token for token in one.tokens if token.kind in ("word", "string")]
    if not words:
        return None
    for place, token in enumerate(one.tokens[:8]):
        if token.text in ASSIGNS and place:
            left = [item for item in one.tokens[:place] if item.kind in ("word", "string") and item.text not in TYPES]
            return (
                "/".join([*one.parents[-2:], left[-1].text if token.text != ":" or len(left) < 3 else left[0].text])
                if left
                else None
            )
    return None


_DIRECTIVES = re2.compile(r"^[\w-]+(?:=[\w-]+)?(?:[,;] ?[\w-]+(?:=[\w-]+)?)+$|^(?:[\d*/,-]+ ){4,5}[\w*/,-]+$")


def wordy(text: str) -> bool:
    """A message for people, rather than a name, a list of directives or a timetable for machines."""
    bare = text.strip("\"'`")
    return (
        bare.count(" ") >= 1 and not bare.isupper() and not _DIRECTIVES.match(bare) and not SQL.search(bare) and "://" not in bare
    )


def first_resource(words: frozenset[str]) -> Resource | None:
    hits = resources_of(words)
    return hits[0] if hits else None


def passes_error(one: Statement) -> bool:
    """Reports or wraps an error that arose elsewhere; its wording and status are not behaviour that breaks things."""
    words = {word for name in called(one) for word in split_identifier(name)}
    if one.text.startswith(("return", "raise", "throw")) and words & ERRORISH and not one.text.startswith(FAILING):
        return True
    return bool(words) and words & {"error", "errorf", "errors", "wrap"} != set() and not one.text.startswith((*FAILING, *GUARD))


def calls_out(one: Statement) -> bool:
    return _outward(called(one), one.text)


def asked_in_loops(one: Statement) -> int:
    """In how many loops a statement asks somebody else; of a loop of its own, only what it repeats counts."""
    own = repeated(one)
    around = one.loops - bool(own)
    return around + 1 if own and _outward(calls_in(own), own) else around if calls_out(one) else 0


def _outward(names: AbstractSet[str], text: str) -> bool:
    outward = {
        name
        for name in names
        if name.rpartition(".")[2] not in TRIVIAL
        and not stem_set([name]) & _OBSERVERS
        and split_identifier(name)[:1] not in _REMAKES
    }
    waits = "await" in text or _WITHIN.search(text) is not None
    return bool(stem_set(outward) & IO) or (any("." in name for name in outward) and waits)


_WITHIN = re2.compile(r"\w\.\w+\((?:ctx|\w+Ctx|cancellationToken|r\.Context\(\))\b")  # what may be cut short takes its time


_REMAKES = tuple(
    [verb] for verb in ("validate", "to", "parse", "format", "is", "has", "convert", "escape", "encode", "decode", "map", "build")
)
"""First words of names that make something of what they are given, and ask nobody: `toQueryRow`, `validateRequestId`."""


def blocks(names: set[str]) -> bool:
    """A called name that keeps the thread waiting by its nature."""
    return bool(stem_set(names) & _BLOCKERS) or any(name.endswith("Sync") for name in names)


def last_names(one: Statement) -> set[str]:
    return {name.rpartition(".")[2] for name in called(one)}


def called_name(one: Statement) -> str:
    outward = sorted((name for name in called(one) if name.rpartition(".")[2] not in TRIVIAL), key=lambda name: (-len(name), name))
    return clean(outward[0] if outward else name_of(one) or "") or "a statement"


def head_words(one: Statement) -> frozenset[str]:
    """Stems of what stands left of an assignment, or of the called name."""
    for place, token in enumerate(one.tokens[:6]):
        if token.text in ASSIGNS and place:
            return stem_set([item.text for item in one.tokens[:place]] + list(one.parents[-1:]))
    return stem_set([*called(one)]) or words_of(one)


def words_of(one: Statement) -> frozenset[str]:
    return one.words


def effect_of(
    kind: str,
    weight: float,
    note: str,
    one: Statement,
    *,
    resource: Resource | None = None,
    direction: Direction = "other",
    before: Measure | None = None,
    after: Measure | None = None,
    other: Statement | None = None,
) -> Effect:
    words = words_of(one) | (words_of(other) if other is not None else frozenset()) | stem_set(one.parents[-2:])
    context = stem_set([one.nearby, *one.parents, *one.path.rsplit("/", 3)[-3:]]) - words
    line = f"- {other.text}\n+ {one.text}" if other is not None else f"{one.sign} {one.text}"
    return Effect(kind, weight, note[:140], words, context, one.path, line[:400], resource, direction, before, after)
