"""Types that hold less than before, and quotients that drop what is left over."""

from __future__ import annotations

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.matching.differences import words_gone
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed

_WIDTHS = {
    **dict.fromkeys(
        ("long", "Long", "int64", "i64", "uint64", "u64", "bigint", "BIGINT", "BigInteger", "Int64", "double", "float64"), 64
    ),
    **dict.fromkeys(("bigserial", "BIGSERIAL", "BigInt", "bigIncrements", "bigInteger", "parseLong", "toLong", "int64_t"), 64),
    **dict.fromkeys(("BigAutoField", "BigIntegerField"), 64),
    **dict.fromkeys(("BigDecimal", "Decimal", "decimal", "numeric"), 65),
    **dict.fromkeys(
        ("int", "Integer", "int32", "i32", "uint32", "u32", "integer", "INTEGER", "INT", "Int32", "Int", "float", "float32"), 32
    ),
    **dict.fromkeys(("serial", "SERIAL", "increments", "parseInt", "toInt", "int32_t", "AutoField", "IntegerField"), 32),
    **dict.fromkeys(("short", "int16", "i16", "smallint", "SMALLINT", "Int16", "u16"), 16),
}


def narrower(before: Statement, after: Statement) -> Effect | None:
    """A type that holds smaller numbers, or less exact ones."""
    if len(before.key) != len(after.key):
        return None
    steps = [(was, now) for was, now in zip(before.key, after.key, strict=True) if was != now]
    if not steps or any(side not in _WIDTHS for step in steps for side in step):
        return _parsed_narrower(before, after)
    was, now = steps[0]
    unbound = before.path.endswith((".py", ".rb")) and not was.endswith("Field") and _WIDTHS[was] < 65  # their numbers have no end
    if any(_WIDTHS[less] >= _WIDTHS[more] for more, less in steps) or unbound:
        return None
    return effect_of("conversion", 0.65, f"{clean(was)} became {clean(now)}", after, other=before)


def _parsed_narrower(before: Statement, after: Statement) -> Effect | None:
    """The same text read as a number of fewer bits, where these are handed over."""
    was, now = (_BITS.findall(one.text) for one in (before, after))
    if len(was) != 1 or len(now) != 1 or (int(now[0]) or 64) >= (int(was[0]) or 64):
        return None
    return effect_of("conversion", 0.65, f"numbers of {clean(now[0])} bits", after, other=before)


_BITS = re2.compile(r"\bParse(?:Int|Uint|Float)\((?:[^(),]|\([^()]*\))+, *(?:\d+, *)?(0|8|16|32|64)\)")
_BROKEN = listed("to_f toDouble doubleValue float float64 double to_d toFloat as_f64 Number fdiv")


def whole_quotient(before: Statement, after: Statement) -> Effect | None:
    """A quotient of whole numbers, which drops what is left over."""
    lost = words_gone(before, after) & _BROKEN
    if not lost or "/" not in before.key or "/" not in after.key or len(after.key) >= len(before.key) or after.path.endswith(".py"):
        return None
    return effect_of("rounding", 0.6, f"{clean(min(lost))} no longer keeps the fraction", after, other=before)


KINDS = (
    Altered(narrower),
    Altered(whole_quotient, of="code"),
)
