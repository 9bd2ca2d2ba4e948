"""Source text of any common language as tokens. A lexer, not a parser: a diff shows torn-out lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import re2

from graphs.analysis.changes.reading.words import listed

Kind = Literal["word", "number", "string", "op"]
_TOKEN = re2.compile(
    r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
    r"|(?:(?:0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:[A-Za-zµ]+|%)?)"
    r"|(?:[\pL_$@][\pL\pN_$]*)"
    r"|(?:===|!==|<=|>=|==|!=|&&|\|\||:=|=>|->|\+=|-=|\*=|/=|\+\+|--|<<|>>|\?\?|\*\*|//|[^\s\pL\pN])"
)
_SLASHED = listed("go java js jsx ts tsx mjs cjs c h cc cpp hpp cs kt kts rs swift scala php proto dart groovy gradle zig m")
_HASHED = listed("py pyi rb sh bash zsh yaml yml toml conf properties cfg env tf hcl pl r ex exs ini dockerfile makefile mk jl nim")
_DASHED = frozenset(["sql", "lua", "hs", "elm", "adb"])


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str


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
