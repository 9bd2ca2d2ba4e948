"""A statement and its new version: what changed between them, and what means the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import re2

from graphs.analysis.changes.comings import backtracking, keeping, scanning
from graphs.analysis.changes.effects import (
    ARITHMETIC,
    CHECKERS,
    CLOSERS,
    COMPARE,
    CONVERTERS,
    EAGER,
    ERRORISH,
    GUARD,
    IO,
    LOCKERS,
    LOGIC,
    NEGATIONS,
    PATTERN,
    ROUNDERS,
    SQL,
    TRIVIAL,
    TRUTHS,
    TYPES,
    VERSION,
    Effect,
    asked_in_loops,
    blocks,
    called_name,
    clean,
    effect_of,
    first_resource,
    last_names,
    name_of,
    passes_error,
    wordy,
)
from graphs.analysis.changes.guards import subsequence, unguarded
from graphs.analysis.changes.numbers import HEADS, measures_of, number_step, numbers, resource_at
from graphs.analysis.changes.reading.constants import declares, measured_by, plain_value, same_setting
from graphs.analysis.changes.reading.statements import Statement, called, defined, file_kind
from graphs.analysis.changes.reading.tokens import Measure, Token, stem, stem_set

_LEVELS = ("off", "fatal", "error", "warn", "warning", "info", "debug", "trace", "all")
_PASSED_ON = re2.compile(r"^if err != nil \{? ?(?:return (?:\w+, )*(?:err|fmt\.Errorf\(.*\)) ?\}?)?$")
_KEYWORDS = frozenset(
    [
        "await",
        "async",
        "break",
        "continue",
        "raise",
        "throw",
        "for",
        "while",
        "yield",
        "lock",
        "synchronized",
        "defer",
        "with",
        "go",
        "spawn",
        "goto",
    ]
)
EMPTY_ATOMS = frozenset(("op *", "call string", "call str"))  # a pointer's star is no product
_OPPOSITES = (
    ("read", "write"),
    ("primary", "replica"),
    ("active", "all"),
    ("min", "max"),
    ("start", "end"),
    ("first", "last"),
    ("before", "after"),
    ("old", "new"),
    ("source", "target"),
    ("sync", "async"),
    ("enable", "disable"),
    ("allow", "deny"),
    ("net", "gross"),
    ("local", "utc"),
    ("staging", "production"),
    ("ms", "seconds"),
)


_HANDED_ON = re2.compile(r"^(?:Err\(\w+\) => (?:return )?Err\(\w+(?:\.into\(\))?\)|Ok\((\w+)\) => \w+),?$")


def boilerplate(one: Statement) -> bool:
    """What carries no behaviour of its own: passing an error on, or opening a plain block."""
    if _HANDED_ON.match(one.text) or declares(one):
        return True
    if one.text.startswith(("return nil, err", "return err", "return None, err", "@Override")) or _PASSED_ON.match(one.text):
        return True
    texts = [token.text for token in one.tokens]
    return not texts or texts in (["if", "err", "!=", "nil"], ["return"], ["return", "nil"], ["try"], ["}", "else"], ["pass"])


def atoms(made: Iterable[Statement]) -> Iterator[str]:
    """What a statement means, order and names aside: its numbers, plain strings, calls, comparisons and constants."""
    for one in made:
        if passes_error(one):
            continue
        yield from (f"call {name.rpartition('.')[2]}" for name in called(one))
        for token in one.tokens:
            if token.kind == "number" or (token.kind == "string" and not wordy(token.text)):
                yield f"{token.kind} {token.text}"
            elif token.text in COMPARE | LOGIC | NEGATIONS | ARITHMETIC or token.text.lower() in TRUTHS or token.text in _KEYWORDS:
                yield f"op {token.text}"


def named_only_before(old: Sequence[Statement], new: Sequence[Statement]) -> set[str]:
    """Words that vanished and were no locals of the old code: what a move or a renaming never loses."""
    assigned = {
        token.text
        for one in old
        for place, token in enumerate(one.tokens[:6])
        if token.kind == "word" and any(later.text in ("=", ":=") for later in one.tokens[place + 1 : 6])
    }
    gone = {token.text for one in old if not passes_error(one) for token in one.tokens if token.kind == "word"}
    kept = {token.text for one in new for token in one.tokens if token.kind == "word"}
    return {word for word in gone - kept - assigned - TYPES - HEADS if word not in ERRORISH | _NOTHING and len(word) > 2}


_MADE = stem_set(["client", "session", "connect", "connection", "pool", "engine", "channel", "dial", "executor"])
_NOTHING = frozenset(("nil", "null", "None", "undefined", "NULL"))


def into_loop(before: Statement, after: Statement) -> Effect | None:
    """The same statement, now inside a loop that it did not stand in, or making with every call what was made once."""
    if before.indent == 0 < after.indent and file_kind(after.path) == "code" and _MADE & stem_set(last_names(after)):
        pool = first_resource(stem_set(["connection"]))
        return effect_of("renewed", 0.65, f"{called_name(after)} made anew by every call", after, resource=pool, direction="gone")
    if after.loops < before.loops and LOCKERS & stem_set(last_names(after)) and file_kind(after.path) == "code":
        lock = first_resource(stem_set(["lock"]))
        return effect_of("blocking", 0.65, f"{called_name(after)} now holds for a whole loop", after, resource=lock, direction="up")
    if after.loops <= before.loops or asked_in_loops(after) <= before.loops:
        return None
    return effect_of("loop_call", 0.9, f"{called_name(after)} moved into a loop", after)


_BUILT = re2.compile(r"[=(]\s*&?(?:\w+\.)*\w*(?:Client|Transport|Session|Pool|Dialer)\w*\{")


def made_anew(one: Statement, old: Sequence[Statement], new: Sequence[Statement]) -> Effect | None:
    """A client or connection of its own for calls that another one made before."""
    makes = {name for name in last_names(one) if stem_set([name]) & _MADE and not name.islower()} or _BUILT.search(one.text)
    if not makes or one.indent == 0 or name_of(one) is None or file_kind(one.path) != "code":
        return None
    before = {name for other in old if other.block == one.block for name in last_names(other)}
    after = {name for other in new if other.block == one.block and other is not one for name in last_names(other)}
    if not before & after - TRIVIAL or any(stem_set(last_names(other)) & _MADE for other in old if other.block == one.block):
        return None
    pool = first_resource(stem_set(["connection"]))
    note = f"{clean((name_of(one) or '').rpartition('/')[2])} made anew by every call"
    return effect_of("renewed", 0.6, note, one, resource=pool, direction="gone")


def loaded(name: str, target: str) -> bool:
    """Two names whose words differ in a resource or an opposite: no mere renaming."""
    gone, come = stem_set([name]) - stem_set([target]), stem_set([target]) - stem_set([name])
    return any(
        (stem(pair[0]) in gone and stem(pair[1]) in come) or (stem(pair[1]) in gone and stem(pair[0]) in come)
        for pair in _OPPOSITES
    )


def between(before: Statement, after: Statement) -> list[Effect]:
    """What a statement's new version does otherwise."""
    if file_kind(before.path) == "schema":
        if before.path.endswith(".proto") and _numbered(before) != _numbered(after):
            return [effect_of("schema", 0.75, "another number or type of a field that others write or read", after, other=before)]
        if "concurrently" in before.text.lower() and "concurrently" not in after.text.lower():
            return [effect_of("schema_lock", 0.65, "an index is built under lock", after, other=before)]
        return [effect_of("schema", 0.6, "schema statement changed", after)]
    if _asks_for_nothing(before) and _asks_for_nothing(before) == _asks_for_nothing(after):
        return []
    if same_setting(before, after):
        return []
    if file_kind(before.path) == "config" and (flags := [*_flags(before, after)]):
        return flags
    if file_kind(before.path) == "config" and (setting := _setting(before, after) or _listed(before, after)) is not None:
        return [setting]
    found = [
        *numbers(before, after),
        *_cut(before, after),
        *_switches(before, after),
        *_strings(before, after),
        *_conditions(before, after),
    ]
    found += [*unguarded(before, after), *_rounded(before, after), *_kept(before, after)]
    found += [effect for effect in (backtracking(after), scanning(after)) if effect is not None and _new_here(effect, before)]
    looped = into_loop(before, after)
    found += [looped] if looped is not None else []
    if _handed_over(before, after):
        found = [one.scaled(_TOLD_ELSEWHERE) if one.kind in _EXTRACTED else one for one in found]
    if found:
        return found
    old, new = [token.text for token in before.tokens], [token.text for token in after.tokens]
    if plain_value(before) and plain_value(after) and measures_of(before) == measures_of(after):
        return []
    if sorted(old) == sorted(new) and old != new and _named_arguments(before) == _named_arguments(after) != []:
        return []
    if sorted(old) == sorted(new) and old != new and not passes_error(after):
        return [effect_of("swapped", 0.5, "same parts in another order", after)]
    return _calls(before, after)


