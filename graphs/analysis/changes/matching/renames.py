"""Names that were consistently given another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphs.analysis.changes.matching.pairs import paired
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import Token
from graphs.analysis.changes.reading.words import listed, stem, stem_set


def renames(old: Sequence[Statement], new: Sequence[Statement], made: Sequence[Statement]) -> dict[str, str]:
    """Identifiers that were consistently given another name: declared in the diff, and the names never meet."""
    pairs, _, _ = paired(old, new)
    mapping: dict[str, str] = {}
    bad: set[str] = set()
    for before, after in pairs:
        if len(before.tokens) != len(after.tokens):
            continue
        for left, right in zip(before.tokens, after.tokens, strict=True):
            differs = left.kind == right.kind == "word" and left.text != right.text
            if differs and mapping.setdefault(left.text, right.text) != right.text:
                bad.add(left.text)
    if len(set(mapping.values())) < len(mapping):
        bad |= {name for name, target in mapping.items() if list(mapping.values()).count(target) > 1}
    old_words = _words(one for one in made if one.sign == "-")
    new_words = _words(one for one in made if one.sign == "+")
    return {
        name: target
        for name, target in mapping.items()
        if name not in bad
        and name not in new_words
        and target not in old_words
        and _declared(target, new)
        and not loaded(name, target)
    }


def _words(made: Iterable[Statement]) -> set[str]:
    return {token.text for one in made for token in one.tokens if token.kind == "word"}


_DECLARERS = listed(
    "const let var def func function fn class struct type interface for as int string val float bool auto double long"
)


def _declared(name: str, new: Sequence[Statement]) -> bool:
    """A new statement introduces `name`: assigns it, defines it, or takes it as a parameter."""
    for one in new:
        if file_kind(one.path) not in ("code", "schema"):
            continue
        if defined(one.text) is not None and any(token.text == name for token in one.tokens):
            return True
        for place, token in enumerate(one.tokens):
            if token.text != name or (place and one.tokens[place - 1].text == "."):
                continue
            after = one.tokens[place + 1].text if place + 1 < len(one.tokens) else ""
            before = one.tokens[place - 1].text if place else ""
            if (after in (":=", "=") and place <= 3) or before in _DECLARERS:
                return True
    return False


def with_names(one: Statement, mapping: dict[str, str]) -> Statement:
    tokens = tuple(
        Token(token.kind, mapping.get(token.text, token.text)) if token.kind == "word" else token for token in one.tokens
    )
    return Statement(one.sign, one.path, one.text, tokens, one.sort, one.block, one.indent, one.loops, one.parents, one.nearby)


_OPPOSITES = (
    ("read", "write"),
    ("primary", "replica"),
    ("active", "all"),
    ("min", "max"),
    ("start", "end"),
    ("first", "last"),
    ("before", "after"),
    ("old", "new"),
    ("source", "target"),
    ("sync", "async"),
    ("enable", "disable"),
    ("allow", "deny"),
    ("net", "gross"),
    ("local", "utc"),
    ("staging", "production"),
    ("ms", "seconds"),
)


def loaded(name: str, target: str) -> bool:
    """Two names whose words differ in a resource or an opposite: no mere renaming."""
    gone, come = stem_set([name]) - stem_set([target]), stem_set([target]) - stem_set([name])
    return any(
        (stem(pair[0]) in gone and stem(pair[1]) in come) or (stem(pair[1]) in gone and stem(pair[0]) in come)
        for pair in _OPPOSITES
    )
