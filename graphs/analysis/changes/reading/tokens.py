"""Source text of any common language as tokens, words and measures. A lexer, not a parser: a diff shows torn-out lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import re2

Kind = Literal["word", "number", "string", "op"]

_TOKEN = re2.compile(
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
    r"|(?:(?:0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:[A-Za-zµ]+|%)?)"
    r"|(?:[\pL_$@][\pL\pN_$]*)"
    r"|(?:===|!==|<=|>=|==|!=|&&|\|\||:=|=>|->|\+=|-=|\*=|/=|\+\+|--|<<|>>|\?\?|\*\*|//|[^\s\pL\pN])"
)
_CAMEL = re2.compile(r"([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])")
_LETTERS = re2.compile(r"[A-Za-z]+|\d+")
_QUANTITY = re2.compile(r"^([+-]?\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-zµ%]*)$")
_IN_TEXT = re2.compile(
    r"([+-]?\d+(?:\.\d+)?)\s?%"
    r"|([+-]?\d+(?:\.\d+)?)\s?(ms|msec|seconds?|secs?|s|minutes?|mins?|m|hours?|h|us|µs|KiB|MiB|GiB|KB|MB|GB|Ki|Mi|Gi)?\b"
)

_SLASHED = frozenset(
    [
        "go",
        "java",
        "js",
        "jsx",
        "ts",
        "tsx",
        "mjs",
        "cjs",
        "c",
        "h",
        "cc",
        "cpp",
        "hpp",
        "cs",
        "kt",
        "kts",
        "rs",
        "swift",
        "scala",
        "php",
        "proto",
        "dart",
        "groovy",
        "gradle",
        "zig",
        "m",
    ]
)
_HASHED = frozenset(
    [
        "py",
        "pyi",
        "rb",
        "sh",
        "bash",
        "zsh",
        "yaml",
        "yml",
        "toml",
        "conf",
        "properties",
        "cfg",
        "env",
        "tf",
        "hcl",
        "pl",
        "r",
        "ex",
        "exs",
        "ini",
        "dockerfile",
        "makefile",
        "mk",
        "jl",
        "nim",
    ]
)
_DASHED = frozenset(["sql", "lua", "hs", "elm", "adb"])

SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "microsecond": 1e-6, "microseconds": 1e-6, "nanosecond": 1e-9, "nanoseconds": 1e-9,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
BYTES = {
    "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "k": 1e3, "g": 1e9,
    "ki": 1024.0, "mi": 1024.0**2, "gi": 1024.0**3, "kib": 1024.0, "mib": 1024.0**2, "gib": 1024.0**3,
    "bytes": 1.0, "kilobytes": 1e3, "megabytes": 1e6, "gigabytes": 1e9,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A number in its base unit. `unit` is `s`, `B`, `ratio`, or empty for a bare number."""

    value: float
    unit: Literal["s", "B", "ratio", ""]


@lru_cache(maxsize=1 << 15)
def lex(line: str) -> tuple[Token, ...]:
    """Tokens of one line; strings keep their quotes. Remembered, because a line is read as a line and within its statement."""
    return tuple(Token(_kind(text[0]), text) for text in _TOKEN.findall(line))


def _kind(first: str) -> Kind:
    if first in "\"'`":
        return "string"
    if first.isdigit():
        return "number"
    return "word" if first.isalpha() or first in "_$@" else "op"


