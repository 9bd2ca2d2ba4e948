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
    all but ASCII (without the backtick) and letters of the scripts below; of those, foreign letters in a word that also has Latin
    ones, and Greek or Cyrillic words that could be read as Latin ones."""
    return _WORD.sub(_told_word, text)


_WORD = re.compile(r"\w+|\W+")
_LATIN_1_AND_A = range(0xC0, 0x180)  # \u00e9, \u0142: beyond are those that differ from a plain letter by a dot, or by nothing
_SCRIPTS = ("GREEK", "CYRILLIC", "CJK UNIFIED", "HIRAGANA", "KATAKANA", "HANGUL SYLLABLE")
_LIKE_LATIN = frozenset(
    # Cyrillic, then Greek: letters that some font draws as a Latin one.
    "\u0430\u0432\u0433\u0435\u043a\u043c\u043d\u043e\u043f\u0440\u0441\u0442\u0443\u0445\u044c\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408\u04c0\u050c\u051a\u051c"
    "\u03b1\u03b3\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03c9\u03f2\u03f3"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03f9\u037f"
)


def _told_word(found: re.Match[str]) -> str:
    word = found[0]
    foreign = [each for each in word if each.isalpha() and not _latin(each)]
    read_as_latin = len(foreign) < sum(map(str.isalpha, word)) or all(
        unicodedata.normalize("NFD", each)[0] in _LIKE_LATIN for each in foreign
    )
    return "".join(each if _plain(each, foreign_too=not read_as_latin) else _written_out(each) for each in word)


def _latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith("LATIN ")


def _plain(char: str, *, foreign_too: bool) -> bool:
    if char.isascii():
        return char.isprintable() and char != "`"
    if not char.isalpha() or unicodedata.normalize("NFKC", char) != char:
        return False
    if _latin(char):
        return ord(char) in _LATIN_1_AND_A and char not in "\u0131\u0138"
    return foreign_too and unicodedata.name(char, "").startswith(_SCRIPTS)


def _written_out(char: str) -> str:
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
