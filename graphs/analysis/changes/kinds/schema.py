"""What stored and sent things look like: tables, fields, forms."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Removed, Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.parts.settings import query
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, clean, last_names
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.words import stem_set, stemmed
from graphs.analysis.changes.vocabulary.marks import TYPES
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_LOCKING = (
    *("foreign key", "add foreign", "create foreign", "addforeign", ".foreign(", " references ", "add reference", "validates"),
    *("add primary key", "vacuum full", "cluster ", "reindex ", "optimize table", "lock table", "add constraint", "addconstraint"),
    *(
        "engine=",
        "engine =",
        "convert to character set",
        "addindex",
        "set not null",
        "change column null",
        "alterfield",
        "alter column",
    ),
)
"""Marks of statements under which nobody else writes to a table for as long as it takes to go through it."""
_UNHELD = (
    "not valid",
    "validate: false",
    "concurrently",
    "addindexconcurrently",
    "algorithm=inplace",
    "lock=none",
    "validate constraint",
)
_DDL: tuple[tuple[tuple[str, ...], str, float, str], ...] = (
    (("drop index", "remove index"), "index_gone", 0.6, "an index was dropped"),
    (
        ("drop ", "rename ", "new column name", "removefield", "renamefield", "remove column", "change column"),
        "schema",
        0.85,
        "something was dropped or renamed",
    ),
    (("add column", "create index", "create unique", "add index"), "schema_lock", 0.5, "a change under lock"),
    (_LOCKING, "schema_lock", 0.65, "a table is held while all its rows are checked or written anew"),
    (("not null", "unique", "constraint", "check ("), "schema", 0.6, "a stricter constraint"),
    (("alter column", "type "), "schema", 0.6, "another type"),
)
"""Marks of a statement, what it is, its weight and name; the first that fits counts."""
_EVERY_ROW = re2.compile(r"^update [\w.\"]+ set |^(?:op\.)?execute\(.*\bupdate [\w.\"]+ set |\.update all\b")
_ASIDE = ("comment on", "begin", "commit", "start transaction", "set search path", "analyze", "set local", "set lock timeout")
"""Statements of a migration that say something about it, or bound it, and alter no table."""


def ddl(one: Statement) -> Effect:
    low = one.text.lower().replace("_", " ")
    if low.startswith(_ASIDE):
        return effect_of("schema", 0.02, "schema: nothing of the tables", one)
    if _EVERY_ROW.search(low) and " where " not in low and "batch" not in low:
        return effect_of("schema_lock", 0.6, "schema: every row is written in one go", one)
    for marks, kind, weight, note in _DDL:
        if any(mark in low for mark in marks):
            beside = kind == "schema_lock" and (
                any(mark in low for mark in _UNHELD)
                or ("add column" in low and not any(mark in low for mark in ("not null", "references")))
                or low.startswith(("create table", "t.", "grant "))
            )
            return effect_of("schema" if beside else kind, 0.15 if beside else weight, f"schema: {note}", one)
    return effect_of("schema", 0.15 if low.startswith("on ") else 0.3, "schema: an addition", one)


_TABLE_NAME = r"[\"`\[]?([\w.]+)[\"`\]]?"
_MADE_LIKE = re2.compile(
    rf"(?i)\bcreate (?:unlogged )?table (?:if not exists )?{_TABLE_NAME}\s*"
    rf"(?:\(\s*like\s+{_TABLE_NAME}([^;]*)|as\s+select\b.*?\bfrom\s+{_TABLE_NAME})"
)
_RENAMED = re2.compile(rf"(?i)\b(?:alter|rename) table (?:if exists )?(?:only )?{_TABLE_NAME} (?:rename )?to {_TABLE_NAME}")
_TAKEN = re2.compile(r"(?i)including (?:all|indexes)")


def swapped(sides: Sides) -> Iterator[Effect]:
    """A table made like another one, without its indexes, that then bears its name."""
    new = [one for one in sides.new if file_kind(one.path) == "schema"]
    text = " ".join(one.text.rstrip(";") + ";" for one in new)
    for match in _MADE_LIKE.finditer(text):
        made, like, options, source = match.groups()
        if options is not None and _TAKEN.search(options.partition(";")[0]):
            continue
        table = like or source or ""
        renamed = [pair for pair in _RENAMED.findall(text) if pair[0].lower() == made.lower() and pair[1].lower() == table.lower()]
        one = next((one for one in new if made in one.text), new[0])
        if renamed and not re2.search(rf"(?i)create (?:unique )?index[^;]*\bon (?:only )?[\"`]?{re2.escape(made)}\b", text):
            index = RESOURCE["index"]
            note = f"{clean(table)} is another table now, without the indexes of the old one"
            yield effect_of("index_gone", 0.85, note, one, resource=index, direction="gone")


_FORMS = stemmed(
    "mapper serializer serializers converter converters naming codec encoder decoder deserialize serialization objectmapper "
    "gson jackson inclusion casing camelcase snakecase transliterate"
)


def form_lost(one: Statement, sides: Sides) -> Effect | None:
    """Where it is no longer said in which form things are written or read, another form holds."""
    names = last_names(one)
    if file_kind(one.path) != "code" or not names or not stem_set(called(one)) & _FORMS or one.text.startswith(("return", "@")):
        return None
    return effect_of("schema", 0.6, f"{called_name(one)} no longer gives the form", one, direction="gone")


def _numbered(one: Statement) -> tuple[str, ...]:
    """What is sent of a field: its type and its number, and not its name."""
    return tuple(token.text for token in one.tokens if token.kind == "number" or token.text in TYPES)


def schema_altered(before: Statement, after: Statement) -> Effect:
    if before.path.endswith(".proto") and _numbered(before) != _numbered(after):
        return effect_of("schema", 0.75, "another number or type of a field that others write or read", after, other=before)
    if "concurrently" in before.text.lower() and "concurrently" not in after.text.lower():
        return effect_of("schema_lock", 0.65, "an index is built under lock", after, other=before)
    if all(_ASKS.match(one.text) and not _ALTERS.search(one.text) for one in (before, after)):
        return query(before.text, after.text, after)
    return effect_of("schema", 0.6, "schema statement changed", after)


_ASKS = re2.compile(r"(?i)^(?:select|with|from|(?:left |right |inner |outer |cross )?join|where|and|or|order by|group by|limit)\b")
_ALTERS = re2.compile(r"(?i)\b(?:alter|drop|create|add|rename|grant|check|constraint)\b")


KINDS = (
    Throughout(swapped),
    Removed(form_lost),
)