def _named_arguments(one: Statement) -> list[str]:
    """What a call is handed, where all of it is handed by name: no order matters then."""
    start = next((place for place, token in enumerate(one.tokens) if token.text == "("), len(one.tokens))
    inside = " ".join(one.key[start + 1 :]).removesuffix(")")
    found = sorted(part.strip() for part in inside.split(" , "))
    return [*one.key[:start], *found] if all(_BY_NAME.match(part) for part in found) else []


_BY_NAME = re2.compile(r"^\w+ [=:] [^()\[\]{}]*$")


def _new_here(effect: Effect, before: Statement) -> bool:
    same = {"backtracking": backtracking, "query": scanning}[effect.kind]
    return same(before) is None


_ALIKE = {"is": "==", "===": "==", "!==": "!="}


def _asks_for_nothing(one: Statement) -> list[str]:
    """A statement's texts, where it compares with nothing: equal and identical are the same there."""
    return [_ALIKE.get(text, text) for text in one.key] if _NOTHING & set(one.key) else []


_CUT = re2.compile(r"\w\)?\[\s*:\s*\w[\w.]*\s*\]|\.(?:take|first|limit)\(\w[\w.]*\)")


def _cut(before: Statement, after: Statement) -> list[Effect]:
    """Only so many were taken, and now all of them are."""
    if not _CUT.search(before.text) or _CUT.search(after.text) or not last_names(before) <= {*last_names(after), *_TAKERS}:
        return []
    queue = first_resource(stem_set(["buffer"]))
    return [
        effect_of("gone", 0.5, "takes all, and no longer the first of them", after, resource=queue, direction="gone", other=before)
    ]


