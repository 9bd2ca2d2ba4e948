"""Work that waits for other work in the same bounded place: once all its threads wait, none is left to do what they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import under
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import Token
from graphs.analysis.changes.reading.words import listed, stem_set
from graphs.analysis.changes.vocabulary.resources import RESOURCE

_HANDS_OVER = listed(
    "submit supplyAsync runAsync invokeAll execute post map_async apply_async schedule Go run_in_executor StartNew run add enqueue"
)
_BY_METHOD = listed("submit invokeAll map_async apply_async Go StartNew")
"""Those of which the receiver is where the work is done; of the others that is the last argument, or the first."""
_JOINS = re2.compile(
    r"\.(?:join|get|result|Wait|GetResult|wait|invokeAll)\(\)|\.(?:get|result)\((?:timeout=)?\w+|\.Result\b|\bWhenAll\("
    r"|\bawait\b|\bPromise\.all\b|\bas_completed\(|\.invokeAll\(|\bfutures\.wait\(|\ballOf\([^;]*\)\.(?:join|get)\("
)
_MINDED = re2.compile(r"(?i)fork_?join|virtual|common_?pool|cached_?thread|unbounded")
"""Where a thread that waits is replaced, or is none of a few."""


@dataclass(frozen=True)
class _Handed:
    """A call that hands work over: to whom, the names of what is handed, and where it stands among the tokens."""

    to: str
    work: frozenset[str]
    start: int
    end: int


def waits_for_itself(sides: Sides) -> Iterator[Effect]:
    fresh = {(one.path, token) for one in sides.news for token in _lines(one)}
    for hunk in sides.shown.image:
        found = [*_within_one(hunk), *_by_name(hunk, sides.shown.standing)]
        for one, to in found:
            if file_kind(one.path) == "code" and any((one.path, text) in fresh for text in _lines(one, to)):
                pool = RESOURCE["workers"]
                note = f"work on {clean(to)} waits for more work on {clean(to)}"
                made = effect_of("blocking", 0.8, note, one, resource=pool, direction="gone")
                yield replace(made, words=made.words | stem_set(["executor", "pool", "threads", "queue"]))
                return


def _lines(one: Statement, to: str | None = None) -> set[str]:
    """What a statement hands over, as text that is the same whether it stands alone or within a longer one."""
    return {f"{handed.to}:{' '.join(sorted(handed.work))}" for handed in _handed(one.tokens) if to is None or handed.to == to}


def _within_one(hunk: Sequence[Statement]) -> Iterator[tuple[Statement, str]]:
    """A function that is written out where it is handed over, and hands over in turn."""
    for one in hunk:
        made = _handed(one.tokens)
        for outer in made:
            inner = [item for item in made if item.to == outer.to and outer.start < item.start and item.end < outer.end]
            text = _text(one.tokens[outer.start : outer.end])
            if inner and _JOINS.search(text) and not _MINDED.search(outer.to):
                yield one, outer.to


def _by_name(hunk: Sequence[Statement], everything: Sequence[Statement]) -> Iterator[tuple[Statement, str]]:
    """A function that is handed over by its name, and hands over in turn."""
    for place, opener in enumerate(hunk):
        name = defined(opener.text)
        if name is None:
            continue
        body = under(hunk, place)
        if not any(_JOINS.search(one.text) for one in body):
            continue
        takers = {item.to for one in everything if one.path == opener.path for item in _handed(one.tokens) if name in item.work}
        for one in body:
            for item in _handed(one.tokens):
                if item.to in takers and name not in item.work and not _MINDED.search(item.to):
                    yield one, item.to


def _handed(tokens: Sequence[Token]) -> list[_Handed]:
    found = []
    for place, token in enumerate(tokens[:-1]):
        if tokens[place + 1].text != "(" or not (token.text in _HANDS_OVER or _few(token.text)):
            continue
        if _few(token.text):
            end = _closing(tokens, place + 1)
            found.append(_Handed(token.text, frozenset(item.text for item in tokens[place + 2 : end]), place, end))
            continue
        end = _closing(tokens, place + 1)
        inside = tokens[place + 2 : end]
        written_out = any(item.text in ("=>", "lambda", "->") for item in inside)
        to = (
            _receiver(tokens, place)
            if token.text in _BY_METHOD
            else _last_name(inside) or (_receiver(tokens, place) if written_out else "")
        )
        if to:
            work = frozenset(item.text for item in tokens[place + 2 : end] if item.kind == "word")
            found.append(_Handed(to, work, place, end))
    return found


def _few(name: str) -> bool:
    """Whether a function is named for letting only so many at a time in: `limit(() => head(url))`."""
    return name in ("limit", "limiter", "throttle", "withSlot", "with_slot", "withPermit")


def _closing(tokens: Sequence[Token], start: int) -> int:
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place].text in ("(", "[", "{")) - (tokens[place].text in (")", "]", "}"))
        if not depth:
            return place
    return len(tokens)


def _receiver(tokens: Sequence[Token], place: int) -> str:
    return tokens[place - 2].text if place >= 2 and tokens[place - 1].text == "." and tokens[place - 2].kind == "word" else ""


def _last_name(inside: Sequence[Token]) -> str:
    """The last argument, where it is a name."""
    if len(inside) < 2 or inside[-1].kind != "word":
        return ""
    back = len(inside) - 1
    while back >= 2 and inside[back - 1].text in (".", "::") and inside[back - 2].kind == "word":
        back -= 2
    return inside[-1].text if back and inside[back - 1].text == "," else ""


def _text(tokens: Sequence[Token]) -> str:
    return "".join(token.text if token.kind == "op" else f" {token.text}" for token in tokens).replace(". ", ".")


_AWAITED = re2.compile(r"\.(?:delay|apply_async|send_task)\(.*\)\.(?:get|join|wait|wait_for)\(")


def task_of_task(sides: Sides) -> Iterator[Effect]:
    """A task of a queue that waits for another task of it: the workers that wait do not take the next one."""
    for one in sides.new:
        if _AWAITED.search(one.text) and one.indent and not any(_AWAITED.search(other.text) for other in sides.old):
            workers = RESOURCE["workers"]
            yield effect_of("blocking", 0.7, "a task is put off and waited for", one, resource=workers, direction="gone")
            return


KINDS = (
    Throughout(waits_for_itself),
    Throughout(task_of_task),
)
