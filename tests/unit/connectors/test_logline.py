from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.logline import level_word, moment, parse_line, time_of

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC).timestamp()
NEWEST = datetime(2026, 11, 20, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        {"time": "2026-11-20T12:00:00Z", "level": "error", "msg": "m", "service": "pay", "trace_id": "t1", "span_id": "s1"},
        {
            "@timestamp": "2026-11-20T12:00:00.000000000Z",
            "severity": "ERR",
            "message": "m",
            "app": "pay",
            "traceId": "t1",
            "spanId": "s1",
        },
        {"ts": NOON, "lvl": "E", "event": "m", "service.name": "pay", "trace": "t1", "span": "s1"},
        {
            "timestamp": NOON * 1e3,
            "level": 50,
            "body": "m",
            "service": {"name": "pay"},
            "trace": {"id": "t1"},
            "span": {"id": "s1"},
        },
        {"t": str(int(NOON * 1e9)), "log.level": "error", "text": "m", "serviceName": "pay", "TraceID": "t1", "SpanID": "s1"},
    ],
)
def test_json_keys_are_recognised_by_shape(line: dict[str, object]) -> None:
    read = parse_line(json.dumps(line))
    assert read is not None
    assert (read.time, read.level, read.msg, read.service, read.trace, read.span) == (NOON, "ERROR", "m", "pay", "t1", "s1")
    assert read.fields == ""


def test_what_has_no_column_stays_in_fields() -> None:
    read = parse_line('{"ts": 1790000000, "msg": "m", "event": "paid", "amount": 3, "http": {"code": 500}}')
    assert read is not None
    assert read.msg == "m"
    assert json.loads(read.fields) == {"event": "paid", "amount": 3, "http": {"code": 500}}


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 12:00:00,000 ERROR [main] boom",
        "2026-11-20T12:00:00Z ERROR boom",
        "[2026-11-20T13:00:00+01:00] [error] boom",
        "2026/11/20 12:00:00 ERROR boom",
        "Nov 20 12:00:00 host app: ERROR: boom",
        "E1120 12:00:00.000000 7 main.go:3] boom",
        f"{NOON:.0f} ERROR boom",
        "2026-11-20T12:00:00Z stderr F ERROR boom",
        'time="2026-11-20T12:00:00Z" level=error msg="boom"',
        '2026-11-20T12:00:00Z {"level": "error", "msg": "boom"}',
        json.dumps({"log": "ERROR boom\n", "stream": "stderr", "time": "2026-11-20T12:00:00Z"}),
    ],
)
def test_times_and_levels_of_the_usual_forms_are_read(text: str) -> None:
    read = parse_line(text, newest=NEWEST)
    assert read is not None
    assert (read.time, read.level) == (NOON, "ERROR")
    assert "boom" in read.msg


def test_an_access_log_keeps_its_whole_line() -> None:
    text = '127.0.0.1 - - [20/Nov/2026:12:00:00 +0000] "GET /a HTTP/1.1" 500 12'
    read = parse_line(text)
    assert read is not None
    assert (read.time, read.msg) == (NOON, text)


def test_a_time_without_zone_is_of_the_configured_one() -> None:
    read = parse_line("2026-11-20 13:00:00 INFO x", zone=ZoneInfo("Europe/Berlin"))
    assert read is not None
    assert read.time == NOON


def test_a_december_line_read_in_january_is_last_years() -> None:
    read = parse_line("Dec 31 23:59:00 host x: y", newest=datetime(2027, 1, 1, tzinfo=UTC))
    assert read is not None
    assert read.time == datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp()


def test_broken_json_is_unreadable_and_text_without_time_is_not() -> None:
    assert parse_line('{"msg": ') is None
    read = parse_line("  at com.example.Pay(Pay.java:3)")
    assert read is not None
    assert read.time is None


@pytest.mark.parametrize(
    ("said", "word"), [("warning", "WARN"), (60, "FATAL"), ("30", "INFO"), ("trace", "DEBUG"), ("odd", ""), (None, "")]
)
def test_levels_are_five_words(said: object, word: str) -> None:
    assert level_word(said) == word


@pytest.mark.parametrize("value", [None, True, "soon", 12, "nan", [1]])
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment(value) is None


@given(
    st.text(max_size=120)
    | st.from_regex(r"[\[{]?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.{0,20}|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d .{0,9}")
)
def test_no_line_is_too_strange(text: str) -> None:
    parse_line(text, newest=NEWEST)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), 1e300, 10**400, "1" * 400, "nan", -1, "0001-01-01T00:00:00+23:59x"])
def test_a_number_that_is_no_time_is_none(time: object) -> None:
    assert moment(time) is None


@pytest.mark.parametrize(
    "level",
    ["²", "1" * 5000, 10**400, float("inf"), "٣٠", ["ERROR"], {"a": 1}, "\ud800", True, ""],
    ids=lambda level: str(level)[:9],
)
def test_any_level_is_a_word_or_none(level: object) -> None:
    assert level_word(level) in ("", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@given(st.text(max_size=200) | st.from_regex(r"(ts|level|msg|service)=[\s\S]{0,40}( level=[\s\S]{0,9})?", fullmatch=True))
def test_any_text_is_a_line_whose_texts_can_be_written(text: str) -> None:
    found = parse_line(text.encode("utf-8", "replace").decode())
    if found is not None:
        "".join([found.msg, found.level, found.service, found.trace, found.span, found.pod, found.fields]).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["msg", "level", "ts", "service", "a"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["msg", "message", "level", "ts", "time", "service", "trace", "log", "x"]), JSON))
def test_any_object_is_a_line_whose_texts_can_be_written(body: dict[str, object]) -> None:
    found = parse_line(json.dumps(body))
    assert found is not None
    "".join([found.msg, found.level, found.service, found.trace, found.span, found.pod, found.fields]).encode()
    assert found.time is None or 1e8 <= found.time <= 1e11 or isinstance(body.get("ts") or body.get("time"), str)


@pytest.mark.parametrize(
    "text",
    [
        '{"ts": 1790000000, "msg": "m"}',
        "2026-09-21 14:13:25 ERROR boom",
        "ts=1790000000.5 level=info msg=x",
        "level=info ts=2026-09-21T14:13:25Z",
        "no time",
        "[1] no=time",
    ],
)
def test_a_lines_time_alone_is_the_time_of_the_line(text: str) -> None:
    line = parse_line(text)
    assert line is not None
    assert time_of(text) == line.time
