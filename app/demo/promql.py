"""PromQL, the part of it the shop's scraper answers: text to a tree. What is outside that part is refused by name.

Grammar as in https://prometheus.io/docs/prometheus/latest/querying/basics/ without subqueries, `@`, group_left/right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from app.demo.samples import Matcher


class BadQuery(ValueError):
    """The query can't be answered; the message says where and why."""


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Selector:
    matchers: tuple[Matcher, ...]
    range_s: float | None = None
    offset_s: float = 0.0


@dataclass(frozen=True)
class Call:
    function: str
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregate:
    op: str
    of: Node
    param: Node | None
    mode: Literal["by", "without"]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Binary:
    op: str
    left: Node
    right: Node
    as_bool: bool = False
    matching: Literal["all", "on", "ignoring"] = "all"
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Negative:
    of: Node


Node: TypeAlias = "Number | Selector | Call | Aggregate | Binary | Negative"

AGGREGATES = frozenset({"sum", "avg", "max", "min", "count", "stddev", "group", "topk", "bottomk", "quantile"})
RANGE_FUNCTIONS = frozenset({"rate", "increase", "irate", "delta", "deriv", "changes", "resets"}) | {
    f"{what}_over_time" for what in ("avg", "max", "min", "sum", "count", "last", "stddev")
}
_ROUNDING = frozenset({"abs", "ceil", "floor", "round", "exp", "ln", "log2", "log10", "sqrt"})
INSTANT_FUNCTIONS = _ROUNDING | {"sort", "sort_desc", "absent", "scalar"}
OTHER_FUNCTIONS = frozenset({"histogram_quantile", "clamp_min", "clamp_max", "clamp", "vector", "time", "quantile_over_time"})
ARGUMENTS = {
    "histogram_quantile": (2, 2),
    "clamp_min": (2, 2),
    "clamp_max": (2, 2),
    "clamp": (3, 3),
    "vector": (1, 1),
    "time": (0, 0),
}
ARGUMENTS |= {"quantile_over_time": (2, 2), "round": (1, 2)}
COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
_PRECEDENCE = {"or": 1, "and": 2, "unless": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6} | dict.fromkeys(COMPARISONS, 3)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    |(?P<op>=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}\[\],@:])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int


def parse(query: str) -> Node:
    """Raises BadQuery with the position of what was not understood."""
    parser = _Parser(query)
    node = parser.expression(0)
    parser.end()
    return node


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """A series selector as in match[]. Raises BadQuery."""
    node = parse(text)
    if not isinstance(node, Selector) or node.range_s is not None:
        raise BadQuery(f"1:1: parse error: expected a series selector, got {text!r}")
    return node.matchers


