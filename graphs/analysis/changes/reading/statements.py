"""Hunks as statements: what was there, what is there now, and how deep in loops it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, wraps
from typing import Literal, TypeVar

import re2

from graphs.analysis.changes.reading.files import file_kind
from graphs.analysis.changes.reading.hunks import Hunk, Line
from graphs.analysis.changes.reading.tokens import Token, lex, names_called, without_comment
from graphs.analysis.changes.reading.words import listed, split_identifier, stem_set

T = TypeVar("T")
Sort = Literal["code", "log", "telemetry", "import", "comment"]
_LOOP = re2.compile(
    r"^\s*(?:\}\s*)?(?:async\s+)?(?:for|foreach|while|loop|until|do)\b|\.(?:forEach|map|flatMap|each|each_with_index|filter)\s*\(|\.(?:times|each)\s+do\b"
    r"|\.(?:each|map|flat_map|each_with_index|times)\s*\{|\.(?:Select|SelectMany|ForEach)\(\w+ =>"
)
_LEVEL_SET = re2.compile(r"(?i)\b(basicconfig|set_?level|log_?level|level)\b\s*[=:(]|\blevel\s*=")
_SET_UP = re2.compile(r"(?i)\b(basicconfig|set_?level|with_?level|new\w*|config\w*|init\w*|setup)\s*\(")
_LOGGER = re2.compile(
    r"^(?:[\w\.\(\)]*\b)?(?:log|logger|logging|slog|console|klog|glog|zap|_logger|_log|LOG|LOGGER|Log|Logger|warnings|NSLog)(?:\.\w+)?\s*[\.(!]"
    r"|^(?:LOG_[A-Z]+|(?:std::)?(?:cout|cerr)|print|println|printf|fmt\.Print\w*|System\.(?:out|err)|puts|echo|eprintln|(?:tracing::)?(?:debug|info|warn|trace)!?)\b\s*[!(.<\"]"
)
_TELEMETRY_WORDS = listed(
    "attributes span prometheus metrics metric counter histogram gauge observe inc tracer statsd otel telemetry setattributes "
    "attribute summary timer monitoring sentry breadcrumb registry"
)
_SPANS_OF_TIME = listed("milliseconds seconds minutes hours sleep after send_after schedule")
"""What a timer does when it times nothing, but says how long something lasts."""
_LOG_WORDS = listed("log logger logging slog console klog zap logrus tracing printf println print str")
_IMPORT = re2.compile(
    r"^(import\b|from\s+[\w.]+\s+import\b|#include\b|using\s+[\w.:]+;|package\s+[\w.]+;?$|require\s*\(?['\"]|use\s+[\w:]+|export\s+\*\s+from)"
)
_LONE = re2.compile(r"^[\s\{\}\(\)\[\];,]*(?:else|end|fi|done|try|do|then|begin|pass|finally)?[\s\{\}\(\)\[\];,:]*$")
_QUOTED_ONLY = re2.compile(r"^\"[\w./-]+\"$")


@dataclass(frozen=True)
class Statement:
    """One logical line, joined over open brackets, without comments. `parents` are the keys or blocks it stands in."""

    sign: Literal["+", "-"]
    path: str
    text: str
    tokens: tuple[Token, ...]
    sort: Sort
    block: int  # contiguous stretch of changed lines it belongs to
    indent: int
    loops: int
    parents: tuple[str, ...]
    nearby: str  # the hunk's header and unchanged lines, for what they name

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Equal for statements that differ in blanks, comments and trailing commas only."""
        return tuple(token.text for token in self.tokens)

    @cached_property
    def words(self) -> frozenset[str]:
        """Stems of everything it names or writes out."""
        return stem_set(token.text for token in self.tokens if token.kind != "op")

    @cached_property
    def calls(self) -> frozenset[str]:
        """Dotted names that stand before an opening bracket."""
        return frozenset(names_called(self.tokens))


def statements(hunk: Hunk, *, first_block: int = 0) -> list[Statement]:
    """What the hunk removed and added, each against its own image (old lines for removals, new lines for additions)."""
    nearby = " ".join([hunk.header, *(line.text.strip() for line in hunk.lines if line.sign == " ")])
    old = _image(hunk, "-", nearby, first_block)
    new = _image(hunk, "+", nearby, first_block)
    return [*old, *new]