_TAKERS = frozenset(("take", "first", "limit"))


def _numbered(one: Statement) -> tuple[str, ...]:
    """What is sent of a field: its type and its number, and not its name."""
    return tuple(token.text for token in one.tokens if token.kind == "number" or token.text in TYPES)


_EXTRACTED = frozenset({"unguarded", "arithmetic", "negation", "condition", "rounding", "conversion", "literal", "dropped"})
_TOLD_ELSEWHERE = 0.3


def _handed_over(before: Statement, after: Statement) -> bool:
    """Whether what reckoned out a value became a call of something named like that value: its parts stand there now."""
    name = name_of(after)
    if name is None or name != name_of(before) or file_kind(after.path) != "code":
        return False
    come = last_names(after) - last_names(before)
    meant = stem_set([name.rpartition("/")[2]])
    return len(after.key) <= len(before.key) and any(meant <= stem_set([one]) for one in come) and bool(meant)


def _switches(before: Statement, after: Statement) -> list[Effect]:
    found = []
    for old, new in _replaced(before, after):
        was, now = old.text.strip("\"'`").lower(), new.text.strip("\"'`").lower()
        if was in TRUTHS and now in TRUTHS and TRUTHS[was] != TRUTHS[now]:
            key = name_of(after) or called_name(after)
            found.append(
                effect_of(
                    "switch",
                    0.6,
                    f"{clean(key)} {was} -> {now}",
                    after,
                    resource=resource_at(key, after),
                    direction="up" if TRUTHS[now] else "gone",
                )
            )
        elif was in _LEVELS and now in _LEVELS and was != now and _levels_here(after):
            louder = _LEVELS.index(now) > _LEVELS.index(was)
            resource = resource_at("level", after) if louder else None
            found.append(
                effect_of(
                    "switch",
                    0.55 if louder else 0.15,
                    f"log level {was} -> {now}",
                    after,
                    resource=resource,
                    direction="up" if louder else "down",
                )
            )
    return found


def _levels_here(one: Statement) -> bool:
    return bool(
        {"level", "loglevel", "verbos", "log", "logg"} & stem_set([token.text for token in one.tokens] + list(one.parents))
        or "level" in one.text.lower()
    )


def _replaced(before: Statement, after: Statement) -> list[tuple[Token, Token]]:
    matcher = SequenceMatcher(None, before.key, after.key, autojunk=False)
    return [
        (before.tokens[left + step], after.tokens[right + step])
        for tag, left, left_end, right, right_end in matcher.get_opcodes()
        if tag == "replace" and left_end - left == right_end - right
        for step in range(left_end - left)
    ]


