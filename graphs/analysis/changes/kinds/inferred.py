"""Texts that look like numbers, dates or truth values, and are read as such now: leading zeros and spellings are gone."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Altered, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, last_names
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed

_AS_TEXT = re2.compile(
    r"\bdtype\s*=\s*(?:str|object|[\"'](?:str|string|object)[\"']|pd\.StringDtype\(\)|pl\.(?:Utf8|String))|\bdtype\s*=\s*False"
    r"|\ball_varchar\s*=\s*(?:true|True|1)|\binfer_schema(?:_length)?\s*=\s*(?:False|0)|\bkeep_default_na\s*=\s*False|\bna_filter\s*=\s*False"
    r"|\bconvert_dates\s*=\s*False|\bdynamicTyping:\s*false|\bparse(?:Tag|Attribute)Value:\s*false|\bBaseLoader\b|\braw:\s*false"
)
"""What says that everything stays as it is written."""
_BY_ITS_LOOK = re2.compile(
    r"\bdynamicTyping:\s*true|\binferSchema\"?,?\s*[\"=]?\s*(?:true|\"true\")|\bcast:\s*true|\bautodetect\s*=\s*True|\bnumeric:\s*true"
    r"|\bconverters:\s*\[?:(?:all|numeric|integer|float)\b|\bparse(?:Tag|Attribute)Value:\s*true|\bautoParse:\s*true|\bcheckType:\s*true"
    r"|\binfer_datetime_format\s*=\s*True|\bd3\.autoType\b|\bcsv\.autoType\b"
)
"""What says that a text is what it looks like."""
_TEXTS = re2.compile(r"\b(?:str|string|object|Utf8|String|text|varchar|StringType)\b")


def no_longer_text(sides: Sides) -> Iterator[Effect]:
    """Columns that were read as they are written are read as what they look like."""
    for one in sides.olds:
        mark = _AS_TEXT.search(one.text)
        if mark is None or file_kind(one.path) != "code":
            continue
        again = [other for other in sides.news if other.path == one.path and last_names(one) & last_names(other)]
        if not again or any(_AS_TEXT.search(other.text) for other in sides.news):
            continue
        if any(_TEXTS.search(_types(other, sides)) for other in again):
            continue
        yield _told(again[0], one)
        return


def _types(one: Statement, sides: Sides) -> str:
    """The types that a statement hands on, spelled out where the diff shows what their name stands for."""
    named = re2.search(r"\b(?:dtypes?|schema|converters|schema_overrides)\s*=\s*(\w+)", one.text)
    given = [other.text for other in sides.shown.standing if named is not None and re2.match(rf"{named.group(1)}\b.*=", other.text)]
    inline = re2.search(r"\b(?:dtypes?|schema|converters|schema_overrides)\s*=\s*\{(.*?)\}", one.text)
    return " ".join([*given, inline.group(1) if inline is not None else ""])


def by_its_look(sides: Sides) -> Iterator[Effect]:
    """It is said now that a text is what it looks like."""
    if any(_BY_ITS_LOOK.search(one.text) for one in sides.olds):
        return
    for one in sides.news:
        if file_kind(one.path) == "code" and _BY_ITS_LOOK.search(one.text):
            yield _told(one, None)
            return


def _told(one: Statement, other: Statement | None) -> Effect:
    note = "columns are read as what they look like, and no longer as they are written"
    return effect_of("retyped", 0.8, note, one, other=other)


_QUOTED = re2.compile(r"^(?:- )?(?:[\w.\"'-]+: )?([\"'])(.+)[\"']$")
_LOOKS = re2.compile(
    r"^(?:0\d+|0[xob]\w+|\d+[eE]\d+|\d+\.\d*0|\d{1,2}:\d\d(?::\d\d)?|\d{1,3}(?:_\d{3})+|(?i:y|n|yes|no|on|off|true|false|null|~)|\d{4}-\d\d-\d\d|[\d_]{16,})$"
)


def unquoted(sides: Sides) -> Iterator[Effect]:
    """A text of a YAML file without its quotes, where it looks like a number, a time or a truth value: it is read as that."""
    for before, after in (*sides.pairs, *_versions(sides)):
        if not after.path.endswith((".yaml", ".yml")):
            continue
        found = _QUOTED.match(before.text.strip())
        value = found.group(2) if found is not None else ""
        if value and _LOOKS.match(value) and after.text.strip().endswith((f": {value}", f"- {value}")):
            yield effect_of(
                "retyped", 0.75, f"{clean(value)} has no quotes any more, and is read as what it looks like", after, other=before
            )
            return


def _versions(sides: Sides) -> Iterator[tuple[Statement, Statement]]:
    """Lines that say the same but for their quotes, which count as one elsewhere."""
    by_text = {(one.path, one.text.replace('"', "").replace("'", "")): one for one in sides.news}
    for one in sides.olds:
        bare = one.text.replace('"', "").replace("'", "")
        if bare != one.text and (one.path, bare) in by_text and by_text[one.path, bare].text != one.text:
            yield one, by_text[one.path, bare]


_EXACT, _ROUNDED = (
    listed("JSONbig BigInt BigNumber Long JSONBig losslessParse"),
    listed("JSON Number parseInt parseFloat toNumber parse"),
)


def beyond_exact(before: Statement, after: Statement) -> Effect | None:
    """Numbers of any length became such as are exact up to sixteen digits: long identifiers are others."""
    was, now = ({token.text for token in one.tokens if token.kind == "word"} for one in (before, after))
    if not re2.search(r"\.[mc]?[jt]sx?$", after.path) or not (was & _EXACT) - now or not (now & _ROUNDED) - was or now & _EXACT:
        return None
    return effect_of("retyped", 0.7, f"{clean(min(was & _EXACT))} no longer keeps all digits", after, other=before)


KINDS = (
    Altered(beyond_exact, of="code"),
    Throughout(no_longer_text),
    Throughout(by_its_look),
    Throughout(unquoted),
)
