"""Fields of what is sent or stored, which others read as they were."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import around
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed

_SHAPES = {
    **dict.fromkeys(
        listed(
            "number int integer Int Integer long Long short Short float Float double Double i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 "
            "usize int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float32 float64 byte bigint Number Int32 Int64 Byte"
        ),
        "a number",
    ),
    **dict.fromkeys(listed("string String str Str text Text char Char varchar VARCHAR CharSequence std::string"), "a text"),
    **dict.fromkeys(listed("boolean bool Boolean Bool"), "a truth value"),
    **dict.fromkeys(listed("object Object dict Dict map Map HashMap BTreeMap Record Mapping struct record"), "an object"),
    **dict.fromkeys(listed("array Array list List Vec Set set Sequence ArrayList IEnumerable IList Collection repeated"), "a list"),
}
"""What a type is when it is written out to be sent, as far as its name says."""
_RECORD = re2.compile(
    r"^(?:(?:export|public|internal|private|pub(?:\(\w+\))?|final|sealed|readonly|partial|declare|data|case|default|input|@\w+) )*"
    r"(?:interface|type|struct|record|message|class|schema|dataclass|enum|input|union)\b|^\"?(?:properties|fields|schemas)\"?\s*:"
)
_BEHIND = re2.compile(
    r"^(?:(?:readonly|public|private|protected|export|val|var|final|pub(?:\(\w+\))?) )*[\"']?(\w+)[\"']?\??!?\s*:\s*(.+?)[;,]?$"
)
_BEFORE = re2.compile(
    r"^(?:(?:public|private|protected|internal|final|readonly|required|optional|virtual|static|override) )*"
    r"([\w.<>\[\], ?]+?)\s+(\w+)\s*(?:;|,|\)|= ?\d+;|\{ ?get;.*)"
)
_GO = re2.compile(r"^([A-Z]\w*)\s+([\w.*\[\]{}]+)(?:\s+`[^`]*`)?$")
_WRITTEN = re2.compile(r"^[\"']?type[\"']?\s*:\s*[\"']?(\w+)[\"']?,?$")


def _field(one: Statement) -> tuple[str, str] | None:
    """The name and the type of a field, as declared."""
    text = one.text.strip()
    if (match := _WRITTEN.match(text)) is not None:
        return (one.parents[-1] if one.parents else "type"), match.group(1)
    return _declared(text, one)


def _declared(text: str, one: Statement) -> tuple[str, str] | None:
    if text.endswith(("{", "(")) and not text.rstrip("{( ").endswith((":", "=")):
        return None
    if one.path.endswith(".go"):
        match = _GO.match(text)
        return (match.group(1), match.group(2)) if match is not None else None
    if (match := _BEHIND.match(text)) is not None:
        return match.group(1), match.group(2)
    match = _BEFORE.match(text)
    return (match.group(2), match.group(1)) if match is not None else None


def _shape(declared: str) -> str | None:
    """What of it is seen by who reads: a number, a text, a list, an object. None where the name alone does not tell."""
    bare = declared.split(" = ")[0].split(" | ")[0].strip().removeprefix("*").removesuffix("?").removesuffix("!")
    if bare.startswith(("{", "map[", "struct{")):
        return "an object"
    if bare.endswith("[]") or bare.startswith(("[", "list[", "repeated ")):
        return "a list"
    held = re2.match(r"^(?:Optional|Option|Nullable|Maybe|Required|NotRequired)[<\[](.+)[>\]]$", bare)
    if held is not None:
        return _shape(held.group(1))
    return _SHAPES.get(re2.split(r"[<\[( ]", bare)[0])


_ON_ONE_LINE = re2.compile(r"\b(?:record|data class|case class)\s+\w+(?:<[^()]*>)?\s*\((.*)\)")


def _fields(one: Statement) -> dict[str, str]:
    """Fields by name with what is seen of each; of a record that is declared on one line, all of them."""
    match = _ON_ONE_LINE.search(one.text)
    declared = [_declared(f"{part.strip()},", one) for part in match.group(1).split(",")] if match is not None else [_field(one)]
    return {name: shape for name, stated in filter(None, declared) if (shape := _shape(stated)) is not None}


def another_form(before: Statement, after: Statement) -> tuple[str, str, str] | None:
    was, now = _fields(before), _fields(after)
    return next(((name, was[name], now[name]) for name in was if name in now and was[name] != now[name]), None)


def form_of_a_field(sides: Sides) -> Iterator[Effect]:
    """A field of a declared record is another sort of thing now."""
    records = {
        (one.path, one.text)
        for hunk in sides.shown.image
        for place, one in enumerate(hunk)
        if (opener := next(around(hunk, place), None)) is not None and _RECORD.match(opener.text)
    }
    for before, after in sides.pairs:
        told = another_form(before, after)
        inside = (after.path, after.text) in records or file_kind(after.path) in ("schema", "config") or _WRITTEN.match(after.text)
        inside = inside or _ON_ONE_LINE.search(after.text)
        if told is None or not inside:
            continue
        name, was, now = told
        yield effect_of("schema", 0.7, f"{clean(name)} was {was} and is {now}", after, other=before)


KINDS = (Throughout(form_of_a_field),)