def _strings(before: Statement, after: Statement) -> list[Effect]:
    found = []
    for old, new in _replaced(before, after):
        was, now = old.text.strip("\"'`"), new.text.strip("\"'`")
        if file_kind(after.path) == "image" and after.text.upper().startswith("FROM "):
            continue  # told as another image
        plain = file_kind(after.path) in ("config", "image") and {old.kind, new.kind} <= {"string", "word"}
        if not (old.kind == new.kind == "string" or plain) or was == now or was.lower() in TRUTHS or was.lower() in _LEVELS:
            continue
        if SQL.search(was) and SQL.search(now):
            found.append(_query(was, now, after))
        elif _HOLE.search(was) and _HOLE.search(now) and _HOLE.sub("{}", was) == _HOLE.sub("{}", now):
            found.append(effect_of("changed", 0.3, "a text is filled in otherwise", after, other=before))
        elif (VERSION.match(was) and VERSION.match(now)) or (was[:1].isdigit() and now[:1].isdigit()):
            continue
        elif (PATTERN.search(after.text) or not wordy(was)) and not passes_error(after):
            key = name_of(after) or _first_text(after, was, now)
            if PATTERN.search(after.text):
                found.append(
                    effect_of("pattern", 0.6, f"another pattern in {clean(key) or called_name(after)}", after, other=before)
                )
                continue
            note = f"{clean(was)} -> {clean(now)}" + (f" in {clean(key)}" if key else "")
            made = effect_of("literal", 0.6, note, after, resource=resource_at(key, after) if key else None)
            found.append(replace(made, words=made.words | stem_set([was, now])))
    return found


def _first_text(one: Statement, *but: str) -> str:
    """The text by which a call says what it sets: `header("Cache-Control", ...)`."""
    found = next((token.text.strip("\"'`") for token in one.tokens if token.kind == "string"), "")
    return found if found not in but and not wordy(found) else ""


_HOLE = re2.compile(r"[$#]?\{[^{}]*\}")


def _setting(before: Statement, after: Statement) -> Effect | None:
    """A configured name, address or word became another; numbers, switches and levels are read elsewhere."""
    (key, was), (same, now) = _key_value(before.text), _key_value(after.text)
    if _NUMBER.match(was) and _HOLDER.search(now):
        return None
    if not was or not now or key != same or was == now or wordy(was) or (was[0].isdigit() and now[0].isdigit()):
        return None
    if {was.lower(), now.lower()} <= {*TRUTHS, *_LEVELS} or (VERSION.match(was) and VERSION.match(now)):
        return None
    resource = resource_at(key, after)
    if resource is not None and resource.kind in _MEASURED and (small := _embedded(was, now)) is not None:
        return effect_of(
            "number",
            small,
            f"{clean(was)} -> {clean(now)} in {clean(key)}",
            after,
            resource=resource,
            direction="up" if _amount(now) > _amount(was) else "down",
            other=before,
        )
    made = effect_of("literal", 0.6, f"{clean(was)} -> {clean(now)} in {clean(key)}", after, resource=resource, other=before)
    return replace(made, words=made.words | stem_set([was, now]))


_NUMBER, _HOLDER = re2.compile(r"^\d{1,12}(?:\.\d{1,12})?$"), re2.compile(r"[$%({][^\d]*\d{1,12}\D*$")
_MEASURED = frozenset({"memory", "timeout", "connection_pool", "workers", "queue", "cpu", "retry", "cache"})
_DIGITS = re2.compile(r"\d{1,12}(?:\.\d{1,12})?")


def _embedded(was: str, now: str) -> float | None:
    """The weight of a step of the one number by which two texts differ; None where they differ otherwise."""
    if _DIGITS.sub("#", was) != _DIGITS.sub("#", now) or was.count("#") or len(_DIGITS.findall(was)) != 1:
        return None
    low, high = sorted((_amount(was), _amount(now)))
    return min(1.0, 0.15 + 0.25 * math.log2(high / low)) if low else 0.8


def _amount(text: str) -> float:
    return float(_DIGITS.search(text).group())


def _key_value(text: str) -> tuple[str, str]:
    match = _KEY_VALUE.match(text.strip().rstrip(","))
    return (match.group(1).strip("\"'"), match.group(2).strip("\"'")) if match is not None else ("", "")


_KEY_VALUE = re2.compile(r"^(?:export |- )?([\w.\-\"']+)\s*[:=]\s*([^\s{\[].*)$")


_FLAG = re2.compile(r"^(-{0,2}[A-Za-z][\w:+.-]*?[=:]?)(\d{1,12})([kKmMgG]?)[bB]?$")
_SIZES = {"": 1.0, "k": 1024.0, "m": 1024.0**2, "g": 1024.0**3}


