"""Patterns whose matching takes time out of all proportion to the text's length: parsed, and not run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import re2

from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import extension

_PRINTED = frozenset(map(chr, range(32, 127))) | {"\n", "\t"}
_DIGITS = frozenset("0123456789")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BLANKS = frozenset(" \t\n")
_CLASSES = {
    "d": _DIGITS,
    "w": _LETTERS | _DIGITS | {"_"},
    "s": _BLANKS,
    "D": _PRINTED - _DIGITS,
    "W": _PRINTED - _LETTERS - _DIGITS - {"_"},
    "S": _PRINTED - _BLANKS,
    "p": _LETTERS,
    "n": frozenset("\n"),
    "t": frozenset("\t"),
}
_EDGES = frozenset("bBAZzG")  # escapes that take no text
_MANY = 1 << 20
_LONGEST = 400  # characters of one pattern
_LITERAL = re2.compile(
    r"(?:[=(,:\[]|=~|return|when)\s*/((?:[^/\\\n\[*]|\\.|\[(?:[^\]\\]|\\.)*\])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\]|\\.)*\])*)/"
)
_LINEAR = frozenset({"go", "rs"})
"""Files of languages whose usual engine takes time in proportion to the text, whatever the pattern."""


@dataclass
class _Item:
    """What a part takes: one of `chars`, or what one of `choices` takes, between `least` and `most` times."""

    chars: frozenset[str] = frozenset()
    choices: list[list[_Item]] = field(default_factory=list)
    least: int = 1
    most: int = 1
    sure: bool = False  # gives nothing back once taken


def written(one: Statement, named: int | None) -> Iterator[str]:
    """Patterns that a statement spells: literals between slashes, and what stands behind `named`, where it speaks of a pattern."""
    yield from _LITERAL.findall(one.text)
    if named is not None:
        yield one.text[named:].strip().removeprefix("[[")  # long brackets


def linear(path: str) -> bool:
    return extension(path) in _LINEAR


def exponential(pattern: str) -> bool:
    """Whether a repeated group takes one stretch of equal text in more than one way of cutting it up."""
    return any(_cut_up(item) for item in _walk(_parsed(pattern)))


def quadratic(pattern: str) -> bool:
    """Whether two unbounded repetitions that take the same text stand side by side."""
    for items in _sequences(_parsed(pattern)):
        flat = list(_flat(items))
        for place, first in enumerate(flat):
            for second in flat[place + 1 :]:
                if min(first.most, second.most) >= _MANY and not first.sure and first.chars & second.chars:
                    return True
                if second.least > 0:
                    break
    return False


def _cut_up(item: _Item) -> bool:
    if item.most < _MANY or item.sure or not item.choices:
        return False
    single = [choice[0].chars for choice in item.choices if len(choice) == 1 and not choice[0].choices]
    if any(one & other for place, one in enumerate(single) for other in single[place + 1 :]):
        return True
    return any(_varies([*_flat(choice)]) for choice in item.choices)


def _varies(items: Sequence[_Item]) -> bool:
    """Whether there is a character of which the parts take more than one number in a row."""
    for char in set().union(*(item.chars for item in items)):
        if any(char not in item.chars and item.least for item in items):
            continue
        taking = [item for item in items if char in item.chars and not item.sure]
        least, most = sum(item.least for item in taking), sum(item.most for item in taking)
        if most > max(least, 1):
            return True
    return False


def _flat(items: Sequence[_Item]) -> Iterator[_Item]:
    """Parts in a row, through groups that only group; of a repeated group one part that takes what its parts do."""
    for item in items:
        if not item.choices:
            yield item
        elif len(item.choices) == 1 and item.least == item.most == 1:
            yield from _flat(item.choices[0])
        else:
            inside = [part for choice in item.choices for part in _flat(choice)]
            taken = [part.chars for part in inside]
            least = item.least if any(part.least for part in inside) else 0
            whole = frozenset().union(*taken) if all(len(choice) == 1 for choice in item.choices) else frozenset[str]()
            yield _Item(whole, least=least, most=item.most, sure=item.sure)


def _walk(items: Sequence[_Item]) -> Iterator[_Item]:
    for item in items:
        yield item
        for choice in item.choices:
            yield from _walk(choice)


def _sequences(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    yield items
    for item in items:
        for choice in item.choices:
            yield from _sequences(choice)


def _parsed(pattern: str) -> list[_Item]:
    """The parts of a pattern, none where it is too long or no pattern."""
    if len(pattern) > _LONGEST:
        return []
    choices, _ = _choices(pattern, 0)
    return choices[0] if len(choices) == 1 else [_Item(choices=choices)]


def _choices(text: str, at: int) -> tuple[list[list[_Item]], int]:
    choices: list[list[_Item]] = [[]]
    while at < len(text) and text[at] != ")":
        if text[at] == "|":
            choices.append([])
            at += 1
            continue
        item, at = _item(text, at)
        if item is not None:
            at = _counted(text, at, item)
            choices[-1].append(item)
    return choices, at


def _item(text: str, at: int) -> tuple[_Item | None, int]:
    char = text[at]
    if char == "(":
        return _group(text, at + 1)
    if char == "[":
        return _class(text, at + 1)
    if char == "\\" and at + 1 < len(text):
        escaped = text[at + 1]
        return None if escaped in _EDGES else _Item(_CLASSES.get(escaped, frozenset(escaped))), at + 2
    if char in "^$":
        return None, at + 1
    return _Item(_PRINTED - {"\n"} if char == "." else frozenset(char)), at + 1


def _group(text: str, at: int) -> tuple[_Item | None, int]:
    """What stands in brackets; None for what is only looked at, and takes nothing."""
    looks = text.startswith(("?=", "?!", "?<=", "?<!", "?#"), at)
    sure = text.startswith("?>", at)
    if text.startswith(("?P<", "?<"), at) and not looks:
        at = text.find(">", at) + 1 or len(text)
    elif text.startswith("?", at):
        ends = [place for mark in (":", "=", "!", ">", ")") if (place := text.find(mark, at)) >= 0]
        at = min(ends, default=len(text)) + 1
    choices, at = _choices(text, at)
    return (None if looks else _Item(choices=choices, sure=sure)), at + 1


def _class(text: str, at: int) -> tuple[_Item, int]:
    denied = text.startswith("^", at)
    at += denied
    chars: set[str] = set()
    first = True
    while at < len(text) and (text[at] != "]" or first):
        first = False
        if text[at] == "\\" and at + 1 < len(text):
            chars |= _CLASSES.get(text[at + 1], frozenset(text[at + 1]))
            at += 2
        elif at + 2 < len(text) and text[at + 1] == "-" and text[at + 2] != "]":
            chars |= {one for one in _PRINTED if text[at] <= one <= text[at + 2]}
            at += 3
        else:
            chars.add(text[at])
            at += 1
    return _Item(_PRINTED - chars if denied else frozenset(chars)), at + 1


_COUNT = re2.compile(r"^\{(\d{0,4})(,?)(\d{0,4})\}")


def _counted(text: str, at: int, item: _Item) -> int:
    """Reads how often a part is taken into it; the place behind that."""
    mark = text[at : at + 1]
    if mark and mark in "*+?":
        item.least, item.most = (0 if mark in "*?" else 1), (1 if mark == "?" else _MANY)
        at += 1
    elif (match := _COUNT.match(text[at : at + 12])) is not None and (match.group(1) or match.group(3)):
        item.least = int(match.group(1) or 0)
        item.most = int(match.group(3)) if match.group(3) else _MANY if match.group(2) else item.least
        at += match.end()
    else:
        return at
    if text[at : at + 1] in ("?", "+"):
        item.sure = item.sure or text[at] == "+"
        at += 1
    return at
