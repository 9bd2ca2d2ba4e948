"""Numbers behind names: constants and defaults that a diff shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import re2

from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.measures import BYTES, SECONDS, Measure
from graphs.analysis.changes.reading.names import name_of, own_name
from graphs.analysis.changes.reading.numbers import measures_of
from graphs.analysis.changes.reading.statements import Statement, remembered
from graphs.analysis.changes.reading.tokens import Token, lex
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set, stemmed
from graphs.analysis.changes.vocabulary.marks import ASSIGNS

_FIXED = listed("const static final let val readonly constexpr")
_OF_TIME = listed("time duration timedelta timespan from of secs mins millis micros nanos std chrono")
_MOST_TOKENS = 8


@remembered
def plain_value(one: Statement) -> tuple[Token, ...]:
    """What a statement gives its name, where that is one amount and nothing else: `30`, `5 * time.Second`, `from_secs(3)`."""
    place = next((at for at, token in enumerate(one.tokens) if token.text in ("=", ":=")), 0)
    value = one.tokens[place + 1 :]
    if (
        not place
        or "(" in one.key[:place]
        or not value
        or len(value) > _MOST_TOKENS
        or sum(token.kind == "number" for token in value) != 1
    ):
        return ()
    return value if all(_amounts(token) for token in value) else ()


def _amounts(token: Token) -> bool:
    if token.kind != "word":
        return token.kind in ("number", "op")
    return measured_by(token.text)


@lru_cache(maxsize=1 << 12)
def measured_by(name: str) -> bool:
    """Whether a name says in which unit a number is, and nothing else: `ofSeconds`, `time.Minute`, `from_millis`."""
    return all(word in SECONDS or word in BYTES or word in _OF_TIME for word in split_identifier(name))


Amounts = dict[str, tuple[Token, ...]]


def amounts(old: Iterable[Statement], new: Iterable[Statement]) -> tuple[Amounts, Amounts]:
    """Names that stand for one amount in the old and in the new image of a diff; but for those that were only renamed."""
    was, now = _fixed(old), _fixed(new)
    renamed = {_amount(one) for name, one in was.items() if name not in now} & {
        _amount(one) for name, one in now.items() if name not in was
    }
    return (
        {name: plain_value(one) for name, one in was.items() if name in now or _amount(one) not in renamed},
        {name: plain_value(one) for name, one in now.items() if name in was or _amount(one) not in renamed},
    )


def _amount(one: Statement) -> tuple[Measure, ...]:
    return tuple(measures_of(one))


def _fixed(image: Iterable[Statement]) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    twice: set[str] = set()
    for one in image:
        if file_kind(one.path) != "code" or not plain_value(one):
            continue
        name = own_name(one)
        if not (name.isupper() or _FIXED & set(one.key[:4])):
            continue
        if plain_value(found.setdefault(name, one)) != plain_value(one):
            twice.add(name)
    return {name: one for name, one in found.items() if name not in twice}


def only_names(one: Statement, used: Iterable[Statement], before: Amounts, after: Amounts) -> bool:
    """Whether a statement gives a new name to an amount that is told where the name is used."""
    name = own_name(one)
    return name in after and name not in before and any(name in other.key for other in used if other is not one)


def spelled_out(one: Statement, known: Amounts) -> Statement:
    """A statement with the amounts in place of their names; what gives the names their amounts stays as it is."""
    if not known or not any(token.text in known for token in one.tokens):
        return one
    tokens: list[Token] = []
    for place, token in enumerate(one.tokens):
        given = place + 1 < len(one.tokens) and one.tokens[place + 1].text in ASSIGNS
        tokens.extend((token,) if token.text not in known or given else known[token.text])
    return replace(one, tokens=tuple(tokens))


@dataclass(frozen=True)
class Default:
    """What holds for a parameter, variable or key where nobody says otherwise. `owner` is the function that takes it."""

    name: frozenset[str]
    owner: str
    statement: Statement


UNITS = stemmed("seconds second secs ms millis minutes hours days bytes kb mb gb")
_TAKES = re2.compile(r"(?:\bdef|\bfunction|\bfunc|\bfn|\bfun)\s+(\w+)\s*\((.*)\)|^\s*(?:[\w<>\[\]]+\s+)+(\w+)\s*\((.*)\)\s*\{?$")
_TAKEN = re2.compile(r"(\w+)\s*(?::\s*[\w\[\]|. ]+?)?\s*=\s*(\"[^\"]*\"|'[^']*'|[\w.]+)")


def defaults(image: Iterable[Statement]) -> Iterator[Default]:
    for one in image:
        kind = file_kind(one.path)
        if kind == "code" and (match := _TAKES.search(one.text)) is not None:
            owner, taken = match.group(1) or match.group(3), match.group(2) or match.group(4) or ""
            for name, value in _TAKEN.findall(taken):
                yield Default(bare(name), owner, replace(one, text=f"{name} = {value}", tokens=lex(f"{name} = {value}")))
        elif kind == "config" and (inline := _INLINE.match(one.text)) is not None:
            text = f"{inline.group(1)} = {inline.group(2)}"
            yield Default(bare(inline.group(1)), "", replace(one, text=text, tokens=lex(text)))
        elif kind == "config" and one.key[:1] == ("default",) and one.parents:
            name = one.parents[-1]
            text = f"{name} {one.text.partition('default')[2].strip()}"
            yield Default(bare(name), "", replace(one, text=text, tokens=lex(text), parents=one.parents[:-1]))
        elif kind == "config" and (key := name_of(one)) is not None and not declares(one):
            yield Default(bare(key.rpartition("/")[2]), "", one)


_INLINE = re2.compile(r"^variable \"([\w-]+)\" \{(?:.*[ ,])?default *= *(\"[^\"]*\"|[^ ,{}\"]+)[ ,}]")
_VARIABLE = re2.compile(r"^variable \"[\w-]+\" \{(?: *type *= .*\})?$|^type *= *(?:string|number|bool|any|list|map|set|object)\b")


def declares(one: Statement) -> bool:
    """A declaration of what a module takes, which sets nothing."""
    return one.path.endswith(".tf") and _VARIABLE.match(one.text) is not None


def bare(name: str) -> frozenset[str]:
    return stem_set([name]) - UNITS
