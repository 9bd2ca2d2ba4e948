"""What is not made to be used by several at once, and is shared now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import extension

_ONE_AT_A_TIME = re2.compile(
    r"\bnew (SimpleDateFormat|DecimalFormat|StringBuilder|ChoiceFormat|MessageFormat)\("
    r"|\b((?:Simple)?DateFormat|DecimalFormat|NumberFormat|MessageDigest|Mac|Cipher|Collator|Calendar|DocumentBuilder|Transformer|XPath)"
    r"\.(?:get\w*Instance|newInstance)\(|\b(SimpleDateFormat|DecimalFormat)\(|\.new(DocumentBuilder|Transformer|XPath)\("
    r"|\b(MD5|SHA1|SHA256|SHA512|HMACSHA256)\.Create\(|\bnew (StringBuilder|XmlDocument|\w*DbContext)\("
    r"|\b((?:md5|sha1|sha256|sha512)\.New|hmac\.New|rand\.New)\(|\b(bytes\.Buffer|strings\.Builder)\b"
    r"|\b(?:hashlib|hmac)\.(\w+)\(|\b(sqlite3\.connect|sessionmaker\([^()]*\))\("
)
"""What keeps a state of its own between two calls, in the usual libraries."""
_SEARCHES = re2.compile(
    r"(?:= |\()/(?:[^/\\]|\\.)+/[a-z]*[gy][a-z]*(?:;|$|\)|,)|\bnew RegExp\([^()]*, [\"'][a-z]*[gy][a-z]*[\"']\)"
)
_ASKED = re2.compile(r"\b(\w+)\.(?:test|exec)\(")
_FOR_ALL = re2.compile(
    r"\bstatic\b|^(?:private |protected |public |internal )*(?:final |readonly |val |lateinit |let )|^(?:self|this|@)\b|\bobject\b"
)
_APART = re2.compile(
    r"(?i)thread_?local|async_?local|contextvar|\[ThreadStatic\]|sync\.Pool|\block\w*\(|synchronized|\bmutex\b|\bpool\b"
)


def shared(sides: Sides) -> Iterator[Effect]:
    """Made anew by each call before, and once for all of them now."""
    old, new = sides.code
    if any(_APART.search(one.text) for one in new):
        return
    local = {_kind(one) for one in old if not _for_all(one)} - {""}
    before = {_kind(one) for one in old if _for_all(one)}
    for one in new:
        kind = _kind(one)
        if kind and kind in local and kind not in before and _for_all(one):
            yield effect_of("shared", 0.75, f"{clean(kind)} is shared by all calls now", one)
            return
    for one in new:
        name = one.text.partition("=")[0].strip().rpartition(" ")[2]
        searched = extension(one.path) in ("ts", "js", "tsx", "jsx", "mjs") and one.indent == 0 and _SEARCHES.search(one.text)
        if searched and any(name in _ASKED.findall(other.text) for other in new):
            yield effect_of("shared", 0.7, f"{clean(name)} goes on where the last search ended", one)
            return


def _kind(one: Statement) -> str:
    found = _ONE_AT_A_TIME.search(one.text)
    return next(name for name in found.groups() if name) if found is not None else ""


def _for_all(one: Statement) -> bool:
    if extension(one.path) in ("py", "ts", "js", "tsx", "rb", "go"):
        return one.indent == 0 or one.text.startswith(("self.", "this.", "@"))
    inside = any(defined(f"fun {name}(") is not None and name[:1].islower() for name in one.parents[-1:])
    return "static" in one.key or (_FOR_ALL.search(one.text) is not None and not inside)


_SAFE: Mapping[str, tuple[str, ...]] = {
    "ConcurrentHashMap": ("HashMap", "LinkedHashMap", "EnumMap", "mutableMapOf", "WeakHashMap"),
    "ConcurrentSkipListMap": ("TreeMap",),
    "CopyOnWriteArrayList": ("ArrayList", "LinkedList", "mutableListOf"),
    "ConcurrentLinkedQueue": ("ArrayDeque", "LinkedList"),
    "LinkedBlockingQueue": ("ArrayDeque", "LinkedList"),
    "ArrayBlockingQueue": ("ArrayDeque", "LinkedList"),
    "ConcurrentDictionary": ("Dictionary",),
    "ConcurrentQueue": ("Queue",),
    "ConcurrentBag": ("List",),
    "synchronizedMap": ("HashMap", "LinkedHashMap"),
    "synchronizedList": ("ArrayList",),
    "AtomicLong": ("long", "Long"),
    "AtomicInteger": ("int", "Int", "Integer"),
    "AtomicReference": (),
    "Hashtable": ("HashMap",),
    "StringBuffer": ("StringBuilder",),
    "ThreadLocal": (),
    "AsyncLocal": (),
    "ContextVar": (),
    "DashMap": ("HashMap",),
}
"""What several may use at once, and what stands in its place where only one should."""


def no_longer_safe(sides: Sides) -> Iterator[Effect]:
    """What several may use at once became what only one may."""
    if any(_APART.search(one.text) for one in sides.news):
        return
    for before, after in sides.pairs:
        if file_kind(after.path) != "code":
            continue
        was, now = set(before.key), set(after.key)
        name = next((name for name in _SAFE if name in was and name not in now), None)
        plain = name is not None and any(other in now - was for other in _SAFE[name])
        go = "sync" in was and "Map" in was and "map" in now - was and after.path.endswith(".go")
        if (name is not None and plain and _for_all(after)) or go:
            yield effect_of(
                "shared", 0.65, f"{clean(name or 'sync.Map')} became what only one may use at a time", after, other=before
            )
            return


_SHORT = re2.compile(
    r"\bAdd(?:Scoped|Transient)\b|@RequestScope\b|@Scope\(\s*\"(?:prototype|request)\""
    r"|\b(?:Scope\.REQUEST|ServiceLifetime\.Scoped)\b"
)
_LONG = re2.compile(
    r"\bAddSingleton\b|@Singleton\b|@ApplicationScope\b|@Scope\(\s*\"singleton\""
    r"|\bScope\.DEFAULT\b|\bServiceLifetime\.Singleton\b"
)


def lives_longer(sides: Sides) -> Iterator[Effect]:
    """Made for each request before, and one for the whole process now: what it remembers is everybody's."""
    for before, after in sides.pairs:
        if _SHORT.search(before.text) and _LONG.search(after.text) and not _LONG.search(before.text):
            yield effect_of("shared", 0.65, "made for each request before, and once for all now", after, other=before)
            return


_MUTABLE = re2.compile(r"^(?:async )?def \w+\(.*\b(\w+)(?:: [\w\[\], |.]+)? ?= ?(?:\[\]|\{\}|set\(\)|dict\(\)|list\(\))")


def one_default(sides: Sides) -> Iterator[Effect]:
    """A default that is made once and changed by those who call: in Python they all share it."""
    known = {match.group(1) for one in sides.olds if (match := _MUTABLE.match(one.text)) is not None}
    for hunk in sides.shown.image:
        text = " ".join(one.text for one in hunk)
        fresh = {one.text for one in sides.news if hunk and one.path == hunk[0].path}
        for one in hunk:
            match = _MUTABLE.match(one.text) if one.path.endswith(".py") and one.text in fresh else None
            name = match.group(1) if match is not None else ""
            changed = name and re2.search(
                rf"\b{name}(?:\.(?:append|add|update|extend|setdefault|insert|pop)\(|\[[^\]]+\] ?=)", text
            )
            if changed and name not in known:
                yield effect_of("shared", 0.65, f"{clean(name)} is one for all calls", one)
                return


KINDS = (
    Throughout(shared),
    Throughout(no_longer_safe),
    Throughout(lives_longer),
    Throughout(one_default),
)
