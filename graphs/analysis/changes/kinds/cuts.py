"""Texts cut at a number of bytes: in the middle of a character, or behind the end."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.tokens import extension

_RUST = re2.compile(
    r"&?\b[\w.()]+\[(?:\w[\w.()+\- ]*)?\.\.=?(?:\w[\w.()+\- ]*)?\]"
    r"(?:\.(?:to_string|to_owned|into|parse|chars|trim\w*|as_str|to_\w+case)\b|\)?;?$|,)"
    r"|\.(?:split_at|truncate|split_off|insert_str)\((?:\d|\w*(?:max|MAX|len|limit|LIMIT|[nN])\w*\))"
)
_RUST_TEXT = re2.compile(
    r"\.to_string\(\)|\.to_owned\(\)|&str\b|\bString\b|\.chars\(|\.trim|format!"
    r"|\.name\b|\.parse\b|title|label|text|name|message|body"
)
_RUST_SAFE = re2.compile(
    r"is_char_boundary|floor_char_boundary|char_indices|\.chars\(\)\.take|\.get\(\.\.|graphemes|as_bytes\(\)\[|&?\bbytes\[|\bbuf\["
)
_BYTES_TO_TEXT = re2.compile(r"\.encode\([^()]*\)\[[^\[\]]*:[^\[\]]*\]\.decode\(\s*(?:[\"']utf-?8[\"'])?\s*\)")
_GO = re2.compile(r"\b[\w.()]+\[:(\w[\w.]*)\]")
_GO_TEXT = re2.compile(
    r"(?i)\b\w*(?:name|title|text|label|message|msg|summary|subject|body|str|id|key|token|hash|sha|comment|note|desc\w*)\w*\[:"
)
_GO_SAFE = re2.compile(r"\blen\(|\[\]rune\(|utf8\.|\bmin\(")


def cut_by_bytes(sides: Sides) -> Iterator[Effect]:
    """A text is cut at a place that was counted in bytes: not every text has a character's end there, or is as long."""
    old = {one.path: " ".join(other.text for other in sides.olds if other.path == one.path) for one in sides.olds}
    for hunk in sides.shown.image:
        text = " ".join(one.text for one in hunk)
        fresh = {one.text for one in sides.news if hunk and one.path == hunk[0].path}
        for one in hunk:
            if (
                one.text in fresh
                and file_kind(one.path) == "code"
                and _cuts(one, text)
                and not _cut_before(one, old.get(one.path, ""))
            ):
                yield effect_of("unguarded", 0.7, "a text is cut at a number of bytes", one)
                return


def _cuts(one: Statement, around: str) -> bool:
    ending = extension(one.path)
    if ending == "rs":
        return _RUST.search(one.text) is not None and _RUST_TEXT.search(one.text) is not None and not _RUST_SAFE.search(around)
    if ending == "go":
        return _GO.search(one.text) is not None and _GO_TEXT.search(one.text) is not None and not _GO_SAFE.search(around)
    return ending == "py" and _BYTES_TO_TEXT.search(one.text) is not None


def _cut_before(one: Statement, old: str) -> bool:
    pattern = _RUST if one.path.endswith(".rs") else _GO if one.path.endswith(".go") else _BYTES_TO_TEXT
    return pattern.search(old) is not None


KINDS = (Throughout(cut_by_bytes),)
