"""In what two versions of a statement differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import Token

_Steps = tuple[float, tuple[tuple[str, int, int, int, int], ...]]


@lru_cache(maxsize=256)  # one pair after the other is asked by several kinds of edits
def _steps(was: tuple[str, ...], now: tuple[str, ...]) -> _Steps:
    matcher = SequenceMatcher(None, was, now, autojunk=False)
    return matcher.ratio(), tuple(matcher.get_opcodes())


def replaced(before: Statement, after: Statement) -> list[tuple[Token, Token]]:
    return [
        (before.tokens[left + step], after.tokens[right + step])
        for tag, left, left_end, right, right_end in _steps(before.key, after.key)[1]
        if tag == "replace" and left_end - left == right_end - right
        for step in range(left_end - left)
    ]


_SHARE = 0.5  # of the tokens alike: else it is another statement


def stretches(before: Statement, after: Statement) -> list[tuple[tuple[Token, ...], tuple[Token, ...]]]:
    share, steps = _steps(before.key, after.key)
    if share < _SHARE:
        return []
    return [
        (before.tokens[left:left_end], after.tokens[right:right_end])
        for tag, left, left_end, right, right_end in steps
        if tag != "equal"
    ]


def amid(before: Statement, after: Statement) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """What differs between an equal beginning and an equal end."""
    pairs = list(zip(before.key, after.key, strict=False))
    start = next((place for place, (left, right) in enumerate(pairs) if left != right), len(pairs))
    backwards = list(zip(before.key[start:][::-1], after.key[start:][::-1], strict=False))
    end = next((place for place, (left, right) in enumerate(backwards) if left != right), len(backwards))
    return before.tokens[start : len(before.tokens) - end], after.tokens[start : len(after.tokens) - end]


def words_in(one: Statement) -> set[str]:
    return {token.text for token in one.tokens if token.kind == "word"}


def words_gone(before: Statement, after: Statement) -> set[str]:
    return words_in(before) - words_in(after)


def subsequence(short: Sequence[str], long: Sequence[str]) -> bool:
    rest = iter(long)
    return all(item in rest for item in short)
