"""Calls that hold the thread, made where one thread serves everybody: no other coroutine goes on until they return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import re2

from graphs.analysis.changes.effect import Effect, effect_of
from graphs.analysis.changes.kind import Throughout
from graphs.analysis.changes.matching.sides import Sides
from graphs.analysis.changes.reading.blocks import around, function
from graphs.analysis.changes.reading.names import called_name, last_names
from graphs.analysis.changes.reading.statements import Statement, defined
from graphs.analysis.changes.reading.tokens import extension
from graphs.analysis.changes.reading.words import stem_set

_HELD: Mapping[str, Any] = {
    "py": re2.compile(
        r"\b(?:requests\.(?:get|post|put|patch|delete|head|options|request)|httpx\.(?:get|post|put|patch|delete|head|request)"
        r"|(?:urllib\.request\.)?urlopen|urllib\.request\.urlretrieve|time\.sleep|os\.(?:system|popen)"
        r"|subprocess\.(?:run|call|check_call|check_output|getoutput)|(?:psycopg2?|pymysql|MySQLdb|sqlite3|pyodbc)\.connect"
        r"|boto3\.(?:client|resource)|smtplib\.SMTP(?:_SSL)?|socket\.(?:create_connection|gethostby\w+|getaddrinfo))\("
    ),
    "rs": re2.compile(r"\breqwest::blocking\b|\bureq::\w+\(|\bthread::sleep\(|\bblock_on\(|\bstd::net::TcpStream::connect\("),
    "cs": re2.compile(r"\.GetAwaiter\(\)\.GetResult\(\)|Async\([^;]*\)\.(?:Result\b|Wait\(\))|\bThread\.Sleep\("),
    "kt": re2.compile(r"\brunBlocking\b|\bThread\.sleep\(|\.newCall\(.*\)\.execute\(\)|\b\w*[rR]estTemplate\.\w+\("),
    "swift": re2.compile(r"\b\w*[sS]emaphore\.wait\(|\bThread\.sleep\(|\busleep\(|\bData\(contentsOf:"),
    "dart": re2.compile(r"\bsleep\(|\b\w+Sync\("),
    "ts": re2.compile(r"\b\w+Sync\(|\bAtomics\.wait\("),
}  # fmt: skip
"""By a file's ending, what the language's usual calls are that return only when the other side has answered."""
_SAME = {"js": "ts", "mjs": "ts", "cjs": "ts", "tsx": "ts", "jsx": "ts", "kts": "kt"}
_COROUTINE = re2.compile(r"\basync\b|\bsuspend fun\b")
_ELSEWHERE = re2.compile(
    r"to_thread|run_in_executor|run_in_threadpool|spawn_blocking|block_in_place|run_sync|sync_to_async|\bTask\.Run\b|StartNew"
    r"|Dispatchers\.(?:IO|Default)|\.submit\(|[dD]efer_?[tT]o_?[tT]hread|\bcompute\(|\bIsolate\.run\b|DispatchQueue"
)
"""What hands work to a thread of its own."""


def stops_the_loop(sides: Sides) -> Iterator[Effect]:
    """A coroutine that makes such a call now, by itself or by a plain function that came along or stands beside it."""
    fresh = {(one.path, one.text): one for one in sides.news}
    by_helper = {name: one for hunk in sides.shown.image for name, one in _plain(hunk)}
    for hunk in sides.shown.image:
        for place, one in enumerate(hunk):
            cause = one if _holds(one) else next((by_helper[name] for name in _asked(one, by_helper)), None)
            if cause is None or _ELSEWHERE.search(one.text) or defined(one.text) is not None:
                continue
            opener = function(hunk, place)
            inside = _COROUTINE.search(opener.text if opener is not None else _header(fresh.get((one.path, one.text))))
            parts = [one, cause] if opener is None else [one, cause, opener]
            known = any((part.path, part.text) in fresh for part in parts)
            if not inside or not known or any(_ELSEWHERE.search(other.text) for other in around(hunk, place)):
                continue
            if not _held_before(cause, sides.olds):
                made = effect_of("blocking", 0.75, f"{called_name(one)} blocks the loop it is called in", one)
                yield replace(made, words=made.words | cause.words | stem_set(["event", "loop", "lag"]))
                return


def _holds(one: Statement) -> bool:
    ending = extension(one.path)
    pattern = _HELD.get(_SAME.get(ending, ending))
    return pattern is not None and pattern.search(one.text) is not None


def _plain(hunk: Sequence[Statement]) -> Iterator[tuple[str, Statement]]:
    """Functions that are no coroutines and make such a call, each with the call."""
    for place, one in enumerate(hunk):
        if _holds(one) and not _ELSEWHERE.search(one.text):
            opener = function(hunk, place)
            name = defined(opener.text) if opener is not None and not _COROUTINE.search(opener.text) else None
            if name is not None:
                yield name, one


def _asked(one: Statement, known: Mapping[str, Statement]) -> Iterator[str]:
    """Those of `known` that a statement calls and does not await."""
    for name in sorted(last_names(one) & known.keys()):
        if not re2.search(rf"\bawait [\w.]*\b{name}\(", one.text):
            yield name


def _header(one: Statement | None) -> str:
    return one.nearby if one is not None else ""


def _held_before(cause: Statement, olds: Sequence[Statement]) -> bool:
    """Whether a coroutine of the file did so all along."""
    return any(
        _holds(one) and last_names(one) & last_names(cause) and one.path == cause.path and _COROUTINE.search(one.nearby)
        for one in olds
    )


KINDS = (Throughout(stops_the_loop),)
