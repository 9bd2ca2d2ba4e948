"""How numbers, durations and verdicts are said, the same everywhere."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

from app.domain.action import Tier
from app.domain.hypothesis import Word

VERDICTS: dict[Word, str] = {"conclusive": "Conclusive", "likely": "Likely", "inconclusive": "Inconclusive"}
TIERS: dict[Tier, str] = {0: "0, read-only", 1: "1, reversible", 2: "2, seen outside", 3: "3, irreversible or high risk"}


def to_the_letter(text: str) -> str:
    """One line with every character written out (\\u202e) that a reader could miss or take for another, or a surface may change:
    control, invisible, combining and direction-changing ones, compatibility forms, the backtick, and foreign letters in a word
    that also has Latin ones."""
    return _WORD.sub(lambda word: "".join(_told(each, beside_latin=_LATIN.search(word[0]) is not None) for each in word[0]), text)


_WORD, _LATIN = re.compile(r"\w+|\W+"), re.compile("[A-Za-z]")
_PLAIN_DIRECTIONS = {"L", "EN", "ES", "ET", "CS", "ON", "WS"}


def _told(char: str, *, beside_latin: bool) -> str:
    if char != "`" and " " <= char <= "~":
        return char
    plain = (
        unicodedata.category(char)[0] in "LNPS"
        and unicodedata.normalize("NFKC", char) == char
        and unicodedata.bidirectional(char) in _PLAIN_DIRECTIONS
        and not (beside_latin and "LATIN" not in unicodedata.name(char, ""))
    )
    if plain and char.isprintable() and char != "`":
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def percent(share: float) -> str:
    return f"{round(100 * share)}%"


def duration(length: timedelta | float) -> str:
    """`45 s`, `6 min`, `2 h 5 min`: the precision a person uses."""
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def clipped(text: str, most: int) -> str:
    """`text` in at most `most` characters, cut at a word and marked as cut."""
    if len(text) <= most:
        return text
    return text[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
