"""Transactions that are declared around whole functions or classes: what asks others in there holds a connection all the while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import under
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, own_name
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import split_identifier, stem_set, stemmed
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_DECLARED = re2.compile(r"(?i)^(?:@|#?\[)[\w.\\]*\b(?:transactional|transaction|atomic|unitofwork|commit_on_success)\b")
_APART = re2.compile(r"(?i)not_supported|NEVER|REQUIRES_NEW|suppress")
_CLASS = re2.compile(
    r"^(?:(?:export|public|internal|private|protected|open|final|abstract|sealed|data|static|default) )*"
    r"(?:class|object|trait|struct)\b"
)
_REMOTE = stemmed("http https rpc grpc rest fetch axios requests urlopen webhook client gateway stub api adapter")
_OF_STORES = stemmed("db database sql redis cache repository repo dao entity query session mongo")
_FIELD = re2.compile(r"\b(\w+)\s*:\s*(?:\w+\.)*(\w+)|\b([A-Z]\w+)\s+(\w+)\s*[;,)=]")


def around_calls(sides: Sides) -> Iterator[Effect]:
    """A transaction declared anew around a function that asks somebody else, where that function had none of its own."""
    fresh = {(one.path, one.text) for one in sides.news if _DECLARED.match(one.text) and not _APART.search(one.text)}
    had = {(one.path, what) for hunk in sides.shown.former for one, what in _declared(hunk)}
    for hunk in sides.shown.image:
        others = _others(hunk)
        for place, one in enumerate(hunk):
            if (one.path, one.text) not in fresh or file_kind(one.path) != "code":
                continue
            for name, asks in _asking(hunk, place, others):
                if (one.path, name) not in had:
                    note = f"{called_name(asks)} is waited for within a transaction"
                    pool = RESOURCE["connection_pool"]
                    yield effect_of("blocking", 0.75, note, one, resource=pool, direction="down", other=asks)
                    break


def _declared(hunk: Sequence[Statement]) -> Iterator[tuple[Statement, str]]:
    """Declarations of a transaction, and the name of what each is of."""
    for place, one in enumerate(hunk):
        if _DECLARED.match(one.text) and (subject := _subject(hunk, place)) is not None:
            yield one, defined(hunk[subject].text) or ""


def _subject(hunk: Sequence[Statement], place: int) -> int | None:
    """Where that stands which an annotation is of."""
    return next((at for at in range(place + 1, min(place + 6, len(hunk))) if hunk[at].text[:1] not in "@[#"), None)


def _asking(hunk: Sequence[Statement], place: int, others: frozenset[str]) -> Iterator[tuple[str, Statement]]:
    """Functions in the transaction that ask somebody else, and the statement that does."""
    subject = _subject(hunk, place)
    if subject is None:
        return
    whole = _CLASS.match(hunk[subject].text) is not None
    inside = [*hunk[subject + 1 :]] if whole else under(hunk, subject)
    name = defined(hunk[subject].text) or ""
    own = False
    for at, one in enumerate(inside):
        if whole and (made := defined(one.text)) is not None:
            name, own = made, at > 0 and _DECLARED.match(inside[at - 1].text) is not None
        if not own and defined(one.text) is None and _asks(one, others):
            yield name, one


def _asks(one: Statement, others: frozenset[str]) -> bool:
    for name in called(one):
        owner, _, _ = name.rpartition(".")
        words = stem_set(split_identifier(owner.rpartition(".")[2]))
        if owner and (owner.rpartition(".")[2] in others or words & _REMOTE) and not words & _OF_STORES:
            return True
    return False


def _others(hunk: Sequence[Statement]) -> frozenset[str]:
    """Names whose declared type says that somebody else is asked through them."""
    found = set()
    for one in hunk:
        for name, kind, kind_before, name_after in _FIELD.findall(one.text):
            words = stem_set(split_identifier(kind or kind_before))
            if words & _REMOTE and not words & _OF_STORES:
                found.add(name or name_after)
        if own_name(one) and one.text.rstrip(";, ").endswith(("Client", "Gateway", "Stub", "Api")):
            found.add(own_name(one))
    return frozenset(found)


KINDS = (Throughout(around_calls),)
