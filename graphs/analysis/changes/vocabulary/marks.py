"""Operators, types, and the other marks by which statements of any language are told apart. Data, in one place."""

from __future__ import annotations

import re2

from graphs.analysis.changes.reading.words import listed

COMPARE = listed("< <= > >= == != === !== in is")
LOGIC = frozenset(("&&", "||", "and", "or"))
NEGATIONS = frozenset(("!", "not", "unless"))
ARITHMETIC = listed("+ - * / % // ** << >>")
CATCHES = ("except", "catch", "rescue")
FLIPPED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "==", "===": "!==", "!==": "==="}
"""Comparisons, and what asks for the very opposite."""
TRUTHS = {"true": True, "false": False, "on": True, "off": False, "yes": True, "no": False, "enabled": True, "disabled": False}
ASSIGNS = frozenset(("=", ":", ":=", "=>", "+=", "-="))
TYPES = listed(
    "int float str bool double long string number Duration duration Integer i32 i64 u32 u64 usize f64 float64 int64 int32 uint time"
)
GUARD = ("if ", "if(", "elif ", "unless ", "guard ", "assert", "require(", "check(", "when ", "else if")
SQL = re2.compile(
    r"(?i)\bselect(?:\s+[^\s{]|\s*$)|\b(update|delete|insert|join|where|limit|order by|group by|create index|drop|alter)\b"
)
PATTERN = re2.compile(
    r"(?i)\b(re|regex\w*|regexp|pattern)\b[.\w]*\s*\(|\b(pattern|regex\w*|\w+_re)\s*[:=]|MustCompile\(|Pattern\.compile\("
)
VERSION = re2.compile(
    r"^[\"'`]?(?:[~^=<>]+v?\d+(\.\d+)+|v\d+(\.\d+)+|\d+(\.\d+){2,})([.+-]\w+)*[\"'`]?$|^[\"'`]v?\d{4}\.\d\d[\w.-]*[\"'`]$"
)
HEADS = listed("const let var return public private static final def val if while export self this")
NOTHING = frozenset(("nil", "null", "None", "undefined", "NULL"))
