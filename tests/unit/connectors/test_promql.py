from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.promql import Matcher, Selector, aggregated, any_of, duration, pattern, quantile, rate

LABELS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(max_size=30)
OPS = st.sampled_from(["=", "!=", "=~", "!~"])
ESCAPES = {"\\": "\\", '"': '"', "n": "\n", "r": "\r"}


def read_matchers(text: str) -> list[tuple[str, str, str]]:
    """A selector's matchers, read as Prometheus' lexer reads them: label, operator, double-quoted string with escapes."""
    found = []
    at = text.index("{") + 1
    while text[at] != "}":
        start = at
        while text[at].isalnum() or text[at] == "_":
            at += 1
        label = text[start:at]
        op = text[at : at + 2] if text[at : at + 2] in ("!=", "=~", "!~") else "="
        at += len(op)
        assert text[at] == '"'
        at += 1
        value = ""
        while text[at] != '"':
            if text[at] == "\\":
                at += 1
                value += ESCAPES[text[at]]
            else:
                assert text[at] != "\n"
                value += text[at]
            at += 1
        at += 1
        if text[at] == ",":
            at += 1
        found.append((label, op, value))
    assert at == len(text) - 1, "something follows the selector"
    return found


@given(st.lists(st.tuples(LABELS, OPS, VALUES), min_size=1, max_size=5))
def test_a_selector_has_exactly_the_intended_matchers(wanted: list[tuple[str, str, str]]) -> None:
    selector = Selector("up", tuple(Matcher(label, op, value) for label, op, value in wanted))
    assert read_matchers(str(selector)) == wanted


@given(st.lists(VALUES.filter(lambda text: "\n" not in text), min_size=1, max_size=4), VALUES)
def test_a_choice_matches_exactly_its_texts(texts: list[str], other: str) -> None:
    for text in texts:
        assert re2.fullmatch("(?s)" + any_of(texts), text)
    if other not in texts:
        assert not re2.fullmatch("(?s)(?:" + any_of(texts) + ")", other)


def test_a_label_that_is_no_plain_name_is_refused() -> None:
    with pytest.raises(ValueError, match="not a label name"):
        Matcher('x="1"} or up{y', "=", "")


def test_a_metric_that_is_no_plain_name_becomes_a_matcher() -> None:
    assert str(Selector("http.server.duration")) == '{__name__="http.server.duration"}'
    assert read_matchers(str(Selector('a"} or {b', (Matcher("x", "=", "1"),)))) == [("__name__", "=", 'a"} or {b'), ("x", "=", "1")]


def test_queries_read_as_a_person_would_write_them() -> None:
    errors = Selector("http_requests_total", (Matcher("job", "=", "pay"), Matcher("code", "=~", "5..")))
    assert aggregated("sum", ("job",), rate(errors, 60)) == 'sum by (job) (rate(http_requests_total{job="pay",code=~"5.."}[60s]))'
    assert quantile(0.95, "x") == "histogram_quantile(0.95, x)"
    assert duration(0.5) == "500ms"
    assert pattern("a.b c-d") == r"a\.b c-d"
