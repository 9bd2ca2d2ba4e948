"""What a condition asks: comparisons, negations, parts that came or went."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.matching.differences import replaced, subsequence
from graphs.analysis.changes.matching.renames import loaded
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, clean, last_names, name_of
from graphs.analysis.changes.reading.numbers import measures_of
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import Token
from graphs.analysis.changes.reading.words import listed, stem_set, stemmed
from graphs.analysis.changes.vocabulary.marks import ARITHMETIC, CATCHES, COMPARE, GUARD, LOGIC, NOTHING, TYPES
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_SAME_SIGN = {"is": "==", "===": "==", "!==": "!="}


def asks_for_nothing(one: Statement) -> list[str]:
    """A statement's texts, where it compares with nothing: equal and identical are the same there."""
    return [_SAME_SIGN.get(text, text) for text in one.key] if NOTHING & set(one.key) else []


def conditions(before: Statement, after: Statement) -> list[Effect]:
    old, new = [token.text for token in before.tokens], [token.text for token in after.tokens]
    if _denials(before) != _denials(after) and not _asked_the_other_way(before, after):
        return [effect_of("negation", 0.85, "a negation came or went", after, other=before)]
    conditional = any(text in COMPARE | LOGIC for text in (*old, *new)) or before.text.startswith(GUARD)
    lost = {"await", "async", "volatile", "synchronized", "yield"} & (set(old) - set(new))
    if lost == {"await"} and last_names(before) & last_names(after):
        return [effect_of("unawaited", 0.75, f"{called_name(after)} is no longer waited for", after, other=before)]
    if lost:
        return [effect_of("condition", 0.55, f"no longer {min(lost)}", after, other=before)]
    if before.text.lstrip("} ").startswith(CATCHES) and after.text.lstrip("} ").startswith(CATCHES):
        return [effect_of("guard_removed", 0.5, "other errors are caught", after, other=before)]
    for left, right in replaced(before, after):
        named = left.kind == right.kind == "word" and left.text not in TYPES and file_kind(after.path) == "code"
        if named and loaded(left.text, right.text):
            return [effect_of("condition", 0.7, f"{clean(left.text)} became {clean(right.text)}", after, other=before)]
        if _SAME_SIGN.get(left.text, left.text) == _SAME_SIGN.get(right.text, right.text):
            continue
        if (left.text in COMPARE and right.text in COMPARE) or (left.text in LOGIC and right.text in LOGIC):
            if "retry" in stem_set([name_of(after) or "", *after.parents[-1:], *last_names(after)]):
                retry = RESOURCE["retry"]
                note = f"another condition to try again: {left.text} became {right.text}"
                return [effect_of("condition", 0.7, note, after, resource=retry, direction="up", other=before)]
            return [effect_of("condition", 0.75, f"{left.text} became {right.text}", after, other=before)]
        if left.text in ARITHMETIC and right.text in ARITHMETIC:
            return [effect_of("arithmetic", 0.6, f"{left.text} became {right.text}", after, other=before)]
    if conditional and len(new) < len(old) and subsequence(new, old) and before.text.startswith((*GUARD, "return", "while")):
        return [effect_of("condition", 0.8, "part of a condition was dropped", after, other=before)]
    if conditional and _asked(new) != _asked(old):
        if _provides(before, after):
            return [effect_of("guard", 0.15, "something is given where nothing was", after, other=before)]
        if _refuses_more(before, after):
            return [effect_of("strict", 0.45, "more is refused", after, other=before)]
        return [effect_of("condition", 0.65, "a condition has other parts", after, other=before)]
    signs = [sorted(_SAME_SIGN.get(text, text) for text in one.key if text in COMPARE) for one in (before, after)]
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


def _asked(texts: Sequence[str]) -> int:
    """How often something is asked besides; `a ||= b` asks only whether it was made already."""
    return sum(text in LOGIC and following != "=" for text, following in zip(texts, [*texts[1:], ""], strict=True))


def branched(before: Statement, after: Statement) -> bool:
    """Whether only the block went that stood on the condition's own line, to lines of its own."""
    old, new = before.key, after.key
    return before.text.startswith(GUARD) and new == old[: len(new)] and old[len(new) : len(new) + 1] in (("{",), (":",), ("then",))


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


_WELL = stemmed("ok success successful succeeded valid found present exists allowed")
_ILL = stemmed(
    "err error errors failed failure fail invalid missing absent denied problem problems issue issues violation violations"
)


def _asked_the_other_way(before: Statement, after: Statement) -> bool:
    """Whether a guard that asked if something went wrong asks now if it did not go well, or the reverse."""
    if not (before.text.startswith(GUARD) and after.text.startswith(GUARD)):
        return False
    plain, denied = sorted((before, after), key=_denials)
    (asked, other), head = ((_condition(plain), _condition(denied)), _denials(denied) - _denials(plain))
    return head == 1 and bool(asked & _ILL and other & _WELL and not asked & _WELL and not other & _ILL)


def _condition(one: Statement) -> frozenset[str]:
    """Stems of what a guard asks, without what it does on the same line."""
    found, depth = [], 0
    for place, token in enumerate(one.tokens):
        depth += (token.text == "(") - (token.text == ")")
        if token.text in ("{", ":", "then", "return", "raise", "throw") or (token.text == ")" and not depth and place > 2):
            break
        found.append(token.text)
    return stem_set(found)


def _named(token: Token) -> bool:
    return token.text == "!" or token.text in (")", "]") or (token.kind == "word" and token.text not in _BEFORE_A_VALUE)


_BEFORE_A_VALUE = listed("return if while and or in when elif else await case yield assert")


def _arithmetic_differs(old: Sequence[str], new: Sequence[str]) -> bool:
    return any(text in ("+", "-", "/", "%") or text.isdigit() for text in (set(old) ^ set(new)))