def _flags(before: Statement, after: Statement) -> Iterator[Effect]:
    """Numbers of the flags in one text that a program is started with: `-Xmx2g --workers=4`."""
    was, now = ([found for word in re2.split(r"[\s\"']+", one.text) if (found := _FLAG.match(word))] for one in (before, after))
    old = {found.group(1): found for found in was}
    for found in now:
        flag, size = found.group(1), found.group(3).lower()
        if flag not in old or flag.startswith(("TLSv", "HTTP")) or (found.group() == old[flag].group()) or " " not in _text(after):
            continue
        earlier, unit = old[flag], "B" if size or old[flag].group(3) else ""
        measures = [float(one.group(2)) * _SIZES[one.group(3).lower()] for one in (earlier, found)]
        step = [Measure(value, "B" if unit else "") for value in measures]
        made = number_step(flag.strip("-=:"), step[0], step[1], before, after)
        memory = first_resource(stem_set(["memory"])) if _HEAP.match(flag) else made.resource
        yield replace(made, note=f"{clean(flag)} {clean(earlier.group())} -> {clean(found.group())}", resource=memory)


_HEAP = re2.compile(r"^-Xm[xsn]$")


def _text(one: Statement) -> str:
    return next((token.text for token in one.tokens if token.kind == "string"), "")


_LISTING = re2.compile(r"^([a-z]\w+)\s+([^{};=]+);$")


def _listed(before: Statement, after: Statement) -> Effect | None:
    """A directive that lists, where one of what it listed went."""
    was, now = _LISTING.match(before.text), _LISTING.match(after.text)
    if was is None or now is None or was.group(1) != now.group(1):
        return None
    old, new = was.group(2).split(), now.group(2).split()
    lost = [word for word in old if word not in new]
    if not lost or set(new) - set(old):
        return None
    note = f"{clean(lost[0])} is no longer listed in {clean(was.group(1))}"
    return effect_of("literal", 0.55, note, after, resource=resource_at(was.group(1), after), direction="gone", other=before)


def _query(was: str, now: str, after: Statement) -> Effect:
    lost = {
        word
        for word in ("limit", "where", "index", "join", "on", "order by", "skip locked", "for update", "distinct", "partition")
        if f" {word} " in f" {was.lower()} " and f" {word} " not in f" {now.lower()} "
    }
    if _WRAPPED.search(now) and not _WRAPPED.search(was):
        return effect_of("query", 0.75, "compares what a function makes of a column", after)
    if _SIGNS.findall(was) != _SIGNS.findall(now) and _SIGNS.sub("=", was) == _SIGNS.sub("=", now):
        return effect_of("condition", 0.7, "a query compares otherwise", after)
    if was.lower().count(" and ") > now.lower().count(" and ") and " or " not in now.lower():
        lost |= {"condition"}
    weight = 0.85 if lost else 0.6
    made = effect_of("query", weight, "query lost its " + " and ".join(sorted(lost)) if lost else "query changed", after)
    return replace(made, words=made.words | stem_set(lost))


_SIGNS = re2.compile(r"<>|!=|<=|>=|<|>|=")
_WRAPPED = re2.compile(
    r"(?i)\b(?:where|and|or|on)\s+(?:lower|upper|date|cast|trim|coalesce|substr(?:ing)?|to_char|date_trunc|year|month|md5)\s*\("
)


