"""In what two versions of a statement differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import Token


def replaced(before: Statement, after: Statement) -> list[tuple[Token, Token]]:
    matcher = SequenceMatcher(None, before.key, after.key, autojunk=False)
    return [
        (before.tokens[left + step], after.tokens[right + step])
        for tag, left, left_end, right, right_end in matcher.get_opcodes()
        if tag == "replace" and left_end - left == right_end - right
        for step in range(left_end - left)
    ]


_SHARE = 0.5  # of the tokens alike: else it is another statement


def stretches(before: Statement, after: Statement) -> list[tuple[tuple[Token, ...], tuple[Token, ...]]]:
    matcher = SequenceMatcher(None, before.key, after.key, autojunk=False)
    if matcher.ratio() < _SHARE:
        return []
    return [
        (before.tokens[left:left_end], after.tokens[right:right_end])
        for tag, left, left_end, right, right_end in matcher.get_opcodes()
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
