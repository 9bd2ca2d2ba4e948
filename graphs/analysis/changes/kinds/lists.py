"""What a named list holds, or an option says."""

from __future__ import annotations

from dataclasses import replace

import re2

from graphs.analysis.changes.effect import ANOTHER_CALL, Effect, effect_of
from graphs.analysis.changes.kind import Altered
from graphs.analysis.changes.reading.names import clean, name_of, own_name
from graphs.analysis.changes.reading.numbers import resource_at
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set, stemmed
from graphs.analysis.changes.vocabulary.marks import ASSIGNS, TRUTHS
from graphs.analysis.changes.vocabulary.resources import resources_of

_MEMBERS = stemmed(
    "scope scopes roles permissions grants origins ciphers methods vary columns fields include exclude events topics hosts "
    "brokers servers profiles features only except allow deny codes statuses on retryable audience regions zones locales "
    "currencies extensions types"
)
_LISTED = re2.compile(r"[\[({]([^\[\](){}]*)[\])}]")


def _members(one: Statement) -> list[str]:
    """What a named list holds, whether as a list or as words of one text."""
    name = own_name(one)
    place = next((at for at, token in enumerate(one.tokens) if token.text in ASSIGNS), 0)
    if not name or not stem_set([name]) & _MEMBERS or "(" in one.key[:place]:
        return []
    value = one.tokens[place + 1 :]
    if len(value) == 1 and value[0].kind == "string":
        return value[0].text.strip("\"'`").replace(",", " ").replace(";", " ").split()
    plain = [token for token in value if token.kind in ("string", "number")]
    opened = _LISTED.search(one.text) is not None
    return [token.text.strip("\"'`") for token in plain] if opened and len(plain) >= 1 else []


def other_members(before: Statement, after: Statement) -> Effect | None:
    was, now = _members(before), _members(after)
    if not was or not now or set(was) == set(now) or name_of(before) != name_of(after):
        return None
    lost, come = sorted(set(was) - set(now)), sorted(set(now) - set(was))
    name = clean(own_name(after))
    note = f"{clean(lost[0])} is no longer one of {name}" if lost else f"{clean(come[0])} is one of {name} now"
    key = name_of(after) or ""
    made = effect_of(
        "members",
        0.6 if lost else 0.5,
        note,
        after,
        resource=resource_at(key, after),
        direction="gone" if lost else "up",
        other=before,
    )
    return replace(made, words=made.words | stem_set([*lost, *come]))


_AWAY = listed("disable disabled skip no without ignore close off")


def option(before: Statement, after: Statement) -> Effect | None:
    """One more option, switched, where nothing was said before."""
    known = set(before.key)
    for place in range(1, len(after.tokens) - 2):
        name, mark, value = after.tokens[place : place + 3]
        inside = after.key[place - 1] in (",", "{", "(")
        if not inside or name.kind != "word" or mark.text not in (":", "=") or name.text in known:
            continue
        truth = TRUTHS.get(value.text.lower())
        words = split_identifier(name.text)
        hits = resources_of(stem_set([name.text]))
        if truth is None or value.text in known or not hits or after.key[place + 3 : place + 4] not in ((), (",",), (")",), ("}",)):
            continue
        away = bool(_AWAY & set(words)) is truth
        note = f"{clean(name.text)} is {clean(value.text)} now"
        return effect_of("switch", 0.6, note, after, resource=hits[0], direction="gone" if away else "up", other=before)
    return None


KINDS = (
    Altered(other_members),
    Altered(option, of="code", instead_of=ANOTHER_CALL),
)