def _conditions(before: Statement, after: Statement) -> list[Effect]:
    old, new = [token.text for token in before.tokens], [token.text for token in after.tokens]
    if _denials(before) != _denials(after):
        return [effect_of("negation", 0.85, "a negation came or went", after, other=before)]
    conditional = any(text in COMPARE | LOGIC for text in (*old, *new)) or before.text.startswith(GUARD)
    lost = {"await", "async", "volatile", "synchronized", "yield"} & (set(old) - set(new))
    if lost == {"await"} and last_names(before) & last_names(after):
        return [effect_of("unawaited", 0.75, f"{called_name(after)} is no longer waited for", after, other=before)]
    if lost:
        return [effect_of("condition", 0.55, f"no longer {min(lost)}", after, other=before)]
    if before.text.lstrip("} ").startswith(_CATCHES) and after.text.lstrip("} ").startswith(_CATCHES):
        return [effect_of("guard_removed", 0.5, "other errors are caught", after, other=before)]
    for left, right in _replaced(before, after):
        named = left.kind == right.kind == "word" and left.text not in TYPES and file_kind(after.path) == "code"
        if named and loaded(left.text, right.text):
            return [effect_of("condition", 0.7, f"{clean(left.text)} became {clean(right.text)}", after, other=before)]
        if _ALIKE.get(left.text, left.text) == _ALIKE.get(right.text, right.text):
            continue
        if (left.text in COMPARE and right.text in COMPARE) or (left.text in LOGIC and right.text in LOGIC):
            if "retry" in stem_set([name_of(after) or "", *after.parents[-1:], *last_names(after)]):
                retry = first_resource(stem_set(["retry"]))
                note = f"another condition to try again: {left.text} became {right.text}"
                return [effect_of("condition", 0.7, note, after, resource=retry, direction="up", other=before)]
            return [effect_of("condition", 0.75, f"{left.text} became {right.text}", after, other=before)]
        if left.text in ARITHMETIC and right.text in ARITHMETIC:
            return [effect_of("arithmetic", 0.6, f"{left.text} became {right.text}", after, other=before)]
    if conditional and len(new) < len(old) and subsequence(new, old) and before.text.startswith((*GUARD, "return", "while")):
        return [effect_of("condition", 0.8, "part of a condition was dropped", after, other=before)]
    if conditional and sum(text in LOGIC for text in new) != sum(text in LOGIC for text in old):
        if _provides(before, after):
            return [effect_of("guard", 0.15, "something is given where nothing was", after, other=before)]
        if _refuses_more(before, after):
            return [effect_of("strict", 0.45, "more is refused", after, other=before)]
        return [effect_of("condition", 0.65, "a condition has other parts", after, other=before)]
    signs = [sorted(_ALIKE.get(text, text) for text in one.key if text in COMPARE) for one in (before, after)]
    said = [{token.text for token in one.tokens if token.kind != "op"} for one in (before, after)]
    if before.text.startswith(GUARD) and after.text.startswith(GUARD) and signs[0] != signs[1] and said[1] < said[0]:
        return [effect_of("condition", 0.55, "asks less, and otherwise", after, other=before)]
    if (other := _other_argument(before, after)) is not None:
        return [other]
    texts = any(token.kind == "string" for token in (*before.tokens, *after.tokens))  # joined or formatted, not reckoned with
    steps = sum(text in ARITHMETIC for text in new) != sum(text in ARITHMETIC for text in old)
    same = measures_of(before) == measures_of(after) != []  # the same amount, in another unit
    lasts = [any(item.unit == "s" for item in measures_of(one)) for one in (before, after)]
    same = same or lasts[0] != lasts[1]  # a length of time went, or came, which is told as that
    if steps and file_kind(after.path) != "config" and not conditional and not texts and not same and _arithmetic_differs(old, new):
        return [effect_of("arithmetic", 0.55, "a calculation has other parts", after, other=before)]
    return []


def _provides(before: Statement, after: Statement) -> bool:
    """Whether all that came to a value is what it is where there is none: `name or "unknown"`."""
    if after.text.startswith((*GUARD, "while")) or any(text in COMPARE for text in after.key):
        return False
    places = [place for place, text in enumerate(after.key) if text in ("or", "||")]
    literal = [after.tokens[place + 1 : place + 2] for place in places]
    return bool(places) and not LOGIC & set(before.key) and all(one and one[0].kind in ("string", "number") for one in literal)


_REFUSES = re2.compile(
    r"(?i)\b(?:raise|throw|panic)\b|return (?:\w+, )*(?:\w+\.)?(?:Err|error|err\w*)\b|return \w*Err\w*|badrequest|invalid|\b4\d\d\b"
)


def _refuses_more(before: Statement, after: Statement) -> bool:
    """Whether a check that refuses asks one thing more, of the very thing that it asked about."""
    ors = [sum(text in ("||", "or") for text in one.key) for one in (before, after)]
    same = [text for text in before.key if text not in "()"]
    about = {token.text for token in before.tokens if token.kind == "word"} - {"if", "unless"}
    more = {token.text for token in after.tokens if token.kind == "word"} - about
    return (
        ors[1] > ors[0]
        and after.text.startswith(GUARD)
        and subsequence(same, after.key)
        and not more - {"len", "size", "length", "or", "if", "unless"}
        and _REFUSES.search(after.nearby) is not None
    )