@lru_cache(maxsize=1 << 15)
def without_comment(line: str, path: str) -> str:
    """`line` without a trailing or whole-line comment, in the language that `path`'s ending names (or the usual ones)."""
    bare = line.lstrip()
    ending = extension(path)
    if bare.startswith(("/*", "*/", "* ", "<!--", '"""', "'''")) or bare == "*":
        return ""
    if ending in {"json", "jsonc", "json5"} and bare.startswith("//"):
        return ""  # a `//` within a line of them is an address
    marks = _marks(ending)
    quote = ""
    position = 0
    while position < len(line):
        char = line[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'`":
            quote = char
        else:
            for mark in marks:
                if line.startswith(mark, position) and _opens_comment(line, position, mark):
                    return line[:position].rstrip()
        position += 1
    return line.rstrip()


def _opens_comment(line: str, position: int, mark: str) -> bool:
    before = line[:position].rstrip()
    if mark == "//":
        return not before.endswith(":")
    return not before or line[position - 1] in " \t;{})"


def _marks(ending: str) -> tuple[str, ...]:
    if ending in _SLASHED:
        return ("//", "/*")
    if ending in _HASHED:
        return ("#",)
    if ending in _DASHED:
        return ("--",)
    if ending in {"json", "css", "html", "md", "txt", ""}:
        return ("//",) if ending == "" else ()
    return ("//", "# ")


@lru_cache(maxsize=1 << 12)
def extension(path: str) -> str:
    """Lower-case ending of a path; the whole name where it has none (`dockerfile`)."""
    name = path.rsplit("/", 1)[-1].lower()
    return name.rsplit(".", 1)[-1] if "." in name else name


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
    return list(_known_stems(text)) if len(text) <= _IDENTIFIER else list(_stems(text))


def _stems(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in split_identifier(text) if _tells(word))


_known_stems = lru_cache(maxsize=65536)(_stems)


def _tells(word: str) -> bool:
    return (len(word) > 1 and not word.isdigit()) or (len(word) == 3 and word[0] in "45")


def stem_set(words: Iterable[str]) -> frozenset[str]:
    return frozenset(part for word in words for part in stems(word))


def measure(number: str, unit_words: Iterable[str] = ()) -> Measure | None:
    """A number token (`15m`, `512Mi`, `0.25`) with its unit, from its suffix, or else from `unit_words` near it. One that no float
    holds is the largest that one does."""
    match = _QUANTITY.match(number.strip())
    if match is None:
        return None
    try:
        value = float(match.group(1).replace("_", ""))
    except ValueError:
        return None
    suffix = match.group(2)
    for word in (suffix, *unit_words):
        found = _in_unit(value, word, of_suffix=word == suffix)
        if found is not None:
            return Measure(_held(found.value), found.unit)
    return Measure(_held(value), "") if not suffix or suffix.lower() in _BARE else None


def _held(value: float) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, value))


_BARE = frozenset({"l", "u", "f", "ul", "ll", "i", "n", "x", "j", "d", "lf"})


def _in_unit(value: float, word: str, *, of_suffix: bool) -> Measure | None:
    if word == "%":
        return Measure(value / 100.0, "ratio")
    low = word.lower()
    if not low or (not of_suffix and len(low) < 2):
        return None
    if low in SECONDS and word not in {"M", "D"}:
        return Measure(value * SECONDS[low], "s")
    if low in BYTES or word == "M":
        return Measure(value * BYTES.get(low, 1e6), "B")
    return Measure(value / 100.0, "ratio") if low in {"percent", "pct"} else None


def measures_in(text: str) -> list[Measure]:
    """Every number of a sentence or log line, with its unit where one follows."""
    found: list[Measure] = []
    for percent, number, unit in _IN_TEXT.findall(text):
        one = measure(percent + "%" if percent else number + unit)
        if one is not None:
            found.append(one)
    return found


_NO_CALLS = frozenset(
    [
        *("if", "for", "while", "switch", "return", "catch", "func", "function", "async", "and", "or", "not", "in", "is"),
        *("elif", "yield", "case", "when", "unless"),
    ]
)


def names_called(tokens: Sequence[Token]) -> set[str]:
    """Dotted names that stand before an opening bracket."""
    found: set[str] = set()
    for place, token in enumerate(tokens):
        if token.text != "(" or place == 0:
            continue
        end = _before_generics(tokens, place)
        if end == 0 or tokens[end - 1].kind != "word":
            continue
        start = end - 1
        while start >= 2 and tokens[start - 1].text == "." and tokens[start - 2].kind == "word":
            start -= 2
        name = "".join(one.text for one in tokens[start:end])
        if name not in _NO_CALLS:
            found.add(name)
    return found


def _before_generics(tokens: Sequence[Token], place: int) -> int:
    """Where the name before `(` ends: `decode[Order](` names `decode`."""
    if tokens[place - 1].text != "]":
        return place
    for back in range(place - 2, -1, -1):
        if tokens[back].text == "[":
            return back
    return 0