def duration_s(text: str) -> float:
    """`1m30s` in seconds. Raises BadQuery."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise BadQuery(f"not a valid duration string: {text!r}")
    return sum(int(n) * _UNITS[u] for n, u in parts)


def _tokens(query: str) -> list[Token]:
    found, at = [], 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            raise BadQuery(f"1:{at + 1}: parse error: unexpected character: {query[at]!r}")
        if match.lastgroup != "space":
            found.append(Token(cast(str, match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, Token("end", "", len(query))]


def _unquote(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]

    def one(match: re.Match[str]) -> str:
        escape = match.group(1)
        if escape[0] in "xu" and len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise BadQuery(f"parse error: unknown escape sequence \\{escape}")
        return _ESCAPES[escape]

    return _ESCAPE.sub(one, text[1:-1])


class _Parser:
    def __init__(self, query: str) -> None:
        self._tokens = _tokens(query)
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _fail(self, what: str) -> BadQuery:
        return BadQuery(f"1:{self._token.at + 1}: parse error: {what}")

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _accept(self, text: str) -> bool:
        if self._token.kind in ("op", "name") and self._token.text.lower() == text:
            self._next += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._fail(f"unexpected {self._token.text or 'end of input'!r}, expected {text!r}")

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._fail(f"unexpected {self._token.text!r}")

    def expression(self, lowest: int) -> Node:
        self._depth += 1
        if self._depth > 60:
            raise self._fail("nested too deeply")
        left = self._unary()
        while (binding := _PRECEDENCE.get(self._token.text.lower(), 0)) > lowest and self._token.kind in ("op", "name"):
            op = self._take().text.lower()
            as_bool = self._accept("bool")
            if as_bool and op not in COMPARISONS:
                raise self._fail("bool modifier can only be used on comparison operators")
            matching, labels = self._matching()
            right = self.expression(binding - 1 if op == "^" else binding)
            left = self._binary(op, left, right, as_bool, matching, labels)
        self._depth -= 1
        return left

    def _binary(
        self, op: str, left: Node, right: Node, as_bool: bool, matching: Literal["all", "on", "ignoring"], labels: tuple[str, ...]
    ) -> Node:
        scalars = _is_scalar(left), _is_scalar(right)
        if op in ("and", "or", "unless") and any(scalars):
            raise self._fail(f"set operator {op!r} not allowed in binary scalar expression")
        if op in COMPARISONS and all(scalars) and not as_bool:
            raise self._fail("comparisons between scalars must use BOOL modifier")
        for side in (left, right):
            if isinstance(side, Selector) and side.range_s is not None:
                raise self._fail("binary expression must contain only scalar and instant vector types")
        return Binary(op, left, right, as_bool, matching, labels)

    def _matching(self) -> tuple[Literal["all", "on", "ignoring"], tuple[str, ...]]:
        matching: Literal["all", "on", "ignoring"] = "all"
        labels: tuple[str, ...] = ()
        if self._accept("on"):
            matching, labels = "on", self._label_list()
        elif self._accept("ignoring"):
            matching, labels = "ignoring", self._label_list()
        if self._token.text.lower() in ("group_left", "group_right"):
            raise self._fail(f"{self._token.text} is not supported here; aggregate both sides to the same labels")
        return matching, labels

    def _unary(self) -> Node:
        if self._accept("-"):
            of = self.expression(5)
            return Number(-of.value) if isinstance(of, Number) else Negative(of)
        if self._accept("+"):
            return self.expression(5)
        return self._suffixed(self._primary())

    def _suffixed(self, node: Node) -> Node:
        if self._accept("["):
            node = self._ranged(node)
        if self._token.text == "@":
            raise self._fail("the @ modifier is not supported here")
        if self._accept("offset"):
            back = -1.0 if self._accept("-") else 1.0
            if not isinstance(node, Selector):
                raise self._fail("offset modifier must be preceded by an instant or range vector selector")
            node = replace(node, offset_s=back * self._duration())
        return node

    def _ranged(self, node: Node) -> Node:
        range_s = self._duration()
        if self._token.text.startswith(":"):
            raise self._fail("subqueries are not supported here")
        self._expect("]")
        if not isinstance(node, Selector) or node.range_s is not None:
            raise self._fail("ranges only allowed for vector selectors")
        return replace(node, range_s=range_s)

    def _duration(self) -> float:
        if self._token.kind != "duration":
            raise self._fail(f"unexpected {self._token.text or 'end of input'!r}, expected duration")
        return duration_s(self._take().text)

    def _primary(self) -> Node:
        token = self._token
        if token.kind == "number":
            return Number(float(self._take().text))
        if self._accept("("):
            node = self.expression(0)
            self._expect(")")
            return node
        if token.text == "{" and token.kind == "op":
            return self._selector(None)
        if token.kind == "name":
            return self._named()
        raise self._fail(f"unexpected {token.text or 'end of input'!r}")

    def _named(self) -> Node:
        name = self._take().text
        lower, following = name.lower(), self._token.text.lower()
        if lower in ("inf", "nan") and following != "{":
            return Number(float(lower))
        if lower in AGGREGATES and following in ("(", "by", "without"):
            return self._aggregate(lower)
        if following == "(":
            return self._call(name)
        return self._selector(name)

    def _call(self, name: str) -> Node:
        if name not in RANGE_FUNCTIONS | INSTANT_FUNCTIONS | OTHER_FUNCTIONS:
            raise self._fail(f"unknown or unsupported function with name {name!r}")
        args = self._arguments()
        low, high = ARGUMENTS.get(name, (1, 1))
        if not low <= len(args) <= high:
            raise self._fail(f"expected {low} argument(s) in call to {name!r}, got {len(args)}")
        ranged = name in RANGE_FUNCTIONS or name == "quantile_over_time"
        for arg in args[-1:] if ranged else args:
            if (isinstance(arg, Selector) and arg.range_s is not None) != ranged:
                wanted = "range vector" if ranged else "instant vector or scalar"
                raise self._fail(f"expected type {wanted} in call to function {name!r}")
        return Call(name, args)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        args: list[Node] = []
        while not self._accept(")"):
            if args:
                self._expect(",")
            args.append(self.expression(0))
        return tuple(args)

    def _aggregate(self, op: str) -> Node:
        mode, labels = self._grouping()
        args = self._arguments()
        if mode is None:
            mode, labels = self._grouping()
        wanted = 2 if op in ("topk", "bottomk", "quantile") else 1
        if len(args) != wanted:
            raise self._fail(f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(args)}")
        if _is_scalar(args[-1]) or (isinstance(args[-1], Selector) and args[-1].range_s is not None):
            raise self._fail("expected type instant vector in aggregation expression")
        return Aggregate(op, args[-1], args[0] if wanted == 2 else None, mode or "by", labels)

    def _grouping(self) -> tuple[Literal["by", "without"] | None, tuple[str, ...]]:
        if self._accept("by"):
            return "by", self._label_list()
        if self._accept("without"):
            return "without", self._label_list()
        return None, ()

    def _label_list(self) -> tuple[str, ...]:
        self._expect("(")
        labels: list[str] = []
        while not self._accept(")"):
            if labels:
                self._expect(",")
            if self._token.kind != "name":
                raise self._fail(f"unexpected {self._token.text!r} in grouping opts, expected label")
            labels.append(self._take().text)
        return tuple(labels)

    def _selector(self, name: str | None) -> Selector:
        matchers = [] if name is None else [Matcher.of("__name__", "=", name)]
        if self._accept("{"):
            while not self._accept("}"):
                matchers.append(self._matcher())
                if not self._accept(","):
                    self._expect("}")
                    break
        if all(m.accepts("") for m in matchers):
            raise self._fail("vector selector must contain at least one non-empty matcher")
        return Selector(tuple(matchers))

    def _matcher(self) -> Matcher:
        if self._token.kind != "name":
            raise self._fail(f"unexpected {self._token.text!r} in label matching, expected identifier")
        label, op, value = self._take().text, self._take().text, self._take()
        if op not in ("=", "!=", "=~", "!~") or value.kind != "string":
            raise self._fail(f"unexpected {op} {value.text} in label matching, expected =, !=, =~ or !~ and a string")
        try:
            return Matcher.of(label, cast('Literal["=", "!=", "=~", "!~"]', op), _unquote(value.text))
        except re.error as broken:
            raise self._fail(f"error parsing regexp: {broken}") from broken


def _is_scalar(node: Node) -> bool:
    if isinstance(node, Negative):
        return _is_scalar(node.of)
    if isinstance(node, Binary):
        return _is_scalar(node.left) and _is_scalar(node.right)
    return isinstance(node, Number) or (isinstance(node, Call) and node.function in ("scalar", "time"))