def _other_argument(before: Statement, after: Statement) -> Effect | None:
    """The same value, handed over under another name."""
    found = [
        (place, left.text, right.text)
        for place, (left, right) in enumerate(zip(before.tokens, after.tokens, strict=False))
        if left != right and len(before.tokens) == len(after.tokens)
    ]
    if len(found) != 1 or file_kind(after.path) != "code":
        return None
    ((place, was, now),) = found
    handed = after.key[place + 1 : place + 2] == ("=",) and after.key[place - 1 : place] in ((",",), ("(",))
    if not handed or defined(after.text) is not None:
        return None
    return effect_of("dropped", 0.5, f"{clean(was)} is passed as {clean(now)}", after, other=before)


def _denials(one: Statement) -> int:
    """How often a statement says no; the mark of a macro's name (`format!(`) and of a sure value (`x!!`) says nothing."""
    texts = [token.text for token in one.tokens]
    marks = sum(text == "!" and not (place and _named(one.tokens[place - 1])) for place, text in enumerate(texts))
    return marks + sum(text in ("not", "unless") for text in texts)


def _named(token: Token) -> bool:
    return token.text == "!" or token.text in (")", "]") or (token.kind == "word" and token.text not in _BEFORE_A_VALUE)


_BEFORE_A_VALUE = frozenset(
    ["return", "if", "while", "and", "or", "in", "when", "elif", "else", "await", "case", "yield", "assert"]
)


def _kept(before: Statement, after: Statement) -> list[Effect]:
    """What was only passed on is put into something that outlives the call."""
    growth = keeping(after) if keeping(before) is None else None
    return [growth] if growth is not None else []


def _rounded(before: Statement, after: Statement) -> list[Effect]:
    was, now = last_names(before) & ROUNDERS, last_names(after) & ROUNDERS
    if was == now or passes_error(after):
        return []
    return [effect_of("rounding", 0.55, f"{clean(min(was ^ now))} came or went", after, other=before)]


def _arithmetic_differs(old: Sequence[str], new: Sequence[str]) -> bool:
    return any(text in ("+", "-", "/", "%") or text.isdigit() for text in (set(old) ^ set(new)))


def _field(before: Statement, after: Statement) -> Effect | None:
    """A field of what is handed on got another name: whoever reads it by the old one finds nothing."""
    if not (before.key[1:2] == after.key[1:2] == (":",) and before.key[1:] == after.key[1:]) or before.key[0] == after.key[0]:
        return None
    made = effect_of("literal", 0.55, f"{clean(before.key[0])} -> {clean(after.key[0])}", after, other=before)
    return replace(made, words=made.words | stem_set([before.key[0], after.key[0]]))


def _chosen(before: Statement, after: Statement) -> bool:
    """Whether another one of a type's constants is named, or none of them any more."""
    pairs = list(zip(before.key, after.key, strict=False)) if len(before.key) == len(after.key) else []
    differing = [place for place, pair in enumerate(pairs) if pair[0] != pair[1]]
    if len(differing) == 1 and differing[0] >= 2:
        at = differing[0]
        owner = before.key[at - 3 if before.key[at - 2] == ":" else at - 2]
        return (
            before.key[at - 1] in (".", ":") and owner[:1].isupper() and pairs[at][0][:1].isupper() and pairs[at][1][:1].isupper()
        )
    value = _value(after)
    return value in (("null",), ("None",), ("nil",)) and len(_value(before)) >= 3 and _value(before)[0][:1].isupper()


def _value(one: Statement) -> tuple[str, ...]:
    place = next((at for at, token in enumerate(one.tokens) if token.text in ("=", ":=", "(")), None)
    return one.key[place + 1 :] if place is not None and one.key[place] != "(" and file_kind(one.path) == "code" else ()


def _no_longer_kept(before: Statement, after: Statement) -> Effect | None:
    """The same call, no longer of the connection that was held open for it."""
    was, now = ({name.rpartition(".")[2]: name.rpartition(".")[0] for name in called(one)} for one in (before, after))
    for name in was.keys() & now.keys():
        kept, holder = was[name], now[name]
        if "." in kept and stem_set([kept]) & _MADE and not stem_set([holder]) & _MADE and stem_set([name]) & IO:
            pool = first_resource(stem_set(["connection"]))
            return effect_of("renewed", 0.6, f"{clean(kept)} is passed by", after, resource=pool, direction="gone", other=before)
    return None


_SIGNATURE = re2.compile(r"^(?:[\w<>\[\],.?]+ )*[A-Z][\w<>\[\],.?]* \w+\([^()=;]*\) \{$")
_LATER = frozenset(["delay", "enqueue", "Enqueue"])
_CONTEXTS = frozenset(["Background", "background"])  # of a context, which puts nothing off
_DEFERS = stem_set(["later", "async", "enqueue", "background", "deferred"])
"""Names of calls that only note down what is to be done."""
_COUNTS = frozenset(["inc", "increment", "Inc", "Increment", "observe", "Observe", "record"])
_SPARING = frozenset(("cache", "connection_pool", "rate_limit", "retry", "lock"))
_CATCHES = ("except", "catch", "rescue")


