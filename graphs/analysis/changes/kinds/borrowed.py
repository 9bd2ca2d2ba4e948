"""What ends with the call and is used by work that goes on behind it: its deadline, its transaction, its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import around
from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.names import called_name, clean
from graphs.analysis.changes.reading.statements import Statement
from graphs.analysis.changes.reading.words import stem_set

_BEHIND = re2.compile(
    r"^go \w|^go func\b|\b(?:asyncio\.|loop\.)?(?:create_task|ensure_future)\(|\b(?:background_tasks|tasks|background)\.add_task\("
    r"|\bTask\.Run\(|\bTask\.Factory\.StartNew\(|\bQueueBackgroundWorkItem\(|\b(?:run|supply)Async\(|\bsetImmediate\(|\bsetTimeout\("
    r"|\bvoid \w[\w.]*\(|\b(?:tokio::|thread::)?spawn\(|\bThread\(|\bexecutor\.\w+\(|\bpool\.submit\(|\bGlobalScope\.launch\b"
)
"""What leaves work running behind the call."""
_OF_THE_CALL = re2.compile(
    r"\b(?:r|req|request|c|ctx\.Request|c\.Request)\.Context\(\)|\b(?:HttpContext\.)?RequestAborted\b|\b(?:req|request|c\.req\.raw)\.signal\b"
    r"|\bc\.UserContext\(\)|\b(?:requestScope|viewModelScope|lifecycleScope)\b"
)
"""What is over as soon as there is an answer."""
_DETACHED = re2.compile(
    r"WithoutCancel\(|context\.(?:Background|TODO)\(\)|CancellationToken\.None|\bdetach\w*\(|NonCancellable|\bshield\("
)
_LENT = re2.compile(
    r"\b(tx|trx|transaction|db_session|dbSession|db|session|conn|connection|cursor|tmp|tmp_path|tmpfile|temp_file|tempFile|upload|file)\b"
)
_ENDS = re2.compile(
    r"^(?:async )?with .*\bas (\w+)|^defer (?:os\.Remove(?:All)?\((\w+)[).]|(\w+)\.(?:Close|Rollback|Release)\()"
    r"|^(?:await )?using (?:var )?\(?(?:var )?(\w+) =|\bDepends\(\s*get_|^try \((?:\w+ )?(\w+) ="
)
"""What opens a stretch at whose end something is closed, rolled back or removed."""


def ends_too_early(sides: Sides) -> Iterator[Effect]:
    """Work behind the call is handed something of the call's own."""
    fresh = {(one.path, one.text) for one in sides.news}
    before = [one.text for one in sides.olds]
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            if file_kind(one.path) != "code" or not _behind(one) or _DETACHED.search(one.text) or _waited(hunk[place:]):
                continue
            lent = _OF_THE_CALL.search(one.text)
            name = lent.group() if lent is not None else next(_closed_around(hunk[:place], one), "") or _cancelled(hunk, one)
            known = any(_BEHIND.search(text) and name in text for text in before) if name else True
            if name and not known and ((one.path, one.text) in fresh or _opened_now(sides, one, name)):
                yield _borrowed(one, name)
                return
    for was, now in sides.pairs:
        if _behind(now) and _DETACHED.search(was.text) and not _DETACHED.search(now.text):
            yield _borrowed(now, called_name(now))
            return


def _behind(one: Statement) -> bool:
    return _BEHIND.search(one.text) is not None


def _waited(here: Sequence[Statement]) -> bool:
    """Whether the first of these is waited for before there is an answer."""
    return "await" in here[0].key or any(_WAITED.search(one.text) for one in here)


_WAITED = re2.compile(
    r"\.Wait\(\)|^(?:case |\w+ (?::?=|, ?\w+ :?=) )?<-|\bawait\b.*\b(?:gather|wait|all|WhenAll|tasks?)\b"
    r"|\.join\(|\.get\(\)|\.await\b"
)


def _closed_around(before: tuple[Statement, ...], one: Statement) -> Iterator[str]:
    """Names handed on that are closed at the end of a block or function that the statement stands in."""
    handed = set(_LENT.findall(one.text.partition("(")[2]))
    if not handed:
        return
    outer = {id(other) for other in around((*before, one), len(before))}
    for other in before:
        match = _ENDS.search(other.text)
        if match is None or not (
            id(other) in outer or (other.text.startswith(("defer ", "using ", "await using")) and other.indent <= one.indent)
        ):
            continue
        names = {name for name in match.groups() if name}
        yield from sorted(handed & names)


_CANCELLED = re2.compile(r"^(\w+), (\w+) :?= context\.With(?:Timeout|Deadline|Cancel)\(")


def _cancelled(hunk: Sequence[Statement], one: Statement) -> str:
    """The context handed on that is ended when the function that made it returns."""
    for other in hunk:
        made = _CANCELLED.match(other.text)
        if (
            made is not None
            and re2.search(rf"\b{made.group(1)}\b", one.text)
            and any(item.text == f"defer {made.group(2)}()" for item in hunk)
        ):
            return str(made.group(1))
    return ""


_CLOSED = re2.compile(
    r"^defer ([\w.]+)\.Close\(\)|^(?:await )?using (?:var )?\(?(?:var )?(\w+) ="
    r"|^(?:async )?with .*\b(?:open|connect|Session|session|cursor|stream|get|request)\w*\(.*\bas (\w+):"
)
_LAZY = r"(?:csv\.(?:reader|DictReader)\(|map\(|filter\(|\(.+ for \w+ in |iter\()?"


def given_away_closed(sides: Sides) -> Iterator[Effect]:
    """What is handed back is closed on the way out."""
    fresh = {(one.path, one.text) for one in sides.news}
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            match = _CLOSED.match(one.text) if file_kind(one.path) == "code" else None
            name = next((group for group in match.groups() if group), "") if match is not None else ""
            for other in hunk[place + 1 :] if name else ():
                inside = other.indent > one.indent if one.text.startswith(("with", "async")) else other.indent >= one.indent
                back = re2.match(rf"^return {_LAZY}{re2.escape(name)}(?:\)|,|;|$)", other.text)
                if inside and back and {(one.path, one.text), (other.path, other.text)} & fresh and "yield" not in other.key:
                    yield effect_of("borrowed", 0.7, f"{clean(name)} is handed back and closed on the way out", other)
                    return


def _opened_now(sides: Sides, one: Statement, name: str) -> bool:
    return any(
        other.path == one.path and name in other.key and (_ENDS.search(other.text) or _CANCELLED.match(other.text))
        for other in sides.news
    )


def _borrowed(one: Statement, name: str) -> Effect:
    note = f"work behind the call is handed {clean(name)}, which ends with it"
    made = effect_of("borrowed", 0.75, note, one)
    return replace(made, words=made.words | stem_set(["canceled", "cancelled", "closed", "context"]))


def not_kept_alive(sides: Sides) -> Iterator[Effect]:
    """A platform that stops with the answer was asked to wait for work behind it, and no longer is."""
    old, new = sides.code
    for one in old:
        if "waitUntil(" in one.text and not any("waitUntil(" in other.text or "await" in other.key for other in new):
            inside = {token.text for token in one.tokens if token.kind == "word"}
            same = next((other for other in new if len(inside & {token.text for token in other.tokens}) >= 2), None)
            if same is not None:
                yield effect_of("borrowed", 0.65, "nobody waits for what goes on behind the answer", same, other=one)
                return


KINDS = (
    Throughout(ends_too_early),
    Throughout(not_kept_alive),
    Throughout(given_away_closed),
)
