"""Stack traces: what was thrown and in which line of whose code, and whether a diff touches that line. Pure.

The forms of Python, Node, Go, Ruby and the JVM are read; field names are those of structured logging libraries and of
OpenTelemetry's semantic conventions for exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import re2

from graphs.analysis.changes.reading.words import listed

MOST_FRAMES = 60
MOST_TEXT = 20_000
AROUND = 1
"""Lines beside a changed one that count as changed too: a statement may go on."""

_PYTHON = re2.compile(r'File "([^"\n]{1,300})", line (\d{1,7})(?:, in ([\w<>.]{1,120}))?')
_CALLED = re2.compile(r"at (?:async )?([\w$.<>\[\] ]{1,160}?) ?\(([^()\n]{1,300}?):(\d{1,7})(?::\d{1,6})?\)")
_PLAIN = re2.compile(
    r"(?:^|[\s(])(/?(?:[\w.@-]+/){0,30}[\w.@-]{1,120}\.[A-Za-z]{1,6}):(\d{1,7})(?::\d{1,6})?"
    r"(?::in [`']([\w<>.!?]{1,120})| in ([\w<>.]{1,120}))?"
)
_STACK_KEYS = listed("stack stacktrace traceback excinfo excstacktrace exceptionstacktrace errorstack errorstacktrace")
_TYPE_KEYS = frozenset(("exception", "exceptiontype", "exctype", "errortype", "errorkind", "exceptionclass"))
_HEADED = re2.compile(r"^([A-Za-z_][\w.$]{0,160})(?:: ?(.*))?$")
_HUNK = re2.compile(r"^@@ -\d+(?:,\d+)? \+(\d{1,7})(?:,\d+)? @@")
_FOREIGN = ("site-packages/", "node_modules/", "/usr/lib", "/go/pkg/mod/", "<frozen", "node:internal", "vendor/")


@dataclass(frozen=True)
class Frame:
    """One frame that belongs to somebody's own code. `path` as the trace writes it."""

    path: str
    line: int
    function: str = ""

    @property
    def spoken(self) -> str:
        return f"{self.path}:{self.line}" + (f" in {self.function}" if self.function else "")


@dataclass(frozen=True)
class Thrown:
    """What a line says was thrown, and where: the frame nearest to it that is not a library's."""

    type: str = ""
    message: str = ""
    frame: Frame | None = None

    @property
    def spoken(self) -> str:
        what = ": ".join(part for part in (self.type, self.message) if part)
        return " at ".join(part for part in (what, self.frame.spoken if self.frame else "") if part)


def frames(text: str) -> tuple[Frame, ...]:
    """The frames of own code a text names, the one where it was thrown first."""
    text = text[:MOST_TEXT]
    python = [Frame(path, int(line), function or "") for path, line, function in _PYTHON.findall(text)]
    if python:  # the innermost comes last
        found = python[::-1]
    else:
        called = [Frame(path, int(line), name.rpartition(".")[2]) for name, path, line in _CALLED.findall(text)]
        found = called or [Frame(path, int(line), one or other or "") for path, line, one, other in _PLAIN.findall(text)]
    own = [frame for frame in found if not any(part in frame.path for part in _FOREIGN)]
    return tuple(dict.fromkeys(own))[:MOST_FRAMES]


def thrown(fields: str) -> Thrown | None:
    """What the structured fields of a line (one JSON object) tell of an exception; None where they tell of none."""
    try:
        body = json.loads(fields) if fields else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    flat = dict(_flat(body))
    stack = next((text for key, text in flat.items() if key in _STACK_KEYS and "\n" in text), "")
    kind = next((text for key, text in flat.items() if key in _TYPE_KEYS and "\n" not in text), "")
    message = ""
    for line in _heads(stack):
        head = _HEADED.match(line.strip())
        if head is not None and (not kind or head.group(1).rpartition(".")[2] == kind.rpartition(".")[2]):
            kind, message = kind or str(head.group(1)), str(head.group(2) or "")
            break
    found = frames(stack)
    if not kind and not found:
        return None
    return Thrown(kind.rpartition(".")[2][:80], message[:160], found[0] if found else None)


def _heads(stack: str) -> tuple[str, ...]:
    """Where a trace names its exception: at its end (Python) or at its beginning (the others)."""
    lines = [line for line in stack.splitlines() if line.strip()]
    return tuple(line for line in (*lines[-1:], *lines[:1]) if not line.startswith(("Traceback", "goroutine")))


def _flat(body: Mapping[str, object], depth: int = 0) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in list(body.items())[:60]:
        plain = "".join(sign for sign in str(key).lower() if sign.isalnum())
        if isinstance(value, str):
            found.append((plain, value[:MOST_TEXT]))
        elif isinstance(value, dict) and depth < 2:
            found += [(plain + inner, text) for inner, text in _flat(value, depth + 1)]
    return found


def touched(diff: str) -> dict[str, frozenset[int]]:
    """Per file of a unified diff, the numbers (in the new version) of added lines, and of those around removed ones."""
    found: dict[str, set[int]] = {}
    path, line, before = "", 0, ""
    for text in diff.splitlines():
        headed, before = text.startswith("+++ ") and before.startswith("--- "), text
        if headed:
            name = text[4:].split("\t")[0].strip()
            path, line = name[2:] if name[:2] in ("a/", "b/") else name, 0
        elif (opened := _HUNK.match(text)) is not None:
            line = int(opened.group(1))
        elif line and path:
            if text.startswith("+"):
                found.setdefault(path, set()).add(line)
                line += 1
            elif text.startswith("-"):
                found.setdefault(path, set()).add(line)
            else:
                line += 1
    return {path: frozenset(lines) for path, lines in found.items()}


def same_file(seen: str, written: str) -> bool:
    """Whether a trace's path and a repository's path are one file: one ends with the other, and they share a folder or more,
    or the trace names the bare file as the JVM does."""
    left, right = seen.replace("\\", "/").strip("/").split("/"), written.strip("/").split("/")
    shorter = min(len(left), len(right))
    if left[-shorter:] != right[-shorter:]:
        return False
    return shorter >= 2 or len(left) == 1


def hits(thrown_at: Frame, lines: Mapping[str, frozenset[int]]) -> float:
    """1 where a diff touches the very line, .15 where only its file (innocent changes to that service's code do too), 0 else.

    `lines` as `touched` gives them."""
    best = 0.0
    for path, numbers in lines.items():
        if same_file(thrown_at.path, path):
            near = any(abs(thrown_at.line - number) <= AROUND for number in numbers)
            best = max(best, 1.0 if near else 0.15)
    return best