def _calls(before: Statement, after: Statement) -> list[Effect]:
    if passes_error(after) or passes_error(before):
        return []
    lost, come = last_names(before) - last_names(after), last_names(after) - last_names(before)
    lost -= TRIVIAL | _CONTEXTS | {name for name in lost if f"context.{name}" in called(before)}
    scoped = after.text.startswith(("with ", "async with ", "using ", "synchronized"))
    if scoped and lost and all(stem_set([name]) & LOCKERS for name in lost):
        return []  # taken all the same, and given back by itself
    if eager := lost & EAGER:
        return [effect_of("loop_query", 0.8, f"{clean(min(eager))} is gone: each row asks for its own", after, other=before)]
    if (deferred := lost & _LATER or {name for name in lost - _CONTEXTS if stem_set([name]) & _DEFERS}) and not stem_set(
        come
    ) & _DEFERS:
        return [effect_of("blocking", 0.65, f"{clean(min(deferred))} no longer puts the work off", after, other=before)]
    if unbound := {name for name in come if "unbound" in stem_set([name])}:
        queue = first_resource(stem_set(["buffer"]))
        return [effect_of("gone", 0.6, f"{clean(min(unbound))} has no end", after, resource=queue, direction="gone", other=before)]
    if lost and not come:
        weight = 0.7 if stem_set(lost) & (CHECKERS | CLOSERS | LOCKERS) else 0.45
        return [
            effect_of(
                "call_removed",
                weight,
                f"{clean(min(lost))} is no longer called",
                after,
                resource=first_resource(stem_set(lost)),
                direction="gone",
                other=before,
            )
        ]
    without = {token.text for token in before.tokens if token.kind == "word"} - {token.text for token in after.tokens}
    if come and lost and (resource := first_resource(stem_set(without - HEADS))) is not None and resource.kind in _SPARING:
        return [effect_of("gone", 0.6, f"{resource.kind} is passed by", after, resource=resource, direction="gone", other=before)]
    if come and stem_set(come) & stem_set(["client", "connect", "session", "dial"]) and not any(name.islower() for name in come):
        pool = first_resource(stem_set(["connection"]))
        return [effect_of("came", 0.45, f"{clean(min(come))} made anew", after, resource=pool, direction="gone", other=before)]
    if (strict := come & CONVERTERS) and not before.text.startswith(GUARD):
        return [effect_of("conversion", 0.5, f"{clean(min(strict))} is demanded of a value", after, other=before)]
    come = {name for name in come if not measured_by(name)}
    if come := come - TRIVIAL:
        if last_names(before) & last_names(after) & _COUNTS and name_of(after) is None:
            return [effect_of("changed", 0.15, "counted under another label", after, other=before)]
        weight = 0.5 if not lost else 0.3
        kind = "blocking" if blocks(come) else "loop_call" if after.loops and stem_set(come) & IO else "called"
        return [effect_of(kind, 0.8 if kind == "loop_call" else weight, f"{clean(min(come))} is called now", after, other=before)]
    if (field := _field(before, after)) is not None:
        return [field]
    if _value(before) and _value(before) == _value(after) and name_of(before) == name_of(after):
        return []  # only declared otherwise
    if (made := _no_longer_kept(before, after)) is not None:
        return [made]
    old, new = {t.text for t in before.tokens if t.kind == "word"}, {t.text for t in after.tokens if t.kind == "word"}
    if (old - new or new - old) - TYPES - HEADS:
        left, right = ({text for text in side if text not in TYPES and len(text) > 1} for side in (old - new, new - old))
        if (
            defined(after.text) is not None or _SIGNATURE.match(after.text)
        ) and left | right:  # whoever calls it is altered too, or nothing would build
            return [effect_of("changed", 0.15, f"{clean(min(left | right))} differs", after, other=before)]
        if left and right and not {"err", "nil"} & (left | right):
            if _chosen(before, after):
                return [effect_of("condition", 0.55, f"{clean(min(left))} became {clean(min(right))}", after, other=before)]
            return [effect_of("changed", 0.4, f"{clean(min(left))} became {clean(min(right))}", after, other=before)]
        return [effect_of("changed", 0.25, f"{clean(min(left | right))} differs", after, other=before)] if left | right else []
    return []