def _image(hunk: Hunk, sign: Literal["+", "-"], nearby: str, first_block: int) -> list[Statement]:
    found: list[Statement] = []
    stack: list[tuple[int, str, bool]] = []  # (indent, key or opening line, opens a loop)
    block, inside, opened = first_block, False, 0
    waiting: list[str] = []
    prose = False  # between the quotes of a docstring
    for line in hunk.lines:
        if line.sign == " ":
            inside = False
        elif not inside:
            block, inside = block + 1, True
        if line.sign not in (" ", sign):
            continue
        quotes = line.text.count('"""') + line.text.count("'''")
        code = "" if prose or (quotes and line.text.lstrip().startswith(('"""', "'''"))) else without_comment(line.text, hunk.path)
        prose = prose ^ (quotes % 2 == 1)
        if not code.strip():
            if line.sign == sign and line.text.strip():
                found.append(_statement(line.text.strip(), "comment", sign, hunk.path, block, 0, (), nearby))
            continue
        if not waiting and code.strip() == "{":
            continue  # a block that its own line above opens
        if not waiting:
            indent = -1 if code.startswith("[") and _SECTION.match(code) else _indent(code)
            while stack and stack[-1][0] >= indent:
                stack.pop()
        waiting.append(code.strip())
        opened += _opened_brackets(code)
        if opened > 0 and len(waiting) < 40 and line.sign == sign:
            continue
        text, opened = " ".join(waiting), 0
        waiting = []
        if line.sign == sign and not _lone(text):
            parents = tuple(name for _, name, _ in stack if name)
            loops = sum(loop for _, _, loop in stack) + _inline_loop(text)
            sort = "log" if parents and parents[-1] in _LOG_WORDS and file_kind(hunk.path) == "code" else _sort(text)
            found.append(_statement(text, sort, sign, hunk.path, block, indent, parents, nearby, loops=loops))
        stack.append((indent, _label(text, hunk.path) or _opening_name(text), _opens_loop(text)))
    return found


@lru_cache(maxsize=1 << 15)
def _lone(text: str) -> bool:
    return _LONE.match(text) is not None


@lru_cache(maxsize=1 << 15)
def _opens_loop(text: str) -> bool:
    return _LOOP.search(text) is not None


_SECTION = re2.compile(r"^\[+[\w.\- \"]+\]+\s*$")
_LABELLED = re2.compile(r"^\w+(?: \"[\w.-]+\")* \"([\w.-]+)\" \{$")


def _label(text: str, path: str) -> str:
    """What a labelled block is called: `resource "queue" "mails" {` opens mails."""
    match = _LABELLED.match(text) if path.endswith((".tf", ".hcl")) else None
    return match.group(1) if match is not None else ""


def standing(hunk: Hunk) -> list[Statement]:
    """What stands in the new image of a hunk, changed or not: where names and defaults are looked up."""
    lines = [Line("+", line.text) for line in hunk.lines if line.sign != "-"]
    return _image(Hunk(hunk.path, hunk.header, lines), "+", "", 0)


def stood(hunk: Hunk) -> list[Statement]:
    """What stood in the old image of a hunk, changed or not."""
    lines = [Line("-", line.text) for line in hunk.lines if line.sign != "+"]
    return _image(Hunk(hunk.path, hunk.header, lines), "-", "", 0)


def repeated(one: Statement) -> str:
    """What a statement's own loop repeats; empty where it has none."""
    if not _inline_loop(one.text):
        return ""
    if (found := _COMPREHENSION.search(one.text)) is not None:
        return _enclosed(one.text, found.end())
    found = _LOOP.search(one.text)
    return one.text[found.end() :] if found is not None else ""


def _enclosed(text: str, at: int) -> str:
    """What stands between the brackets around `at`, as far as its line goes."""
    depth = 0
    for start in range(min(at, len(text)) - 1, -1, -1):
        depth += (text[start] in ")]}") - (text[start] in "([{")
        if depth < 0:
            return text[start + 1 :]
    return text


def calls_in(text: str) -> set[str]:
    return names_called(lex(text))


@lru_cache(maxsize=1 << 15)
def _inline_loop(text: str) -> int:
    """A comprehension, or a body on the loop's own line; what a loop goes over is asked for once."""
    if _EACH.search(text):
        return 0
    return int(
        bool(_COMPREHENSION.search(text))
        or bool(_LOOP.search(text) and ("{ " in text or ": " in text or "=>" in text or "->" in text))
    )


