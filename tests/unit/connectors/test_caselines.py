from __future__ import annotations

import json
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connectors import caselines
from app.connectors.casefiles import MAX_EPOCH_S, _log_line
from app.connectors.caselines import read_lines
from app.connectors.folder import File, read_each
from app.domain.errors import BadInput
from app.domain.telemetry import LOG_SCHEMA

words = st.one_of(
    st.text(max_size=8), st.sampled_from(['a "b" \\ c', "line\nnext\ttab", "\u0001", "é\u2028", "\ud83d", "{}", "null"])
)
numbers = st.one_of(st.integers(-(10**20), 10**20), st.floats(), st.sampled_from([1.5, 1e-7, 1e16, -3]))
simple = st.one_of(st.none(), words, st.booleans(), numbers)
# A float without a fraction may be written as a whole number; both say the same.
nested = st.recursive(
    st.one_of(
        st.none(), words, st.booleans(), numbers.filter(lambda n: n != int(n) if isinstance(n, float) and abs(n) < 9e9 else True)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["reference", "incident", None]),
        "time": st.one_of(st.none(), st.floats(0, 2e9), st.integers(0, 10**9), st.sampled_from([True, "9", 1e300, -(10**12)])),
        "service": simple,
        "msg": st.one_of(simple, nested),
        "pod": simple,
        "fields": nested,
        "more": nested,
    },
)
broken = st.sampled_from(["", "  ", "{broken", "[1]", '{"msg": NaN}', '{"msg": "\t"}', '{"time": 1e999}', '{"msg":"x"}\r'])
text = st.lists(
    st.one_of(st.tuples(rows, st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1])), broken), max_size=6
)


def test_lines_of_the_right_types_are_read_as_columns() -> None:
    lines = [
        {"phase": "reference", "time": 5, "msg": "x", "fields": {"a": 1, "b": ["c"]}},
        {"time": 6.5, "level": "WARN", "trace": None},
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    assert caselines._as_columns(body, _log_line, MAX_EPOCH_S) is not None
    assert read_lines(File("logs.jsonl", body), _log_line, latest_s=MAX_EPOCH_S).frame.rows() == [
        (False, 5.0, "", "", "x", "", "", "", '{"a": 1, "b": ["c"]}'),
        (True, 6.5, "", "WARN", "", "", "", "", ""),
    ]


@settings(max_examples=300, deadline=None)
@given(text, st.sampled_from([1, 60, 1 << 20]))
def test_many_at_once_reads_as_line_by_line(lines: list[str], piece_bytes: int) -> None:
    body = "\n".join(lines).encode("utf-8", "surrogatepass")
    each = read_each(body, _log_line)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(caselines, "PIECE_BYTES", piece_bytes)
        if each.wrong and not each.read:
            with pytest.raises(BadInput, match=re.escape(each.reason)):
                read_lines(File("logs.jsonl", body), _log_line, latest_s=MAX_EPOCH_S)
            return
        found = read_lines(File("logs.jsonl", body), _log_line, latest_s=MAX_EPOCH_S)
    assert found.frame.equals(pl.DataFrame(each.read, schema=LOG_SCHEMA, orient="row"))
    assert (found.left_out or "").endswith(f"({each.reason})" if each.wrong else "")


def test_a_bad_line_costs_only_itself_and_is_named_by_its_number_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caselines, "PIECE_BYTES", 20)
    body = b'{"time": 1}\n' * 9 + b"{no\n" + b'{"time": 2}\n' * 3
    found = read_lines(File("logs.jsonl", body), _log_line, latest_s=MAX_EPOCH_S)
    assert found.frame.height == 12
    assert "line 10:" in str(found.left_out)
