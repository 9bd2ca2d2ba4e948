"""Loops that ask for the next piece and never come to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import under
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import calls_out, clean, own_name
from graphs.analysis.changes.reading.statements import Statement, called, defined
from graphs.analysis.changes.reading.words import listed, stem_set

_WHILE = re2.compile(r"^(?:\} )?(?:while|until|for)\b\s*\(?\s*(?:let\s+Some\(\w+\)\s*=\s*)?(.*?)\)?\s*(?:\{|:|;|\bdo\b)?\s*$")
_PLAIN = re2.compile(
    r"^(?:not |!)?([A-Za-z_$]\w*)(?: (?:is not|!==?|<>) (?:None|null|nil|undefined|''|\"\"|0|-1)|\s*!=\s*\"\""
    r"|\.is_some\(\)|\.present\?|\.nil\?|\.isPresent\(\)|\.isEmpty\(\)|\.length(?: > 0)?)?$"
)
_STEPS = re2.compile(r"^(?:let |var |const |self\.|this\.)?([A-Za-z_$][\w$]*)\s*(?:\+=|=|:=)\s*(.+)$")
_ENDLESS_HEAD = re2.compile(r"^(?:\} )?(?:while\s*\(?\s*(?:True|true|1)\b|for\s*\(\s*;\s*;\s*\)|for\s*\{|loop\b)")
_ENDS = ("break", "return", "raise", "throw", "exit")


def never_on(sides: Sides) -> Iterator[Effect]:
    """A loop that goes on while something is there which nothing in it sets."""
    fresh = {(one.path, one.text) for one in sides.news}
    steps = {(one.path, own_name(one)) for one in sides.olds if one.loops and _STEPS.match(one.text)}
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            if file_kind(one.path) != "code" or not (body := _repeats(hunk, place)):
                continue
            came = (one.path, one.text) in fresh and all((item.path, item.text) in fresh for item in body)
            for name in _cursors(one, body, steps, came=came):
                if not _moves(name, body) and not _ends_at_once(body):
                    yield _effect(name, one, body)
                    return


def _repeats(hunk: Sequence[Statement], place: int) -> list[Statement]:
    """The block of a loop, whose head may stand at its end."""
    one = hunk[place]
    if not one.text.startswith("} while"):
        return under(hunk, place)
    start = place
    while start and hunk[start - 1].indent > one.indent:
        start -= 1
    return list(hunk[start:place])


def _cursors(one: Statement, body: Sequence[Statement], steps: set[tuple[str, str]], *, came: bool) -> Iterator[str]:
    """Names by which a loop knows where it is: what its head asks for, or what was set on in it before; and what it asks with."""
    asks = [item for item in body if defined(item.text) is None and called(item)]
    head = _WHILE.match(one.text)
    named = _PLAIN.match(head.group(1).strip()) if head is not None else None
    names = {named.group(1)} if named is not None and (came or (one.path, named.group(1)) in steps) else set()
    if _ENDLESS_HEAD.match(one.text) or names:
        names |= {name for path, name in steps if path == one.path and name}
    for name in sorted(names):
        stepped = (one.path, name) in steps
        if any(_read(name, item) and (stepped or calls_out(item)) for item in asks):
            yield name


def _read(name: str, one: Statement) -> bool:
    """Whether a statement hands `name` to what it calls."""
    start = next((at for at, token in enumerate(one.tokens) if token.text == "("), len(one.tokens))
    inside = one.tokens[start:]
    if any(token.kind == "string" and re2.search(rf"\{{{name}\b", token.text) for token in inside):
        return True
    return any(
        token.text == name and not (place + 1 < len(inside) and inside[place + 1].text in ("=", ":"))
        for place, token in enumerate(inside)
    )


def _moves(name: str, body: Sequence[Statement]) -> bool:
    """Whether anything in the loop may set `name` on: a value given, a step, a call of its own, or a place to write to."""
    word = re2.escape(name)
    given = re2.compile(
        rf"(?:^|[\s,(\[{{])\*?{word}\s*(?:,[\w\s,.]*)?(?:[-+*/|&]?=|:=|<-)(?:[^=]|$)|\b{word}(?:\+\+|--)|(?:\+\+|--){word}\b"
        rf"|&(?:mut )?{word}\b|[\[({{][^=()]*\b{word}\b[^=()]*[\])}}]\)?\s*=[^=]"
        rf"|\b{word}!?\.(?:{_STEPPING})\w*!?\(|\b{word}\.\w+\s*[-+]?=[^=]|\b(?:out|ref|inout) {word}\b|\bdel {word}\b"
    )
    return any(_sets(given, name, one) for one in body)


_STEPPING = "next|advance|add|set|pop|poll|shift|take|remove|push|append|put|update|clear|skip|increment|drain|dequeue|offer"


def _sets(given: Any, name: str, one: Statement) -> bool:
    """What is handed over by name sets nothing: `get(path, after=after)`."""
    bare = re2.sub(rf"([(,]\s*){re2.escape(name)}\s*=\s*", r"\1", one.text) if "(" in one.text else one.text
    outer = one.text.partition("(")[0]
    return given.search(bare) is not None or given.search(outer) is not None


def _ends_at_once(body: Sequence[Statement]) -> bool:
    """Whether the block ends in a way out that nothing guards: no loop then."""
    level = body[0].indent
    return any(one.indent == level and one.text.startswith(_ENDS) for one in body)


def _effect(name: str, one: Statement, body: Sequence[Statement]) -> Effect:
    made = effect_of("endless", 0.8, f"{clean(name)} is never set on within its loop", one)
    return replace(made, words=made.words | frozenset(word for item in body for word in item.words) | stem_set(_SEEN))


_SEEN = listed("page cursor repeated")

KINDS = (Throughout(never_on),)