_EACH = re2.compile(
    r"^(?:\} )?(?:async )?(?:for|foreach)\b(?: await)? ?\(?.*?(?:\b(?:of|in|range)\b|: ).*(?:\{|:|\bdo)$|^for .*\brange\b.*\{$"
)
_COMPREHENSION = re2.compile(r"[\[\({].*\bfor\s+\w+(?:\s*,\s*\w+)*\s+in\b")


def _indent(code: str) -> int:
    bare = code.expandtabs(4)
    return len(bare) - len(bare.lstrip())


@lru_cache(maxsize=1 << 15)
def _opened_brackets(code: str) -> int:
    depth = 0
    for token in lex(code):
        if token.kind == "op":
            depth += (token.text in "([") - (token.text in ")]")
    return depth


@lru_cache(maxsize=1 << 15)
def _opening_name(text: str) -> str:
    """The key of a mapping, or the named block, that deeper lines stand in."""
    named = defined(text)
    if named is not None:
        return named
    tokens = lex(text)
    for token in tokens:
        if token.kind == "word" and token.text not in _OPENERS:
            return token.text
        if token.kind == "string":
            return token.text.strip("\"'`")
    return ""


_OPENERS = listed(
    "func def function class struct public private static async return if for while const var let type interface export fn pub"
)


@lru_cache(maxsize=1 << 15)
def _sort(text: str) -> Sort:
    if _IMPORT.match(text) or _QUOTED_ONLY.match(text):
        return "import"
    if _LEVEL_SET.search(text) and _SET_UP.search(text):
        return "code"  # how much is logged, not a line of it
    if _LOGGER.match(text):
        return "log"
    if not text.startswith(("return", "raise", "throw")) and defined(text) is None and _only_telemetry(text):
        return "telemetry"
    return "code"


def _only_telemetry(text: str) -> bool:
    """Every call of the statement measures or logs, and there is one."""
    called = names_called(lex(text))
    if not called or (" append(" in f" {text}" and not _all_observing(called - {"append"})):
        return False
    return _all_observing(called - {"append"}) and bool(called)


def _all_observing(chains: Iterable[str]) -> bool:
    listed = list(chains)
    return bool(listed) and all(
        set(split_identifier(chain)) & (_TELEMETRY_WORDS | _LOG_WORDS) and chain.rpartition(".")[2] not in _SPANS_OF_TIME
        for chain in listed
    )


_DEFINES = re2.compile(
    r"\b(?:func|fun|def|defp|function|fn|class|interface|struct|sub|proc|macro_rules!)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)"
    r"|^(?:(?:public|private|protected|internal|static|final|async|override|virtual|inline)\s+)+"
    r"[\w<>\[\],\.\? ]*?\b(\w+)\s*\([^;]*\)[^;=]*\{?$"
    r"|^(?:[A-Z]\w*(?:<[\w<>\[\], .?]*>)?|void|int|long|boolean|double)(?:\[\])? (\w+)\([^;=]*\)(?: throws [\w, .]+)? ?\{$"
    r"|\b(?:const|let|var)\s+(\w+)\s*=\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>"
)


def remembered(asked: Callable[[Statement], T]) -> Callable[[Statement], T]:
    """A question about a statement that is answered once for each: a dozen kinds of edits ask the same."""
    place = f"{asked.__module__}.{asked.__qualname__}"

    @wraps(asked)
    def answer(one: Statement) -> T:
        known = one.__dict__
        if place not in known:
            known[place] = asked(one)
        found: T = known[place]
        return found

    return answer


@lru_cache(maxsize=1 << 15)
def defined(text: str) -> str | None:
    """The function, method or class that a line opens."""
    match = _DEFINES.search(text)
    return next((name for name in match.groups() if name), None) if match is not None else None


def called(statement: Statement) -> frozenset[str]:
    return statement.calls


def _statement(
    text: str,
    sort: Sort,
    sign: Literal["+", "-"],
    path: str,
    block: int,
    indent: int,
    parents: tuple[str, ...],
    nearby: str,
    *,
    loops: int = 0,
) -> Statement:
    tokens = () if sort == "comment" else tuple(_trimmed(lex(text)))
    return Statement(sign, path, text, tokens, sort, block, indent, loops, parents, nearby)


def _trimmed(tokens: tuple[Token, ...]) -> Sequence[Token]:
    end = len(tokens)
    while end and tokens[end - 1].text in {",", ";", "{", "}"}:
        end -= 1
    start = 0
    while start < end and tokens[start].text in {"}", "{", "else"}:
        start += 1
    kept = tokens[start:end]
    return [token for place, token in enumerate(kept) if token.text != "&" or (place and kept[place - 1].kind != "op")]
