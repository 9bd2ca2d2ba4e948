"""Identifiers and texts as stemmed words, so that `maxRetries` and `retried` meet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import re2

_CAMEL = re2.compile(r"([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])")
_LETTERS = re2.compile(r"[A-Za-z]+|\d+")


def split_identifier(text: str) -> list[str]:
    """`maxPoolSize`, `max_pool_size`, `max-pool-size` → max pool size, lower case."""
    return list(_known_split(text)) if len(text) <= _IDENTIFIER else list(_split(text))


_IDENTIFIER = 64
"""Longer than an identifier is a text, and seldom the same one twice."""


def _split(text: str) -> tuple[str, ...]:
    spaced = _CAMEL.sub(r"\1\3 \2\4", text)
    return tuple(part.lower() for part in _LETTERS.findall(spaced))


_known_split = lru_cache(maxsize=65536)(_split)
_ENDINGS = (
    "ations",
    "ation",
    "ating",
    "ated",
    "ates",
    "ments",
    "ment",
    "ings",
    "ing",
    "ions",
    "ion",
    "ied",
    "ies",
    "ate",
    "ed",
    "es",
    "s",
    "y",
    "e",
)


def stem(word: str) -> str:
    """Light: plural, tense and noun endings go, so that `retries`, `retry` and `retried` meet."""
    if len(word) <= 3 or word.isdigit():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """Stemmed words of any text or identifier, in order; lone letters and numbers but response codes are left out."""
    if len(text) <= _IDENTIFIER:
        return list(_known_stems(text))
    return [part for word in text.split() for part in (_known_stems if len(word) <= _IDENTIFIER else _stems)(word)]


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in split_identifier(text) if _tells(word))


_known_stems = lru_cache(maxsize=65536)(_stems)


def _tells(word: str) -> bool:
    return (len(word) > 1 and not word.isdigit()) or (len(word) == 3 and word[0] in "45")


def stem_set(words: Iterable[str]) -> frozenset[str]:
    return frozenset(part for word in words for part in stems(word))


def stemmed(text: str) -> frozenset[str]:
    """Stems of the words of one text, for tables of words."""
    return frozenset(stems(text))


def listed(text: str) -> frozenset[str]:
    """Names that a text lists as they are spelled, for tables of names."""
    return frozenset(text.split())
