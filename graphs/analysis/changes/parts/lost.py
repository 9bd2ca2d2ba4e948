"""Names and settings that were there and are not there any more, whatever else was rewritten around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.reading.constants import UNITS
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, name_of
from graphs.analysis.changes.reading.numbers import resource_at
from graphs.analysis.changes.reading.statements import Statement, called
from graphs.analysis.changes.reading.tokens import lex
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.marks import TRUTHS

_NAME = re2.compile(r"^[A-Za-z][\w.-]{2,60}$")
_TAG = re2.compile(r"\w+:\\?\"([^\",\\]+)")
_ANNOTATION = re2.compile(r"^(?:@\w|\[\w+\(|#\[)")
_CONSTANT = re2.compile(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_DIRECTIVE = re2.compile(r"^([a-z][\w-]+)\s+[^{}]*;$")
_SWITCHES = listed("set configure enable disable with option feature setOption setProperty put add features")
_MANY = 3


@dataclass(frozen=True)
class Spoken:
    """A name by which others know something, or a setting goes. `kind`: "published", "switch" or "setting"."""

    name: str
    kind: str
    statement: Statement

    @property
    def stems(self) -> frozenset[str]:
        words = stem_set([self.name])
        return words - UNITS or words


def lost(
    old: Sequence[Statement], new: Sequence[Statement], image: Sequence[Statement], rewritten: set[str]
) -> list[tuple[Effect, Statement]]:
    """Names of rewritten code and settings of rewritten blocks that nothing new knows. `old`, `new`: what is left of either side
    without what only moved; `image`: all that stands now; `rewritten`: files to which something came."""
    known = {stem_set([text]) for one in (*image, *new) for text in _identifiers(one)}
    found: list[tuple[Effect, Statement]] = []
    alone = _annotations_alone(old)
    values = {token.text for one in (*image, *new) for token in one.tokens if token.kind in ("number", "string")}
    for path in sorted({one.path for one in old}):
        there = path in rewritten or (file_kind(path) == "config" and _carried_over(path, old, new))
        listed = [one for one in old if one.path == path and (there or one.block in alone)]
        spoken = [name for one in listed for name in (*_spoken(one), *_options(one, values))]
        gone = [name for name in spoken if not kept(name.stems, known)]
        many = len(gone) >= _MANY and 2 * len(gone) > len(spoken)
        found += [(_effect(name).scaled(0.5 if many else 1.0), name.statement) for name in gone]
    return found


def _carried_over(path: str, old: Sequence[Statement], new: Sequence[Statement]) -> bool:
    """Whether settings of a file stand in another configured file now."""
    elsewhere = {
        stem_set([text]) for one in new if one.path != path and file_kind(one.path) == "config" for text in _identifiers(one)
    }
    return any(name.stems & other for one in old if one.path == path for name in _spoken(one) for other in elsewhere)


def _annotations_alone(old: Sequence[Statement]) -> set[int]:
    """Blocks from which annotations went, and not what they stood on."""
    others = {one.block for one in old if not _ANNOTATION.match(one.text)}
    return {one.block for one in old} - others


def kept(stems: frozenset[str], known: set[frozenset[str]]) -> bool:
    """Whether one identifier says all that a name says; a name of one word must be said alone."""
    return not stems or stems in known or (len(stems) > 1 and any(stems <= other for other in known))


def names_kept(one: Statement, image: Iterable[Statement]) -> bool:
    """Whether an annotation speaks of names only that something in its file still bears."""
    names = _spoken(one)
    known = {stem_set([text]) for other in image if other.path == one.path for text in _identifiers(other)}
    return bool(names) and all(kept(name.stems, known) for name in names)


def _identifiers(one: Statement) -> Iterable[str]:
    for token in one.tokens:
        if token.kind == "word":
            yield token.text
        elif token.kind == "string":
            inside = token.text.strip("\"'`")
            yield from [inside] if _NAME.match(inside) else [item.text for item in lex(inside) if item.kind == "word"]
            yield from _TAG.findall(token.text)


def _spoken(one: Statement) -> list[Spoken]:
    if file_kind(one.path) == "config":
        key = name_of(one) or (match.group(1) if (match := _DIRECTIVE.match(one.text)) is not None else "")
        return [Spoken(key.rpartition("/")[2], "setting", one)] if _valued(one, key) else []
    if file_kind(one.path) != "code":
        return []
    return [*_published(one), *_switched(one)]


def _valued(one: Statement, key: str) -> bool:
    return bool(key) and len(one.tokens) > 1 and not one.text.rstrip().endswith(("{", ":", "["))


def _published(one: Statement) -> list[Spoken]:
    """Names in annotations, tags and as keys of what is handed on."""
    names: list[str] = []
    for place, token in enumerate(one.tokens):
        if token.kind != "string":
            continue
        bare = token.text.strip("\"'`")
        names += _TAG.findall(token.text) if token.text.startswith("`") else []
        if _NAME.match(bare) and (_ANNOTATION.match(one.text) or _is_key(one, place)):
            names.append(bare)
    return [Spoken(name, "published", one) for name in names]


def _is_key(one: Statement, place: int) -> bool:
    """Whether a text is the key of a value: at the start of a line, or within braces."""
    opens = place == 0 or one.key[place - 1] in ("{", ",")
    return opens and one.key[place + 1 : place + 2] in ((":",), ("=>",))


def _switched(one: Statement) -> list[Spoken]:
    """Constants that a call sets, and named options that are switched."""
    sets = {name.rpartition(".")[2] for name in called(one)} & _SWITCHES
    found = [Spoken(token.text, "switch", one) for token in one.tokens if sets and _CONSTANT.match(token.text)]
    for place in range(len(one.tokens) - 2):
        name, mark, value = one.tokens[place : place + 3]
        ends = one.key[place + 3 : place + 4] in ((), (",",), (")",), ("}",))
        inside = mark.text == ":" or sum((text in ("(", "{")) - (text in (")", "}")) for text in one.key[:place]) > 0
        if (
            inside
            and name.kind == "word"
            and mark.text in (":", "=")
            and value.text.lower() in TRUTHS
            and ends
            and len(name.text) > 3
        ):
            found.append(Spoken(name.text, "switch", one))
    return found


def _options(one: Statement, known: set[str]) -> list[Spoken]:
    """Options that are given a plain value which nothing new holds: `mode="strict"`, `withRetries(4)`."""
    found = []
    for place in range(len(one.tokens) - 2):
        name, mark, value = one.tokens[place : place + 3]
        plain = (
            value.kind in ("number", "string") and value.text not in known and one.key[place + 3 : place + 4] in ((",",), (")",))
        )
        if name.kind != "word" or not plain:
            continue
        if mark.text == "=" and _depth(one, place) > 0:
            found.append(Spoken(name.text, "setting", one))
        elif mark.text == "(" and (match := _SETTER.match(name.text)) is not None:
            found.append(Spoken(match.group(1), "setting", one))
    return found


_SETTER = re2.compile(r"^(?:[Ww]ith|[Ss]et|use)_?([A-Z_]\w+|\w+)$")


def _depth(one: Statement, place: int) -> int:
    return sum((text in ("(", "{")) - (text in (")", "}")) for text in one.key[:place])


def _effect(name: Spoken) -> Effect:
    one = name.statement
    resource = resource_at(name.name, one) if name.kind != "published" else None
    kind = "switch" if name.kind == "switch" else "gone" if resource is not None else "literal"
    weight = 0.65 if name.kind != "setting" else 0.6
    note = f"{clean(name.name)} is no longer {'set' if name.kind != 'published' else 'the name of anything'}"
    made = effect_of(kind, weight, note, one, resource=resource, direction="gone")
    return replace(made, words=made.words | name.stems)


def told_already(one: Statement, effect: Effect, changed: Sequence[tuple[Effect, int]]) -> bool:
    """Whether the name that went is told already, with what took its place."""
    return any(block == one.block and other.path == one.path and other.kind in _TELLING for other, block in changed) and any(
        other.kind in _TELLING and stem_set([effect.note.partition(" is ")[0]]) <= other.words for other, _ in changed
    )


_TELLING = frozenset({"literal", "number", "switch", "identity", "schema"})
