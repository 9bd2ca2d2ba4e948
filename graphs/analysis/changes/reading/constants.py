"""Numbers behind names: constants and defaults that the diff shows, put where they are used, or used where nothing is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import re2

from graphs.analysis.changes.effects import ASSIGNS, Effect, clean, effect_of, name_of
from graphs.analysis.changes.kinds import tls
from graphs.analysis.changes.numbers import measures_of, number_step, resource_at
from graphs.analysis.changes.reading.statements import Statement, called, file_kind
from graphs.analysis.changes.reading.tokens import BYTES, SECONDS, Measure, Token, lex, split_identifier, stem_set

_FIXED = frozenset(["const", "static", "final", "let", "val", "readonly", "constexpr"])
_OF_TIME = frozenset(
    ["time", "duration", "timedelta", "timespan", "from", "of", "secs", "mins", "millis", "micros", "nanos", "std", "chrono"]
)
_MOST_TOKENS = 8


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
        name = (name_of(one) or "").rpartition("/")[2]
        if file_kind(one.path) != "code" or not plain_value(one) or not (name.isupper() or _FIXED & set(one.key[:4])):
            continue
        if plain_value(found.setdefault(name, one)) != plain_value(one):
            twice.add(name)
    return {name: one for name, one in found.items() if name not in twice}


def only_names(one: Statement, used: Iterable[Statement], before: Amounts, after: Amounts) -> bool:
    """Whether a statement gives a new name to an amount that is told where the name is used."""
    name = (name_of(one) or "").rpartition("/")[2]
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


UNITS = stem_set(["seconds", "second", "secs", "ms", "millis", "minutes", "hours", "days", "bytes", "kb", "mb", "gb"])
_TAKES = re2.compile(r"(?:\bdef|\bfunction|\bfunc|\bfn|\bfun)\s+(\w+)\s*\((.*)\)|^\s*(?:[\w<>\[\]]+\s+)+(\w+)\s*\((.*)\)\s*\{?$")
_TAKEN = re2.compile(r"(\w+)\s*(?::\s*[\w\[\]|. ]+?)?\s*=\s*(\"[^\"]*\"|'[^']*'|[\w.]+)")


def defaults(image: Iterable[Statement]) -> Iterator[Default]:
    for one in image:
        kind = file_kind(one.path)
        if kind == "code" and (match := _TAKES.search(one.text)) is not None:
            owner, taken = match.group(1) or match.group(3), match.group(2) or match.group(4) or ""
            for name, value in _TAKEN.findall(taken):
                yield Default(_bare(name), owner, replace(one, text=f"{name} = {value}", tokens=lex(f"{name} = {value}")))
        elif kind == "config" and one.key[:1] == ("default",) and one.parents:
            name = one.parents[-1]
            text = f"{name} {one.text.partition('default')[2].strip()}"
            yield Default(_bare(name), "", replace(one, text=text, tokens=lex(text), parents=one.parents[:-1]))
        elif kind == "config" and (key := name_of(one)) is not None and not declares(one):
            yield Default(_bare(key.rpartition("/")[2]), "", one)


_VARIABLE = re2.compile(r"^variable \"[\w-]+\" \{(?: *type *= .*\})?$|^type *= *(?:string|number|bool|any|list|map|set|object)\b")


def declares(one: Statement) -> bool:
    """A declaration of what a module takes, which sets nothing."""
    return one.path.endswith(".tf") and _VARIABLE.match(one.text) is not None


def _bare(name: str) -> frozenset[str]:
    return stem_set([name]) - UNITS


def same_setting(before: Statement, after: Statement) -> bool:
    """Whether a configured amount is the same under a name that only leaves its unit out, or says it."""
    names = [(name_of(one) or "").rpartition("/")[2] for one in (before, after)]
    if file_kind(after.path) != "config" or names[0] == names[1] or not all(names) or _bare(names[0]) != _bare(names[1]):
        return False
    units = [stem_set([name]) & UNITS for name in names]
    if all(units) and units[0] != units[1]:
        return measures_of(before) == measures_of(after) != []
    return [token.text for token in before.tokens[-1:]] == [token.text for token in after.tokens[-1:]]


def fallen_back(gone: Statement, known: Sequence[Default]) -> Effect | None:
    """A setting that is no longer made, where the diff shows what holds instead."""
    name = name_of(gone)
    if name is None or file_kind(gone.path) != "config":
        return None
    key = _bare(name.rpartition("/")[2])
    for other in known:
        if other.owner or other.statement.path == gone.path or not key or not _meant(key, gone, other):
            continue
        if _other_place(gone, other.statement) and (effect := _between(name, gone, other.statement)) is not None:
            return effect
    return None


def _meant(key: frozenset[str], gone: Statement, other: Default) -> bool:
    """Whether a default is that of a key: it bears its name, or a part of it and a value much like the one that went."""
    if other.name == key:
        return True
    texts = [one.key[-1].strip("\"'`") if one.key else "" for one in (gone, other.statement)]
    alike = SequenceMatcher(None, texts[0], texts[1], autojunk=False).ratio() >= _ALIKE
    return bool(other.name) and (other.name < key or key < other.name) and min(map(len, texts)) > 5 and alike


_ALIKE = 0.6


def _other_place(gone: Statement, other: Statement) -> bool:
    """A key of the same keys, or the default of a variable."""
    return "default" in other.text.split("=")[0] or gone.parents[-1:] == other.parents[-1:] or other.key[:1] != gone.key[:1]


def no_longer_passed(before: Statement, after: Statement, known: Sequence[Default]) -> Effect | None:
    """An argument that a call goes without, where the diff shows the default that it falls to."""
    here = {name.rpartition(".")[2] for name in called(before) & called(after)}
    for other in known:
        if other.owner not in here:
            continue
        given = _given(before, other.name)
        if given is None or _given(after, other.name) is not None:
            continue
        if (effect := _between(name_of(given) or "", given, other.statement)) is not None:
            return effect
    return None


def _given(one: Statement, name: frozenset[str]) -> Statement | None:
    """The named argument of a call as a statement of its own."""
    for place, token in enumerate(one.tokens[:-2]):
        if token.kind == "word" and one.tokens[place + 1].text in ("=", ":") and place and _bare(token.text) == name:
            tokens = one.tokens[place : place + 3]
            return replace(one, text=" ".join(item.text for item in tokens), tokens=tokens)
    return None


def _between(name: str, gone: Statement, now: Statement) -> Effect | None:
    if (other := tls.spoken(gone, now)) is not None:
        return other
    was, holds = measures_of(gone), measures_of(now)
    key = name.rpartition("/")[2]
    if len(was) == len(holds) == 1:
        if was == holds:
            return effect_of("changed", 0.05, f"{clean(key)} is left to its default, which is the same", now)
        return number_step(key, was[0], holds[0], gone, now)
    texts = [next((token.text.strip("\"'`") for token in one.tokens[::-1] if token.kind != "op"), "") for one in (gone, now)]
    if was or holds or texts[0] == texts[1] or not all(texts):
        return None
    made = effect_of(
        "literal", 0.65, f"{clean(texts[0])} -> {clean(texts[1])} in {clean(key)}", now, resource=resource_at(key, gone), other=gone
    )
    return replace(made, words=made.words | stem_set([key, *gone.parents[-2:]]))
