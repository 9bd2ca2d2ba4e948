"""What a nearer place says replaces what it would have taken over from a farther one: directives of a server's blocks, and keys
that are merged from a base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import clean, words_of
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import listed, stem_set

_LISTED = listed(
    "proxy_set_header add_header add_trailer fastcgi_param uwsgi_param scgi_param grpc_set_header proxy_hide_header "
    "proxy_pass_header proxy_ssl_conf_command limit_req limit_conn access_log error_page auth_request_set"
)
"""Directives that a block takes over from the one around it only where it has none of its own."""
_MERGED = re2.compile(r"^(?:<<: ?\*|\.\.\.|\*\*)([A-Za-z_][\w.-]*)")
_KEY = re2.compile(r"^[\"']?([A-Za-z_][\w.-]*)[\"']?\s*[:=]")
_BASE = re2.compile(r"^[\"']?[\w.-]+[\"']?:\s*&([\w.-]+)|^(?:export )?(?:const |let |var )?([A-Za-z_]\w*)(?:: ?[\w<>, ]+)? ?= ?\{")


def replaced(sides: Sides) -> Iterator[Effect]:
    """What holds no longer where something new says less."""
    fresh = {(one.path, one.text) for one in sides.new}
    everything = sides.shown.standing
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            if (one.path, one.text) not in fresh:
                continue
            lost = _of_outer(hunk, place, fresh) if file_kind(one.path) == "config" else []
            lost = lost or _of_base(hunk, place, everything)
            if lost:
                yield _effect(one, lost)


def _effect(one: Statement, lost: Sequence[Statement]) -> Effect:
    head = (one.key or ("",))[0].strip("\"'")
    names = [clean(_said(other) if other.key[:1] == one.key[:1] else other.text.partition(":")[0]) for other in lost]
    note = f"{clean(head)} of the level above ({', '.join(names[:3])}) holds here no longer"
    made = effect_of("dropped", 0.75, note, one, direction="gone")
    return replace(made, words=made.words | stem_set(word for other in lost for word in words_of(other)))


def _said(one: Statement) -> str:
    """What a directive is about: the header or field that it names."""
    return ([*one.text.split(), "", ""])[1].strip(";").lower()


def _of_outer(hunk: Sequence[Statement], place: int, fresh: set[tuple[str, str]]) -> list[Statement]:
    """Directives of a block around, which this one alone had taken over until now."""
    one = hunk[place]
    name = one.key[0] if one.key else ""
    if name not in _LISTED:
        return []
    beside = [other for other in _siblings(hunk, place) if other.key[:1] == (name,)]
    if any((other.path, other.text) not in fresh for other in beside) or (beside and beside[0] is not one):
        return []
    said = {_said(other) for other in beside}
    level, found = one.indent, []
    for other in reversed(hunk[:place]):
        if other.indent < level:
            level = other.indent
        if other.indent == level < one.indent and other.key[:1] == (name,) and _said(other) not in said:
            found.append(other)
    return found[::-1]


def _siblings(hunk: Sequence[Statement], place: int) -> list[Statement]:
    one = hunk[place]
    start, end = place, place + 1
    while start and hunk[start - 1].indent >= one.indent:
        start -= 1
    while end < len(hunk) and hunk[end].indent >= one.indent:
        end += 1
    return [other for other in hunk[start:end] if other.indent == one.indent]


def _of_base(hunk: Sequence[Statement], place: int, everything: Sequence[Statement]) -> list[Statement]:
    """What stands under the same key of the base that is merged in beside."""
    one = hunk[place]
    key = _KEY.match(one.text)
    if key is None or (not one.text.rstrip(" ,}])").endswith((":", "{", "[")) and "{" not in one.text):
        return []
    beside = _siblings(hunk, place)
    if any(_MERGED.match(other.text) for other in _under(hunk, place)) or "..." in one.text or "**" in one.text:
        return []
    own = {other.key for other in _under(hunk, place)} | {(token.text,) for token in one.tokens}
    for other in beside:
        merged = _MERGED.match(other.text)
        # In code what comes later wins; a key of one's own always does where a base is merged by reference.
        if merged is None or (not other.text.startswith("<<") and other.block and hunk.index(other) > place):
            continue
        base = next((at for at, item in enumerate(everything) if merged.group(1) in _named(item) and item is not other), None)
        if base is None:
            continue
        for at in range(base + 1, len(everything)):
            inside = everything[at]
            if inside.indent <= everything[base].indent or inside.path != everything[base].path:
                break
            found = _KEY.match(inside.text)
            if found is not None and found.group(1) == key.group(1):
                under = [item for item in _under(everything, at) if item.key not in own]
                return [item for item in under if item.key[:1] not in {mine[:1] for mine in own}] or (
                    [inside] if "{" in inside.text and inside.key != one.key else []
                )
    return []


def _named(one: Statement) -> tuple[str, ...]:
    match = _BASE.match(one.text)
    return tuple(name for name in match.groups() if name) if match is not None else ()


def _under(hunk: Sequence[Statement], place: int) -> list[Statement]:
    found = []
    for one in hunk[place + 1 :]:
        if one.indent <= hunk[place].indent:
            break
        found.append(one)
    return found


KINDS = (Throughout(replaced),)
